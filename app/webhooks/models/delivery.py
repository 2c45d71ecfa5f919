"""What an endpoint is to be told: a row in the transaction in which it happened."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import Index, Integer, LargeBinary, String, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import SealedBytes
from app.core.db import COMPACT, Base, db
from app.core.tenancy import Tenant, owned_by
from app.webhooks.models.attempt import DeliveryAttempt, Outcome
from app.webhooks.models.endpoint import LONGEST_PAUSE, Endpoint

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
# How long after the one before each attempt is made.
SCHEDULE = (
    timedelta(),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.1
# As long as something waits for another attempt there is one within that time.
LONGEST_GAP = max(SCHEDULE) * (1 + JITTER) + LONGEST_PAUSE
# Longer than a turn takes: until then whoever claimed a delivery may still be sending it.
CLAIM = timedelta(seconds=60)
# What is due later than that nobody has claimed, by whichever machine's clock.
UNBEGUN = 2 * CLAIM
PAYLOADS_KEPT = timedelta(days=30)
# A test is sent before all that wait.
BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)


class NotRedeliverable(Exception):
    """Why something cannot be sent again; written for a person."""


class Delivery(Tenant, Base):
    """One message to one endpoint: `pending`, then `delivered` or `failed`. Sent again it is the
    same message, with the same id, so that a receiver can tell."""

    __tablename__ = "deliveries"
    __table_args__ = (
        owned_by("endpoints", "endpoint_id"),
        UniqueConstraint("organization_id", "id"),
        # What is due, of one endpoint and of all.
        Index("ix_deliveries_endpoint_id_state", "endpoint_id", "state", "next_attempt_at"),
        Index("ix_deliveries_state_next_attempt_at", "state", "next_attempt_at"),
        # The log and its counts, without reading a row.
        Index("ix_deliveries_endpoint_id_id", "endpoint_id", "id", "state"),
        Index("ix_deliveries_redelivery_id", "redelivery_id", "state"),
        Index("ix_deliveries_payload_until", "payload_until"),
        {"info": {"system": ("SELECT",)}},
    )

    endpoint_id: Mapped[UUID]
    type: Mapped[str] = mapped_column(String(60))
    test: Mapped[bool] = mapped_column(default=False)
    # The body to the letter; None once it has been dropped.
    payload_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    payload = SealedBytes("payload_sealed")
    payload_until: Mapped[datetime | None]
    size: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), default=PENDING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None]
    # Of a range that was sent again. No foreign key: it may be dropped before.
    redelivery_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]
    endpoint: Mapped[Endpoint] = relationship(
        primaryjoin=lambda: foreign(Delivery.endpoint_id) == Endpoint.id, viewonly=True
    )

    @classmethod
    def write(cls, endpoint: Endpoint, kind: str, payload: bytes, *, test: bool = False) -> Self:
        moment = clock.now()
        delivery = cls(endpoint_id=endpoint.id, type=kind, test=test, size=len(payload))
        delivery.payload, delivery.created_at = payload, moment
        delivery.payload_until = moment + PAYLOADS_KEPT
        delivery.next_attempt_at = BEFORE_ALL if test else moment
        db.session.add(delivery)
        db.session.flush()
        return delivery

    @classmethod
    def claim(cls, endpoint_id: UUID, most: int) -> list[Delivery]:
        """Take what is due for one attempt, so that nobody else does until CLAIM has passed.

        Chosen first and taken then: Postgres may ask an inner query with a limit several times.
        """
        moment = clock.now()
        due = (
            select(cls.id)
            .filter_by(endpoint_id=endpoint_id, state=PENDING)
            .where(cls.next_attempt_at <= moment)
            .order_by(cls.next_attempt_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        claimed = (
            update(cls)
            .where(
                cls.id.in_(list(db.session.scalars(due))),
                cls.state == PENDING,
                cls.next_attempt_at <= moment,
            )
            .values(attempts=cls.attempts + 1, next_attempt_at=moment + CLAIM)
            .returning(cls.id)
        )
        options = {"synchronize_session": False}
        ids = list(db.session.scalars(claimed, execution_options=options))
        found = select(cls).where(cls.id.in_(ids)).order_by(cls.test.desc(), cls.id)
        return list(db.session.scalars(found, execution_options={"populate_existing": True}))

    @staticmethod
    def was_quiet(endpoint: Endpoint, until: datetime) -> bool:
        """Whether an endpoint that failed was asked nothing for longer than a delivery waits, so
        that nobody knows whether it went on failing."""
        if endpoint.failing_since is None or until - endpoint.failing_since <= LONGEST_GAP:
            return False
        theirs = (
            select(DeliveryAttempt.at)
            .join(Delivery, Delivery.id == DeliveryAttempt.delivery_id)
            .where(Delivery.endpoint_id == endpoint.id)
        )
        last = db.session.scalar(theirs.order_by(DeliveryAttempt.id.desc()).limit(1))
        return last is None or until - last > LONGEST_GAP

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same for every attempt, also of a redelivery."""
        return f"msg_{self.id.hex}"

    def record(self, outcome: Outcome, claimed_until: datetime | None) -> None:
        """Keep what came of an attempt, and settle or plan the next one. A claim that has run out
        and was taken by somebody else decides nothing any more."""
        db.session.add(DeliveryAttempt.of(self.id, outcome))
        if self.state != PENDING or self.next_attempt_at != claimed_until:
            return
        if outcome.delivered:
            self._settle(DELIVERED)
        elif outcome.final or self.attempts >= len(SCHEDULE):
            self._settle(FAILED)
        else:
            later = SCHEDULE[self.attempts] * random.uniform(1, 1 + JITTER)  # noqa: S311
            self.next_attempt_at = outcome.ended_at + max(later, outcome.wished_pause)

    def release(self, claimed_until: datetime | None) -> None:
        """Give back what was claimed and not tried."""
        if self.state == PENDING and self.next_attempt_at == claimed_until:
            self.attempts -= 1
            self.next_attempt_at = BEFORE_ALL if self.test else clock.now()

    @property
    def why_not_redeliverable(self) -> str | None:
        if self.payload_sealed is None:
            return "Its payload was deleted after 30 days, so there is nothing left to send."
        if self.state == PENDING and self.endpoint.disabled_at is not None:
            return "It waits until the endpoint is enabled."
        if self.state == PENDING and not self.waits:
            return "It is about to be sent."
        return None

    @property
    def waits(self) -> bool:
        """For an attempt much later, or because its endpoint is left alone: nobody has begun."""
        if self.state != PENDING or self.next_attempt_at is None:
            return False
        moment = clock.now()
        due = self.next_attempt_at <= moment
        return self.endpoint.waits if due else self.next_attempt_at > moment + UNBEGUN

    def redeliver(self) -> None:
        """Send it again, as often as need be; or now, where it waits for another attempt.
        NotRedeliverable with the reason, also for the second of two who want it at once."""
        Endpoint.lock(self.endpoint_id)
        if self.why_not_redeliverable:
            raise NotRedeliverable(self.why_not_redeliverable)
        self.state, self.attempts, self.settled_at = PENDING, 0, None
        self.next_attempt_at = clock.now()
        self.endpoint.let_try()
        announce(DeliveryRedelivered(delivery=self))

    @property
    def readable_payload(self) -> str | None:
        return None if self.payload is None else self.payload.decode()

    @property
    def indented_payload(self) -> str | None:
        text = self.readable_payload
        return None if text is None else indented(json.loads(text))

    def _settle(self, state: str) -> None:
        self.state, self.settled_at, self.next_attempt_at = state, clock.now(), None


