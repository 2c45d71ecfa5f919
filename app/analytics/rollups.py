"""Keeps the days of a site added up: those of whose quarters of an hour something has changed.

A mark is never deleted: its `clean_seq` follows the `dirty_seq` that was read before the rows were,
so what comes meanwhile is added up next time. A day is read and added up outside a transaction and
replaced in a short one, by whoever's turn it still is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete, func, literal_column, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from app.accounts.models import Organization
from app.analytics import raw
from app.analytics.days import Draft, pack_day
from app.analytics.models import DayRollup, RolledDay, RollupRun
from app.analytics.periods import Period, local_day, midnight
from app.core import clock, tenancy
from app.core.announce import subscribe
from app.core.db import db, reading, system
from app.core.sql import insert
from app.sites.models import Site, SiteChanged
from app.tracking.arrivals import LEFT_OUT
from app.tracking.models import BucketMark
from app.tracking.models.rollup import BUCKET

BUSY = 60_000  # milliseconds between two times that a day is added up, at least
SHARE = 10  # of the time that adding up may take: one in ten
LEASE = 10 * 60_000  # milliseconds after which a turn is another's
SLICE = 1.0  # seconds of a worker's turn: what comes in must not wait for it
SITES = 50  # of a worker's turn, at most
LATER = 5 * 60_000  # milliseconds until a site that broke is tried again
DAY: Any = literal_column("86400000")  # milliseconds

marks: Any = BucketMark.__table__
runs: Any = RollupRun.__table__
rolled: Any = RolledDay.__table__
rollups: Any = DayRollup.__table__

log = structlog.get_logger()


def roll_up_due() -> None:
    """A worker's turn: days that are due, of whichever sites, for about a second."""
    until = time.monotonic() + SLICE
    for due in _due():
        with tenancy.scope(due.organization_id):
            _roll_up_surely(due.site_number, until)
        if time.monotonic() >= until:
            return


def _roll_up_surely(site_number: int, until: float) -> None:
    """One that breaks holds up no other: it is put off."""
    try:
        site = _numbered(site_number)
        if site is not None:
            roll_up(site, until=until)
    except Exception:
        log.exception("site_not_added_up", site_number=site_number)
        db.session.rollback()
        _put_off(site_number)


def _numbered(site_number: int) -> Site | None:
    return db.session.scalars(select(Site).filter_by(number=site_number)).one_or_none()


def roll_up(site: Site, *, until: float | None = None, at_once: bool = False) -> int:
    """Add up the changed days of a site, the newest first, until `time.monotonic()` is `until`.
    Those that were just added up wait, unless it is to be `at_once`. Answers how many days were. It
    writes in transactions of its own, so the caller has none open. What a day raises is raised when
    the others had their turn."""
    turn = _take_turn(site)
    if turn is None:
        return 0
    number, done, broken = site.number, 0, None
    try:
        changed = _changed_days(site)
        waiting = set() if at_once else _not_yet(site, changed)
        for day in sorted(changed.keys() - waiting, reverse=True):
            try:
                _roll_day(site, day, changed[day], turn)
                done += 1
            except Exception as error:
                log.exception("day_not_added_up", site_number=number, day=str(day))
                db.session.rollback()
                broken = error
            if until is not None and time.monotonic() >= until:
                break
    finally:
        _end_turn(site, turn)
    if broken is not None:
        raise broken
    return done


def rebuild(site: Site) -> int:
    """Everything anew from the raw rows. Answers how many days there are."""
    with tenancy.transaction(site.organization_id) as connection:
        _begin_anew(connection, site)
    return roll_up(site, at_once=True)


def mark(connection: Any, site: Site, moments: Iterable[int]) -> None:
    """Have what happened at these moments (milliseconds since 1970) added up again."""
    for bucket in sorted({each - each % BUCKET for each in moments}):
        connection.execute(
            update(marks)
            .where(marks.c.site_number == site.number, marks.c.bucket == bucket)
            .values(dirty_seq=marks.c.dirty_seq + 1)
        )


def mark_all(connection: Any, site: Site, since: int = 0) -> None:
    """Have everything added up again that happened since this moment (milliseconds since 1970), a
    day after the other. The numbers stay until then."""
    here = (marks.c.site_number == site.number, marks.c.bucket >= since)
    # Taken in their order, as everybody does, so that nobody waits for another in a circle.
    connection.execute(
        select(marks.c.bucket).where(*here).order_by(marks.c.bucket).with_for_update()
    )
    connection.execute(update(marks).where(*here).values(dirty_seq=marks.c.dirty_seq + 1))


