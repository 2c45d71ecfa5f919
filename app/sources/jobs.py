"""A delivery becomes what it says; a sweep finds those whose nudge was lost."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select

from app.accounts.models import Organization
from app.core import clock, tenancy
from app.core.db import db, exclusive, system
from app.core.jobs import job
from app.core.metrics import DELIVERIES
from app.sources.models import InboundDelivery, forget_bodies
from app.sources.processing import process
from app.sources.replays import ReplayRange

OVERDUE = timedelta(seconds=15)
HOPELESS = timedelta(minutes=10)
SWEPT_AT_ONCE = 500
REPLAYED_AT_ONCE = 50
STUCK = timedelta(minutes=1)

log = structlog.get_logger()


@job
def process_delivery(delivery_id: str) -> None:
    exclusive(f"delivery:{delivery_id}")
    delivery = db.session.get(InboundDelivery, UUID(delivery_id))
    if delivery is not None and delivery.verdict == "pending":
        process(delivery)
        DELIVERIES.labels(delivery.source.kind, delivery.verdict).inc()


def sweep_deliveries() -> None:
    """Nudge again what is still pending; set aside what has failed for ten minutes."""
    moment = clock.now()
    statement = (
        select(InboundDelivery.organization_id, InboundDelivery.id, InboundDelivery.received_at)
        .where(InboundDelivery.verdict == "pending")
        .where(InboundDelivery.received_at < moment - OVERDUE)
        .order_by(InboundDelivery.received_at)
        .limit(SWEPT_AT_ONCE)
    )
    with system() as connection:
        overdue = connection.execute(statement).all()
    for organization_id, delivery_id, received_at in overdue:
        if received_at < moment - HOPELESS:
            _set_aside(organization_id, delivery_id)
        else:
            process_delivery.nudge(str(organization_id), {"delivery_id": str(delivery_id)})


def _set_aside(organization_id: UUID, delivery_id: UUID) -> None:
    """One more try here; if it still breaks, it becomes `failed`, with its body, replayable."""
    with tenancy.scope(organization_id):
        try:
            process_delivery.function(delivery_id=str(delivery_id))
        except Exception:
            db.session.rollback()
            log.exception("delivery_set_aside", delivery_id=str(delivery_id))
            exclusive(f"delivery:{delivery_id}")
            delivery = db.session.get_one(InboundDelivery, delivery_id)
            if delivery.verdict == "pending":
                delivery.settle("failed", "Something broke on our side. Its body is kept.")
        db.session.commit()


@job
def replay_range(range_id: str) -> None:
    """A batch of a range, each delivery in a transaction of its own, and then the next batch."""
    for _ in range(REPLAYED_AT_ONCE):
        exclusive(f"replay-range:{range_id}")
        begun = db.session.get(ReplayRange, UUID(range_id))
        if begun is None or begun.finished_at is not None:
            return None
        if not _replay_next(begun):
            return begun.finish()
    return replay_range.enqueue(range_id=range_id)


def _replay_next(begun: ReplayRange) -> bool:
    delivery = begun.following()
    if delivery is None:
        return False
    range_id, delivery_id = begun.id, delivery.id
    try:
        begun.replay(delivery)
    except Exception:
        # Whatever one delivery breaks on must not keep the others waiting.
        db.session.rollback()
        log.exception("replay_broke", delivery_id=str(delivery_id))
        exclusive(f"replay-range:{range_id}")
        db.session.get_one(ReplayRange, range_id).skip(delivery_id)
    db.session.commit()
    return True


def sweep_replays() -> None:
    """Nudge again the ranges that have not moved for a while."""
    unfinished = select(ReplayRange.organization_id, ReplayRange.id).where(
        ReplayRange.finished_at.is_(None), ReplayRange.moved_at < clock.now() - STUCK
    )
    with system() as connection:
        stuck = connection.execute(unfinished).all()
    for organization_id, range_id in stuck:
        replay_range.nudge(str(organization_id), {"range_id": str(range_id)})


def forget_old_bodies() -> None:
    with system() as connection:
        organization_ids = list(connection.scalars(select(Organization.id)))
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            forget_bodies()
            db.session.commit()
