"""Shared links: what somebody outside sees, and what nobody sees any more."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics.models import Goal, Segment, SharedLink, shared_link
from app.core import clock
from app.core.db import Base, db
from tests.tracking.arriving import DIRECT, NOON

TOKEN = re.compile(r"http://candor\.test/shared/([\w-]+)")


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics/links"


@pytest.fixture
def share(alice, page, acme):
    """Make a link and answer its address."""

    def share(**more):
        form = {"site": str(acme.site_id), "name": "For Ina", **more}
        answer = alice.post(page, form)
        assert answer.status_code == 200, answer.text
        return f"/shared/{TOKEN.search(answer.text)[1]}"

    return share


@pytest.fixture
def outside(app):
    return app.test_client()


@pytest.fixture
def now(monkeypatch):
    """The day of the stored visits is today."""
    moment = clock.now().fromtimestamp(NOON / 1000, tz=clock.UTC)
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(hours=1))


@pytest.fixture
def visits(stocked):
    german, french = (DIRECT._replace(country=each, city="Kiel") for each in ("DE", "FR"))
    stocked(
        lambda shelf: [
            shelf.arrival(0, "ada", url="https://shop.acme.example/ada", circumstances=german),
            shelf.arrival(1, "ben", url="https://shop.acme.example/ben", circumstances=french),
            shelf.arrival(2, "cid", url="https://shop.acme.example/cid", circumstances=french),
            shelf.arrival(3, "cid", name="signup", props={"secret": "hush"}, circumstances=french),
        ]
    )


def open_with(client, address, password):
    body = client.get(address).text
    token = body.split('name="csrf_token" value="')[1].split('"')[0]
    return client.post(address, data={"password": password, "csrf_token": token})


def test_a_link_shows_sums_to_whoever_has_it_and_nothing_of_a_single_visit(
    visits, now, share, outside
):
    answer = outside.get(share() + "?period=today")
    assert answer.status_code == 200
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert 'name="robots" content="noindex' in answer.text
    assert "France" in answer.text and "/ben" in answer.text
    for hidden in ("Kiel", "hush", "secret", "Revenue", "/sessions/", "/o/"):
        assert hidden not in answer.text, hidden


def test_a_link_says_what_visitors_of_several_days_are(visits, now, share, outside):
    address, said = share(), "Visitors are those of each day, added up"
    assert said in outside.get(f"{address}?period=7d").text
    assert said not in outside.get(f"{address}?period=today").text


def test_what_is_over_is_drawn_whole_and_what_is_to_come_not_at_all(visits, now, share, outside):
    address = share()
    today = outside.get(address + "?period=today").text
    bars = re.findall(r"<title>\d+ \w+, (\d\d):00: (\S+) visitors", today)
    assert len(bars) == 24
    hour = clock.now().hour
    assert [value for _hour, value in bars[hour + 1 :]] == ["–"] * (23 - hour)
    assert [value for _hour, value in bars[: hour + 1]].count("–") == 0
    assert today.count("bar-chart__bar--open") == 1
    assert "bar-chart__bar--open" in outside.get(address + "?period=7d").text
    assert "bar-chart__bar--open" not in outside.get(address + "?period=yesterday").text


def test_the_period_before_is_named_where_it_is_drawn(visits, now, stocked, share, outside):
    address, day = share() + "?period=7d", 24 * 60
    stocked(lambda shelf: [shelf.arrival(-7 * day, "dan")])
    assert "The period before" not in outside.get(address).text
    stocked(lambda shelf: [shelf.arrival(-8 * day, "eva")])
    assert "The period before" in outside.get(address).text


def test_the_page_that_shows_a_new_address_is_the_page_of_its_site(alice, page, acme):
    body = alice.get(page).text
    [action] = re.findall(r'<form class="form" method="post" action="([^"]+)"', body)
    answer = alice.post(action, {"site": str(acme.site_id), "name": "For Ina"})
    made = unescape(answer.text)
    assert TOKEN.search(made) and '<div class="chosen">' in made
    assert f'href="{page}?q="' in made
    # Shown once: the page as it is opened later has no address.
    assert not TOKEN.search(alice.get(page).text)


def test_the_filters_of_a_link_cannot_be_taken_off(visits, now, share, outside):
    address = share(f=["country:is:DE"])
    for query in ("", "&f=country:is:FR", "&f=", "&f=country:is_not:DE"):
        text = outside.get(f"{address}?period=today{query}").text
        assert "Germany" in text and "/ada" in text
        assert "France" not in text and "/ben" not in text


def test_a_link_says_which_visits_it_is_about(visits, now, share, outside):
    def title(address):
        header = re.search('<header class="shared.*?</header>', outside.get(address).text, re.S)[0]
        return " ".join(re.sub("<[^>]*>", "", header).split())

    assert "Only visits that: Country is Germany" in title(share(f=["country:is:DE"]))
    assert "Only visits that" not in title(share())
    # Neither a city nor what pages said is shown to somebody outside, in no place of the page.
    address = share(f=["city:is:Kiel", "property:is_not:secret=hush"])
    assert "City is (not shown here)" in title(address)
    assert "Kiel" not in outside.get(address).text
    assert "hush" not in outside.get(address).text


def test_the_form_of_a_link_does_not_offer_all_visits_beside_a_filter(alice, page, acme):
    form = {"site": str(acme.site_id), "name": "French", "f": ["country:is:FR"]}
    alice.post(f"/o/{acme.slug}/analytics/segments", form)
    assert ">All visits</option>" in alice.get(page).text
    filtered = alice.get(f"{page}?f=country:is:DE").text
    assert ">All visits</option>" not in filtered and "And only a segment" in filtered


def test_a_link_takes_the_filters_of_a_segment(visits, now, share, outside, alice, acme, inside):
    form = {"site": str(acme.site_id), "name": "French", "f": ["country:is:FR"]}
    alice.post(f"/o/{acme.slug}/analytics/segments", form)
    with inside(acme):
        segment_id = db.session.scalars(select(Segment.id)).one()
    text = outside.get(share(segment=str(segment_id)) + "?period=today").text
    assert "France" in text and "Germany" not in text


def test_guessed_revoked_and_over_are_the_same_answer(share, outside, alice, page, inside, acme):
    revoked, over, unknown = share(), share(), "/shared/" + "A" * 43
    with inside(acme):
        first, second = db.session.scalars(select(SharedLink).order_by(SharedLink.id))
        second.expires_at = clock.now() - timedelta(seconds=1)
        first_id = first.id
        db.session.commit()
    assert outside.get(revoked).status_code == 200
    assert alice.post(f"{page}/{first_id}/revocation").status_code == 302
    said = set()
    for address in (revoked, over, unknown, "/shared/x", "/shared/%00", f"{revoked}x"):
        answer = outside.get(address)
        assert answer.status_code == 404
        said.add(re.sub(r'nonce="[^"]*"', "", answer.text))
    assert len(said) == 1


def test_a_link_that_this_version_does_not_understand_opens_nothing(share, outside, inside, acme):
    address = share(f=["country:is:DE"])
    with inside(acme):
        db.session.scalars(select(SharedLink)).one().filters = ["shoe:is:42"]
        db.session.commit()
    assert outside.get(address).status_code == 404


@pytest.mark.parametrize("operator", ["is", "is_not", "contains", "not_contains"])
def test_a_link_is_shut_once_a_goal_of_its_filters_is_deleted(
    visits, now, share, outside, alice, page, acme, made_goal, inside, operator
):
    with inside(acme):
        goal = made_goal("Signed up")
    address = share(f=[f"goal:{operator}:Signed up"])
    shows = operator in ("is", "contains")
    assert ("/cid" in outside.get(f"{address}?period=today").text) is shows
    with inside(acme):
        db.session.get_one(Goal, goal).remove()
        db.session.commit()
    assert outside.get(address).status_code == 404
    assert "It opens nothing: This site has no goal “Signed up”." in alice.get(page).text
    with inside(acme):
        made_goal("Signed up")
    assert outside.get(address).status_code == 200


def test_a_link_follows_a_goal_to_its_new_name(
    visits, now, share, outside, alice, acme, made_goal, inside
):
    with inside(acme):
        goal = made_goal("Signed up")
    address = share(f=["goal:is_not:Signed up"])
    form = {"name": "Became | a member", "kind": "event", "match": "signup"}
    alice.post(f"/o/{acme.slug}/analytics/goals/{goal}", form)
    text = outside.get(f"{address}?period=today").text
    assert "/ada" in text and "/cid" not in text


def test_a_goal_that_there_is_not_cannot_be_shared(alice, page, acme):
    form = {"site": str(acme.site_id), "name": "For Ina", "f": ["goal:is_not:Signed up"]}
    answer = alice.post(page, form)
    assert answer.status_code == 422 and "This site has no goal “Signed up”." in answer.text


def test_a_password_opens_a_link_in_this_browser_until_it_is_another(
    visits, now, share, outside, app, inside, acme
):
    address = share(password="correct horse")
    asked = outside.get(address)
    assert asked.status_code == 200 and "France" not in asked.text and "Acme" not in asked.text
    wrong = open_with(outside, address, "wrong horse")
    assert wrong.status_code == 422 and "This is not the password." in wrong.text
    assert "France" not in outside.get(address).text
    assert open_with(outside, address, "correct horse").status_code == 302
    assert "France" in outside.get(f"{address}?period=today").text
    assert "France" not in app.test_client().get(f"{address}?period=today").text
    with inside(acme):
        kept = db.session.scalars(select(SharedLink)).one()
        assert kept.password_hash.startswith("$argon2id$")
        kept.password_hash = shared_link.hash_password("another horse")
        db.session.commit()
    assert "France" not in outside.get(f"{address}?period=today").text


def test_a_password_can_be_tried_ten_times_a_minute(share, app):
    address = share(password="correct horse")
    statuses = []
    for number in range(11):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        statuses.append(open_with(client, address, "wrong horse").status_code)
    assert statuses == [422] * 10 + [429]


def test_the_token_is_kept_as_a_digest_and_shown_once(share, alice, page, inside, acme, capsys):
    token = share().rpartition("/")[2]
    assert len(token) >= 43
    with inside(acme):
        for table in Base.metadata.sorted_tables:
            for row in db.session.execute(select(table)):
                assert token not in str(tuple(row)), table.name
    assert token not in alice.get(f"{page}?site={acme.site_id}").text
    assert alice.get(f"/shared/{token}").status_code == 200
    written = capsys.readouterr()
    assert token not in written.out + written.err


def test_all_of_it_is_written_down(share, alice, page, inside, acme):
    share(password="correct horse", last_day=str(clock.now().date() + timedelta(days=3)))
    with inside(acme):
        link_id = db.session.scalars(select(SharedLink.id)).one()
    alice.post(f"{page}/{link_id}/revocation")
    with inside(acme):
        entries = db.session.scalars(select(AuditEntry).filter_by(subject_kind="shared_links"))
        assert [each.action for each in entries] == ["shared_link.issued", "shared_link.revoked"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Give it a name."),
        ({"password": "short"}, "8 to 128"),
        ({"password": "password"}, "one of the first"),
        ({"last_day": "2001-01-01"}, "This day is over."),
        ({"last_day": "9999-12-31"}, "A day of our time"),
        ({"last_day": "soon"}, "Not a valid date"),
        ({"f": ["shoe:is:42"]}, "nothing to filter by"),
        ({"segment": "x"}, "There is no such segment."),
        ({"site": "x"}, "Choose a site."),
    ],
)
def test_what_cannot_be_shared_comes_back_with_the_reason(alice, page, acme, change, words):
    form = {"site": str(acme.site_id), "name": "For Ina", **change}
    answer = alice.post(page, form)
    assert answer.status_code == 422
    assert words in answer.text


def test_a_site_has_a_hundred_open_links_at_most(share, alice, page, acme, monkeypatch):
    monkeypatch.setattr(shared_link, "MOST_LINKS", 1)
    share()
    answer = alice.post(page, {"site": str(acme.site_id), "name": "More"})
    assert answer.status_code == 422 and "Revoke one first." in answer.text


def test_a_viewer_sees_links_and_makes_none(share, page, acme, join, sign_in, inside):
    share()
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    shown = vera.get(f"{page}?site={acme.site_id}").text
    assert "For Ina" in shown and "Make link" not in shown
    assert vera.post(page, {"site": str(acme.site_id), "name": "X"}).status_code == 403
    with inside(acme):
        link_id = db.session.scalars(select(SharedLink.id)).one()
    assert vera.post(f"{page}/{link_id}/revocation").status_code == 403


def test_revenue_is_shown_only_where_it_was_asked_for(stocked, now, share, outside, inside, acme):
    stocked(
        lambda shelf: [
            shelf.arrival(0, name="purchase", amount=2935, currency="EUR", by_api=True),
        ]
    )
    assert "Revenue" not in outside.get(share() + "?period=today").text
    assert "€29.35" in outside.get(share(shows_revenue="y") + "?period=today").text


def test_figures_are_given_at_a_pace(share, outside):
    address = share()
    statuses = {outside.get(address).status_code for _ in range(45)}
    assert statuses == {200, 429}