@subscribe(SiteChanged)
def _have_cut_anew(announcement: SiteChanged) -> None:
    """Also the days of a site where nothing happens. Until then none of its rows are dropped."""
    cut = _cut(db.session, announcement.site)
    if cut is not None and cut.zone != announcement.site.time_zone:
        mark_all(db.session, announcement.site)


def as_of(site: Site) -> int:
    """The moment (milliseconds since 1970) up to which the numbers of a site are whole. What came
    late to a day that was added up after it was over is no part of this."""
    with reading(newest=True) as reader:
        changed = _first_changes(reader, site)
        if not changed:
            return clock.milliseconds()
        begun = _whole_until(reader, site, changed)
        if begun:
            return min(begun.values())
        last = select(func.max(RolledDay.rolled_at)).where(RolledDay.site_number == site.number)
        return reader.scalar(last) or 0


def whole_of(site: Site, period: Period) -> int:
    """Up to when the numbers of these days are whole: the period's end, if they all are."""
    with reading(newest=True) as reader:
        changed = _first_changes(reader, site)
        here = {day: first for day, first in changed.items() if period.first <= day <= period.last}
        return min(_whole_until(reader, site, here).values(), default=period.ends)


def days_to_come(site: Site) -> int:
    """How many days are over and not added up as a whole: many after a change of the time zone."""
    today = local_day(clock.milliseconds(), ZoneInfo(site.time_zone))
    with reading(newest=True) as reader:
        begun = _whole_until(reader, site, _first_changes(reader, site))
    return sum(day < today for day in begun)


