"""How a site chats: whether, what it asks, when somebody is there, and what it says by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.chat.announcements import ChatSettingsChanged
from app.chat.hours import Hours
from app.core import clock, tenancy
from app.core.announce import announce
from app.core.crypto import Sealed
from app.core.db import Base, db
from app.core.ids import secret_token, uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

# What is asked before the first message.
NOTHING, OPTIONAL, REQUIRED = "nothing", "optional", "required"
MANUAL, ROUND_ROBIN = "manual", "round_robin"
# What a site says by itself, in each of its languages: greeting when the panel opens, away
# outside its hours, waiting when nobody has answered for `waiting_minutes`.
TEXTS = ("title", "greeting", "away", "waiting")
# What a revision of the site keeps. Never the secret.
KEPT = (
    "on",
    "position",
    "accent",
    "asks",
    "takes_files",
    "asks_rating",
    "texts",
    "week",
    "holidays",
    "waiting_minutes",
    "assignment",
    "outside",
    "reply_target",
    "resolution_target",
)


class ChatSettings(Tenant, Base):
    __tablename__ = "chat_settings"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id"),
    )

    site_id: Mapped[UUID]
    on: Mapped[bool] = mapped_column(default=False)
    position: Mapped[str] = mapped_column(String(20), default="bottom-right")
    accent: Mapped[str] = mapped_column(String(7), default="#2563eb")
    asks: Mapped[str] = mapped_column(String(10), default=NOTHING)
    takes_files: Mapped[bool] = mapped_column(default=True)
    asks_rating: Mapped[bool] = mapped_column(default=True)
    # By language tag; the site's own language is what the others fall back to.
    texts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # As Hours.read takes them; None: somebody is always there.
    week: Mapped[list[Any] | None]
    holidays: Mapped[list[Any]] = mapped_column(default=list)
    waiting_minutes: Mapped[int | None]
    assignment: Mapped[str] = mapped_column(String(12), default=MANUAL)
    # An outside chat in place of ours: url, fallback, target, parameters (`outside.py`).
    outside: Mapped[dict[str, Any] | None]
    # Minutes within which a first reply and an end are aimed at.
    reply_target: Mapped[int | None]
    resolution_target: Mapped[int | None]
    identity_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    identity_secret = Sealed("identity_secret_sealed")
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def of(cls, site_id: UUID) -> ChatSettings:
        """Of a site that has none yet, the usual ones, switched off."""
        return cls.find(site_id) or cls._make(site_id)

    @classmethod
    def find(cls, site_id: UUID) -> ChatSettings | None:
        """Those of a site that has been asked about its chat."""
        return db.session.scalars(select(cls).filter_by(site_id=site_id)).one_or_none()

    @classmethod
    def any_on(cls) -> bool:
        """Whether any site of the organization chats."""
        return db.session.scalars(select(cls.id).filter_by(on=True).limit(1)).first() is not None

    @classmethod
    def _make(cls, site_id: UUID) -> ChatSettings:
        usual = {
            column.name: column.default.arg
            for column in cls.__table__.columns
            if column.default is not None and column.default.is_scalar
        }
        values = {
            **usual,
            "id": uuid7(),
            "organization_id": tenancy.current_organization_id(),
            "site_id": site_id,
            "texts": {},
            "holidays": [],
            "changed_at": clock.now(),
        }
        insert_once(db.session(), cls, values)
        settings = db.session.scalars(select(cls).filter_by(site_id=site_id)).one()
        if settings.identity_secret is None:
            settings.identity_secret = secret_token()
            db.session.flush()
        return settings

    def change(self, site: Site, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.changed_at = clock.now()
        db.session.flush()
        announce(ChatSettingsChanged(site=site))

    def renew_identity_secret(self, site: Site) -> str:
        """What the site's server signed with the old one is no longer believed."""
        secret = secret_token()
        self.change(site, identity_secret=secret)
        return secret

    def hours(self, zone: str) -> Hours:
        return Hours.read(zone, self.week, self.holidays)

    def waiting_due_at(self, zone: str, since: datetime) -> datetime | None:
        """When the site says that it has not forgotten somebody who waits since then. Outside its
        hours nobody expects an answer, so there the patience begins with the next opening."""
        hours = self.hours(zone)
        begins = since if hours.open_at(since) else hours.next_opening(since)
        if begins is None or not self.waiting_minutes:
            return None
        return begins + timedelta(minutes=self.waiting_minutes)

    def text(self, name: str, *languages: str | None) -> str | None:
        """In the first of these languages that has it: `de-AT` also finds `de`."""
        for language in filter(None, languages):
            for tag in (language, language.partition("-")[0]):
                if self.texts.get(tag, {}).get(name):
                    return self.texts[tag][name]
        return None

    @property
    def kept(self) -> dict[str, Any]:
        """What a revision keeps, so that one can go back to it."""
        return {name: getattr(self, name) for name in KEPT}

    def restore(self, kept: dict[str, Any]) -> None:
        """Set to what a revision kept. Announces nothing: its caller publishes."""
        for name in kept.keys() & set(KEPT):
            setattr(self, name, kept[name])
        self.changed_at = clock.now()
        db.session.flush()

    def snapshot(self) -> dict[str, Any] | None:
        """What the site publishes of it: what a page must know before anybody opens the chat."""
        if not self.on:
            return None
        titles = {tag: each["title"] for tag, each in self.texts.items() if each.get("title")}
        return {
            "position": self.position,
            "accent": self.accent,
            "titles": titles,
            "outside": self.outside,
        }
