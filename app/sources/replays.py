"""Reading deliveries again, one or a range: what was decided before is kept beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models.audit import actor
from app.core import clock, tenancy
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, SealedDocument
from app.core.db import Base, Guid, db, exclusive
from app.core.tenancy import Tenant, owned_by
from app.sources.inspector import Filter
from app.sources.models import InboundDelivery
from app.sources.processing import process_again

LARGEST_RANGE = 5000
REPLAYABLE = ("accepted", "ignored", "failed")


class NotReplayable(Exception):
    """Why a delivery, or a range of them, cannot be replayed; written for a person."""


class Replay(Tenant, Base):
    """One more reading of a delivery: who asked, what was decided before and what now."""

    __tablename__ = "replays"
    __table_args__ = (
        owned_by("inbound_deliveries", "delivery_id"),
        Index("ix_replays_delivery_id_id", "delivery_id", "id"),
    )

    delivery_id: Mapped[UUID]
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[UUID | None] = mapped_column(Guid)
    before: Mapped[str] = mapped_column(String(10))
    before_reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    before_reason = Sealed("before_reason_sealed")
    after: Mapped[str] = mapped_column(String(10))
    after_reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    after_reason = Sealed("after_reason_sealed")
    at: Mapped[datetime] = mapped_column(default=clock.now)
    delivery: Mapped[InboundDelivery] = relationship(
        primaryjoin=lambda: foreign(Replay.delivery_id) == InboundDelivery.id
    )

    @classmethod
    def of(cls, delivery: InboundDelivery, by: tuple[str, UUID | None] | None = None) -> Replay:
        """Read a delivery again with the present mapping, or raise NotReplayable.

        Its signature is not asked for again: it was verified when it came in, and what was
        refused then stays refused.
        """
        exclusive(f"delivery:{delivery.id}")
        if delivery.why_not_replayable:
            raise NotReplayable(delivery.why_not_replayable)
        kind, identifier = by or actor.get()
        replay = cls(
            delivery_id=delivery.id,
            actor_kind=kind,
            actor_id=identifier,
            before=delivery.verdict,
            before_reason=delivery.reason,
        )
        replay.after, replay.after_reason = process_again(delivery)
        db.session.add(replay)
        db.session.flush()
        if by is None:
            announce(DeliveryReplayed(replay=replay))
        return replay


class ReplayRange(Tenant, Base):
    """Deliveries that are read again one after the other, and how far that has come."""

    __tablename__ = "replay_ranges"
    __table_args__ = (
        Index("ix_replay_ranges_finished_at", "finished_at", "moved_at"),
        {"info": {"system": ("SELECT",)}},
    )

    # Sealed, since an order's number may be among what was filtered by.
    filter_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    filter = SealedDocument("filter_sealed")
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[UUID | None] = mapped_column(Guid)
    # The newest delivery that belongs to it, and the one it has come to.
    last_id: Mapped[UUID] = mapped_column(Guid)
    position_id: Mapped[UUID | None] = mapped_column(Guid)
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    moved_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]

    @classmethod
    def begin(cls, asked: Filter, confirmed: int = LARGEST_RANGE) -> ReplayRange:
        """All replayable deliveries that the filter finds now. NotReplayable for none, too many,
        or more than somebody confirmed."""
        total = count(asked)
        if not 0 < total <= LARGEST_RANGE:
            raise NotReplayable(refusal(total) or "")
        if total > confirmed:
            raise NotReplayable("More have come in since. Confirm the new number.")
        kind, identifier = actor.get()
        begun = cls(actor_kind=kind, actor_id=identifier, total=total, last_id=_newest(asked))
        begun.filter = asked.arguments()
        db.session.add(begun)
        db.session.flush()
        announce(DeliveriesReplayed(range=begun))
        return begun

    def following(self) -> InboundDelivery | None:
        """The delivery that is next, the earliest first."""
        found = replayable(Filter.read(self.filter)).where(InboundDelivery.id <= self.last_id)
        if self.position_id:
            found = found.where(InboundDelivery.id > self.position_id)
        return db.session.scalars(found.order_by(InboundDelivery.id).limit(1)).first()

    def replay(self, delivery: InboundDelivery) -> None:
        """Read the next one again. What it comes to is counted."""
        replay = Replay.of(delivery, (self.actor_kind, self.actor_id))
        self._move_past(delivery.id, replay.after == "accepted")

    def skip(self, delivery_id: UUID) -> None:
        """Go on after one that broke: it stays as it was."""
        self._move_past(delivery_id, False)

    def finish(self) -> None:
        self.finished_at = self.moved_at = clock.now()
        self.total = self.done

    def _move_past(self, delivery_id: UUID, accepted: bool) -> None:
        self.position_id, self.moved_at = delivery_id, clock.now()
        self.done += 1
        self.accepted += accepted


def replayable(asked: Filter) -> Any:
    """The deliveries of a filter that can be read again."""
    return asked.statement().where(
        InboundDelivery.verdict.in_(REPLAYABLE), InboundDelivery.body_sealed.is_not(None)
    )


def count(asked: Filter) -> int:
    """How many can be replayed, counted no further than one beyond the limit."""
    found = replayable(asked).with_only_columns(InboundDelivery.id).limit(LARGEST_RANGE + 1)
    found = tenancy.scoped(found, InboundDelivery)
    return db.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def refusal(total: int) -> str | None:
    """Why a range of so many cannot be replayed; None when it can."""
    if total == 0:
        return "None of these deliveries can be replayed."
    if total > LARGEST_RANGE:
        return f"These are more than {LARGEST_RANGE:,}. Narrow the filter, for example by time."
    return None


def replays_of(delivery: InboundDelivery) -> list[Replay]:
    """What happened to a delivery after it was first settled, newest first."""
    found = select(Replay).filter_by(delivery_id=delivery.id).order_by(Replay.id.desc()).limit(50)
    return list(db.session.scalars(found))


def _newest(asked: Filter) -> UUID:
    found = replayable(asked).with_only_columns(InboundDelivery.id)
    return db.session.scalars(found.order_by(InboundDelivery.id.desc()).limit(1)).one()


@dataclass(frozen=True, kw_only=True)
class DeliveryReplayed(Announcement):
    name: ClassVar[str] = "delivery.replayed"
    replay: Replay

    def details(self) -> dict[str, Any]:
        delivery_id = str(self.replay.delivery_id)
        return {
            "delivery_id": delivery_id,
            "before": self.replay.before,
            "after": self.replay.after,
        }


@dataclass(frozen=True, kw_only=True)
class DeliveriesReplayed(Announcement):
    name: ClassVar[str] = "deliveries.replayed"
    range: ReplayRange

    def details(self) -> dict[str, Any]:
        return {"deliveries": self.range.total}
