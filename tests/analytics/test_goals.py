"""Goals: what is counted, from which day on, and what of it is revenue."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.accounts.models.audit import AuditEntry
from app.analytics import rollups
from app.analytics.answers import ask
from app.analytics.campaign_outcomes import outcomes_of
from app.analytics.conversions import ask_with_conversions, conversions_of
from app.analytics.filters import OPERATORS, read_filters
from app.analytics.funnels import funnel
from app.analytics.matches import Match, MatchError, fits, match_of, read_match
from app.analytics.models import Funnel, Goal, Report, Segment, SharedLink, Wanted
from app.analytics.periods import Period, local_day
from app.analytics.steps import read_steps, step_of
from app.analytics.sums import MOST_EARNED
from app.core.db import db
from app.core.ids import uuid7
from app.sites.models import Site
from tests.tracking.arriving import DIRECT, NOON
from tests.visits import event, send

DAY = 24 * 60


def days(before: int = 3, after: int = 3, zone: str = "UTC") -> Period:
    clock = ZoneInfo(zone)
    middle = local_day(NOON, clock)
    return Period(middle - timedelta(days=before), middle + timedelta(days=after), clock)


def goal(site, text, name="Goal") -> Goal:
    made = Goal.create(site, name, match_of(text))
    db.session.commit()
    return made


def counted(site, period=None, filters=()) -> dict[str, tuple[int, int, int | None, int]]:
    found = conversions_of(site, period or days(), read_filters(filters))
    rows = {"total": found.total, **{str(each.wanted): row for each, row in found.by_goal}}
    return {
        name: (row.conversions, row.sessions, row.visitors, row.revenue)
        for name, row in rows.items()
    }


def test_a_filter_by_page_needs_no_goal(site, shelf):
    shelf.store(
        shelf.arrival(0, url="https://shop.acme.example/thanks"),
        shelf.arrival(1, "ben", url="https://shop.acme.example/pricing"),
    )
    rollups.rebuild(site)
    found = conversions_of(site, days(), read_filters(["page:is:/thanks"]))
    assert (found.by_goal, found.total.of) == ([], 1)


def test_a_goal_made_today_counts_what_happened_yesterday(site, shelf):
    shelf.store(
        shelf.arrival(0, url="https://shop.acme.example/thanks"),
        shelf.arrival(1, url="https://shop.acme.example/thanks?order=1"),
        shelf.arrival(2, "ben", url="https://shop.acme.example/thanks/you"),
        shelf.arrival(3, "ben", url="https://shop.acme.example/pricing"),
        shelf.arrival(DAY, url="https://shop.acme.example/thanks"),
        shelf.arrival(DAY, None, url="https://shop.acme.example/thanks"),
    )
    rollups.rebuild(site)
    goal(site, "page:/thanks")
    goal(site, "page:/thanks*")
    assert counted(site) == {
        "total": (5, 3, 3, 0),
        "page:/thanks": (4, 2, 2, 0),
        "page:/thanks*": (5, 3, 3, 0),
    }
    assert counted(site, days(3, 0))["page:/thanks"] == (2, 1, 1, 0)


def test_events_by_name_and_property_in_the_visits_that_match(site, shelf):
    for visitor, props, country in (
        ("ada", {"plan": "pro"}, "DE"),
        ("ben", {"plan": "free"}, "DE"),
        ("eva", {"plan": "pro"}, "FR"),
        ("mia", None, "FR"),
    ):
        from_there = DIRECT._replace(country=country)
        shelf.store(
            shelf.arrival(0, visitor, circumstances=from_there),
            shelf.arrival(1, visitor, name="signup", props=props, circumstances=from_there),
        )
    rollups.rebuild(site)
    for text in ("event:signup", "event:signup:plan=pro", "event:signup:plan=*", "event:other"):
        goal(site, text)
    assert counted(site) == {
        "total": (4, 4, 4, 0),
        "event:signup": (4, 4, 4, 0),
        "event:signup:plan=pro": (2, 2, 2, 0),
        "event:signup:plan=*": (3, 3, 3, 0),
        "event:other": (0, 0, 0, 0),
    }
    assert counted(site, filters=["country:is:DE"])["event:signup:plan=pro"] == (1, 1, 1, 0)
    assert conversions_of(site, days()).total.rate == 1
    assert counted(site, days(zone="Asia/Kathmandu"))["event:signup"] == (4, 4, None, 0)


def test_visits_can_be_chosen_by_the_goal_that_they_reached(site, shelf):
    for visitor, did in (("ada", "signup"), ("ben", "other"), ("eva", "signup")):
        shelf.store(shelf.arrival(0, visitor), shelf.arrival(1, visitor, name=did))
    shelf.store(shelf.arrival(2, "eva", url="https://shop.acme.example/thanks"))
    rollups.rebuild(site)
    goal(site, "event:signup", "Signed up")
    goal(site, "page:/thanks", "Thanked")
    visits = {
        "goal:is:Signed up": 2,
        "goal:is_not:Signed up": 1,
        "goal:is:Thanked|Signed up": 2,
        "goal:contains:thank": 1,
        "goal:is:No such goal": 0,
    }
    for text, number in visits.items():
        assert ask(site, days(), read_filters([text]), ()).totals.sessions == number, text


def test_what_keeps_filters_follows_a_goal_to_its_new_name(site, shelf, made_goal):
    for minute, (visitor, did) in enumerate((("ada", "signup"), ("ben", "x"), ("eva", "x"))):
        shelf.store(shelf.arrival(minute, visitor, name=did))
    rollups.rebuild(site)
    renamed, _other = made_goal("Signed up"), made_goal("Thanked")
    texts = [f"goal:{each}:Signed up" for each in OPERATORS]
    texts += ["goal:is:Thanked|Signed up", "page:is:Signed up"]
    wanted = Wanted(["sessions"], [], read_filters(texts), "7d")
    kept = [
        Segment.save(site, "A", wanted.filters),
        Report.create(site, "B", wanted),
        SharedLink.issue(site, "C", wanted.filters)[0],
    ]
    db.session.commit()
    db.session.get_one(Goal, renamed).change("Joined|us", Match("event", "signup", ""))
    db.session.commit()
    follows = ["goal:is:Joined\\|us", "goal:is_not:Joined\\|us", *texts[2:4]]
    follows += ["goal:is:Thanked|Joined\\|us", "page:is:Signed up"]
    for row in kept:
        db.session.refresh(row)
        assert row.filters == follows
    shown = [ask(site, days(), [each], ()).totals.sessions for each in row.read[:2]]
    assert shown == [1, 2]


def test_a_name_that_another_goal_has_too_is_still_asked_for(site, made_goal):
    renamed = made_goal("Signed up")
    made_goal("Signed up")
    segment = Segment.save(site, "A", read_filters(["goal:is_not:Signed up"]))
    db.session.commit()
    db.session.get_one(Goal, renamed).change("Joined", Match("event", "signup", ""))
    db.session.commit()
    assert segment.filters == ["goal:is_not:Signed up|Joined"]


def test_filters_of_another_site_stay(site, made_goal):
    renamed, other = made_goal("Signed up"), Site.create(name="Other", domains=["other.example"])
    db.session.add(Segment(site_id=other.id, name="A", filters=["goal:is:Signed up", "shoe:is:42"]))
    db.session.commit()
    db.session.get_one(Goal, renamed).change("Joined", Match("event", "signup", ""))
    db.session.commit()
    assert db.session.scalars(select(Segment)).one().filters == ["goal:is:Signed up", "shoe:is:42"]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "path",
    [
        "overview",
        "conversion-rates",
        "sessions",
        "retention",
        "breakdown?dimension=page",
    ],
)
def test_a_goal_that_the_site_does_not_have_is_a_bad_filter_over_rest(
    acme, client, made_goal, inside, path, operator
):
    asked = f"/api/v1/analytics/{path}{'&' if '?' in path else '?'}site_id={acme.site_id}"
    address = f"{asked}&f=goal:{operator}:Signed up"
    answer = client.get(address, headers=acme.bearer)
    assert answer.status_code == 400 and answer.json["error"]["details"] == {"field": "f"}
    assert answer.json["error"]["message"] == "This site has no goal “Signed up”."
    with inside(acme):
        made_goal("Signed up")
    assert client.get(address, headers=acme.bearer).status_code == 200


def test_a_goal_that_the_site_does_not_have_is_a_bad_filter_on_pages(
    acme, alice, made_goal, inside
):
    where, asked = f"/o/{acme.slug}/analytics", f"?site={acme.site_id}&f=goal:is_not:Signed+up"
    pages = ("", "/goals", "/visits", "/segments", "/links", "/reports/new")
    assert {alice.get(f"{where}{each}{asked}").status_code for each in pages} == {400}
    with inside(acme):
        made_goal("Signed up")
    assert {alice.get(f"{where}{each}{asked}").status_code for each in pages} == {200}


def test_what_a_page_claims_is_revenue_only_where_the_site_says_so(site, shelf):
    shelf.store(
        shelf.arrival(0, "ada", name="purchase", amount=1990, currency="EUR"),
        shelf.arrival(1, "ben", name="purchase", amount=500, currency="EUR", by_api=True),
        shelf.arrival(2, "eva", name="purchase", amount=700, currency="USD"),
    )
    rollups.roll_up(site, at_once=True)
    goal(site, "event:purchase")
    assert counted(site)["event:purchase"] == (3, 3, 3, 500)
    site.trust_pages(True)
    db.session.commit()
    rollups.roll_up(site, at_once=True)
    assert counted(site)["event:purchase"] == (3, 3, 3, 2490)
    site.trust_pages(False)
    db.session.commit()
    rollups.roll_up(site, at_once=True)
    assert counted(site)["event:purchase"] == (3, 3, 3, 500)


def test_a_goal_that_is_deleted_stays_what_it_was_in_its_funnels(site):
    reached = goal(site, "event:signup:plan=pro", "Pro")
    steps = read_steps(["page:/pricing", f"goal:{reached.id}"], step_of)
    funnel = Funnel.create(site, "To pro", steps, 3600)
    db.session.commit()
    reached.remove()
    db.session.commit()
    db.session.refresh(funnel)
    assert [str(each.wanted) for each in funnel.steps] == ["page:/pricing", "event:signup:plan=pro"]
    told = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [each.action for each in told][-3:] == ["goal.created", "funnel.created", "goal.removed"]


def test_a_goal_that_goes_while_a_funnel_names_it_leaves_no_hole(site, acme, inside):
    reached = goal(site, "event:signup", "Signed up")
    steps = read_steps(["page:/pricing", f"goal:{reached.id}"], step_of)
    with ThreadPoolExecutor(1) as pool:
        funnel = Funnel.create(site, "To sign-up", steps, 3600)
        gone = pool.submit(_remove, inside, acme, reached.id)
        time.sleep(0.5)
        db.session.commit()
        gone.result()
    db.session.refresh(funnel)
    assert [str(each.wanted) for each in funnel.steps] == ["page:/pricing", "event:signup"]


def _remove(inside, acme, goal_id):
    with inside(acme):
        db.session.get_one(Goal, goal_id).remove()
        db.session.commit()


@pytest.mark.parametrize(
    ("pattern", "word", "does"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a*", "/a", True),
        ("/a*", "/b/a", False),
        ("*a", "/b/a", True),
        ("/a*b", "/ab", True),
        ("/a*a", "/a", False),
        ("/*/x/*", "/1/x/2", True),
        ("/*/x/*", "/1/2/x", False),
        ("/a**b", "/a-b", True),
        ("/%", "/x", False),
        ("/[a]", "/a", False),
        ("*" + "a*" * 100, "a" * 300, True),
        ("*" + "a*" * 140 + "b", "a" * 300, False),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_is_special(pattern, word, does):
    assert fits(pattern, word) is does


@pytest.mark.parametrize(
    ("kind", "match", "having", "field"),
    [
        ("click", "x", "", "kind"),
        (["page"], "/x", "", "kind"),
        (None, "/x", "", "kind"),
        ("page", "", "", "match"),
        ("page", "pricing", "", "match"),
        ("page", "/a?b=c", "", "match"),
        ("page", "/a\x00", "", "match"),
        ("page", ["/a"], "", "match"),
        ("page", "/" + "a" * 300, "", "match"),
        ("page", "http://[", "", "match"),
        ("page", "/a", "plan=pro", "having"),
        ("event", "Sign up", "", "match"),
        ("event", "engagement", "", "match"),
        ("event", "signup", "plan", "having"),
        ("event", "signup", {"plan": "pro"}, "having"),
        ("property", "plan", "", "match"),
        ("property", "order_id=7", "", "match"),
        ("order", "7", "", "match"),
    ],
)
def test_what_cannot_happen_is_refused_at_its_field(kind, match, having, field):
    with pytest.raises(MatchError) as refused:
        read_match(kind, match, having)
    assert refused.value.field == field
    assert str(refused.value)


# --- pages ---------------------------------------------------------------------------------------


@pytest.fixture
def alice(acme, sign_in):
    return sign_in("alice@acme.example")


@pytest.fixture
def pages(acme):
    return f"/o/{acme.slug}/analytics/goals"


def test_a_goal_is_made_changed_and_deleted_on_its_pages(acme, alice, pages, inside):
    form = {"site": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    assert alice.post(pages, form).status_code == 302
    page = alice.get(f"{pages}?site={acme.site_id}")
    assert "Signed up" in page.text and "Conversions" in page.text
    with inside(acme):
        made = db.session.scalars(select(Goal)).one().id
    changed = alice.post(
        f"{pages}/{made}", {"name": "Thanked", "kind": "page", "match": "/thanks", "having": "a=b"}
    )
    assert changed.status_code == 302
    with inside(acme):
        kept = db.session.scalars(select(Goal)).one()
        assert (kept.name, str(kept.wanted)) == ("Thanked", "page:/thanks")
    assert alice.post(f"{pages}/{made}/deletion").status_code == 302
    assert "Thanked" not in alice.get(pages).text.split("toast")[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Give the goal a name."),
        ({"match": "Sign up"}, "small letters"),
        ({"kind": "page"}, "A page begins with /"),
        ({"kind": "click"}, "Not a valid choice"),
        ({"having": "plan"}, "plan=pro"),
    ],
)
def test_a_goal_that_cannot_be_reached_comes_back(acme, alice, pages, changes, message):
    form = {"site": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    answer = alice.post(pages, {**form, **changes})
    assert answer.status_code == 422 and message in answer.text


def test_events_that_were_seen_are_offered_and_a_page_is_believed_when_told(
    acme, alice, pages, inside, client
):
    send(client, acme, event(acme, "/"), event(acme, "/", "newsletter_signup"))
    with inside(acme):
        rollups.rebuild(db.session.get_one(Site, acme.site_id))
    page = alice.get(pages)
    assert "kind=event&amp;match=newsletter_signup" in page.text
    offered = alice.get(f"{pages}/new?site={acme.site_id}&kind=event&match=newsletter_signup")
    assert 'value="Newsletter signup"' in offered.text
    told = alice.post(f"{pages}/revenue", {"site": str(acme.site_id), "trusts_pages": "y"})
    assert told.status_code == 302
    with inside(acme):
        assert db.session.get_one(Site, acme.site_id).trusts_pages


def test_what_counts_as_revenue_leads_back_to_what_the_goals_were_asked(acme, alice, pages):
    asked = f"site={acme.site_id}&f=country:is:DE&period=7d"
    page = alice.get(f"{pages}?{asked}").text
    action = unescape(re.search(r'action="([^"]*goals/revenue[^"]*)"', page)[1])
    saved = alice.post(action, {"site": str(acme.site_id)})
    assert saved.status_code == 302 and saved.location == f"{pages}?{asked}"


def address_in(page, ends, of="href"):
    """Of a link of a page, or of a form by its `action`, the one whose path ends so."""
    return unescape(re.search(rf'{of}="([^"?]*{ends}\?[^"]*)"', page.text)[1])


def test_making_a_goal_leads_back_to_what_was_asked(acme, alice, pages):
    asked = f"site={acme.site_id}&f=country:is:DE&period=7d"
    new = alice.get(address_in(alice.get(f"{pages}?{asked}"), "goals/new"))
    assert address_in(new, "goals", of="action") == f"{pages}?{asked}"
    form = {"site": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    refused = alice.post(address_in(new, "goals", of="action"), {**form, "name": ""})
    assert (
        alice.post(address_in(refused, "goals", of="action"), form).location == f"{pages}?{asked}"
    )


def test_changing_a_goal_leads_back_without_what_was_asked_by_goals(acme, alice, pages, inside):
    form = {"site": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    alice.post(pages, form)
    asked = f"site={acme.site_id}&f=country:is:DE&f=goal:is_not:{{}}&period=7d"
    left = f"{pages}?site={acme.site_id}&f=country:is:DE&period=7d"
    edit = alice.get(address_in(alice.get(f"{pages}?{asked.format('Signed up')}"), "/edit"))
    changed = alice.post(
        address_in(edit, "goals/[0-9a-f-]+", of="action"), {**form, "name": "Thanked"}
    )
    assert changed.location == left and alice.get(left).status_code == 200
    edit = alice.get(address_in(alice.get(f"{pages}?{asked.format('Thanked')}"), "/edit"))
    assert alice.post(address_in(edit, "/deletion", of="action")).location == left
    assert alice.get(left).status_code == 200


@pytest.mark.parametrize(("zone", "filters"), [("UTC", ["country:is:DE"]), ("Asia/Tokyo", [])])
def test_asked_together_the_answers_are_those_of_each_alone(site, shelf, zone, filters):
    german = DIRECT._replace(country="DE")
    shelf.store(
        shelf.arrival(0, url="https://shop.acme.example/thanks", circumstances=german),
        shelf.arrival(1, "ben", url="https://shop.acme.example/thanks"),
        shelf.arrival(DAY, "eva", name="signup", circumstances=german),
    )
    rollups.rebuild(site)
    goal(site, "page:/thanks")
    goal(site, "event:signup", "Sign-up")
    question = (site, days(zone=zone), read_filters(filters))
    answer, conversions = ask_with_conversions(*question)
    assert conversions == conversions_of(*question)
    assert conversions.total.conversions
    alone = ask(*question)
    assert (answer.totals, answer.series("day")) == (alone.totals, alone.series("day"))
    for dimension in ("page", "country", "event"):
        assert answer.breakdown(dimension) == alone.breakdown(dimension)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_pages_claim_never_turns_round(site, shelf, sign):
    """Sums stay at the largest that is counted, as those of the overview do."""
    site.trust_pages(True)
    amount = {"amount": sign * 2**53, "currency": "EUR"}
    shelf.store(shelf.arrival(0, name="impression", campaign_id=uuid7()))
    for begun in range(0, 2200, 200):
        numbers = range(begun, begun + 200)
        shelf.store(*(shelf.arrival(1 + each / 600, name="paid", **amount) for each in numbers))
    rollups.rebuild(site)
    goal(site, "event:paid")
    most = sign * MOST_EARNED
    assert conversions_of(site, days()).total.revenue == most
    steps = [match_of("event:impression"), match_of("event:paid")]
    assert [each.revenue for each in funnel(site, days(), (), steps, 3600).steps] == [most] * 2
    [campaign] = outcomes_of(site, days()).by_campaign.values()
    assert campaign.revenue == most


def test_events_too_rare_to_be_kept_are_told_where_they_could_be_it(site, shelf, monkeypatch):
    monkeypatch.setattr("app.analytics.days.MOST_VALUES", 2)
    pages = ("/", "/", "/", "/thanks", "/blog")
    shelf.store(
        *(
            shelf.arrival(minute, url=f"https://shop.acme.example{page}")
            for minute, page in enumerate(pages)
        ),
        shelf.arrival(7, name="signup", props={"plan": "free"}),
        shelf.arrival(8, name="signup", props={"plan": "free"}),
        shelf.arrival(9, name="signup", props={"plan": "max"}),
        shelf.arrival(10, name="signup", props={"plan": "pro"}),
    )
    rollups.rebuild(site)
    for text in ("page:/thanks", "page:/*", "event:signup:plan=pro", "event:signup", "order"):
        goal(site, text, text)
    goals = conversions_of(site, days())
    hidden = {goal.name: row.hidden for goal, row in goals.by_goal}
    assert hidden == {
        "page:/thanks": 2,
        "page:/*": 0,
        "event:signup:plan=pro": 1,
        "event:signup": 0,
        "order": 0,
    }
    # It reached another goal anyway.
    assert goals.total.hidden == outcomes_of(site, days()).hidden == 0
    steps = [match_of("page:/"), match_of("page:/thanks")]
    assert funnel(site, days(), (), steps, 3600).hidden == 2
