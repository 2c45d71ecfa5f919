"""Puts the rows of an archive back into the database, for a while.

What was added up stays as it is. Once no row of some days is missing any more, those days are open
again: to rebuild them gives the same. While rows are back, nothing of their site is dropped, for
days are open or closed from one day on, and what is dropped closes all days before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from app.analytics import archives
from app.analytics.models import Archive, RollupRun
from app.analytics.periods import DAY, local_day
from app.core import tenancy
from app.core.db import db, system
from app.core.sql import ManyRows
from app.sites.models import Site

runs: Any = RollupRun.__table__


class Unknown(Exception):
    """There is no such archive."""


@dataclass(frozen=True)
class Restored:
    site: str
    events: int
    sessions: int
    until: datetime
    # From which day on the site has all its raw rows; None: from its first.
    whole_since: date | None


def restore(archive_id: UUID) -> Restored:
    """All rows of an archive, each once, however often it is asked for. It commits by itself.

    Raises Unknown, and `archives.Unusable` for a file that is not what was written.
    """
    with system() as connection:
        found = select(Archive.organization_id).where(Archive.id == archive_id)
        organization_id = connection.scalar(found)
    if organization_id is None:
        raise Unknown
    with tenancy.scope(organization_id):
        return _restore(db.session.get_one(Archive, archive_id))


def _restore(archive: Archive) -> Restored:
    archives.check(archive)
    _begin(archive)
    readers = {kind: archives.reader_of(archive, kind) for kind in archives.MODELS}
    for kind, lines in archives.pages_in(archive):
        rows = [readers[kind](line) for line in lines]
        with tenancy.transaction(archive.organization_id) as connection:
            RESTORING[kind].write(connection, rows)
    return _end(archive)


def _begin(archive: Archive) -> None:
    RollupRun.hold(db.session, archive.site.number)
    db.session.refresh(archive)
    archive.restore()
    db.session.commit()


def _end(archive: Archive) -> Restored:
    RollupRun.hold(db.session, archive.site.number)
    db.session.refresh(archive)
    archive.restored()
    whole_since = _open_whole_days(archive.site)
    assert archive.restored_until is not None
    restored = Restored(
        archive.site.name, archive.events, archive.sessions, archive.restored_until, whole_since
    )
    db.session.commit()
    return restored


def _open_whole_days(site: Site) -> date | None:
    """Let those days be added up again of which, and after which, no row is missing."""
    run = db.session.execute(
        select(runs.c.raw_since, runs.c.lost_before).where(runs.c.site_number == site.number)
    ).one()
    away = select(func.max(Archive.last_at)).where(Archive.site_id == site.id, Archive.not_back())
    last = db.session.scalar(away)
    after = None if last is None else local_day(last, ZoneInfo(site.time_zone)) + DAY
    since = max((day for day in (run.lost_before, after) if day is not None), default=None)
    if run.raw_since is None or (since is not None and since >= run.raw_since):
        since = run.raw_since
    db.session.execute(
        update(runs).where(runs.c.site_number == site.number).values(raw_since=since)
    )
    return since


def _once(insert: Any) -> Any:
    return insert.on_conflict_do_nothing(index_elements=["site_number", "id"])


def _newer(insert: Any) -> Any:
    """A visit that was added to after it was archived is in a later archive as well: the one with
    more events is the later one."""
    came, kept = insert.excluded, archives.MODELS["session"].__table__.c
    return insert.on_conflict_do_update(
        index_elements=["site_number", "id"],
        set_={each.name: came[each.name] for each in kept if not each.primary_key},
        where=came.events > kept.events,
    )


CONFLICTS = {"session": _newer, "event": _once}
RESTORING = {
    kind: ManyRows(
        model.__table__, [*archives.OWNERS, *archives.kept_columns(model)], CONFLICTS[kind]
    )
    for kind, model in archives.MODELS.items()
}
