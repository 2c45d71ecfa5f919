"""The overview of a site as a page and over REST."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import unquote, urlencode
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.accounts.models import Member, Organization, User
from app.accounts.permissions import Role
from app.analytics import rollups
from app.analytics.comparing import Before
from app.analytics.models import Annotation
from app.analytics.periods import Period, local_day
from app.analytics.words import _by_words
from app.core import clock, tenancy
from app.core.db import db
from app.sites.models import Site
from tests.shops import shopify, shopify_order
from tests.tracking.arriving import NOON, Shelf
from tests.visits import FRANCE, GERMANY, event, send


@pytest.fixture
def visited(client, acme, inside, work):
    """Two visits, from France and Germany, an event, and an order."""
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order(1)))
    work()
    bought = event(acme, "/thanks", "conversion", props={"order_id": "1", "plan": "pro"})
    pages = [event(acme, "/tea?utm_source=news&utm_medium=email"), event(acme, "/cart")]
    send(client, acme, *pages, bought, address=FRANCE)
    send(client, acme, event(acme, "/"), address=GERMANY)
    with inside(acme):
        rollups.roll_up(db.session.get_one(Site, acme.site_id), at_once=True)


@pytest.fixture
def page(acme, sign_in):
    def read(query="", path="", email="alice@acme.example", status=200):
        address = f"/o/{acme.slug}/analytics{path}?site={acme.site_id}&period=today{query}"
        answer = sign_in(email).get(address)
        assert answer.status_code == status, answer.text
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))

    return read


@pytest.fixture
def api(client, acme):
    def ask(path, status=200, **query):
        query = {"site_id": str(acme.site_id), "period": "today", **query}
        answer = client.get(f"/api/v1/analytics/{path}", query_string=query, headers=acme.bearer)
        assert answer.status_code == status, answer.text
        return answer.json

    return ask


def test_the_page_tells_what_was_counted(visited, page):
    text = page()
    for words in (
        "Visitors 2",
        "Visits 2",
        "Page views 3",
        "€14.90",
        "/tea",
        "E-mail",
        "France",
        "Germany",
    ):
        assert words in text, words
    assert "Bounce rate 50.0%" in text


def test_a_filter_narrows_everything_and_can_be_taken_off(visited, page):
    text = page("&f=country:is:DE")
    assert "Visitors 1" in text and "Page views 1" in text and "/tea" not in text
    assert "Country is Germany" in text
    assert "Page views 2" in page("&f=country:is_not:DE|AT")


def test_the_form_adds_a_filter_to_the_address(visited, acme, sign_in):
    alice = sign_in("alice@acme.example")
    asked = f"/o/{acme.slug}/analytics?site={acme.site_id}&f=device:is:desktop"
    added = alice.get(asked + "&on=country&operator=is&value=DE+|+FR")
    assert added.status_code == 302, added.text
    location = unquote(added.headers["Location"])
    assert "f=country:is:DE|FR" in location and "f=device:is:desktop" in location
    assert "on=" not in location
    for odd in ("organization=x", "endpoint=x", "_anchor=x", "_scheme=ftp&_external=1"):
        answer = alice.get(f"{asked}&on=country&operator=is&value=DE&{odd}")
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"/o/{acme.slug}/analytics?")
    refused = alice.get(asked + "&on=shoe&operator=is&value=9")
    assert refused.status_code == 400 and "shoe" in refused.text


def test_what_nothing_can_be_filtered_by_leaves_nothing_in_memory(visited, acme, sign_in):
    alice = sign_in("alice@acme.example")
    before = _by_words.cache_info().currsize
    for on in ("shoe", "country ", "country:is:DE", "x" * 300):
        asked = {"site": acme.site_id, "on": on, "operator": "is", "value": "9"}
        refused = alice.get(f"/o/{acme.slug}/analytics?{urlencode(asked)}")
        assert refused.status_code == 400, on
    assert _by_words.cache_info().currsize == before


def test_a_filter_may_be_written_as_it_is_read(visited, page, acme, sign_in):
    asked = f"/o/{acme.slug}/analytics?site={acme.site_id}&operator=is"
    for said, value in (("country", "germany | FR"), ("channel", "E-mail"), ("device", "Desktop")):
        added = sign_in("alice@acme.example").get(f"{asked}&on={said}&value={value}")
        address = unquote(added.headers["Location"])
        wanted = {"country": "DE|FR", "channel": "email", "device": "desktop"}[said]
        assert f"f={said}:is:{wanted}" in address
    assert "Visitors 1" in page("&f=country:contains:Germ")
    assert "Visitors 2" in page("&f=country:not_contains:sweden")


def test_a_viewer_reads_it_and_who_is_no_member_does_not(
    visited, page, join, acme, sign_in, umbrella
):
    join("vera@acme.example", Role.VIEWER)
    assert "Visitors 2" in page(email="vera@acme.example")
    address = f"/o/{acme.slug}/analytics?site={acme.site_id}"
    assert sign_in("charlie@umbrella.example").get(address).status_code == 404


def test_all_values_of_a_dimension_can_be_searched_and_sorted(visited, page):
    assert "/cart 1 1 1" in page(path="/values/page")
    assert "/cart" not in page("&q=tea", path="/values/page")
    assert "Nothing matches" in page("&q=coffee", path="/values/page")
    countries = page("&q=germ", path="/values/country")
    assert "Germany 1" in countries and "France" not in countries
    assert "plan=pro 1 1 1" in page(path="/values/property")
    page(path="/values/shoe", status=404)
    page("&by=shoe", path="/values/page", status=400)


def test_the_map_has_a_link_for_each_country(visited, acme, sign_in):
    address = f"/o/{acme.slug}/analytics?site={acme.site_id}&period=today"
    text = sign_in("alice@acme.example").get(address).text
    drawn = re.findall(r'aria-label="([^"]+)"[^>]*><title>', text)
    assert sorted(drawn) == ["France: 1 visitor", "Germany: 1 visitor"]
    assert "world.svg#DE" in text


def test_visits_are_listed_the_newest_first_and_filtered(visited, page):
    text = page(path="/visits")
    assert text.index("Germany") < text.index("France") and "2 visits" in text
    assert "E-mail" in text and "/tea" in text
    assert "1 visit " in page("&f=event:is:conversion", path="/visits")
    assert "No visit matches" in page("&f=country:is:AT", path="/visits")


def test_before_anything_was_counted_it_says_what_to_do(page):
    assert "The snippet was not seen yet" in page()


@pytest.fixture
def afternoon(monkeypatch):
    """An hour after the first of the stored visits."""
    moment = datetime.fromtimestamp(NOON / 1000, UTC) + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: moment)


def visits_of(shelf, day, *minutes):
    """Of a visitor each, on a day counted from today, so many minutes after noon."""
    return [shelf.arrival(24 * 60 * day + at, f"{day} {at}") for at in minutes]


@pytest.mark.parametrize("filters", [[], ["country:is_not:DE"], ["page:contains:/"]])
@pytest.mark.usefixtures("afternoon")
def test_who_comes_twice_in_an_hour_is_one_visitor_of_it_wherever_it_is_told(
    stocked, api, acme, client, sign_in, filters
):
    # Of NOON's hour, which it is a quarter past, and of the next: Ada comes twice in the first.
    at = [("ada", 0), ("ada", 35), ("ben", 10), ("ada", 80)]
    stocked(lambda shelf: [shelf.arrival(minute, who) for who, minute in at])
    both = [(2, 3), (1, 1)]  # visitors and visits

    points = api("timeseries", f=filters)["data"]
    told = [(each["totals"]["visitors"], each["totals"]["sessions"]) for each in points]
    assert [each for each in told if each[1]] == both

    alice = sign_in("alice@acme.example")
    query = {"site": acme.site_id, "period": "today", "f": filters}
    page, pages = f"/o/{acme.slug}/analytics", f"/o/{acme.slug}/analytics/reports"
    drawn = alice.client.get(f"{page}/{acme.site_id}/series", query_string=query).json["points"]
    assert [each["value"] for each in drawn if each["value"]] == [each[0] for each in both]

    token = alice.token("/sign-in")
    taken = alice.client.post(
        f"{page}/export",
        query_string={**query, "dimension": "series", "interval": "hour", "format": "json"},
        data={"csrf_token": token},
        headers={"Accept": "application/json"},
    )
    rows = [(each["visitors"], each["sessions"]) for each in taken.json]
    assert [each for each in rows if each[1]] == both

    for by in (["hour", ""], ["hour", "device"]):
        form = {"site": str(acme.site_id), "name": "Hours", "period": "today", "f": filters}
        form |= {"metrics": ["visitors", "sessions"], "by": by[0], "and_by": by[1]}
        made = alice.post(pages, form).headers["Location"]
        answer = client.get(f"/api/v1/reports/{made.split('/')[-1]}/rows", headers=acme.bearer)
        rows = [tuple(each[-2:]) for each in answer.json["rows"]]
        assert [each for each in rows if each[1]] == both, by


@pytest.mark.parametrize("path", ["", "/values/country", "/goals"])
def test_visitors_of_several_days_are_said_to_be_those_of_each(stocked, sign_in, acme, path):
    stocked(lambda shelf: visits_of(shelf, 0, 0))
    alice, day = sign_in("alice@acme.example"), local_day(NOON, ZoneInfo("UTC"))
    asked = {"name": "Seen", "kind": "page", "match": "/*", "site": str(acme.site_id)}
    alice.post(f"/o/{acme.slug}/analytics/goals", asked)

    def says_so(first, **more):
        query = {"site": acme.site_id, "from": first, "to": day, **more}
        answer = alice.client.get(f"/o/{acme.slug}/analytics{path}", query_string=query)
        assert answer.status_code == 200
        return "Visitors are those of each day, added up" in answer.text

    assert says_so(day - timedelta(days=1))
    # One day's are different people; by another clock nobody knows.
    assert not says_so(day)
    assert not says_so(day - timedelta(days=1), zone="Asia/Tokyo")


@pytest.mark.usefixtures("afternoon")
def test_today_is_compared_with_yesterday_up_to_the_same_time(stocked, page):
    stocked(
        lambda shelf: [
            *visits_of(shelf, -9, 0),
            *visits_of(shelf, -1, 0, 59, 61, 62, 200),
            *visits_of(shelf, 0, 0, 1, 2),
        ]
    )
    text = page()
    assert "Visitors 3 50%" in text and "Visits 3 50%" in text
    assert "up to the same time" in text
    # By another clock as well, where no visitors are told.
    assert "Visits 3 50%" in page("&zone=Europe/Athens")


@pytest.mark.usefixtures("afternoon")
def test_days_that_end_today_are_compared_up_to_the_same_time(stocked, page):
    stocked(
        lambda shelf: [
            *visits_of(shelf, -20, 0),
            *visits_of(shelf, -7, 0, 200, 201),
            *visits_of(shelf, 0, 0, 1, 2),
        ]
    )
    today = clock.now().date()
    assert "Visitors 3 200%" in page(f"&from={today - timedelta(days=6)}&to={today}")


@pytest.mark.usefixtures("afternoon")
def test_days_that_are_still_to_come_are_compared_with_nothing(stocked, page):
    stocked(
        lambda shelf: [
            *visits_of(shelf, -9, 0),
            *visits_of(shelf, -5, 0),
            *visits_of(shelf, -4, 0, 200),
            *visits_of(shelf, -3, 0, 1, 2, 3),
            *visits_of(shelf, 0, 0, 1, 2),
        ]
    )
    today = clock.now().date()
    days = f"&from={today - timedelta(days=1)}&to={today + timedelta(days=2)}"
    assert "Visitors 3 50%" in page(days)


def test_just_after_midnight_today_is_not_compared_with_the_whole_of_yesterday(
    stocked, inside, acme, monkeypatch
):
    midnight = datetime.fromtimestamp(NOON / 1000, UTC).replace(hour=0, minute=0, second=0)
    monkeypatch.setattr(clock, "now", lambda: midnight - timedelta(seconds=20))
    stocked(lambda shelf: [*visits_of(shelf, -9, 0), *visits_of(shelf, -1, 0, 1)])
    monkeypatch.setattr(clock, "now", lambda: midnight + timedelta(seconds=30))
    today = Period(midnight.date(), midnight.date(), ZoneInfo("UTC"))
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(*visits_of(shelf, -3, 0))  # which is to be added up
        assert Before.of(site, today, ()).totals.sessions == 0


@pytest.mark.usefixtures("afternoon")
def test_the_page_says_how_many_days_are_still_to_be_added_up(stocked, page, inside, acme):
    stocked(lambda shelf: [each for day in range(4) for each in visits_of(shelf, -day, 0)])
    assert "still to be added up" not in page("&period=7d")
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        with tenancy.transaction(acme.id) as connection:
            rollups._begin_anew(connection, site)
        rollups.roll_up(site, until=0)
    text = page("&period=7d")
    began = datetime.fromtimestamp(NOON / 1000, UTC) - timedelta(days=3)
    assert f"Numbers as of {began.day} {began:%b %Y}" in text
    assert "3 days are still to be added up." in text
    with inside(acme):
        rollups.roll_up(db.session.get_one(Site, acme.site_id), at_once=True)
    assert "still to be added up" not in page("&period=7d")


@pytest.mark.parametrize(("utc", "told"), [("00:30", 3), ("01:30", 4)])
def test_of_the_two_hours_of_one_name_in_autumn_only_the_later_is_still_to_come(
    stocked, sign_in, acme, inside, monkeypatch, utc, told
):
    """By the clock of Berlin 02:30 comes twice on this day: at 00:30 and at 01:30 UTC."""
    moment = datetime.fromisoformat(f"2026-10-25T{utc}+00:00")
    monkeypatch.setattr(clock, "now", lambda: moment)
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(time_zone="Europe/Berlin")
        db.session.commit()
    minute = moment.timestamp() / 60 - NOON / 60_000
    stocked(lambda shelf: [shelf.arrival(minute - 60 * hours, f"v{hours}") for hours in range(3)])
    path = f"/o/{acme.slug}/analytics/{acme.site_id}/series?period=today&interval=hour"
    points = sign_in("alice@acme.example").get(path).json["points"]
    values = [each["value"] for each in points]
    assert values == [0, 1, 1, 1][4 - told :] + [None] * (25 - told)
    assert [each["open"] for each in points].index(True) == told - 1
    assert len(values) == 25


@pytest.mark.usefixtures("afternoon")
def test_days_before_the_site_counted_are_unknown_and_not_drawn_as_0(stocked, sign_in, acme):
    stocked(lambda shelf: [*visits_of(shelf, -3, 0), *visits_of(shelf, 0, 0)])
    today = clock.now().date()
    days = f"interval=day&from={today - timedelta(days=2)}&to={today}"
    path = f"/o/{acme.slug}/analytics/{acme.site_id}/series?{days}"
    answer = sign_in("alice@acme.example").get(path).json
    assert [each["before"] for each in answer["points"]] == [None, None, 1]
    assert [each["value"] for each in answer["points"]] == [0, 0, 1]


@pytest.mark.usefixtures("afternoon")
def test_a_line_that_is_not_drawn_is_not_in_the_legend(stocked, sign_in, acme):
    """Of the days before, one was counted (a point and no line), then two."""
    alice, today = sign_in("alice@acme.example"), clock.now().date()
    days = f"from={today - timedelta(days=2)}&to={today}&interval=day"
    address = f"/o/{acme.slug}/analytics?site={acme.site_id}&{days}"
    stocked(lambda shelf: [*visits_of(shelf, -3, 0), *visits_of(shelf, 0, 0)])
    assert "legend__swatch--line" not in alice.get(address).text
    stocked(lambda shelf: visits_of(shelf, -4, 0))
    assert "legend__swatch--line" in alice.get(address).text


def open_points(browser, acme, query):
    answer = browser.get(f"/o/{acme.slug}/analytics/{acme.site_id}/series?{query}").json
    return [each["at"] for each in answer["points"] if each["open"]]


def test_what_is_cut_off_by_the_period_or_not_over_is_marked(acme, sign_in, monkeypatch):
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
    monkeypatch.setattr(clock, "now", lambda: noon)
    alice = sign_in("alice@acme.example")
    for query, told in (
        ("from=2026-11-04&to=2026-11-25&interval=week", ["2026-11-02", "2026-11-23"]),
        ("from=2026-11-02&to=2026-11-22&interval=week", []),
        ("from=2026-11-02&to=2026-11-29&interval=week", ["2026-11-23"]),
        ("from=2026-08-15&to=2026-10-31&interval=month", ["2026-08-01"]),
        ("from=2026-02-01&to=2026-04-29&interval=month", ["2026-04-01"]),
        ("from=2025-12-01&to=2026-02-28&interval=month", []),
        ("from=2026-11-23&to=2026-11-25&interval=day", ["2026-11-25"]),
        ("period=yesterday", []),
    ):
        assert open_points(alice, acme, query) == told, query


def test_weeks_and_months_are_offered_where_there_are_two(visited, acme, sign_in):
    def offered(query):
        text = alice.get(f"/o/{acme.slug}/analytics?site={acme.site_id}&{query}").text
        return re.findall(r'id="interval-(\w+)"', text)

    alice, today = sign_in("alice@acme.example"), clock.now().date()
    for days, told in (
        (7, []),
        (13, []),
        (14, ["day", "week"]),
        (58, ["day", "week"]),
        (59, ["day", "week", "month"]),
    ):
        first = today - timedelta(days=days - 1)
        assert offered(f"from={first}&to={today}") == told, days
    # Who asks for them by the address is answered, and sees in what it is drawn.
    assert offered("period=7d&interval=week") == ["day", "week"]


@pytest.mark.usefixtures("afternoon")
def test_nothing_is_compared_with_days_in_which_the_site_began(stocked, page, client, acme):
    stocked(lambda shelf: [*visits_of(shelf, -1, 0), *visits_of(shelf, 0, 0, 1, 2)])
    text = page()
    assert "Visitors 3 –" in text and "%" not in text.split("Bounce rate")[0].split("Visitors 3")[1]
    yesterday = clock.now().date() - timedelta(days=1)
    why = f"Changes are not told: not all of {yesterday:%-d %b} was recorded."
    assert why in text and why not in page("&compare=off")
    stocked(lambda shelf: visits_of(shelf, -2, 0))
    text = page()
    assert "Visitors 3 200%" in text and why not in text


def test_a_site_with_events_is_not_told_that_its_snippet_was_not_seen(stocked, page):
    stocked(lambda shelf: visits_of(shelf, -40, 0))
    text = page()
    assert "was not seen" not in text and "The first event is of" in text


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1490), ("EUR", 14.9), ("KWD", 1.49)])
def test_the_chart_draws_money_in_whole_units_of_its_currency(
    acme, inside, sign_in, client, currency, amount
):
    with inside(acme):
        db.session.get_one(Organization, acme.id).change(currency=currency)
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        paid = {"amount": 1490, "currency": currency, "by_api": True, "name": "renewal"}
        shelf.store(shelf.arrival(0, at=int(clock.now().timestamp() * 1000), **paid))
        rollups.rebuild(site)
    address = f"/o/{acme.slug}/analytics/{acme.site_id}/series?period=today&metric=revenue"
    points = sign_in("alice@acme.example").get(address).json["points"]
    assert sum(each["value"] or 0 for each in points) == amount


@pytest.mark.parametrize(
    "path",
    [
        "", "/values/page", "/visits", "/goals", "/goals/new", "/funnels", "/funnels/new", "/journeys",
        "/retention", "/attribution", "/campaigns", "/reports", "/reports/new", "/segments", "/links",
        "/alerts", "/annotations", "/export",
    ],
)  # fmt: skip
def test_without_any_site_each_page_says_how_to_get_one(app, inside, acme, sign_in, path):
    alice = sign_in("alice@acme.example")
    with inside(acme):
        user_id = db.session.scalars(select(Member.user_id)).one()
    with app.app_context():
        user = db.session.get_one(User, user_id)
        slug = Organization.found("Empty").slug
        Member.join(user, Role.OWNER)
        db.session.commit()
    tenancy.leave()
    text = alice.get(f"/o/{slug}/analytics{path}").text
    assert "No site yet" in text and f'href="/o/{slug}/sites/new"' in text


def test_another_clock_tells_no_visitors(visited, page):
    text = page("&zone=Asia/Tokyo")
    assert "Visitors –" in text and "different visitors cannot be told" in text


def test_rest_tells_the_same(visited, api):
    found = api("overview")
    assert found["totals"]["visitors"] == 2 and found["totals"]["page_views"] == 3
    assert found["totals"]["revenue"] == 1490 and found["currency"] == "EUR"
    assert found["before"]["visitors"] == 0
    assert api("overview", compare="off")["before"] is None
    points = api("timeseries")
    assert points["interval"] == "hour" and len(points["data"]) in (23, 24, 25)
    assert sum(each["totals"]["sessions"] for each in points["data"]) == 2
    rows = api("breakdown", dimension="utm_source")["data"]
    assert {row["value"]: row["totals"]["visitors"] for row in rows} == {"": 1, "news": 1}
    only = api("breakdown", dimension="page", f="channel:is:email", limit=1)
    assert only["total"] == 2 and len(only["data"]) == 1
    assert api("overview", zone="Asia/Tokyo")["totals"]["visitors"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"period": "century"}, "period"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
        ({"from": "2012-01-01", "to": "2026-03-01"}, "from"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"f": "shoe:is:9"}, "f"),
        ({"f": "country:like:D%"}, "f"),
        ({"f": "country"}, "f"),
        ({"f": "page:contains:"}, "f"),
        ({"f": "page:is:a\x00b"}, "f"),
        ({"f": ["country:is:DE"] * 3 + [f"page:is:/{n}" for n in range(30)]}, "f"),
    ],
)
def test_a_wrong_question_is_refused_with_the_field(api, page, query, field):
    for path in ("overview", "timeseries"):
        assert api(path, 400, **query)["error"]["details"]["field"] == field
    assert api("breakdown", 400, dimension="page", **query)["error"]["details"]["field"] == field


def test_other_wrong_questions(api, page):
    assert api("timeseries", 400, interval="minute")["error"]["details"]["field"] == "interval"
    assert api("breakdown", 400, dimension="shoe")["error"]["details"]["field"] == "dimension"
    assert api("breakdown", 400, dimension="page", by="shoe")["error"]["details"]["field"] == "by"
    for query in ("&metric=shoe", "&interval=minute", "&compare=on", "&pages=country", "&f=a:b:c"):
        page(query, status=400)


def test_what_was_noted_stands_on_the_chart(visited, acme, inside, sign_in, page):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        Annotation.write(site, local_day(clock.milliseconds(), ZoneInfo(site.time_zone)), "Sale")
        db.session.commit()
    assert "Sale" in page()
    address = f"/o/{acme.slug}/analytics/{acme.site_id}/series?period=7d"
    points = sign_in("alice@acme.example").get(address).json["points"]
    assert "Sale" in points[-1]["notes"]
