"""Activities, and the public receipt of each one that is shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import chains, clock
from app.core.announce import announce
from app.core.chains import Chained
from app.core.crypto import Sealed, SealedDocument, blind_index
from app.core.db import Base, db, exclusive
from app.core.ids import public_token, uuid7
from app.core.public import PublicAnnouncement
from app.core.tenancy import Tenant, owned_by
from app.proof import opt_outs
from app.proof.anonymity import showable_place
from app.sites.models import Site
from app.sources.facts import ActivityReported, Place
from app.sources.models import Source


class Activity(Tenant, Base):
    """A fact that may be shown as proof. Known by (source, external id, type), so it counts once.

    One that was withdrawn before it came has no receipt and was never shown.
    """

    __tablename__ = "activities"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "source_id", "external_id", "type"),
        Index("ix_activities_site_id_created_change", "site_id", "created_change"),
        Index("ix_activities_site_id_retracted_change", "site_id", "retracted_change"),
        # By moment, of one site and of all. With what counts need, so that they read no row.
        Index(
            "ix_activities_organization_id_site_id_occurred_at",
            "organization_id",
            "site_id",
            "occurred_at",
            "retracted_at",
        ),
        Index(
            "ix_activities_organization_id_occurred_at",
            "organization_id",
            "occurred_at",
            "site_id",
            "retracted_at",
        ),
        Index("ix_activities_site_id_city_index", "site_id", "city_index", "occurred_at"),
        Index("ix_activities_site_id_region_index", "site_id", "region_index", "occurred_at"),
        Index("ix_activities_site_id_country", "site_id", "country", "occurred_at"),
        Index("ix_activities_import_id", "import_id"),
        Index("ix_activities_person_index", "organization_id", "person_index"),
        # For lists, newest first.
        Index("ix_activities_organization_id_id", "organization_id", "id"),
    )

    site_id: Mapped[UUID]
    # No foreign key: a fact outlives the source that told it.
    source_id: Mapped[UUID]
    source_kind: Mapped[str] = mapped_column(String(20))
    type: Mapped[str] = mapped_column(String(40))
    external_id: Mapped[str] = mapped_column(String(200))
    strength: Mapped[str] = mapped_column(String(10))
    first_name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_name = Sealed("first_name_sealed")
    person_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    city_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    city = Sealed("city_sealed")
    region_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    region = Sealed("region_sealed")
    city_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    region_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    country: Mapped[str | None] = mapped_column(String(2))
    # The smallest place that enough people share, decided when the activity was created.
    shown_place: Mapped[dict[str, Any] | None]
    product: Mapped[dict[str, Any] | None]
    value_amount: Mapped[int | None] = mapped_column(BigInteger)
    value_currency: Mapped[str | None] = mapped_column(String(3))
    data_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    data = SealedDocument("data_sealed")
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_change: Mapped[int | None] = mapped_column(BigInteger)
    retracted_at: Mapped[datetime | None]
    retracted_change: Mapped[int | None] = mapped_column(BigInteger)
    retraction_reason: Mapped[str | None] = mapped_column(String(40))
    receipt: Mapped[str | None] = mapped_column(String(32))
    # No foreign key: a fact outlives the record of its import.
    import_id: Mapped[UUID | None]
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Activity.site_id) == Site.id)

    @classmethod
    def create(
        cls,
        source: Source,
        fact: ActivityReported,
        person_index: bytes | None,
        import_id: UUID | None = None,
    ) -> tuple[Activity, bool]:
        """The activity of a fact, and whether it is new. A fact told twice is one activity.

        Of a person who opted out it keeps that there was something, and is never shown."""
        unwanted = opt_outs.wants_out(person_index)
        exclusive(f"activities:{source.site_id}")
        known = cls.find(source, fact.external_id, fact.type)
        if known is not None:
            return known, False
        if unwanted:
            return cls._unseen(source, fact.external_id, fact.type, opt_outs.REASON), True
        activity = cls(
            source_id=source.id,
            site_id=source.site_id,
            source_kind=source.kind,
            type=fact.type,
            external_id=fact.external_id,
            strength=source.strength,
            person_index=person_index,
            occurred_at=clock.past(fact.occurred_at),
            data=fact.data,
            import_id=import_id,
        )
        activity._describe(fact)
        db.session.add(activity)
        db.session.flush()
        activity._show(source.site)
        return activity, True

    @classmethod
    def find(cls, source: Source, external_id: str, kind: str) -> Activity | None:
        found = select(cls).filter_by(source_id=source.id, external_id=external_id, type=kind)
        return db.session.scalars(found).one_or_none()

    @classmethod
    def withdraw(cls, source: Source, external_id: str, kind: str, reason: str) -> Activity:
        """Retract what a source takes back, also when it has not told of it yet."""
        exclusive(f"activities:{source.site_id}")
        activity = cls.find(source, external_id, kind)
        if activity is None:
            return cls._unseen(source, external_id, kind, reason)
        activity.retract(reason)
        return activity

    @classmethod
    def _unseen(cls, source: Source, external_id: str, kind: str, reason: str) -> Activity:
        """One that was never shown and never will be: without a receipt, a person or a place."""
        activity = cls(
            source_id=source.id,
            site_id=source.site_id,
            source_kind=source.kind,
            type=kind,
            external_id=external_id,
            strength=source.strength,
            occurred_at=clock.now(),
            retracted_at=clock.now(),
            retraction_reason=reason,
        )
        db.session.add(activity)
        db.session.flush()
        return activity

    @classmethod
    def of_order(cls, source_id: UUID, external_id: str) -> Activity | None:
        """The purchase that an order was shown as."""
        found = select(cls).filter_by(source_id=source_id, external_id=external_id)
        return db.session.scalars(found.filter_by(type="purchase")).one_or_none()

    @property
    def opt_out_url(self) -> str | None:
        """Where the person shown can end that; None when nobody is named. For the shop's mail."""
        if self.first_name_sealed is None and self.person_index is None:
            return None
        base = current_app.extensions["candor_settings"].url
        return f"{base}/proof/opt-out/{opt_outs.token(self.site_id, self.id)}"

    def hide(self, *, for_good: bool) -> None:
        """What the person shown asks for: this activity goes, and with `for_good` everything else
        of the same person, now and later, wherever the organization shows it."""
        index = self.person_index
        if for_good and index is not None:
            opt_outs.hold(index)
            opt_outs.OptOut.remember(index)
            shown = select(Activity).filter_by(person_index=index, retracted_at=None)
            for activity in db.session.scalars(shown.order_by(Activity.site_id, Activity.id)).all():
                activity.retract(opt_outs.REASON)
        self.retract(opt_outs.REASON)

    def undo(self) -> None:
        """Retract what an import brought, and give its external id free for a better import.
        What was retracted before, for a reason of its own, stays known and so stays away."""
        if self.retracted_at is None:
            self.retract("undone")
            self.external_id = f"undone:{self.id}"

    def retract(self, reason: str) -> None:
        """Take the fact from every page. What was said is not unsaid: its receipt says so."""
        exclusive(f"activities:{self.site_id}")
        if self.retracted_at is not None:
            return
        self.retracted_at, self.retraction_reason = clock.now(), reason
        self.retracted_change = self.site.next_change()
        chains.append(ProofReceipt.retraction(self))
        db.session.flush()
        announce(ActivityRetracted(activity=self))

    def public_data(self) -> dict[str, Any]:
        """What other programs are told of it. Of the person nothing, or an opt-out would have to
        follow it to wherever it was sent."""
        amount, currency = self.value_amount, self.value_currency
        return {
            "id": str(self.id),
            "site_id": str(self.site_id),
            "type": self.type,
            "external_id": self.external_id,
            "source": self.source_kind,
            "strength": self.strength,
            "receipt": self.receipt,
            "place": self.shown_place,
            "product": self.product,
            "value": None if amount is None else {"amount": amount, "currency": currency},
            "occurred_at": clock.iso(self.occurred_at),
        }

    def _describe(self, fact: ActivityReported) -> None:
        place = fact.place or Place()
        self.first_name = fact.person.first_name if fact.person else None
        self.city, self.region, self.country = place.city, place.region, place.country
        self.city_index, self.region_index = place_indexes(self.organization_id, place)
        self.product = asdict(fact.product) if fact.product else None
        if fact.value:
            self.value_amount, self.value_currency = fact.value.amount, fact.value.currency

    def _show(self, site: Site) -> None:
        self.shown_place = showable_place(type(self), self, site.k)
        self.created_change = site.next_change()
        self.receipt = public_token()
        chains.append(ProofReceipt.of(self))
        db.session.flush()
        announce(ActivityCreated(activity=self))


