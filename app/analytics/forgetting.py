"""Drops raw rows that an organization keeps no longer, in small pieces. What they added up to
stays, and what was not added up yet waits.

With an archive, why no row is ever lost: a file is written and on the disk; then its `Archive` is
committed; only then do rows go, and only those that the file, read again, is found to hold, in the
state in which it holds them. What arrives meanwhile is in no file and stays for the next one: an
event has a key of its own and never changes, and a visit that was added to counts more events than
the file says. A kill before the commit leaves all rows, and a file that `sweep_files` finds; one
after it leaves an archive that is `leaving`, which the next turn goes on with.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.engine import Connection

from app.accounts.models import Organization
from app.analytics import archives
from app.analytics.models import Archive, RollupRun
from app.analytics.periods import local_day, midnight
from app.commerce.models import Order
from app.core import clock, jobs, tenancy
from app.core.db import db, system
from app.sites.models import Site
from app.tracking.models import BucketMark, Event, Session

AT_ONCE = 2000  # rows of one transaction
SLICE = 2.0  # seconds of a worker's turn: what comes in must not wait for it
TURN, EVERY = "forget_raw", 3600  # seconds from one that had time for all to the next

events: Any = Event.__table__
sessions: Any = Session.__table__
archived: Any = Archive.__table__
orders: Any = Order.__table__

log = structlog.get_logger()


def forget_raw_due() -> None:
    """A turn, once in an hour; where its time was not enough, another in some seconds."""
    if jobs.once(TURN, EVERY) and not forget_raw():
        jobs.again(TURN)


def forget_raw() -> bool:
    """What became too old since it was last looked. Whether there was time for all; else the next
    turn goes on, and by chance others come first then."""
    until = time.monotonic() + SLICE
    found = select(
        Organization.id, Organization.events_kept_days, Organization.keeps_archives
    ).where(Organization.events_kept_days.is_not(None))
    with system() as connection:
        organizations = connection.execute(found).all()
    for organization_id, days, archive in _mixed(organizations):
        assert days is not None  # nothing would be as if everything were too old
        with tenancy.scope(organization_id):
            for site_id in _mixed(db.session.scalars(select(Site.id)).all()):
                if time.monotonic() >= until:
                    return False
                _forget_surely(site_id, days, until, archive)
    return time.monotonic() < until


def _mixed(values: Sequence[Any]) -> list[Any]:
    return random.sample(values, len(values))


def _forget_surely(site_id: UUID, days: int, until: float, archive: bool) -> None:
    """One that breaks, as when it is just removed, holds up no other."""
    try:
        site = db.session.get(Site, site_id)
        if site is not None:
            forget_raw_of(site, days, until, archive=archive)
    except Exception:
        log.exception("raw_rows_not_dropped", site_id=str(site_id))
    finally:
        db.session.rollback()


def forget_raw_of(site: Site, days: int, until: float, *, archive: bool = False) -> int:
    """Those of before `days` local days ago, until `time.monotonic()` is `until`. Answers how many
    rows went. None do while some of the site were put back from an archive."""
    zone = ZoneInfo(site.time_zone)
    first = local_day(clock.milliseconds(), zone) - timedelta(days=days)
    before = midnight(first, zone)
    if _is_back(db.session, site) or not _close(site, first, before):
        return 0
    gone = sum(_drop_archived(site, each, first, until) for each in Archive.to_drop(site, before))
    if archive:
        gone += _archive(site, first, before, until)
    else:
        _say(site, None)
        gone += sum(
            _drop(site, table, moment, first, before, until)
            for table, moment in ((events, "at"), (sessions, "started_at"))
        )
    if gone:
        log.info("raw_rows_dropped", site_id=str(site.id), rows=gone, before=first.isoformat())
    return gone


def _is_back(on: Any, site: Site) -> bool:
    kept = Archive.restored_until > clock.now()
    found = select(Archive.id).where(Archive.site_id == site.id, kept).limit(1)
    return on.execute(found).first() is not None


def _close(site: Site, first: date, before: int) -> bool:
    """Say that days before this one cannot be added up again, before any of their rows goes.
    Whether they are closed: not while something of them is to be added up, nor of a site that
    never was. Nobody begins to add them up anew between the look and the closing."""
    with tenancy.transaction(site.organization_id) as connection:
        RollupRun.hold(connection, site.number)
        if _is_dirty(connection, site, before):
            return False
        return RollupRun.close(connection, site.number, first, lost=False)


def _is_dirty(connection: Connection, site: Site, before: int) -> bool:
    waiting = select(BucketMark.bucket).where(
        BucketMark.site_number == site.number,
        BucketMark.bucket < before,
        BucketMark.dirty_seq > BucketMark.clean_seq,
    )
    return connection.execute(waiting.limit(1)).first() is not None


def _may_drop(connection: Connection, site: Site, first: date, *, lost: bool = False) -> bool:
    """Whether the transaction may let rows go. It closes their days once more: since this turn
    began, somebody may have put rows back and opened them."""
    RollupRun.hold(connection, site.number)
    if _is_back(connection, site):
        return False
    RollupRun.close(connection, site.number, first, lost)
    return True


def _note_orders(connection: Connection, site: Site, ids: Sequence[UUID]) -> None:
    """When these events named orders, so that a later one that names them is not the first."""
    found = (
        select(events.c.order_id, func.min(events.c.at))
        .where(
            events.c.site_number == site.number,
            events.c.id.in_(ids),
            events.c.order_id.is_not(None),
            events.c.session_id.is_not(None),
        )
        .group_by(events.c.order_id)
    )
    for order_id, at in connection.execute(found).all():
        named = update(orders).where(
            orders.c.site_id == site.id,
            orders.c.external_id == order_id,
            or_(orders.c.named_at.is_(None), orders.c.named_at > at),
        )
        connection.execute(named.values(named_at=at))


# --- without an archive ---------------------------------------------------------------------------


def _drop(site: Site, table: Any, moment: str, first: date, before: int, until: float) -> int:
    gone = 0
    while time.monotonic() < until:
        with tenancy.transaction(site.organization_id) as connection:
            old = (
                select(table.c.id)
                .where(table.c.site_number == site.number, table.c[moment] < before)
                .order_by(table.c[moment])
                .limit(AT_ONCE)
            )
            ids: list[UUID] = list(connection.scalars(old))
            if not ids or not _may_drop(connection, site, first, lost=True):
                break
            if table is events:
                _note_orders(connection, site, ids)
            # Not as pairs, which Postgres may look for in all rows, two thousand times over.
            here = delete(table).where(table.c.site_number == site.number)
            connection.execute(here.where(table.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < AT_ONCE:
            break
    return gone


# --- into an archive ------------------------------------------------------------------------------

EXACTLY = {
    "event": delete(events).where(
        events.c.site_number == bindparam("number"), events.c.id == bindparam("row")
    ),
    # Each event that is added to a visit is counted in it.
    "session": delete(sessions).where(
        sessions.c.site_number == bindparam("number"),
        sessions.c.id == bindparam("row"),
        sessions.c.events == bindparam("counted"),
    ),
}


def _archive(site: Site, first: date, before: int, until: float) -> int:
    gone = 0
    while time.monotonic() < until:
        try:
            written = archives.write(site, before)
        except OSError as error:
            log.error("archive_not_written", site_id=str(site.id), error=str(error))
            _say(site, error.strerror or str(error))
            return gone
        _say(site, None)
        if written is None or not _commit(written, first):
            return gone
        archive = db.session.get_one(Archive, written.id)
        gone += _drop_archived(site, archive, first, until)
    return gone


def _commit(written: archives.Written, first: date) -> bool:
    site = written.site
    with tenancy.transaction(site.organization_id) as connection:
        if _may_drop(connection, site, first):
            connection.execute(archived.insert().values(written.values()))
            return True
    written.path.unlink()
    return False


def _drop_archived(site: Site, archive: Archive, first: date, until: float) -> int:
    """The rows that its file holds, once it was read and found whole. Another archive is made of
    those whose file is not."""
    if time.monotonic() >= until:
        return 0  # before the whole file is read
    try:
        archives.check(archive)
    except archives.Unusable as error:
        log.error("archive_unusable", archive_id=str(archive.id), error=str(error))
        _set(site, archive, dropped_at=clock.now(), restored_until=None)
        return 0
    if not _leave(site, archive, first):
        return 0
    gone = 0
    for kind, rows in archives.pages_in(archive):
        # Not before something went: the next turn looks through what is gone already as well.
        if gone and time.monotonic() >= until:
            return gone
        went = _drop_exactly(site, archive, kind, rows)
        if went is None:
            return gone
        gone += went
    _set(site, archive, dropped_at=clock.now())
    return gone


def _leave(site: Site, archive: Archive, first: date) -> bool:
    with tenancy.transaction(site.organization_id) as connection:
        if not _may_drop(connection, site, first):
            return False
        here = update(archived).where(archived.c.id == archive.id)
        left = connection.execute(here.values(dropped_at=None, restored_until=None))
        return bool(left.rowcount)  # it may just have been deleted


def _is_there(connection: Connection, archive: Archive) -> bool:
    found = select(archived.c.id).where(archived.c.id == archive.id)
    return connection.execute(found).first() is not None


def _drop_exactly(
    site: Site, archive: Archive, kind: str, rows: list[dict[str, Any]]
) -> int | None:
    """How many of them went; some did before, or are not any more as they were. None: nothing is
    dropped any more, since somebody put them back or deleted their archive meanwhile."""
    states = {UUID(each["id"]): _state(each) for each in rows}
    with tenancy.transaction(site.organization_id) as connection:
        RollupRun.hold(connection, site.number)
        if _is_back(connection, site) or not _is_there(connection, archive):
            return None
        # To delete a row that is gone takes as long as to delete one.
        there = connection.scalars(_those_of(archives.MODELS[kind].__table__, site, states)).all()
        if kind == "event":
            _note_orders(connection, site, there)
        keys = [{"number": site.number, "row": each, **states[each]} for each in there]
        return connection.execute(EXACTLY[kind], keys).rowcount if keys else 0


def _those_of(table: Any, site: Site, ids: Iterable[UUID]) -> Any:
    # Not as pairs, which Postgres may look for in all rows, two thousand times over.
    return select(table.c.id).where(table.c.site_number == site.number, table.c.id.in_(list(ids)))


def _state(row: dict[str, Any]) -> dict[str, Any]:
    return {"counted": row["events"]} if row["row"] == "session" else {}


def _set(site: Site, archive: Archive, **values: Any) -> None:
    with tenancy.transaction(site.organization_id) as connection:
        RollupRun.hold(connection, site.number)
        if not _is_back(connection, site):
            connection.execute(update(archived).where(archived.c.id == archive.id).values(values))


def _say(site: Site, problem: str | None) -> None:
    """For those who look at the page of archives."""
    run = select(RollupRun).filter_by(site_number=site.number)
    found = db.session.scalars(run).one()
    if found.archive_problem != problem:
        found.archive_problem = problem and problem[:200]
        db.session.commit()
