"""How endpoints fare, counted over all deliveries of some days."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.core import clock, tenancy
from app.core.db import db
from app.core.ids import first_uuid7
from app.webhooks.models import Delivery

DAYS = 7


@dataclass
class Health:
    """Deliveries of the last days by state."""

    pending: int = 0
    delivered: int = 0
    failed: int = 0

    @property
    def share(self) -> float | None:
        """Of those that came to an end, the delivered ones; None where none did."""
        settled = self.delivered + self.failed
        return self.delivered / settled if settled else None


def health_of(endpoint_ids: list[UUID]) -> dict[UUID, Health]:
    since = first_uuid7(clock.now() - timedelta(days=DAYS))
    counted: Any = (
        select(Delivery.endpoint_id, Delivery.state, func.count(Delivery.id))
        .where(Delivery.endpoint_id.in_(endpoint_ids), Delivery.id >= since)
        .group_by(Delivery.endpoint_id, Delivery.state)
    )
    found: dict[UUID, Health] = defaultdict(Health)
    for endpoint_id, state, number in db.session.execute(tenancy.scoped(counted, Delivery)):
        setattr(found[endpoint_id], state, number)
    return found
