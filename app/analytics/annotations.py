"""What happened on the days of a chart: what members wrote, and what was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.analytics.models import Annotation
from app.analytics.periods import Period
from app.core.db import db
from app.sites.models import Revision, Site

MOST_PUBLICATIONS = 200


@dataclass(frozen=True)
class Note:
    """`id` None: Candor's own, of a publication."""

    day: date
    text: str
    id: UUID | None = None


def annotations_of(site: Site, period: Period) -> list[Note]:
    """The oldest day first. Several publications of a day are one note."""
    written = (
        select(Annotation)
        .where(Annotation.site_id == site.id, Annotation.day.between(period.first, period.last))
        .order_by(Annotation.day, Annotation.id)
    )
    notes = [Note(each.day, each.text, each.id) for each in db.session.scalars(written)]
    return sorted(notes + _published(site, period), key=lambda note: note.day)


def _published(site: Site, period: Period) -> list[Note]:
    begins, ends = (datetime.fromtimestamp(each / 1000, UTC) for each in _ends(period))
    found = (
        select(Revision.number, Revision.created_at)
        .where(Revision.site_id == site.id, Revision.created_at >= begins)
        .where(Revision.created_at < ends)
        .order_by(Revision.number.desc())
        .limit(MOST_PUBLICATIONS)
    )
    zone = ZoneInfo(period.zone.key)
    days: dict[date, list[int]] = {}
    for row in db.session.execute(found):
        days.setdefault(row.created_at.astimezone(zone).date(), []).append(row.number)
    return [Note(day, _words(sorted(numbers))) for day, numbers in days.items()]


def _ends(period: Period) -> tuple[int, int]:
    return period.begins, period.ends


def _words(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Revision {numbers[0]} published"
    return f"Revisions {numbers[0]} to {numbers[-1]} published"