def _first_changes(reader: Session, site: Site) -> dict[date, int]:
    """By changed day: the first moment at which anything in it may have. Of each day by the clock
    of UTC, of which two local days can have a part, the database answers one row: there may be
    the quarters of years."""
    zone = ZoneInfo(site.time_zone)
    ends = select(func.min(BucketMark.bucket), func.max(BucketMark.bucket)).where(
        BucketMark.site_number == site.number, BucketMark.dirty_seq > BucketMark.clean_seq
    )
    changed: dict[date, int] = {}
    for first, last in reader.execute(ends.group_by(BucketMark.bucket // DAY)):
        day = local_day(last, zone)
        for moment in (max(first, midnight(day, zone)), first):
            day = local_day(moment, zone)
            changed[day] = min(moment, changed.get(day, moment))
    return changed


def _whole_until(reader: Session, site: Site, changed: dict[date, int]) -> dict[date, int]:
    """Of those changed days that were never added up since they were over: up to when each is
    whole."""
    zone = ZoneInfo(site.time_zone)
    found = select(RolledDay.day, RolledDay.rolled_at).where(
        RolledDay.site_number == site.number, RolledDay.day.in_(list(changed))
    )
    at = {row.day: row.rolled_at for row in reader.execute(found)}
    return {
        day: max(first, at.get(day, 0))
        for day, first in changed.items()
        if at.get(day, 0) < midnight(day + timedelta(days=1), zone)
    }


def first_day(site: Site) -> date | None:
    """On which something was recorded first."""
    first = select(func.min(DayRollup.day)).where(DayRollup.site_number == site.number)
    with reading() as reader:
        return reader.scalar(first)


def versions(site: Site, period: Period) -> list[tuple[date, int]]:
    """Those days of a period that were added up, and for each a number that another adding up
    changes."""
    found = (
        select(RolledDay.day, RolledDay.rolled_at)
        .where(
            RolledDay.site_number == site.number,
            RolledDay.day.between(period.first, period.last),
        )
        .order_by(RolledDay.day)
    )
    with reading() as reader:
        return [(row.day, row.rolled_at) for row in reader.execute(found)]


# --- whose turn it is -----------------------------------------------------------------------------


def _due() -> Sequence[Any]:
    changed = (
        select(marks.c.organization_id, marks.c.site_number)
        .where(marks.c.dirty_seq > marks.c.clean_seq)
        .distinct()
        .subquery()
    )
    found = (
        select(changed)
        .outerjoin(runs, runs.c.site_number == changed.c.site_number)
        .where(or_(runs.c.due_at.is_(None), runs.c.due_at <= clock.milliseconds()))
        .order_by(func.coalesce(runs.c.due_at, 0))
        .limit(SITES)
    )
    with system() as connection:
        return connection.execute(found).all()


def _take_turn(site: Site) -> int | None:
    """A number that grows with each turn, or None while somebody else has one."""
    now = clock.milliseconds()
    cut = _cut(db.session, site)
    recut = cut is not None and cut.zone != site.time_zone
    seam = _parts_of_seam(site, cut) if recut else {}
    with tenancy.transaction(site.organization_id) as connection:
        RollupRun.hold(connection, site.number)
        if _cut(connection, site) != cut:
            return None  # somebody has just closed days, or cut them: to be looked at anew
        row = {
            "organization_id": site.organization_id,
            "site_number": site.number,
            "zone": site.time_zone,
            "turn": 1,
            "leased_until": now + LEASE,
            "due_at": 0,
        }
        taken = insert(connection, runs).values(row)
        taken = taken.on_conflict_do_update(
            index_elements=["site_number"],
            set_={
                "turn": runs.c.turn + 1,
                "leased_until": now + LEASE,
                "zone": site.time_zone,
            },
            where=runs.c.leased_until <= now,
        ).returning(runs.c.turn)
        turn: int | None = connection.execute(taken).scalar()
        if turn is not None and recut:
            _cut_anew(connection, site, cut, seam, now)
        return turn


def _cut(on: Any, site: Site) -> Any:
    """By which clock the days of a site are cut, and from which on there are raw rows."""
    found = select(runs.c.zone, runs.c.raw_since).where(runs.c.site_number == site.number)
    return on.execute(found).one_or_none()


def _parts_of_seam(site: Site, cut: Any) -> dict[str, bytes]:
    """The first day with raw rows, from where it began by the former clock to where it ends by the
    site's: what lies between two midnights is of it, since the day before cannot take it."""
    if cut.raw_since is None:
        return {}
    return parts_of(site, cut.raw_since, midnight(cut.raw_since, ZoneInfo(cut.zone)))


def _cut_anew(
    connection: Connection, site: Site, cut: Any, seam: dict[str, bytes], read_at: int
) -> None:
    """Days that were cut by another clock are no days of this site. Those without raw rows, and
    the one at the seam, stay so for good."""
    if cut.raw_since is not None:
        owned = _owned(site, cut.raw_since)
        _replace(connection, owned, seam, rolled_at=read_at, took=0)
        RollupRun.close(connection, site.number, cut.raw_since + timedelta(days=1), lost=True)
    _begin_anew(connection, site)


def _begin_anew(connection: Connection, site: Site) -> None:
    """Forget what was added up, as far as there are raw rows to add up again."""
    # Nobody closes days meanwhile: what is deleted here could not be added up again.
    RollupRun.hold(connection, site.number)
    since = connection.execute(
        select(runs.c.raw_since).where(runs.c.site_number == site.number)
    ).scalar()
    first = since or date.min
    for table in (rollups, rolled):
        here = (table.c.site_number == site.number, table.c.day >= first)
        connection.execute(delete(table).where(*here))
    mark_all(connection, site, midnight(since, ZoneInfo(site.time_zone)) if since else 0)


def _end_turn(site: Site, turn: int) -> None:
    """The next look: at once if something is left that need not wait, else when the day that
    changes all the time may be added up again."""
    changed = _changed_days(site)
    ready = changed.keys() - _not_yet(site, changed)
    due_at = 0 if ready else _ready_at(site)
    with tenancy.transaction(site.organization_id) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.site_number == site.number, runs.c.turn == turn)
            .values(leased_until=0, due_at=due_at)
        )


def _put_off(site_number: int) -> None:
    """Also a site that never had a turn."""
    site = _numbered(site_number)
    if site is None:
        return
    row = {
        "organization_id": site.organization_id,
        "site_number": site_number,
        "zone": site.time_zone,
        "due_at": clock.milliseconds() + LATER,
    }
    with tenancy.transaction(site.organization_id) as connection:
        put = insert(connection, runs).values(row)
        kept = {"due_at": row["due_at"]}
        connection.execute(put.on_conflict_do_update(index_elements=["site_number"], set_=kept))


# --- which days -----------------------------------------------------------------------------------


def _changed_days(site: Site) -> dict[date, dict[int, int]]:
    """By day: its changed quarters, and the `dirty_seq` of each."""
    zone = ZoneInfo(site.time_zone)
    found = select(BucketMark.bucket, BucketMark.dirty_seq).where(
        BucketMark.site_number == site.number, BucketMark.dirty_seq > BucketMark.clean_seq
    )
    changed: dict[date, dict[int, int]] = defaultdict(dict)
    with reading(newest=True) as reader:
        for bucket, seq in reader.execute(found):
            changed[local_day(bucket, zone)][bucket] = seq
    return changed


