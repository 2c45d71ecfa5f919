"""Export: what is seen as a file, without memory, formulas or names that break a header."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics import raw_rows, rollups
from app.analytics.matches import match_of
from app.analytics.models import Goal
from app.core.db import db
from app.sites.models import Site
from tests.shops import shopify, shopify_order
from tests.tracking.arriving import DIRECT, NOON, Shelf
from tests.visits import event

DAY = datetime.fromtimestamp(NOON / 1000, UTC).date()
GERMAN = DIRECT._replace(country="DE", city="Kiel", region="Holstein")
FRENCH = DIRECT._replace(country="FR")


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def take(alice, acme):
    """Take something out: `take("events", f=[…])`."""

    def take(what="series", member=None, **more):
        asked = {"from": DAY, "to": DAY, "dimension": what, "site": acme.site_id}
        asked = {"format": "csv", **asked, **more}
        token = (member or alice).token("/sign-in")
        return (member or alice).client.post(
            f"/o/{acme.slug}/analytics/export",
            query_string=asked,
            data={"csrf_token": token},
            headers={"Accept": "application/json"},
        )

    return take


def rows(answer):
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def some_visits(shelf):
    return [
        shelf.arrival(0, "ada", url="https://shop.acme.example/", circumstances=GERMAN),
        shelf.arrival(1, "ada", url="https://shop.acme.example/tea", circumstances=GERMAN),
        shelf.arrival(
            2,
            "ada",
            name="signup",
            url="https://shop.acme.example/tea",
            props={"plan": "pro"},
            circumstances=GERMAN,
        ),
        shelf.arrival(3, "ben", url="https://shop.acme.example/tea", circumstances=FRENCH),
        shelf.arrival(4, None, url="https://shop.acme.example/none"),
    ]


@pytest.fixture
def visits(stocked):
    stocked(some_visits)


def test_a_breakdown_and_a_series_are_what_the_page_shows(visits, take):
    assert [(row["page"], row["page_views"], row["visitors"]) for row in rows(take("page"))] == [
        ("/tea", "2", "2"),
        ("/", "1", "1"),
        ("/none", "1", "0"),
    ]
    figures = ("bounces", "seconds_per_session", "events", "orders", "revenue")
    # What is not counted is no 0.
    assert {row[name] for row in rows(take("page")) for name in figures} == {""}
    [signups] = rows(take("event"))
    assert [signups[name] for name in ("page_views", "bounces", "events")] == ["", "", "1"]
    [germans] = rows(take("country", f="country:is:DE"))
    assert (germans["country"], germans["name"], germans["sessions"]) == ("DE", "Germany", "1")
    [day] = rows(take("series", interval="day"))
    assert (day["day"], day["visitors"], day["page_views"]) == (DAY.isoformat(), "2", "4")
    assert len(rows(take("series", interval="hour"))) == 24


def test_a_breakdown_ends_with_all_that_is_rarer_than_what_is_kept(stocked, take, monkeypatch):
    monkeypatch.setattr("app.analytics.days.MOST_VALUES", 1)
    stocked(some_visits)
    names = ("page", "name", "page_views", "visitors")
    assert [tuple(row[name] for name in names) for row in rows(take("page"))] == [
        ("/tea", "/tea", "2", "2"),
        (" ", "All others", "2", "1"),
    ]
    # One visit from Germany, one from France, one that is nobody's.
    taken = take("country", format="json").json
    assert [(row["name"], row["sessions"]) for row in taken] == [("Unknown", 0), ("All others", 2)]


def test_raw_rows_are_those_of_the_visits_that_match(visits, take):
    assert len(rows(take("events"))) == 5
    assert [row["country"] for row in rows(take("sessions"))] == ["DE", "FR"]
    for filters, events, sessions in (
        ("country:is:DE", 3, 1),
        ("country:is_not:DE", 2, 1),
        ("event:is:signup", 3, 1),
        ("event:is_not:signup", 2, 1),
        ("property:is:plan=pro", 3, 1),
        ("page:contains:/none", 1, 0),
        ("city:is:Kiel, DE", 3, 1),
        ("entry_page:is:/tea", 1, 1),
    ):
        assert len(rows(take("events", f=filters))) == events, filters
        assert len(rows(take("sessions", f=filters))) == sessions, filters


def test_raw_rows_are_filtered_by_goals_as_the_figures_are(
    visits, take, inside, acme, client, work
):
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order(1)))
    work()
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        for name, text in (
            ("Pro", "event:signup:plan=pro"),
            ("Home", "page:/"),
            ("Bought", "order"),
            ("Plan", "property:plan=*"),
            ("None", "page:/none"),
        ):
            Goal.create(site, name, match_of(text))
        shelf = Shelf(site.organization_id, site.number)
        bought = shelf.arrival(6, "cid", name="purchase", props={"order_id": "1"})
        again = shelf.arrival(60, "dan", name="purchase", props={"order_id": "1"})
        shelf.store(bought, again)
        rollups.rebuild(site)
    for filters, events, sessions in (
        ("goal:is:Pro", 3, 1),
        ("goal:is:Pro|Home|Plan", 3, 1),
        ("goal:is:Bought", 1, 1),
        ("goal:is_not:Bought", 6, 3),
        ("goal:is:None", 1, 0),
        ("goal:contains:o", 5, 2),
    ):
        assert len(rows(take("events", f=filters))) == events, filters
        assert len(rows(take("sessions", f=filters))) == sessions, filters
        [day] = rows(take("series", f=filters))
        assert day["sessions"] == str(sessions), filters
    # One that the site does not have is no filter.
    answers = [take(what, f="goal:is:Gone") for what in ("events", "sessions", "series")]
    assert [each.status_code for each in answers] == [400] * 3


def test_all_that_the_form_offers_can_be_taken(visits, take, alice, acme):
    page = alice.get(f"/o/{acme.slug}/analytics/export?site={acme.site_id}").text
    [choices] = re.findall(r'<select[^>]* name="dimension">(.*?)</select>', page, re.S)
    offered = re.findall(r'value="(\w+)"', choices)
    assert {"series", "page", "sessions", "events"} <= set(offered)
    for what in offered:
        assert take(what).status_code == 200, what


def test_raw_rows_come_page_by_page_and_none_twice(visits, take, stocked, monkeypatch):
    stocked(lambda shelf: [shelf.arrival(5, f"v{number}") for number in range(10)])
    for size in (1, 3, 4, 1000):
        monkeypatch.setattr(raw_rows, "PAGE", size)
        found = [row["id"] for row in rows(take("events"))]
        assert len(found) == len(set(found)) == 15
        assert len(rows(take("sessions"))) == 12


def test_json_is_one_list_whatever_there_is(visits, take):
    taken = take("events", format="json", f="event:is:signup")
    assert taken.content_type == "application/json"
    events = json.loads(taken.data)
    assert [each["name"] for each in events] == ["page_view", "page_view", "signup"]
    assert events[2]["properties"] == {"plan": "pro"}
    assert json.loads(take("events", format="json", f="country:is:US").data) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\n="])
def test_a_cell_that_a_spreadsheet_would_run_is_text(stocked, take, start):
    stocked(
        lambda shelf: [
            shelf.arrival(0, title=f"{start}1+1", props={f"{start}x": 1}, name="signup"),
            shelf.arrival(1, "ben", circumstances=DIRECT._replace(utm_source=f"{start}1+1")),
        ]
    )
    cells = [
        cell
        for what in ("events", "sessions", "utm_source", "property")
        for row in rows(take(what))
        for cell in row.values()
    ]
    said = [cell for cell in cells if "1+1" in cell or "x=1" in cell]
    assert said
    assert all(not cell.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r")) for cell in said)


def test_a_spreadsheet_that_parts_cells_elsewhere_finds_no_formula_either(stocked, take):
    def visits(shelf):
        titles = ("Tea;=1+1", "Tea; @SUM(A1)", "Tea\t-1", 'Tea;"=1+1;z', "a;b = c; d-e")
        for minute, title in enumerate(titles):
            yield shelf.arrival(minute, "ada", url="https://shop.acme.example/", title=title)

    stocked(lambda shelf: list(visits(shelf)))
    text = take("events").data.decode("utf-8-sig")
    for separator in (";", "\t"):
        read = csv.reader(io.StringIO(text), delimiter=separator)
        cells = [cell.strip() for row in read for cell in row[1:]]
        assert cells or separator == "\t"
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert "a;b = c; d-e" in text


def test_neither_network_nor_hash_of_a_visitor_is_in_the_file(visits, take):
    [first, *_] = rows(take("sessions"))
    assert {"visitor", "masked_address"}.isdisjoint(first)


def test_single_visits_are_for_who_may_see_people_and_sums_for_all(
    visits, take, join, sign_in, acme
):
    for role in (Role.VIEWER, Role.AGENT):
        join(f"{role}@acme.example", role)
        member = sign_in(f"{role}@acme.example")
        assert take("page", member).status_code == 200
        for what in ("events", "sessions"):
            assert take(what, member).status_code == 403
        page = member.get(f"/o/{acme.slug}/analytics/export").text
        assert "Single event" not in page
    join("bob@acme.example", Role.EDITOR)
    assert take("events", sign_in("bob@acme.example")).status_code == 200


def test_what_is_taken_out_is_written_down(visits, take, inside, acme):
    take("events", f="country:is:DE", format="json")
    with inside(acme):
        [entry] = db.session.scalars(select(AuditEntry).filter_by(action="analytics.exported"))
        assert entry.details == {
            "what": "events",
            "format": "json",
            "from": DAY.isoformat(),
            "to": DAY.isoformat(),
            "filtered_by": ["country"],
        }
        assert entry.subject_id == acme.site_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dimension": "shoe"}, "dimension"),
        ({"dimension": "a\r\nX-Evil: 1"}, "dimension"),
        ({"format": "xlsx"}, "format"),
        ({"format": "csv\r\nX-Evil: 1"}, "format"),
        ({"interval": "year"}, "interval"),
        ({"interval": "hour", "from": "2024-01-02", "to": "2027-01-01"}, "interval"),
        ({"interval": "hour", "from": "2026-01-02", "to": "2026-01-05"}, "interval"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"f": "shoe:is:42"}, "f"),
    ],
)
def test_what_is_not_there_to_be_taken_is_a_bad_request(take, change, field, inside, acme):
    answer = take(**{"what": change.pop("dimension", "series"), **change})
    assert answer.status_code == 400
    assert answer.json["error"]["details"]["field"] == field
    with inside(acme):
        assert not db.session.scalars(
            select(AuditEntry).filter_by(action="analytics.exported")
        ).all()


def test_hours_are_offered_and_taken_of_three_days_at_most(visits, take, alice, acme):
    page = f"/o/{acme.slug}/analytics/export?site={acme.site_id}"
    for days, offered in ((3, True), (4, False)):
        asked = {"from": DAY - timedelta(days=days - 1), "to": DAY}
        shown = alice.get(f"{page}&from={asked['from']}&to={DAY}").text
        assert ('<option value="hour">' in shown) is offered
        assert (take("series", interval="hour", **asked).status_code == 200) is offered
        assert len(rows(take("series", interval="day", **asked))) == days


def test_the_name_of_the_file_holds_nothing_that_somebody_typed(inside, acme, take):
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(name='Evil"\r\nSet-Cookie: a=1')
        db.session.commit()
    disposition = take("page").headers["Content-Disposition"]
    assert disposition == f'attachment; filename="page-{DAY}-{DAY}.csv"'


def test_a_site_of_another_is_not_found(take, umbrella):
    assert take("page", site=umbrella.site_id).status_code == 404
    assert take("page", site="nothing").status_code == 404


def test_how_far_a_long_export_is_can_be_seen(visits, take, alice, acme, umbrella, sign_in):
    export = event(acme)["id"]
    page = f"/o/{acme.slug}/analytics/export?export={export}"
    assert "Preparing" in alice.get(page).text
    assert len(rows(take("events", export=export))) == 5
    assert "The file is complete" in alice.get(page).text
    # Of another organization nothing is seen.
    charlie = sign_in("charlie@umbrella.example")
    seen = charlie.get(f"/o/{umbrella.slug}/analytics/export?export={export}").text
    assert "The file is complete" not in seen


def test_a_download_that_was_cut_short_is_not_told_to_be_complete(visits, take, alice, acme):
    export = event(acme)["id"]
    answer = take("events", export=export)
    next(answer.iter_encoded())
    answer.close()
    text = alice.get(f"/o/{acme.slug}/analytics/export?export={export}").text
    assert "The file is not complete" in text and "The file is complete" not in text
    # The next one has a progress of its own.
    assert export not in text
