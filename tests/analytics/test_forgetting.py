"""Raw rows go after the time that the organization sets; what they added up to stays."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, text
from structlog.testing import capture_logs

from app.accounts.models import Organization
from app.analytics import forgetting, rollups
from app.analytics.answers import ask
from app.analytics.forgetting import forget_raw, forget_raw_due, forget_raw_of
from app.analytics.periods import Period, midnight
from app.core import clock, tenancy
from app.core.db import db
from app.sites.models import Site
from app.tracking.models import Event, Session
from tests.tracking.arriving import MINUTE

DAY = 24 * 60  # minutes


@pytest.fixture
def happened(shelf):
    """A visit on each of the last sixty days."""
    now = int(clock.now().timestamp() * 1000)
    for days in range(60):
        at = now - days * DAY * MINUTE - MINUTE
        shelf.store(*(shelf.arrival(0, f"v{days}", at=at + n) for n in range(3)))


def counted(site):
    today = clock.now().astimezone(ZoneInfo(site.time_zone)).date()
    period = Period(today - timedelta(days=70), today, ZoneInfo(site.time_zone))
    answer = ask(site, period)
    return answer.totals, {row.value: row.totals for row in answer.breakdown("page").rows}


def oldest(model, column):
    return min(db.session.scalars(select(column)))


def test_old_rows_go_and_their_sums_stay_also_when_everything_is_added_up_anew(site, happened):
    rollups.roll_up(site, at_once=True)
    before = counted(site)
    assert before[0].sessions == 60
    db.session.get_one(Organization, site.organization_id).keep_events(30)
    db.session.commit()
    forget_raw()
    left = clock.now() - timedelta(days=31)
    assert len(db.session.scalars(select(Session.id)).all()) in (30, 31)
    assert oldest(Event, Event.at) >= left.timestamp() * 1000
    assert counted(site) == before
    rollups.rebuild(site)
    assert counted(site) == before


def test_a_turn_that_was_too_short_goes_on_with_the_next_and_one_that_was_not_has_an_hour(
    site, happened, monkeypatch
):
    rollups.roll_up(site, at_once=True)
    organization = db.session.get_one(Organization, site.organization_id)

    def left_after_a_turn(kept, seconds):
        organization.keep_events(kept)
        db.session.commit()
        monkeypatch.setattr(forgetting, "SLICE", seconds)
        forget_raw_due()
        return len(db.session.scalars(select(Session.id)).all())

    assert left_after_a_turn(30, 0.0) == 60
    kept = left_after_a_turn(30, 20.0)
    assert kept in (30, 31)
    assert left_after_a_turn(20, 20.0) == kept


def test_days_whose_rows_are_gone_stay_closed_though_more_is_kept_from_now_on(site, happened):
    rollups.roll_up(site, at_once=True)
    before = counted(site)
    forget_raw_of(site, 30, time.monotonic() + 10)
    forget_raw_of(site, 50, time.monotonic() + 10)
    rollups.rebuild(site)
    assert counted(site) == before


def test_what_was_not_added_up_yet_is_kept(site, happened):
    assert forget_raw_of(site, 30, time.monotonic() + 10) == 0
    rollups.roll_up(site, at_once=True)
    assert forget_raw_of(site, 30, time.monotonic() + 10) > 100


def test_nothing_goes_where_all_is_to_be_kept(site, happened):
    rollups.roll_up(site, at_once=True)
    forget_raw()
    assert len(db.session.scalars(select(Session.id)).all()) == 60


def test_a_day_that_is_closed_stays_whatever_changes(site, happened):
    rollups.roll_up(site, at_once=True)
    before = counted(site)
    forget_raw_of(site, 30, time.monotonic() + 10)
    old = int((clock.now() - timedelta(days=45)).timestamp() * 1000)
    rollups.mark(db.session, site, [old - MINUTE])
    db.session.commit()
    rollups.roll_up(site, at_once=True)
    assert counted(site) == before
    assert rollups.as_of(site) > old


def test_a_day_that_is_closed_while_it_is_added_up_stays(site, happened, monkeypatch, acme, inside):
    rollups.roll_up(site, at_once=True)
    before = counted(site)
    old = int((clock.now() - timedelta(days=45)).timestamp() * 1000)
    rollups.mark(db.session, site, [old - MINUTE])
    db.session.commit()
    read, zone = rollups.parts_of, ZoneInfo(site.time_zone)

    def read_meanwhile(site, day):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(close_and_drop).result()
        return read(site, day)

    def close_and_drop():
        first = clock.now().astimezone(zone).date() - timedelta(days=30)
        with inside(acme):
            here = db.session.get_one(Site, site.id)
            assert forgetting._close(here, first, 0)
            until = time.monotonic() + 10
            forgetting._drop(here, Event.__table__, "at", first, midnight(first, zone), until)

    monkeypatch.setattr(rollups, "parts_of", read_meanwhile)
    rollups.roll_up(site, at_once=True)
    assert counted(site) == before


def meanwhile(acme, inside, act):
    """`act(site)` on a thread with a connection of its own. Waits for a second only, since it may
    have to wait for whoever asks."""

    def acting():
        with inside(acme):
            act(db.session.get_one(Site, acme.site_id))

    pool = ThreadPoolExecutor(1)
    future = pool.submit(acting)
    wait([future], timeout=1)
    pool.shutdown(wait=False)
    return future


def test_what_is_begun_anew_between_looking_and_closing_is_not_closed(
    site, happened, acme, inside, monkeypatch
):
    rollups.roll_up(site, at_once=True)
    before, is_dirty, begun = counted(site), forgetting._is_dirty, []

    def begin_anew(here):
        with tenancy.transaction(here.organization_id) as connection:
            rollups._begin_anew(connection, here)

    def looked(*asked):
        answer = is_dirty(*asked)
        if not begun:
            begun.append(meanwhile(acme, inside, begin_anew))
        return answer

    monkeypatch.setattr(forgetting, "_is_dirty", looked)
    forget_raw_of(site, 30, time.monotonic() + 10)
    begun[0].result()
    rollups.roll_up(site, at_once=True)
    assert counted(site) == before


def test_days_that_are_closed_when_all_is_begun_anew_stay(site, happened, acme, inside):
    rollups.roll_up(site, at_once=True)
    before, zone = counted(site), ZoneInfo(site.time_zone)
    first = clock.now().astimezone(zone).date() - timedelta(days=30)
    with tenancy.transaction(site.organization_id) as connection:
        assert forgetting._may_drop(connection, site, first, lost=True)
        for table, moment in ((Event, Event.at), (Session, Session.started_at)):
            connection.execute(delete(table).where(moment < midnight(first, zone)))
        rebuilt = meanwhile(acme, inside, rollups.rebuild)
    rebuilt.result()
    assert counted(site) == before


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Pacific/Niue"])
def test_another_time_zone_loses_no_hour_of_days_whose_rows_are_gone(site, shelf, zone):
    site.change(time_zone="UTC")
    db.session.commit()
    now = clock.milliseconds()
    hours = range(27 * 24, 34 * 24)
    shelf.store(*(shelf.arrival(0, f"v{n}", at=now - n * 60 * MINUTE) for n in hours))
    rollups.roll_up(site, at_once=True)
    before = counted(site)
    assert before[0].sessions == len(hours)
    forget_raw_of(site, 30, time.monotonic() + 10)
    site.change(time_zone=zone)
    db.session.commit()
    # By the new clock some rows are too old already of which no day has been cut by it.
    assert forget_raw_of(site, 28, time.monotonic() + 10) == 0
    rollups.roll_up(site, at_once=True)
    assert counted(site) == before
    rollups.rebuild(site)
    assert counted(site) == before
    assert forget_raw_of(site, 28, time.monotonic() + 10) > 0
    site.change(time_zone="UTC")
    db.session.commit()
    rollups.roll_up(site, at_once=True)
    assert counted(site) == before


@pytest.fixture
def dropped(app, acme, umbrella, inside, monkeypatch):
    """Of two organizations that keep their rows for a month: the sites whose turn it was."""
    for tenant in (acme, umbrella):
        with inside(tenant):
            db.session.get_one(Organization, tenant.id).keep_events(30)
            db.session.commit()
    seen = []
    monkeypatch.setattr(forgetting, "forget_raw_of", lambda site, *_, **__: seen.append(site.id))
    return seen


def test_a_site_that_breaks_holds_up_no_other(app, acme, umbrella, dropped, monkeypatch):
    note = forgetting.forget_raw_of

    def breaking(site, *rest, **options):
        note(site)
        if len(dropped) == 1:
            db.session.execute(text("SELECT 1 FROM nowhere"))

    monkeypatch.setattr(forgetting, "forget_raw_of", breaking)
    with app.app_context(), capture_logs() as said:
        forget_raw()
    assert set(dropped) == {acme.site_id, umbrella.site_id}
    assert [(each["event"], each["site_id"], each["log_level"]) for each in said] == [
        ("raw_rows_not_dropped", str(dropped[0]), "error")
    ]


def test_not_always_the_same_come_first(app, acme, umbrella, dropped):
    firsts = set()
    for _ in range(40):
        dropped.clear()
        with app.app_context():
            forget_raw()
        firsts.add(dropped[0])
    assert firsts == {acme.site_id, umbrella.site_id}


def test_when_the_time_is_over_nobody_else_begins(app, dropped, monkeypatch):
    monkeypatch.setattr(forgetting, "SLICE", 0)
    with app.app_context():
        forget_raw()
    assert dropped == []


def test_an_owner_says_how_long_and_it_is_asked_for(acme, sign_in, inside):
    alice = sign_in("alice@acme.example")
    path = f"/o/{acme.slug}/settings"
    assert alice.post(f"{path}/retention", {"events_kept_days": "90"}).status_code == 302
    assert 'value="90"' in alice.get(path).text
    assert alice.post(f"{path}/retention", {"events_kept_days": "7"}).status_code == 422
    with inside(acme):
        assert db.session.get_one(Organization, acme.id).events_kept_days == 90
