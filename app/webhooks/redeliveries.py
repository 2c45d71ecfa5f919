"""A range of deliveries that is sent again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import clock, tenancy
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.tenancy import Tenant, owned_by
from app.webhooks.log import Filter
from app.webhooks.models import Delivery, Endpoint, NotRedeliverable
from app.webhooks.models.delivery import PENDING, UNBEGUN

LARGEST = 10_000


class Redelivery(Tenant, Base):
    """Its deliveries carry its id and wait like any others, so it needs nobody to tend it."""

    __tablename__ = "redeliveries"
    __table_args__ = (owned_by("endpoints", "endpoint_id"),)

    endpoint_id: Mapped[UUID]
    total: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    endpoint: Mapped[Endpoint] = relationship(
        primaryjoin=lambda: foreign(Redelivery.endpoint_id) == Endpoint.id, viewonly=True
    )

    @classmethod
    def begin(cls, endpoint: Endpoint, asked: Filter, confirmed: int = LARGEST) -> Redelivery:
        """All of the endpoint's that the filter finds and that can be sent again. NotRedeliverable
        for none, too many, or more than somebody confirmed."""
        Endpoint.lock(endpoint.id)
        total = count(asked)
        if refusal(total):
            raise NotRedeliverable(refusal(total) or "")
        if total > confirmed:
            raise NotRedeliverable("There are more by now. Confirm the new number.")
        redelivery = cls(endpoint_id=endpoint.id, total=total)
        db.session.add(redelivery)
        db.session.flush()
        # Some may have been settled meanwhile.
        redelivery.total = redelivery._send_again(asked)
        endpoint.let_try()
        announce(DeliveriesRedelivered(redelivery=redelivery))
        return redelivery

    def states(self) -> dict[str, int]:
        """How many of them are in which state by now."""
        counted: Any = select(Delivery.state, func.count(Delivery.id))
        counted = counted.where(Delivery.redelivery_id == self.id).group_by(Delivery.state)
        return {row[0]: row[1] for row in db.session.execute(tenancy.scoped(counted, Delivery))}

    def _send_again(self, asked: Filter) -> int:
        """Answers how many they were."""
        ids = redeliverable(asked).with_only_columns(Delivery.id).order_by(None)
        moment = clock.now()
        statement = update(Delivery).where(Delivery.id.in_(ids))
        statement = statement.values(
            state=PENDING,
            attempts=0,
            next_attempt_at=moment,
            settled_at=None,
            redelivery_id=self.id,
        )
        options = {"synchronize_session": False}
        sent: Any = db.session.execute(statement, execution_options=options)
        return int(sent.rowcount)


def redeliverable(asked: Filter) -> Any:
    """Also what waits for an attempt so much later that nobody can have begun with it."""
    waits = Delivery.next_attempt_at > clock.now() + UNBEGUN
    sendable = or_(Delivery.state != PENDING, waits)
    return asked.statement().where(sendable, Delivery.payload_sealed.is_not(None))


def count(asked: Filter) -> int:
    """How many can be sent again, counted no further than one beyond the limit."""
    found = redeliverable(asked).with_only_columns(Delivery.id).limit(LARGEST + 1)
    found = tenancy.scoped(found, Delivery)
    return db.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def refusal(total: int) -> str | None:
    """Why a range of so many cannot be sent again; None when it can."""
    if total == 0:
        return "None of these deliveries can be sent again."
    if total > LARGEST:
        return f"These are more than {LARGEST:,}. Narrow the time."
    return None


@dataclass(frozen=True, kw_only=True)
class DeliveriesRedelivered(Announcement):
    name: ClassVar[str] = "deliveries.redelivered"
    redelivery: Redelivery

    def details(self) -> dict[str, Any]:
        return {
            "endpoint_id": str(self.redelivery.endpoint_id),
            "deliveries": self.redelivery.total,
        }
