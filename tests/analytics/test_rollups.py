"""Days that are added up bit by bit equal days added up anew equal a naive recount."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from app.analytics import rollups, sums
from app.analytics.answers import ask
from app.analytics.columns import pack, unpack
from app.analytics.days import TABLES, words_in
from app.analytics.filters import read_filters
from app.analytics.models import DayRollup, RolledDay
from app.analytics.periods import Period, local_day
from app.core import tenancy
from app.core.db import create_engine, db
from app.sites.models import Site
from app.tracking.models import BucketMark, Event, Session
from tests.analytics.recount import OF_SESSIONS, recount
from tests.conftest import database
from tests.tracking.arriving import DIRECT, MINUTE, NOON, who

ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham")
COUNTED = ("visitors", "sessions", "page_views", "bounces", "duration", "events")
DIMENSIONS = (*OF_SESSIONS, "page", "event")
FILTERS = {
    "country:is:DE": lambda session, _events: session and session.country == "DE",
    "country:is_not:DE|": lambda session, _e: session and session.country not in ("DE", None),
    "page:contains:/1": lambda _session, events: any(
        each.name == "page_view" and "/1" in each.url.split("example")[1] for each in events
    ),
    "event:is_not:signup": lambda _session, events: all(each.name != "signup" for each in events),
}

# An event: minutes from noon, whose, what, which page, from which country.
visit = st.tuples(
    st.integers(-3000, 3000),
    st.sampled_from(["ada", "ben", "eva", None]),
    st.sampled_from(["page_view", "page_view", "signup", "engagement"]),
    st.integers(0, 12),
    st.sampled_from(["DE", "FR", None]),
)
# A step: events arrive together, or some are erased, or the days that changed are added up.
step = st.one_of(
    st.lists(visit, min_size=1, max_size=8),
    st.just("erase"),
    st.just("add up"),
)


def period(site, zone=None) -> Period:
    clock = ZoneInfo(zone or site.time_zone)
    middle = local_day(NOON, clock)
    return Period(middle - timedelta(days=4), middle + timedelta(days=4), clock)


def arrivals(shelf, events):
    return [
        shelf.arrival(
            minute,
            visitor,
            name=name,
            url=f"https://shop.acme.example/{page}",
            circumstances=DIRECT._replace(country=country, region=country and "North"),
        )
        for minute, visitor, name, page, country in events
    ]


def counted(totals) -> dict[str, int]:
    return {name: getattr(totals, name) for name in COUNTED}


def asked(site, zone=None, filters=()) -> dict:
    answer = ask(site, period(site, zone), read_filters(filters))
    rows = {
        name: {row.value: counted(row.totals) for row in answer.breakdown(name, limit=None).rows}
        for name in DIMENSIONS
    }
    days = {each.at: counted(each.totals) for each in answer.series("day")}
    return {
        "total": counted(answer.totals),
        "day": {d: r for d, r in days.items() if any(r.values())},
        **rows,
    }


def naive(site, zone=None, keep=None) -> dict:
    span = period(site, zone)
    kept = {} if keep is None else {"keep": lambda session, events: bool(keep(session, events))}
    return recount(str(span.first), str(span.last), span.zone.key, **kept)


def erase_a_few() -> None:
    """As an erasure would: a visit and what it did, and its quarters are marked."""
    session = db.session.scalars(select(Session).order_by(Session.id)).first()
    if session is None:
        return None
    moments = db.session.scalars(select(Event.at).where(Event.session_id == session.id)).all()
    db.session.execute(delete(Event).where(Event.session_id == session.id))
    db.session.execute(delete(Session).where(Session.id == session.id))
    db.session.commit()
    return [*moments, session.started_at]


@pytest.mark.parametrize("zone", ZONES)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # To make a failing stream smaller would take minutes of databases.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=st.lists(step, min_size=1, max_size=10))
def test_bit_by_bit_equals_anew_equals_one_by_one(site, shelf, zone, steps):
    for table in (Event, Session, BucketMark, DayRollup, RolledDay):
        db.session.execute(delete(table))
    site.change(time_zone=zone)
    db.session.commit()
    for each in steps:
        if each == "add up":
            rollups.roll_up(site, at_once=True)
        elif each == "erase":
            rollups.mark(db.session, site, erase_a_few() or [])
            db.session.commit()
        else:
            shelf.store(*arrivals(shelf, each))
    rollups.roll_up(site, at_once=True)
    bit_by_bit = asked(site)
    assert bit_by_bit == naive(site)
    rollups.rebuild(site)
    assert asked(site) == bit_by_bit
    for words, keep in FILTERS.items():
        assert asked(site, filters=[words]) == naive(site, keep=keep), words


def test_another_clock_cuts_other_days_and_knows_no_visitors(site, shelf):
    site.change(time_zone="Europe/Berlin")
    db.session.commit()
    shelf.store(
        *arrivals(shelf, [(n * 97, f"v{n % 9}", "page_view", n % 5, "DE") for n in range(60)])
    )
    rollups.roll_up(site, at_once=True)
    for zone in ("Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"):
        found, expected = asked(site, zone), naive(site, zone)
        assert found["total"]["visitors"] is None
        for rows in (found["total"], *(r for n in ("day", *DIMENSIONS) for r in found[n].values())):
            rows.pop("visitors")
        for rows in (
            expected["total"],
            *(r for n in ("day", *DIMENSIONS) for r in expected[n].values()),
        ):
            rows.pop("visitors")
        assert found == expected


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_has_the_hours_that_its_clock_says(site, day, hours):
    zone = ZoneInfo("Europe/Berlin")
    site.change(time_zone=zone.key)
    db.session.commit()
    span = Period(date.fromisoformat(day), date.fromisoformat(day), zone)
    points = ask(site, span).series("hour")
    assert len(points) == hours
    assert len({each.at for each in points}) == hours


def test_a_day_that_was_just_added_up_waits_for_a_minute(site, shelf):
    shelf.store(shelf.arrival(0))
    assert rollups.roll_up(site) == 1
    shelf.store(shelf.arrival(1))
    assert rollups.roll_up(site) == 0
    assert rollups.as_of(site) == db.session.scalars(select(RolledDay.rolled_at)).one()
    assert asked(site)["total"]["page_views"] == 1
    rollups.BUSY, before = 0, rollups.BUSY
    try:
        rolled = db.session.scalars(select(RolledDay)).one()
        rolled.took = 0
        db.session.commit()
        assert rollups.roll_up(site) == 1
    finally:
        rollups.BUSY = before
    assert asked(site)["total"]["page_views"] == 2


def test_what_arrives_while_a_day_is_read_is_added_up_next_time(site, shelf, monkeypatch):
    shelf.store(shelf.arrival(0))
    parts_of = rollups.parts_of

    def late(site, day):
        parts = parts_of(site, day)
        if shelf.count() == 1:
            shelf.store(shelf.arrival(2))
        return parts

    monkeypatch.setattr(rollups, "parts_of", late)
    rollups.roll_up(site, at_once=True)
    assert asked(site)["total"]["page_views"] == 1
    rollups.roll_up(site, at_once=True)
    assert asked(site)["total"]["page_views"] == 2


def test_only_one_at_a_time_adds_up_a_site(site, shelf):
    shelf.store(shelf.arrival(0))
    turn = rollups._take_turn(site)
    assert rollups.roll_up(site, at_once=True) == 0
    rollups._end_turn(site, turn)
    assert rollups.roll_up(site, at_once=True) == 1


def test_who_lost_his_turn_writes_nothing(site, shelf):
    shelf.store(shelf.arrival(0))
    turn = rollups._take_turn(site)
    day = local_day(NOON, ZoneInfo(site.time_zone))
    rollups._roll_day(site, day, {}, turn + 1)
    assert db.session.scalars(select(DayRollup.part)).all() == []
    rollups._roll_day(site, day, {}, turn)
    assert len(db.session.scalars(select(DayRollup.part)).all()) == 3


def test_another_time_zone_of_the_site_cuts_all_days_anew(site, shelf):
    shelf.store(*arrivals(shelf, [(n * 61, "ada", "page_view", 1, "DE") for n in range(40)]))
    rollups.roll_up(site, at_once=True)
    site.change(time_zone="Pacific/Auckland")
    db.session.commit()
    rollups.roll_up(site, at_once=True)
    assert asked(site) == naive(site)


def scan_marks(app):
    """Let Postgres know that few marks are there: it then takes them as they lie."""
    if database() == "sqlite":
        return
    owner = create_engine(app.extensions["candor_settings"], role=None)
    with owner.begin() as connection:
        connection.execute(text("ANALYZE bucket_marks"))
    owner.dispose()


def test_nobody_who_stores_waits_in_a_circle_with_what_is_begun_anew(
    app, site, shelf, acme, inside
):
    early, late = NOON - 60 * MINUTE, NOON + 60 * MINUTE
    # The later quarter lies before the earlier one, as whoever came late has left it.
    for minute in (60, -60):
        shelf.store(shelf.arrival(minute))
    scan_marks(app)

    def begin_anew():
        with inside(acme):
            rollups.rebuild(db.session.get_one(Site, acme.site_id))

    with ThreadPoolExecutor(1) as pool:
        with tenancy.transaction(site.organization_id) as connection:
            rollups.mark(connection, site, [early])
            begun = pool.submit(begin_anew)
            wait([begun], timeout=0.5)
            rollups.mark(connection, site, [late])
        begun.result()
    assert asked(site) == naive(site)


def test_the_worker_adds_up_what_changed_in_whichever_site(app, site, shelf, acme):
    shelf.store(shelf.arrival(0))
    rollups.roll_up_due()
    assert asked(site)["total"]["page_views"] == 1


def test_rare_values_are_one_other(site, shelf, monkeypatch):
    monkeypatch.setattr("app.analytics.days.MOST_VALUES", 3)
    events = [
        (n, f"v{n}", "page_view", page, "DE") for n, page in enumerate([1, 1, 1, 2, 2, 3, 3, 4, 5])
    ]
    shelf.store(*arrivals(shelf, events))
    rollups.roll_up(site, at_once=True)
    found = ask(site, period(site)).breakdown("page")
    assert [(row.value, row.totals.page_views) for row in found.rows] == [
        ("/1", 3),
        ("/2", 2),
        ("/3", 2),
    ]
    assert found.total == 3
    assert asdict(found.other)["page_views"] == 2


def test_a_person_of_many_visits_is_one_visitor_of_a_day(site, shelf):
    shelf.store(*(shelf.arrival(minute, who=who("ada")) for minute in (0, 60, 120)))
    shelf.store(shelf.arrival(30, "ben"))
    rollups.roll_up(site, at_once=True)
    assert ask(site, period(site)).totals.visitors == 2
    assert ask(site, period(site)).totals.sessions == 4


def test_a_day_that_was_packed_with_all_words_in_its_head_still_answers(site, shelf):
    shelf.store(*arrivals(shelf, [(0, "ada", "page_view", 1, "DE"), (5, "ada", "signup", 1, "DE")]))
    rollups.rebuild(site)
    before = asked(site), asked(site, filters=["country:is:DE"])
    (day,) = db.session.scalars(select(DayRollup).filter_by(part=TABLES))
    tables, said = unpack(day.data)
    words = dict(words_in(tables, said))
    day.data = pack(
        {name: each for name, each in tables.items() if not name.endswith(" words")},
        {**said, "words": words},
    )
    db.session.commit()
    assert (asked(site), asked(site, filters=["country:is:DE"])) == before


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 7, 400, 10**6])), max_size=30),
)
def test_pairs_are_each_found_once_however_many_there_could_be(each):
    codes, things = (
        (np.array(column, np.uint32) for column in zip(*each, strict=True))
        if each
        else (np.zeros(0, np.uint32),) * 2
    )
    for width in (10**6 + 1, 10**9):
        found = sums.pairs(codes, things, width)
        assert list(zip(*(one.tolist() for one in found), strict=True)) == sorted(set(each))