def indented(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def payload_of(kind: str, data: dict[str, Any]) -> bytes:
    """The body of a message, to the letter. Standard Webhooks 1.0.0."""
    return COMPACT({"type": kind, "timestamp": clock.iso(clock.now()), "data": data}).encode()


def forget_payloads() -> None:
    """Of the organization in scope, after 30 days; that something was sent stays. What still waits
    then has nobody who takes it."""
    moment = clock.now()
    old = Delivery.payload_until <= moment
    nothing = {"sent_headers_sealed": None, "headers_sealed": None, "body_sealed": None}
    theirs = DeliveryAttempt.delivery_id.in_(select(Delivery.id).where(old))
    settled = {"state": FAILED, "settled_at": moment, "next_attempt_at": None}
    for statement in (
        update(DeliveryAttempt).where(theirs).values(**nothing),
        update(Delivery).where(old, Delivery.state == PENDING).values(**settled),
        update(Delivery).where(old).values(payload_sealed=None, payload_until=None),
    ):
        db.session.execute(statement, execution_options={"synchronize_session": False})


@dataclass(frozen=True, kw_only=True)
class DeliveryRedelivered(Announcement):
    name: ClassVar[str] = "delivery.redelivered"
    delivery: Delivery

    def details(self) -> dict[str, Any]:
        return {"type": self.delivery.type, "endpoint_id": str(self.delivery.endpoint_id)}
