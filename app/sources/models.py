"""Where facts come from, and each delivery that came in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import Index, Integer, LargeBinary, String, UniqueConstraint, delete, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import clock, strict_json
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, SealedBytes, SealedDocument
from app.core.db import Base, db, exclusive
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site, SiteCreated
from app.sources.facts import Fact
from app.sources.kinds import KINDS

LONGEST_INDENTED, LONGEST_SHOWN = 32 * 1024, 256 * 1024
BUILT_IN = {"api": "REST API", "manual": "Typed by hand", "csv": "CSV import"}
STRENGTHS = {"api": "api", "manual": "manual", "csv": "manual"}
REFUSED_KEPT = 100
REFUSED_BYTES = 8 * 1024
BODIES_KEPT = timedelta(days=30)
OPEN = "pending"
NOT_REPLAYABLE = {
    "pending": "It has not been read yet and still will be.",
    "refused": "Its signature was never verified, so nothing says who sent it.",
    "duplicate": "It repeats another delivery. Replay that one.",
}


class Source(Tenant, Base):
    """Where activities and orders of one site come from."""

    __tablename__ = "sources"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_sources_site_id", "site_id"),
        Index("ix_sources_organization_id_kind", "organization_id", "kind"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret = Sealed("secret_sealed")
    mapping: Mapped[dict[str, Any] | None]
    last_delivery_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Source.site_id) == Site.id)

    @classmethod
    def connect(
        cls,
        site: Site,
        kind: str,
        name: str,
        secret: str | None = None,
        mapping: dict[str, Any] | None = None,
    ) -> Source:
        """A source that sends webhooks. Its id is public, so it is random, not time-ordered."""
        source = cls(id=uuid4(), site_id=site.id, kind=kind, name=name, mapping=mapping)
        source.secret = secret or KINDS[kind].new_secret()
        db.session.add(source)
        db.session.flush()
        announce(SourceConnected(source=source))
        return source

    @classmethod
    def built_in(cls, site: Site, kind: str) -> Source:
        """The site's own source of that kind. Sites that are older than the kind get it here."""
        found = select(cls).filter_by(site_id=site.id, kind=kind)
        known = db.session.scalars(found).first()
        if known is not None:
            return known
        exclusive(f"sources:{site.id}")
        source = db.session.scalars(found).first()
        if source is None:
            source = cls(id=uuid4(), site_id=site.id, kind=kind, name=BUILT_IN[kind])
            db.session.add(source)
            db.session.flush()
        return source

    def change(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        announce(SourceChanged(source=self))

    def remove(self) -> None:
        """The source goes; what it told (orders, activities) stays and keeps being true."""
        announce(SourceRemoved(source=self))
        db.session.delete(self)

    @property
    def strength(self) -> str:
        """How strongly its facts are known: signed > api > browser > manual."""
        return STRENGTHS.get(self.kind, "signed")

    @property
    def label(self) -> str:
        return BUILT_IN[self.kind] if self.kind in BUILT_IN else KINDS[self.kind].label

    @property
    def takes_webhooks(self) -> bool:
        return self.kind in KINDS

    @property
    def hook_url(self) -> str | None:
        """Where the provider sends its webhooks; None for a built-in source."""
        base = current_app.extensions["candor_settings"].url
        return f"{base}/hooks/{self.id}" if self.takes_webhooks else None


class InboundDelivery(Tenant, Base):
    """One webhook that came in, and what became of it."""

    __tablename__ = "inbound_deliveries"
    __table_args__ = (
        owned_by("sources", "source_id"),
        UniqueConstraint("organization_id", "source_id", "key"),
        Index("ix_inbound_deliveries_source_id_id", "source_id", "id"),
        Index("ix_inbound_deliveries_verdict_received_at", "verdict", "received_at"),
        # The counts of the home page, without reading a row.
        Index(
            "ix_inbound_deliveries_organization_id_received_at",
            "organization_id",
            "received_at",
            "verdict",
            "source_id",
        ),
        # For the inspector: newest first, by what it is asked for.
        Index("ix_inbound_deliveries_organization_id_id", "organization_id", "id", unique=True),
        Index("ix_inbound_deliveries_verdict_id", "organization_id", "verdict", "id"),
        Index("ix_inbound_deliveries_topic_id", "organization_id", "topic", "id"),
        Index("ix_inbound_deliveries_external_id", "organization_id", "external_id"),
        {"info": {"system": ("SELECT",)}},
    )

    source_id: Mapped[UUID]
    # What makes a repeat recognisable; NULL for repeats and refused ones.
    key: Mapped[str | None] = mapped_column(String(200))
    topic: Mapped[str | None] = mapped_column(String(120))
    # What it tells of ("order", "activity:review") and the id that its sender has for that.
    subject: Mapped[str | None] = mapped_column(String(60))
    external_id: Mapped[str | None] = mapped_column(String(200))
    verdict: Mapped[str] = mapped_column(String(10), default=OPEN)
    # Sealed, since it quotes what it complains of.
    reason_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason = Sealed("reason_sealed")
    became_type: Mapped[str | None] = mapped_column(String(20))
    became_id: Mapped[UUID | None]
    size: Mapped[int] = mapped_column(Integer)
    headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    headers = SealedDocument("headers_sealed")
    body_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    body = SealedBytes("body_sealed")
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]
    source: Mapped[Source] = relationship(
        primaryjoin=lambda: foreign(InboundDelivery.source_id) == Source.id
    )

    @classmethod
    def receive(
        cls, source: Source, *, key: str, topic: str, headers: dict[str, str], body: bytes
    ) -> InboundDelivery:
        """Store a verified delivery. A repeat of one that is there already is a `duplicate`."""
        delivery = cls._new(source, topic, headers, body)
        delivery.key = key[:200]
        if not insert_once(db.session(), cls, _columns(delivery)):
            repeat = cls._new(source, topic, headers, b"")
            repeat.settle("duplicate", "The same delivery came before.")
            repeat.size = len(body)
            db.session.add(repeat)
            _forget_old(source, "duplicate")
            return repeat
        source.last_delivery_at = delivery.received_at
        return db.session.scalars(select(cls).filter_by(id=delivery.id)).one()

    @classmethod
    def refuse(
        cls, source: Source, *, reason: str, headers: dict[str, str], body: bytes, size: int
    ) -> None:
        """Keep a little of what was answered 4xx, so that its sender's owner can see why."""
        delivery = cls._new(source, None, headers, body[:REFUSED_BYTES])
        delivery.size = size
        delivery.settle("refused", reason)
        db.session.add(delivery)
        _forget_old(source, "refused")

    @classmethod
    def _new(
        cls, source: Source, topic: str | None, headers: dict[str, str], body: bytes
    ) -> InboundDelivery:
        delivery = cls(source_id=source.id, topic=topic and topic[:120], size=len(body))
        delivery.verdict, delivery.received_at = OPEN, clock.now()
        delivery.headers = headers
        delivery.body = body
        return delivery

    def settle(
        self, verdict: str, reason: str | None = None, became: tuple[str, UUID] | None = None
    ) -> None:
        self.verdict, self.reason = verdict, reason and reason[:500]
        self.became_type, self.became_id = became or (None, None)
        self.settled_at = clock.now()

    @property
    def seconds(self) -> float | None:
        """How long it took from its coming in to its verdict."""
        return (self.settled_at - self.received_at).total_seconds() if self.settled_at else None

    @property
    def why_not_replayable(self) -> str | None:
        """Why it cannot be read again, for a person; None when it can."""
        if self.verdict in NOT_REPLAYABLE:
            return NOT_REPLAYABLE[self.verdict]
        if self.body_sealed is None:
            return "Its body was deleted after 30 days, so there is nothing left to read."
        return None

    @property
    def readable_body(self) -> str | None:
        """For the inspector: JSON indented, anything else as text, at most 256 KB of it. What
        grows out of all proportion by indenting is shown as it came."""
        if self.body is None:
            return None
        text = self.body.decode("utf-8", "replace")[:LONGEST_SHOWN]
        if len(self.body) > LONGEST_INDENTED:
            return text
        try:
            indented = json.dumps(strict_json.loads(text), indent=2, ensure_ascii=False)
        except strict_json.BadJSON:
            return text
        return indented if len(indented) <= LONGEST_SHOWN else text