def _not_yet(site: Site, days: Iterable[date]) -> set[date]:
    """Those that were added up so shortly before that they wait."""
    now = clock.milliseconds()
    return {day for day, ready in _ready(site, days).items() if ready > now}


def _ready_at(site: Site) -> int:
    """When the first of the days that were just added up may be again."""
    yesterday = local_day(clock.milliseconds(), ZoneInfo(site.time_zone)) - timedelta(days=1)
    days = (yesterday + timedelta(days=number) for number in range(3))
    coming = [each for each in _ready(site, days).values() if each > clock.milliseconds()]
    return min(coming, default=0)


def _ready(site: Site, days: Iterable[date]) -> dict[date, int]:
    found = select(RolledDay.day, RolledDay.rolled_at, RolledDay.took).where(
        RolledDay.site_number == site.number, RolledDay.day.in_(list(days))
    )
    with reading(newest=True) as reader:
        return {
            row.day: row.rolled_at + max(BUSY, SHARE * row.took) for row in reader.execute(found)
        }


# --- one day --------------------------------------------------------------------------------------


def _roll_day(site: Site, day: date, buckets: dict[int, int], turn: int) -> None:
    read_at, started = clock.milliseconds(), time.monotonic()
    since = db.session.scalar(select(RollupRun.raw_since).filter_by(site_number=site.number))
    was_closed = _is_closed(day, since)
    parts = {} if was_closed else parts_of(site, day)
    took = int((time.monotonic() - started) * 1000)
    owned = _owned(site, day)
    with tenancy.transaction(site.organization_id) as connection:
        # Locks the row, so that nobody else's turn begins before this is written.
        mine = update(runs).where(runs.c.site_number == site.number, runs.c.turn == turn)
        taken = mine.values(leased_until=clock.milliseconds() + LEASE).returning(runs.c.raw_since)
        run = connection.execute(taken).first()
        if run is None:
            return
        closed = _is_closed(day, run.raw_since)
        # All its rows have just been restored: to be read at the next turn.
        if was_closed and not closed:
            return
        # It may have been closed, and half of its rows dropped, while they were read.
        if not closed:
            _replace(connection, owned, parts, rolled_at=read_at, took=took)
        for bucket, seq in sorted(buckets.items()):
            here = (marks.c.site_number == site.number, marks.c.bucket == bucket)
            clean = update(marks).where(*here, marks.c.clean_seq < seq)
            connection.execute(clean.values(clean_seq=seq))


def _owned(site: Site, day: date) -> dict[str, Any]:
    return {"organization_id": site.organization_id, "site_number": site.number, "day": day}


def _is_closed(day: date, raw_since: date | None) -> bool:
    return raw_since is not None and day < raw_since


def _replace(
    connection: Connection, owned: dict[str, Any], parts: dict[str, bytes], **rolled_so: int
) -> None:
    for table in (rollups, rolled):
        here = (table.c.site_number == owned["site_number"], table.c.day == owned["day"])
        connection.execute(delete(table).where(*here))
    rows = [{**owned, "part": part, "data": data} for part, data in parts.items()]
    if rows:
        connection.execute(rollups.insert(), rows)
    connection.execute(rolled.insert().values(**owned, **rolled_so))


def parts_of(site: Site, day: date, begins: int | None = None) -> dict[str, bytes]:
    """A day as it is kept, from the rows as they are now; nothing for a day without any. `begins`:
    not at its midnight."""
    zone = ZoneInfo(site.time_zone)
    begins = midnight(day, zone) if begins is None else begins
    ends = midnight(day + timedelta(days=1), zone)
    organization = db.session.get_one(Organization, site.organization_id)
    draft = Draft(begins=begins, currency=organization.currency)
    over_midnight = []
    for session in raw.sessions_begun(site.number, begins, ends):
        draft.add_session(session)
        if session.last_at >= ends:
            over_midnight.append(session.id)
    events = list(raw.events_between(site.number, begins, ends, LEFT_OUT))
    events += raw.events_of(site.number, over_midnight, ends, LEFT_OUT)
    named = {each.order_id for each in events if each.order_id is not None}
    with reading(newest=True) as reader:
        told = raw.orders_told(reader, site.id, site.number, named)
    for event in events:
        draft.add_event(event, told, site.trusts_pages)
    return pack_day(draft) if draft.sessions["start"] else {}
