"""Days that are added up bit by bit equal days added up anew equal a naive recount."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from app import cli
from app.accounts.models import Organization
from app.analytics import rollups, sums
from app.analytics.answers import ask
from app.analytics.chunks import read_chunks
from app.analytics.columns import pack, unpack
from app.analytics.days import TABLES, Draft, words_in
from app.analytics.filters import read_filters
from app.analytics.models import DayRollup, RolledDay, RollupRun
from app.analytics.periods import Period, local_day, midnight
from app.core import clock, tenancy
from app.core.db import create_engine, db
from app.sites.models import Site
from app.tracking.models import BucketMark, Event, Session
from app.tracking.models.session import LONGEST
from tests.analytics.recount import OF_SESSIONS, recount
from tests.conftest import database
from tests.tracking.arriving import DIRECT, MINUTE, NOON, Shelf, who
from tests.tracking.posting import event, post

UTC = ZoneInfo("UTC")
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
# A screen that never rests: whose, from when on, how many events, minutes between two of them.
screen = st.tuples(
    st.sampled_from(["ada", "wall"]),
    st.integers(-3000, 1500),
    st.integers(30, 90),
    st.integers(15, 30),
)
# A step: events arrive together, or some are erased, or the days that changed are added up.
step = st.one_of(
    st.lists(visit, min_size=1, max_size=8),
    screen,
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


def watched(visitor, first, number, pause):
    return [(first + n * pause, visitor, "page_view", n % 3, "DE") for n in range(number)]


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
            shelf.store(*arrivals(shelf, watched(*each) if isinstance(each, tuple) else each))
    rollups.roll_up(site, at_once=True)
    lengths = [each.last_at - each.started_at for each in db.session.scalars(select(Session))]
    assert max(lengths, default=0) <= LONGEST
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


@pytest.mark.parametrize("zones", [("Pago_Pago", "Kiritimati"), ("Kiritimati", "Pago_Pago")])
def test_the_day_of_another_clock_is_whole_however_far_that_is(site, shelf, zones):
    own, other = (f"Pacific/{each}" for each in zones)
    site.change(time_zone=own)
    db.session.commit()
    shelf.store(*(shelf.arrival(60 * hour, f"v{hour}") for hour in range(5 * 24)))
    rollups.roll_up(site, at_once=True)
    day = local_day(NOON, ZoneInfo(other)) + timedelta(days=2)
    assert ask(site, Period(day, day, ZoneInfo(other))).totals.sessions == 24


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


def test_numbers_are_whole_up_to_the_first_day_that_is_to_be_added_up_again(site, shelf):
    """Days come back newest first, as after a change of the time zone."""
    day = 24 * 60
    shelf.store(*(shelf.arrival(-number * day) for number in range(3)))
    rollups.rebuild(site)
    assert rollups.as_of(site) > clock.milliseconds() - MINUTE
    with tenancy.transaction(site.organization_id) as connection:
        rollups._begin_anew(connection, site)
    for left in (3, 2, 1):
        assert rollups.as_of(site) == NOON - 2 * day * MINUTE
        assert rollups.days_to_come(site) == left
        assert rollups.roll_up(site, until=0) == 1
    assert rollups.as_of(site) > clock.milliseconds() - MINUTE
    assert rollups.days_to_come(site) == 0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_a_day_that_was_added_up_before_it_was_over_is_whole_until_something_came(
    site, shelf, zone
):
    site.change(time_zone=zone)
    db.session.commit()
    begins = midnight(local_day(NOON, ZoneInfo(zone)), ZoneInfo(zone))
    at = [(begins - NOON) / MINUTE + 60 * hours for hours in (1, 12, 23, 25)]
    for minute in at[:2]:
        shelf.store(shelf.arrival(minute))
    with time_machine.travel((NOON + at[1] * MINUTE) / 1000 + 30, tick=False):
        rollups.roll_up(site, at_once=True)
    (rolled_at,) = db.session.scalars(select(RolledDay.rolled_at))
    with time_machine.travel((NOON + at[3] * MINUTE) / 1000 + 60, tick=False):
        # To a visit that began before.
        shelf.store(shelf.arrival(at[1] + 1))
        assert rollups.as_of(site) == rolled_at
        assert rollups.days_to_come(site) == 1
        rollups.roll_up(site, at_once=True)
        assert rollups.as_of(site) == clock.milliseconds()
        shelf.store(shelf.arrival(at[3]))
        assert rollups.as_of(site) == NOON + at[3] * MINUTE
        assert rollups.days_to_come(site) == 0
        rollups.roll_up(site, at_once=True)
        # What comes late to a day that was whole does not make all numbers old.
        shelf.store(shelf.arrival(at[2]))
        assert rollups.as_of(site) == clock.milliseconds()


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


def test_no_visitor_is_active_for_longer_than_he_is_there(app, client, acme, inside):
    """A day keeps each time in 32 bits, whatever pages tell."""
    day = 24 * 60 * MINUTE
    engaged = [event(acme, name="engagement", props={"active": day}) for _ in range(50)]
    assert post(client, acme, event(acme)).json["accepted"] == 1
    assert post(client, acme, *engaged).json["accepted"] == 50
    with app.app_context():
        rollups.roll_up_due()
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        today = local_day(clock.milliseconds(), ZoneInfo(site.time_zone))
        span = Period(today, today, ZoneInfo(site.time_zone))
        assert ask(site, span).totals.page_views == 1
        (chunk,) = read_chunks(site, span)
        assert (chunk.sessions["active"] <= chunk.sessions["duration"]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_more_money_than_64_bits_hold_is_told_as_the_most(site, shelf, sign):
    currency = db.session.get_one(Organization, site.organization_id).currency
    paid = {"name": "paid", "amount": sign * 2**53, "currency": currency, "by_api": True}
    for name in ("ada", "ben"):
        shelf.store(*(shelf.arrival(n / 1000, name, **paid) for n in range(1100)))
    rollups.rebuild(site)
    answer = ask(site, period(site))
    assert answer.totals.revenue == sign * sums.MOST_EARNED
    (row,) = answer.breakdown("event").rows
    assert (row.totals.events, row.totals.revenue) == (2200, sign * sums.MOST_EARNED)
    assert ask(site, period(site), read_filters(["event:is:paid"])).totals == answer.totals


def test_of_a_visit_over_midnight_no_other_events_are_read(site, shelf, monkeypatch):
    site.change(time_zone="UTC")
    db.session.commit()
    late = (midnight(local_day(NOON, UTC) + timedelta(days=1), UTC) - NOON) / MINUTE - 10
    shelf.store(*arrivals(shelf, watched("wall", late, 90, 15)))
    shelf.store(*arrivals(shelf, watched("ada", late + 11, 50, 20)))
    (one,) = [*arrivals(shelf, [(late + 12, None, "signup", 1, None)])]
    shelf.store(one)
    read = []
    add_event = Draft.add_event

    def noted(draft, row, *others):
        read.append(row.at)
        add_event(draft, row, *others)

    monkeypatch.setattr(Draft, "add_event", noted)
    rollups.parts_of(site, local_day(NOON, UTC))
    assert len(read) == 90 and read == sorted(read)
    monkeypatch.undo()
    rollups.rebuild(site)
    assert asked(site) == naive(site)


def test_an_ended_visit_that_turns_out_to_have_begun_the_day_before_counts_there(site, shelf):
    site.change(time_zone="UTC")
    db.session.commit()
    day = local_day(NOON, UTC)
    began = (midnight(day, UTC) - NOON) / MINUTE
    shelf.store(*arrivals(shelf, watched("ada", began + 5, 3, 10)))
    shelf.store(*arrivals(shelf, watched("ada", began + 200, 2, 10)))
    rollups.roll_up(site, at_once=True)
    assert asked(site)["day"][str(day)]["sessions"] == 2
    for late in (began + 30, began - 20):
        shelf.store(*arrivals(shelf, watched("ada", late, 1, 0)))
        rollups.roll_up(site, at_once=True)
        assert asked(site) == naive(site)
    found = {each: sums["sessions"] for each, sums in asked(site)["day"].items()}
    assert found == {str(day - timedelta(days=1)): 1, str(day): 1}


def test_a_visit_of_months_does_not_keep_a_day_from_being_added_up(site, shelf):
    """As they were kept before a visit had a longest length."""
    shelf.store(shelf.arrival(0), shelf.arrival(1, name="signup"))
    session = shelf.session()
    session.last_at += 60 * 24 * 60 * MINUTE
    (signup,) = db.session.scalars(select(Event).filter_by(name="signup"))
    signup.at = session.last_at
    db.session.commit()
    rollups.rebuild(site)
    assert asked(site)["total"] | {"duration": 0} == naive(site)["total"] | {"duration": 0}
    assert asked(site)["total"]["duration"] == 2**32 - 1


@pytest.fixture
def breaking(monkeypatch):
    """Have days break while they are added up: `breaking(site number, day)`. Tells of each time."""
    parts_of, broken, tried = rollups.parts_of, [], []

    def read(site, day, *begins):
        tried.append((site.number, day))
        if (site.number, day) in broken:
            raise OverflowError("cannot be packed")
        return parts_of(site, day, *begins)

    def have(*which):
        broken.append(which)
        return tried

    monkeypatch.setattr(rollups, "parts_of", read)
    return have


def test_a_site_that_breaks_holds_up_no_other(app, acme, umbrella, inside, breaking):
    day = local_day(NOON, ZoneInfo("UTC"))
    for tenant in (acme, umbrella):
        with inside(tenant):
            site = db.session.get_one(Site, tenant.site_id)
            site.change(time_zone="UTC")
            shelf = Shelf(tenant.id, site.number)
            # The broken day is the newest of its site, and so is the first that is added up.
            shelf.store(shelf.arrival(0), shelf.arrival(-3 * 24 * 60))
    with inside(acme):
        tried = breaking(db.session.get_one(Site, acme.site_id).number, day)
    with app.app_context():
        for _ in range(3):
            rollups.roll_up_due()
    assert sorted(tried) == sorted(set(tried)), "a broken site is put off, and not tried at once"
    for tenant, views in ((acme, 1), (umbrella, 2)):
        with inside(tenant):
            site = db.session.get_one(Site, tenant.site_id)
            assert asked(site)["total"]["page_views"] == views
            run = db.session.scalars(select(RollupRun).filter_by(site_number=site.number)).one()
            assert (run.due_at > clock.milliseconds()) == (tenant is acme)
            assert run.leased_until == 0
            whole = rollups.as_of(site)
            assert whole == NOON if tenant is acme else whole > clock.milliseconds() - MINUTE


def test_a_site_whose_turn_breaks_at_its_beginning_is_put_off(
    app, site, shelf, acme, monkeypatch, inside
):
    shelf.store(shelf.arrival(0))
    times = []

    def breaking(site):
        times.append(site.number)
        raise RuntimeError("no turn")

    monkeypatch.setattr(rollups, "_take_turn", breaking)
    for _ in range(2):
        rollups.roll_up_due()
    assert times == [site.number]
    monkeypatch.undo()
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=True):
        rollups.roll_up_due()
    assert asked(site)["total"]["page_views"] == 1


def test_the_command_adds_up_all_other_sites_and_says_which_failed(
    app, acme, umbrella, inside, breaking, capsys, monkeypatch
):
    monkeypatch.setattr("app.create_app", lambda: app)
    for tenant in (acme, umbrella):
        with inside(tenant):
            site = db.session.get_one(Site, tenant.site_id)
            shelf = Shelf(tenant.id, site.number)
            shelf.store(shelf.arrival(0))
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        day = local_day(NOON, ZoneInfo(site.time_zone))
        breaking(site.number, day)
        name = site.name
    assert cli.main(["rebuild-rollups"]) == 1
    said = capsys.readouterr()
    assert f"{name}: " not in said.out and "1 days" in said.out
    assert f"candor: {name} " in said.err
    with inside(umbrella):
        assert asked(db.session.get_one(Site, umbrella.site_id))["total"]["page_views"] == 1


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
