"""Orders and refunds, as the newest word of their provider has them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, func, or_, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import SealedDocument, blind_index
from app.core.db import Base, db, exclusive
from app.core.public import PublicAnnouncement
from app.core.tenancy import Tenant, owned_by
from app.sources.facts import OrderCancelled, OrderPaid, OrderRefunded, Person, Place, Product
from app.sources.models import Source

PAID, REFUNDED, CANCELLED, UNKNOWN = "paid", "refunded", "cancelled", "unknown"


class Order(Tenant, Base):
    """An order of one source. It may be known by its cancellation or refund before its payment:
    then it is `unknown` or already undone, and has no total."""

    __tablename__ = "orders"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "source_id", "external_id"),
        Index("ix_orders_source_id_reference", "source_id", "reference"),
        Index("ix_orders_site_id_occurred_at", "site_id", "occurred_at"),
        Index("ix_orders_site_id_external_id", "site_id", "external_id"),
    )

    site_id: Mapped[UUID]
    # No foreign key: an order outlives its source.
    source_id: Mapped[UUID]
    external_id: Mapped[str | None] = mapped_column(String(200))
    reference: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(10), default=UNKNOWN)
    total: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    items: Mapped[int | None]
    products: Mapped[list[Any] | None]
    person_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    person = SealedDocument("person_sealed")
    place_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    place = SealedDocument("place_sealed")
    customer_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    occurred_at: Mapped[datetime]
    provider_updated_at: Mapped[datetime | None]
    # In milliseconds since 1970: when a page first named it, once that row is dropped.
    named_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    refunds: Mapped[list[Refund]] = relationship(
        primaryjoin=lambda: Order.id == foreign(Refund.order_id)
    )

    @classmethod
    def pay(cls, source: Source, fact: OrderPaid) -> Order:
        """Record a paid order. An older version than the one known changes nothing."""
        order = cls._of(source, fact.external_id, fact.reference)
        if order._is_newer_than(fact.updated_at) or order._was_cancelled_at(fact.updated_at):
            return order
        was = order._worth()
        order._take(fact)
        order.status = REFUNDED if order._refunded_in_full() else PAID
        db.session.flush()
        order._announce_payment(was, source)
        return order

    def _announce_payment(self, was: tuple[Any, ...], source: Source) -> None:
        was_paid = was[0] == PAID
        if self.status == REFUNDED and was_paid:
            announce(OrderUndone(order=self, source=source))
        elif self.status == PAID and not was_paid and self.total:
            announce(OrderPlaced(order=self, source=source))
        elif self._worth() != was:
            announce(OrderCorrected(order=self, source=source))

    def _worth(self) -> tuple[Any, ...]:
        return self.status, self.total, self.currency

    @classmethod
    def cancel(cls, source: Source, fact: OrderCancelled) -> Order:
        order = cls._of(source, fact.external_id, fact.reference)
        if fact.updated_at and order._is_newer_than(fact.updated_at):
            return order
        order.provider_updated_at = fact.updated_at or order.provider_updated_at or clock.now()
        order._undo(CANCELLED, source)
        return order

    @classmethod
    def refund(cls, source: Source, fact: OrderRefunded) -> tuple[Order, Refund | None]:
        """Record money given back. A repeat of the same refund is the same row (None here)."""
        order = cls._of(source, fact.external_id, fact.reference)
        known = select(Refund).filter_by(source_id=source.id, external_id=fact.refund_id)
        if db.session.scalars(known).first() is not None:
            return order, None
        refund = Refund(
            source_id=source.id,
            site_id=source.site_id,
            order_id=order.id,
            external_id=fact.refund_id,
            full=bool(fact.full),
            occurred_at=fact.occurred_at,
            amount=fact.amount and fact.amount.amount,
            currency=fact.amount and fact.amount.currency,
        )
        order.refunds.append(refund)
        db.session.flush()
        announce(RefundRecorded(order=order, source=source))
        if order._refunded_in_full():
            order._undo(REFUNDED, source)
        return order, refund

    @classmethod
    def _of(cls, source: Source, external_id: str | None, reference: str | None) -> Order:
        """The order by either name, or a new unknown one; nobody else works on it meanwhile."""
        exclusive(f"orders:{source.id}")
        names = [
            name
            for name in (
                cls.external_id == external_id if external_id else None,
                cls.reference == reference if reference else None,
            )
            if name is not None
        ]
        found = db.session.scalars(
            select(cls).where(cls.source_id == source.id, or_(*names)).order_by(cls.id)
        ).first()
        order = found or cls(source_id=source.id, site_id=source.site_id, status=UNKNOWN)
        order.external_id = order.external_id or external_id
        order.reference = order.reference or reference
        if found is None:
            order.occurred_at = clock.now()
            db.session.add(order)
            db.session.flush()
        return order

    def _is_newer_than(self, moment: datetime) -> bool:
        return self.provider_updated_at is not None and self.provider_updated_at > moment

    def _was_cancelled_at(self, moment: datetime) -> bool:
        """Providers write whole seconds: of a payment and a cancellation in the same one, the
        cancellation came last."""
        return self.status == CANCELLED and self.provider_updated_at == moment

    def _take(self, fact: OrderPaid) -> None:
        self.total, self.currency = fact.total.amount, fact.total.currency
        self.items, self.products = fact.items, [asdict(product) for product in fact.products]
        self.person = asdict(fact.person) if fact.person else None
        self.place = asdict(fact.place) if fact.place else None
        self.customer_index = customer_index(fact.person, self.organization_id, self.source_id)
        self.occurred_at = clock.past(fact.occurred_at)
        self.provider_updated_at = fact.updated_at

    def _refunded_in_full(self) -> bool:
        if any(refund.full for refund in self.refunds):
            return True
        given_back = db.session.scalar(
            select(func.sum(Refund.amount)).filter_by(order_id=self.id, currency=self.currency)
        )
        return bool(self.total and given_back and given_back >= self.total)

    def _undo(self, status: str, source: Source) -> None:
        was, self.status = self.status, status
        db.session.flush()
        if was != status:
            announce(OrderUndone(order=self, source=source))

    def known_person(self) -> Person | None:
        return Person(**self.person) if self.person else None

    def known_place(self) -> Place | None:
        return Place(**self.place) if self.place else None

    def first_product(self) -> Product | None:
        return Product(**self.products[0]) if self.products else None

    def public_data(self) -> dict[str, Any]:
        """What other programs are told of it. Of the buyer nothing: their shop knows him."""
        total = None if self.total is None else {"amount": self.total, "currency": self.currency}
        return {
            "id": str(self.id),
            "site_id": str(self.site_id),
            "source_id": str(self.source_id),
            "external_id": self.external_id,
            "reference": self.reference,
            "status": self.status,
            "total": total,
            "items": self.items,
            "products": self.products or [],
            "occurred_at": clock.iso(self.occurred_at),
        }


class Refund(Tenant, Base):
    """Money given back for an order."""

    __tablename__ = "refunds"
    __table_args__ = (
        owned_by("sites", "site_id"),
        owned_by("orders", "order_id"),
        UniqueConstraint("organization_id", "source_id", "external_id"),
        Index("ix_refunds_order_id", "order_id"),
    )

    site_id: Mapped[UUID]
    source_id: Mapped[UUID]
    order_id: Mapped[UUID]
    external_id: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    full: Mapped[bool]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def customer_index(person: Person | None, organization_id: UUID, source_id: UUID) -> bytes | None:
    """Who it was, without saying who: by e-mail, else by the provider's own customer id."""
    if person is None:
        return None
    if person.email:
        return blind_index(person.email, purpose="person.email", tenant=organization_id)
    purpose = f"person.customer/{source_id}"
    return blind_index(person.customer_id, purpose=purpose, tenant=organization_id)


