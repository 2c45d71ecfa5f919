"""Drops raw rows that an organization keeps no longer, in small pieces. What they added up to
stays, and what was not added up yet waits."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete, or_, select, update

from app.accounts.models import Organization
from app.analytics.models import RollupRun
from app.analytics.periods import midnight
from app.core import clock, tenancy
from app.core.db import db, system
from app.sites.models import Site
from app.tracking.models import BucketMark, Event, Session

AT_ONCE = 2000  # rows of one transaction
SLICE = 20.0  # seconds of a worker's turn

log = structlog.get_logger()


def forget_raw() -> None:
    """What became too old since it was last looked; where that is much, the next turn goes on."""
    until = time.monotonic() + SLICE
    found = select(Organization.id, Organization.events_kept_days).where(
        Organization.events_kept_days.is_not(None)
    )
    with system() as connection:
        organizations = connection.execute(found).all()
    for organization_id, days in organizations:
        with tenancy.scope(organization_id):
            for site in db.session.scalars(select(Site).order_by(Site.number)).all():
                forget_raw_of(site, days or 0, until)


def forget_raw_of(site: Site, days: int, until: float) -> int:
    """Those of before `days` local days ago, until `time.monotonic()` is `until`. Answers how many
    rows went."""
    zone = ZoneInfo(site.time_zone)
    first = clock.now().astimezone(zone).date() - timedelta(days=days)
    before = midnight(first, zone)
    if _is_dirty(site, before) or not _close(site, first):
        return 0
    gone = sum(
        _drop(site, table, moment, before, until)
        for table, moment in ((Event.__table__, "at"), (Session.__table__, "started_at"))
    )
    if gone:
        log.info("raw_rows_dropped", site_id=str(site.id), rows=gone, before=first.isoformat())
    return gone


def _is_dirty(site: Site, before: int) -> bool:
    waiting = select(BucketMark.bucket).where(
        BucketMark.site_number == site.number,
        BucketMark.bucket < before,
        BucketMark.dirty_seq > BucketMark.clean_seq,
    )
    return db.session.execute(waiting.limit(1)).first() is not None


def _close(site: Site, first: date) -> bool:
    """Say that days before this one cannot be added up again, before any of their rows goes.
    Whether there is anything to close: a site that was never added up has nothing."""
    run = select(RollupRun).filter_by(site_number=site.number)
    if db.session.scalars(run).first() is None:
        return False
    # Never earlier again, though more be kept from now on: the rows of those days are gone.
    later = or_(RollupRun.raw_since.is_(None), RollupRun.raw_since < first)
    closed = update(RollupRun).where(RollupRun.site_number == site.number, later)
    db.session.execute(closed.values(raw_since=first))
    db.session.commit()
    return True


def _drop(site: Site, table: Any, moment: str, before: int, until: float) -> int:
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
            if ids:
                # Not as pairs, which Postgres may look for in all rows, two thousand times over.
                here = delete(table).where(table.c.site_number == site.number)
                connection.execute(here.where(table.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < AT_ONCE:
            break
    return gone
