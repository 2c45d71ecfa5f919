"""What sessions say of themselves, and what their events say."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.core.db import db
from app.tracking.models import BucketMark, Event, Session
from app.tracking.models.rollup import BUCKET

# events, page views, milliseconds of engagement, beginning, end
Sums = tuple[int, int, int, int, int]


def sessions() -> dict[UUID, Sums]:
    found = select(
        Session.id,
        Session.events,
        Session.page_views,
        Session.active,
        Session.started_at,
        Session.last_at,
    )
    return {row.id: tuple(row[1:]) for row in db.session.execute(found)}


def sums_of_events() -> dict[UUID, Sums]:
    """What `sessions` ought to be."""
    by_session: dict[UUID, list] = {}
    found = select(Event.session_id, Event.name, Event.at, Event.props)
    for session, *event in db.session.execute(found.where(Event.session_id.is_not(None))):
        by_session.setdefault(session, []).append(event)
    return {session: _sums(events) for session, events in by_session.items()}


def _sums(events: list) -> Sums:
    engaged = [props or {} for name, _, props in events if name == "engagement"]
    times = [at for _, at, _ in events]
    return (
        len(events),
        sum(name == "page_view" for name, _, _ in events),
        sum(props.get("active", 0) for props in engaged),
        min(times),
        max(times),
    )


def marked() -> set[int]:
    return set(db.session.scalars(select(BucketMark.bucket)))


def touched() -> set[int]:
    """The quarters of an hour in which something happened."""
    return {at - at % BUCKET for at in db.session.scalars(select(Event.at))}