def place_indexes(organization_id: UUID, place: Place) -> tuple[bytes | None, bytes | None]:
    """Blind indexes of the city and of the region. Springfield is not Springfield: a place is
    named together with what it lies in."""
    region = f"{place.country}/{place.region}" if place.region else None
    city = f"{place.country}/{place.region}/{place.city}" if place.city else None
    return (
        blind_index(city, purpose="place.city", tenant=organization_id),
        blind_index(region, purpose="place.region", tenant=organization_id),
    )


class ProofReceipt(Chained, Base):
    """What the public may know of a shown fact. Nothing here is personal, nothing counts."""

    __tablename__ = "proof_receipts"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("token", "statement"),
        {"info": {"system": ("SELECT",)}},
    )

    chain: ClassVar[str] = "receipts"

    token: Mapped[str] = mapped_column(String(32))
    statement: Mapped[str] = mapped_column(String(10))
    activity_type: Mapped[str | None] = mapped_column(String(40))
    source_kind: Mapped[str | None] = mapped_column(String(20))
    strength: Mapped[str | None] = mapped_column(String(10))
    hour: Mapped[datetime | None]

    @classmethod
    def of(cls, activity: Activity) -> ProofReceipt:
        return cls(
            id=uuid7(), statement="shown", hour=_hour(activity.occurred_at), **cls._facts(activity)
        )

    @classmethod
    def retraction(cls, activity: Activity) -> ProofReceipt:
        return cls(
            id=uuid7(), statement="retracted", hour=_hour(clock.now()), **cls._facts(activity)
        )

    @staticmethod
    def _facts(activity: Activity) -> dict[str, Any]:
        return {
            "token": activity.receipt,
            "activity_type": activity.type,
            "source_kind": activity.source_kind,
            "strength": activity.strength,
        }

    def content(self) -> dict[str, Any]:
        return {
            "token": self.token,
            "statement": self.statement,
            "type": self.activity_type,
            "source": self.source_kind,
            "strength": self.strength,
            "hour": self.hour and clock.iso(self.hour),
        }

    def erase_content(self) -> None:
        self.activity_type = self.source_kind = self.strength = self.hour = None


