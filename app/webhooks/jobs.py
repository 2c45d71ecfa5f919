"""Nudges and sweeps of what is to be sent."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select

from app.core import clock, tenancy
from app.core.db import db, system
from app.core.jobs import again, job
from app.core.tenancy import current_organization_id
from app.webhooks.models import Delivery, Endpoint
from app.webhooks.models.delivery import PENDING, forget_payloads
from app.webhooks.sending import turns

NUDGED_FOR = 5  # seconds, as long as a sweep takes to come by
SWEPT_AT_ONCE = 500


def nudge_of(endpoint_id: str) -> str:
    """The name of an endpoint's nudge, which is given once until a worker has come."""
    return f"webhooks/{endpoint_id}"


@job
def send_due(endpoint_id: str) -> None:
    # Before it is looked: what is written from now on nudges anew.
    again(nudge_of(endpoint_id))
    turns.wake(current_organization_id(), UUID(endpoint_id))


def sweep_due() -> None:
    """Wake the endpoints for which something is due: a later attempt, or what a lost nudge or a
    dead worker left behind."""
    moment = clock.now()
    due = (
        select(Delivery.organization_id, Delivery.endpoint_id)
        .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .where(Delivery.state == PENDING, Delivery.next_attempt_at <= moment)
        .where(Endpoint.disabled_at.is_(None))
        .where(or_(Endpoint.waits_until.is_(None), Endpoint.waits_until <= moment))
        .distinct()
        .limit(SWEPT_AT_ONCE)
    )
    with system() as connection:
        found = connection.execute(due).all()
    for organization_id, endpoint_id in found:
        turns.wake(organization_id, endpoint_id)


def forget_old_payloads() -> None:
    old = select(Delivery.organization_id).where(Delivery.payload_until <= clock.now())
    with system() as connection:
        organization_ids = list(connection.scalars(old.distinct()))
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            forget_payloads()
            db.session.commit()
