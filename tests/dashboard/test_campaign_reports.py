"""What became of what was shown: seen, hovered, clicked, closed, and what those who saw it did."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from html import escape, unescape
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.accounts.models import AuditEntry
from app.accounts.permissions import Role
from app.analytics import rollups
from app.analytics.campaign_outcomes import Outcome, Outcomes, outcomes_of
from app.analytics.filters import read_filters
from app.analytics.matches import Match
from app.analytics.models import DayRollup, Goal, RolledDay
from app.analytics.periods import Period, local_day
from app.campaigns.models import Campaign
from app.core.db import db
from app.sites.models import Site
from app.tracking.arrivals import Who
from app.tracking.models import BucketMark, Event, Session, Visitor
from tests.tracking.arriving import DIRECT, MINUTE, NOON, Shelf, who

HOUR, DAY = 60, 24 * 60  # minutes
FIRST, OTHER = UUID(int=1), UUID(int=2)
UTC = ZoneInfo("UTC")


@pytest.fixture
def site(inside, acme):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        Goal.create(site, "Signed up", Match("event", "signup"))
        db.session.commit()
        yield site


@pytest.fixture
def shelf(site):
    return Shelf(site.organization_id, site.number)


@pytest.fixture
def within(site):
    """Let conversions count within so many minutes."""

    def set_window(minutes):
        site.convert_within(minutes * 60)
        db.session.commit()

    return set_window


@pytest.fixture
def happen(shelf):
    """`happen("ada", 1, "impression", FIRST)`: in minutes from noon; who is called "... person" is
    known again."""

    def store(visitor, minute, name, campaign=None, **values):
        if visitor is not None:
            values["who"] = who(visitor)._replace(person="person" in visitor)
        else:
            values["who"] = None
        shelf.store(shelf.arrival(minute, name=name, campaign_id=campaign, **values))

    return store


def outcomes(site, filters=(), days=1) -> Outcomes:
    rollups.rebuild(site)
    middle = local_day(NOON, ZoneInfo(site.time_zone))
    around = timedelta(days=days)
    period = Period(middle - around, middle + around, ZoneInfo(site.time_zone))
    return outcomes_of(site, period, read_filters(filters))


def shown(site, **asked) -> dict[str, Outcome]:
    return {UUID(name): each for name, each in outcomes(site, **asked).by_campaign.items()}


def test_each_campaign_is_told_with_what_came_after_it_and_with_those_without(site, happen):
    # Ada saw it and signed up, Ben signed up before he saw it, Eva only closed it, Kim saw none.
    happen("ada", 0, "impression", FIRST)
    happen("ada", 0.5, "campaign_hover", FIRST)
    happen("ada", 1, "campaign_click", FIRST)
    happen("ada", 2, "signup", amount=500, currency="EUR", by_api=True)
    happen("ada", 3, "signup")
    happen("ben", 0, "signup", amount=900, currency="EUR", by_api=True)
    happen("ben", 1, "impression", FIRST)
    happen("ben", 2, "impression", FIRST)
    happen("eva", 0, "impression", OTHER)
    happen("eva", 1, "campaign_close", OTHER)
    happen("kim", 0, "signup")
    happen(None, 0, "impression", FIRST)
    assert shown(site) == {
        FIRST: Outcome(
            impressions=4,
            hovers=1,
            clicks=1,
            visitors=2,
            converted=1,
            revenue=500,
            others=2,
            others_converted=1,
        ),
        OTHER: Outcome(impressions=1, closes=1, visitors=1, others=3, others_converted=3),
    }


def test_a_conversion_counts_within_the_window_also_on_another_day_of_a_person(
    site, happen, within
):
    within(2 * DAY)
    for name in ("ada person", "ben"):
        happen(name, 0, "impression", FIRST)
        happen(
            name if name != "ben" else "ben again",
            2 * DAY,
            "signup",
            amount=700,
            currency="EUR",
            by_api=True,
        )
    happen("eva person", 0, "impression", FIRST)
    happen("eva person", 2 * DAY + 1, "signup")
    found = shown(site, days=3)[FIRST]
    assert (found.visitors, found.converted, found.revenue) == (3, 1, 700)
    within(2 * DAY + 1)
    assert shown(site, days=3)[FIRST].converted == 2


def test_within_a_visit_the_window_ends_what_counts_as_well(site, happen, within):
    within(30)
    happen("ada", 0, "impression", FIRST)
    happen("ada", 31, "signup", amount=700, currency="EUR", by_api=True)
    for minute, name in ((0, "page_view"), (15, "page_view"), (31, "signup")):
        happen("ben", minute, name)
    found = shown(site)[FIRST]
    assert (found.converted, found.revenue, found.others, found.others_converted) == (0, 0, 1, 0)
    # Seen again, it counts from then on.
    happen("ada", 20, "impression", FIRST)
    assert (shown(site)[FIRST].converted, shown(site)[FIRST].revenue) == (1, 700)


def test_those_without_are_visitors_of_days_on_which_it_was_seen(site, happen):
    happen("ada", 0, "impression", FIRST)
    happen("ben", 5, "page_view")
    happen("eva", DAY, "signup")
    happen("kim person", DAY, "signup")
    found = shown(site)[FIRST]
    assert (found.visitors, found.others, found.others_converted) == (1, 1, 0)


def test_only_visits_that_match_count(site, happen):
    phone = DIRECT._replace(device="mobile")
    happen("ada", 0, "impression", FIRST)
    happen("ada", 1, "campaign_hover", FIRST)
    happen("ben", 0, "impression", FIRST, circumstances=phone)
    happen("eva", 0, "signup", circumstances=phone)
    found = shown(site, filters=["device:is:mobile"])[FIRST]
    assert found == Outcome(impressions=1, visitors=1, others=1, others_converted=1)


# --- Counted one by one --------------------------------------------------------------------------

happening = st.tuples(
    st.integers(-2000, 2000),
    st.sampled_from(["ada", "ben", "eva person", "mia person", None]),
    st.sampled_from(["page_view", "impression", "impression", "signup"]),
    st.sampled_from([FIRST, FIRST, OTHER]),
)


def named(visitor: str | None, minute: int) -> Who | None:
    """Those who did not agree have another name each day."""
    if visitor is None or "person" in visitor:
        return visitor and who(visitor)._replace(person=True)
    return who(f"{visitor} {local_day(NOON + minute * MINUTE, UTC)}")


def naive(window: int) -> dict[UUID, Outcome]:
    """From the raw rows; `window` in milliseconds."""
    visits = {each.id: each for each in db.session.scalars(select(Session))}
    events = list(db.session.scalars(select(Event)))
    seen, days = defaultdict(list), defaultdict(set)
    reached, earned, came = defaultdict(list), defaultdict(list), defaultdict(list)
    numbers = defaultdict(Outcome)
    for each in visits.values():
        came[each.visitor].append((each.started_at, local_day(each.started_at, UTC)))
    for each in events:
        visit = visits.get(each.session_id)
        if each.name == "impression":
            numbers[each.campaign_id].impressions += 1
            days[each.campaign_id].add(local_day(visit.started_at if visit else each.at, UTC))
        if visit is None:
            continue
        if each.name == "impression":
            seen[each.campaign_id, visit.visitor].append(each.at)
        elif each.name == "signup":
            reached[visit.visitor].append(each.at)
            earned[visit.visitor].append((each.at, each.amount))

    def after(moments, at):
        return any(begun <= at <= begun + window for begun in moments)

    for campaign, found in numbers.items():
        for visitor, visited in came.items():
            moments = seen.get((campaign, visitor), [])
            here = [at for at, day in visited if day in days[campaign]]
            if moments:
                found.visitors += 1
                found.converted += any(after(moments, at) for at in reached[visitor])
                found.revenue += sum(n for at, n in earned[visitor] if after(moments, at))
            elif here:
                found.others += 1
                found.others_converted += any(after(here, at) for at in reached[visitor])
    return dict(numbers)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    events=st.lists(happening, max_size=30, unique_by=lambda each: (each[0], each[1])),
    window=st.sampled_from([1, 30, 600, 4000]),
)
def test_it_is_what_a_naive_count_finds(site, shelf, within, events, window):
    for table in (Event, Session, Visitor, BucketMark, DayRollup, RolledDay):
        db.session.execute(delete(table))
    within(window)
    money = {"amount": 100, "currency": "EUR", "by_api": True}
    shelf.store(
        *(
            shelf.arrival(
                minute,
                who=named(visitor, minute),
                name=name,
                campaign_id=campaign if name == "impression" else None,
                **(money if name == "signup" else {}),
            )
            for minute, visitor, name, campaign in events
        )
    )
    assert shown(site, days=4) == naive(window * MINUTE)


# --- The page ------------------------------------------------------------------------------------


def test_the_page_names_the_campaigns(inside, acme, sign_in):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        campaign = Campaign.draft(site, name="Spring", format="notice", content={"message": "Hi"})
        db.session.commit()
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(shelf.arrival(0, name="impression", campaign_id=campaign.id))
        rollups.roll_up(site, at_once=True)
        day = local_day(NOON, ZoneInfo(site.time_zone))
    path = f"/o/{acme.slug}/analytics/campaigns?site={acme.site_id}"
    alice = sign_in("alice@acme.example")
    page = alice.get(f"{path}&from={day}&to={day}").text
    assert "Spring" in page and "within 7 days after it was seen" in page
    assert "No campaign was seen" in alice.get(f"{path}&from=2020-01-01&to=2020-01-02").text


def test_the_window_can_be_set(inside, acme, sign_in):
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/analytics/campaigns"
    shown = alice.get(f"{page}/window?site={acme.site_id}").text
    assert 'value="7"' in shown and "<option selected>days" in shown
    form = {"site": str(acme.site_id), "amount": "36", "unit": "hours"}
    saved = alice.post(f"{page}/window", form)
    assert saved.status_code == 302 and saved.location.endswith(
        f"{page}?site={acme.site_id}&period=30d"
    )
    assert 'value="36"' in alice.get(f"{page}/window?site={acme.site_id}").text
    with inside(acme):
        assert db.session.get_one(Site, acme.site_id).conversion_window == 36 * 3600
        kept = db.session.scalars(select(AuditEntry).filter_by(action="site.window_changed")).all()
        assert len(kept) == 1
    assert "How long a campaign counts changed" in alice.get(f"/o/{acme.slug}/settings/audit").text


def test_the_window_leads_back_to_what_its_report_was_asked(acme, sign_in, inside):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(shelf.arrival(0, name="impression", campaign_id=FIRST))
        rollups.rebuild(site)
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/analytics/campaigns"
    day = local_day(NOON, ZoneInfo("UTC"))
    asked = {"site": [str(acme.site_id)], "from": [f"{day}"], "to": [f"{day}"]}
    asked["f"] = ["device:is:desktop"]
    report = alice.get(f"{page}?{urlencode(asked, doseq=True)}").text
    window = alice.get(address_in(report, r'<a href="([^"]*campaigns/window[^"]*)"')).text
    action = address_in(window, r'<form class="form" method="post" action="([^"]*)"')
    form = {"site": str(acme.site_id), "amount": "36", "unit": "hours"}
    refused = alice.post(action, {**form, "amount": "0"})
    assert refused.status_code == 422 and f'action="{escape(action)}"' in refused.text
    saved = urlsplit(alice.post(action, form).location)
    assert (saved.path, parse_qs(saved.query)) == (page, asked)
    assert alice.post(f"{page}/window?f=nonsense", {**form, "amount": "1"}).status_code == 400
    with inside(acme):
        assert db.session.get_one(Site, acme.site_id).conversion_window == 36 * 3600


def address_in(text: str, pattern: str) -> str:
    return unescape(re.search(pattern, text)[1])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount": "91"}, "From one minute to 90 days."),
        ({"amount": "0"}, "From one minute to 90 days."),
        ({"amount": ""}, "How long is a whole number."),
        ({"amount": "9" * 400}, "From one minute to 90 days."),
        ({"amount": "1.5"}, "How long is a whole number."),
        ({"unit": "fortnights"}, "The unit is one of minutes, hours, days."),
    ],
)
def test_a_window_that_is_none_is_refused_and_the_page_says_why(acme, sign_in, inside, wrong, said):
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/analytics/campaigns"
    form = {"site": str(acme.site_id), "amount": "7", "unit": "days", **wrong}
    refused = alice.post(f"{page}/window", form)
    assert refused.status_code == 422 and said in refused.text
    assert alice.post(f"{page}/window", {**form, "site": "x"}).status_code == 422
    with inside(acme):
        assert db.session.get_one(Site, acme.site_id).conversion_window == 7 * 86_400


def test_who_only_reads_is_not_offered_the_window_and_cannot_set_it(acme, join, sign_in):
    join("vera@acme.example", Role.VIEWER)
    reader, page = sign_in("vera@acme.example"), f"/o/{acme.slug}/analytics/campaigns"
    assert "campaigns/window" not in reader.get(f"{page}?site={acme.site_id}").text
    assert reader.get(f"{page}/window?site={acme.site_id}").status_code == 403
    form = {"site": str(acme.site_id), "amount": "1", "unit": "days"}
    assert reader.post(f"{page}/window", form).status_code == 403