def _hour(moment: datetime) -> datetime:
    """Rounded down: a receipt must not tell one buyer from another."""
    return moment.replace(minute=0, second=0, microsecond=0)


_EXAMPLE = {
    "id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e03",
    "site_id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e02",
    "type": "purchase",
    "external_id": "5678901234567",
    "source": "shopify",
    "strength": "signed",
    "receipt": "6f1c2a9be04d4c7f8a35d2170b9e6c48",
    "place": {"city": "Lyon", "region": "Auvergne-Rhône-Alpes", "country": "FR"},
    "product": {
        "name": "Darjeeling",
        "url": "https://shop.example/products/darjeeling",
        "image": "https://shop.example/images/darjeeling.jpg",
    },
    "value": {"amount": 4200, "currency": "EUR"},
    "occurred_at": "2026-01-31T14:05:00.000Z",
}
_NULLABLE = frozenset(
    {"receipt", "place", "place.city", "place.region", "place.country", "value"}
    | {"product", "product.name", "product.url", "product.image"}
)


@dataclass(frozen=True, kw_only=True)
class ActivityAnnouncement(PublicAnnouncement):
    since: ClassVar[str] = "0.1.0"
    nullable: ClassVar[frozenset[str]] = _NULLABLE
    activity: Activity

    def public_site_id(self) -> UUID | None:
        return self.activity.site_id

    def public_data(self) -> dict[str, Any]:
        return self.activity.public_data()

    @property
    def audited(self) -> bool:  # type: ignore[override]
        """What somebody did is audited; a webhook's own row is its record, an import's its own."""
        return self.activity.strength != "signed" and self.activity.import_id is None


@dataclass(frozen=True, kw_only=True)
class ActivityCreated(ActivityAnnouncement):
    name: ClassVar[str] = "activity.created"
    about: ClassVar[str] = "There is an activity that may be shown as proof. The place is as shown."
    example: ClassVar[dict[str, Any]] = _EXAMPLE

    def details(self) -> dict[str, Any]:
        return {"type": self.activity.type, "strength": self.activity.strength}


@dataclass(frozen=True, kw_only=True)
class ActivityRetracted(ActivityAnnouncement):
    name: ClassVar[str] = "activity.retracted"
    about: ClassVar[str] = (
        "An activity is shown no longer: refunded, moderated, undone with its import, or its "
        "person wants it so."
    )
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "reason": "refunded"}

    @property
    def audited(self) -> bool:  # type: ignore[override]
        """Also what a webhook told, when a person takes it back."""
        reason = self.activity.retraction_reason
        return super().audited or reason in ("moderated", opt_outs.REASON)

    def public_data(self) -> dict[str, Any]:
        return {**super().public_data(), "reason": self.activity.retraction_reason}

    def details(self) -> dict[str, Any]:
        return {"reason": self.activity.retraction_reason}