_EXAMPLE = {
    "id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e01",
    "site_id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e02",
    "source_id": "9b2f6c1e-0d43-4a8e-b1a7-5c2f7e9d3a10",
    "external_id": "5678901234567",
    "reference": "#1042",
    "status": PAID,
    "total": {"amount": 4200, "currency": "EUR"},
    "items": 2,
    "products": [
        {
            "name": "Darjeeling",
            "url": "https://shop.example/products/darjeeling",
            "image": "https://shop.example/images/darjeeling.jpg",
        }
    ],
    "occurred_at": "2026-01-31T14:05:00.000Z",
}


@dataclass(frozen=True, kw_only=True)
class OrderAnnouncement(Announcement):
    """Of whatever changes what an order is worth."""

    audited: ClassVar[bool] = False
    order: Order
    source: Source


@dataclass(frozen=True, kw_only=True)
class PublicOrderAnnouncement(OrderAnnouncement, PublicAnnouncement):
    since: ClassVar[str] = "0.1.0"
    nullable: ClassVar[frozenset[str]] = frozenset(
        {"external_id", "reference", "total", "items"}
        | {f"products.{name}" for name in ("name", "url", "image")}
    )

    def public_site_id(self) -> UUID | None:
        return self.order.site_id

    def public_data(self) -> dict[str, Any]:
        return self.order.public_data()


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(PublicOrderAnnouncement):
    name: ClassVar[str] = "order.created"
    about: ClassVar[str] = "An order has been paid."
    example: ClassVar[dict[str, Any]] = _EXAMPLE


@dataclass(frozen=True, kw_only=True)
class OrderUndone(PublicOrderAnnouncement):
    """Refunded in full, cancelled, voided or deleted."""

    name: ClassVar[str] = "order.refunded"
    about: ClassVar[str] = (
        "An order has been refunded in full or cancelled. If its payment never came, it has no "
        "total."
    )
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "status": REFUNDED}


@dataclass(frozen=True, kw_only=True)
class OrderCorrected(OrderAnnouncement):
    """Paid as it was, and for another total; or its payment came after its refund."""

    name: ClassVar[str] = "order.corrected"


@dataclass(frozen=True, kw_only=True)
class RefundRecorded(OrderAnnouncement):
    """Of a part of the order or of all of it."""

    name: ClassVar[str] = "refund.created"