def _columns(row: InboundDelivery) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _forget_old(source: Source, verdict: str) -> None:
    """Keep the last hundred: anybody can send, so this table must not grow by strangers."""
    db.session.flush()
    kept = (
        select(InboundDelivery.id)
        .filter_by(source_id=source.id, verdict=verdict)
        .order_by(InboundDelivery.id.desc())
        .offset(REFUSED_KEPT)
        .limit(1)
    )
    oldest = db.session.scalars(kept).first()
    if oldest is not None:
        db.session.execute(
            delete(InboundDelivery)
            .where(
                InboundDelivery.source_id == source.id,
                InboundDelivery.verdict == verdict,
                InboundDelivery.id <= oldest,
            )
            .execution_options(synchronize_session=False)
        )


def forget_bodies() -> None:
    """Bodies are kept for 30 days; what became of a delivery stays."""
    db.session.execute(
        update(InboundDelivery)
        .where(InboundDelivery.received_at < clock.now() - BODIES_KEPT)
        .where(InboundDelivery.verdict != OPEN, InboundDelivery.body_sealed.is_not(None))
        .values(body_sealed=None, headers_sealed=None)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, kw_only=True)
class Reported(Announcement):
    """A source says something. Subscribers add the rows it became to `became`."""

    name: ClassVar[str] = "source.reported"
    audited: ClassVar[bool] = False
    source: Source
    fact: Fact
    became: list[tuple[str, UUID]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SourceAnnouncement(Announcement):
    source: Source

    def details(self) -> dict[str, Any]:
        return {"kind": self.source.kind, "site_id": str(self.source.site_id)}


@dataclass(frozen=True, kw_only=True)
class SourceConnected(SourceAnnouncement):
    name: ClassVar[str] = "source.connected"


@dataclass(frozen=True, kw_only=True)
class SourceChanged(SourceAnnouncement):
    name: ClassVar[str] = "source.changed"


@dataclass(frozen=True, kw_only=True)
class SourceRemoved(SourceAnnouncement):
    name: ClassVar[str] = "source.removed"


def add_built_in_sources(announcement: SiteCreated) -> None:
    for kind, name in BUILT_IN.items():
        site = announcement.site
        db.session.add(Source(id=uuid7(), site_id=site.id, kind=kind, name=name))
