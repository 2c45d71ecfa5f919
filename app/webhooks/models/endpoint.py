"""A program of the organization that is told what happens."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, SealedDocument
from app.core.db import Base, db, exclusive
from app.core.signing import new_webhook_secret
from app.core.tenancy import Tenant, current_organization_id, owned_by
from app.sites.models import Site
from app.webhooks.models.attempt import Outcome

MOST_ENDPOINTS = 100  # of an organization
EVERYTHING = "*"
# The type whose endpoints say besides which events they want.
RECORDED = "event.recorded"
# How long the secret before the last rotation still signs as well.
OVERLAP = timedelta(hours=24)
# Failures in a row after which the deliveries wait while one at a time tries.
TOLERATED = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
LASTING = timedelta(days=5)
MEMBER, GONE, FAILING = "member", "gone", "failing"


class Refused(Exception):
    """What cannot be, in a word for a person; `field` is whose it is."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Endpoint(Tenant, Base):
    """Where deliveries go, and how it fares. Without a site: what happens on all of them."""

    __tablename__ = "endpoints"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_endpoints_site_id", "site_id"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID | None]
    description: Mapped[str] = mapped_column(String(120))
    # Sealed: such addresses often carry a token.
    url_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    url = Sealed("url_sealed")
    types: Mapped[list[Any]]
    # Of `event.recorded`: names of events, and since when (milliseconds since 1970) each is told;
    # None where no events are.
    event_names: Mapped[dict[str, Any] | None]
    events_since: Mapped[int | None] = mapped_column(BigInteger)
    headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    headers = SealedDocument("headers_sealed")
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    secret = Sealed("secret_sealed")
    old_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret = Sealed("old_secret_sealed")
    old_secret_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(10))
    # In a row, and since when there was no success.
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    # Until then nothing is sent; then one delivery tries whether it works again.
    waits_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site | None] = relationship(
        primaryjoin=lambda: foreign(Endpoint.site_id) == Site.id, viewonly=True
    )

    @classmethod
    def create(
        cls,
        url: str,
        types: list[str],
        site: Site | None = None,
        description: str = "",
        headers: dict[str, str] | None = None,
        event_names: list[str] | None = None,
    ) -> Endpoint:
        """Raises Refused for one too many. Its `secret` is there to be shown once."""
        exclusive(f"endpoints/{current_organization_id()}")
        if (db.session.scalar(select(func.count(cls.id))) or 0) >= MOST_ENDPOINTS:
            message = f"An organization has at most {MOST_ENDPOINTS} endpoints. Delete one first."
            raise Refused("url", message)
        endpoint = cls(site_id=site and site.id, description=description, types=types)
        endpoint.url, endpoint.headers, endpoint.secret = url, headers or {}, new_webhook_secret()
        endpoint._choose_events(event_names or [])
        db.session.add(endpoint)
        db.session.flush()
        announce(EndpointCreated(endpoint=endpoint))
        return endpoint

    @classmethod
    def wanting(cls, kind: str, site_id: UUID | None) -> list[Endpoint]:
        """Those that are to be told of something of this type on this site."""
        given = {"organization_id": current_organization_id(), "site_id": site_id}
        able = db.session.connection().execute(ABLE, given).all()
        ids = [each.id for each in able if wants(each.types, kind)]
        return list(db.session.scalars(select(cls).where(cls.id.in_(ids)))) if ids else []

    def change(self, event_names: list[str] | None = None, **values: Any) -> None:
        """Of url, types, description, headers and event_names, those that are given. What failed
        at another address says nothing about this one."""
        if values.get("url", self.url) != self.url:
            self.forget_failures()
        for name, value in values.items():
            setattr(self, name, value)
        self._choose_events(self.events if event_names is None else event_names)
        announce(EndpointChanged(endpoint=self))

    def remove(self) -> None:
        """With all of its deliveries, also those that still wait."""
        announce(EndpointRemoved(endpoint=self))
        db.session.delete(self)
        db.session.flush()

    def rotate_secret(self) -> None:
        """A new `secret`, to be shown once; the one before signs as well for a day."""
        self.old_secret, self.old_secret_until = self.secret, clock.now() + OVERLAP
        self.secret = new_webhook_secret()
        announce(EndpointSecretRotated(endpoint=self))

    @property
    def secrets(self) -> list[str]:
        """Those that sign, the newest first."""
        overlaps = self.old_secret_until is not None and self.old_secret_until > clock.now()
        return [each for each in (self.secret, self.old_secret if overlaps else None) if each]

    def enable(self) -> None:
        """What waits goes out, as if nothing had been."""
        if self.disabled_at is not None:
            self.disabled_at = self.disabled_reason = None
            self.forget_failures()
            self._begin_events_anew()
            announce(EndpointEnabled(endpoint=self))

    def disable(self, reason: str = MEMBER) -> None:
        """Nothing is sent or kept for it any more; what waits already waits on."""
        if self.disabled_at is None:
            self.disabled_at, self.disabled_reason = clock.now(), reason
            announce(EndpointDisabled(endpoint=self))

    def hear(self, outcome: Outcome) -> None:
        """Learn from what came of a request. The caller holds `lock`."""
        if outcome.delivered:
            self.forget_failures()
            self.delivered_at = outcome.at
            return
        self.failures += 1
        self.failing_since = self.failing_since or outcome.at
        if outcome.gone:
            self.disable(GONE)
        elif outcome.at - self.failing_since >= LASTING:
            self.disable(FAILING)
        pause = max(outcome.wished_pause, self._pause())
        if pause:
            self.waits_until = outcome.ended_at + min(pause, LONGEST_PAUSE)

    def forget_failures(self) -> None:
        self.failures, self.failing_since, self.waits_until = 0, None, None

    def let_try(self) -> None:
        """Whoever looks at it wants to know now: the next delivery need not wait."""
        self.waits_until = self.waits_until and min(self.waits_until, clock.now())

    @property
    def waits(self) -> bool:
        return self.waits_until is not None and self.waits_until > clock.now()

    @property
    def host(self) -> str:
        """The part of the address that may be told to anybody."""
        return urlsplit(self.url or "").netloc

    @property
    def name(self) -> str:
        return self.description or self.host

    @staticmethod
    def lock(endpoint_id: UUID) -> None:
        """Nobody else learns about it until the transaction ends."""
        exclusive(f"endpoint/{endpoint_id}")

    @property
    def events(self) -> list[str]:
        """The names of the events that it is told of."""
        return sorted(self.event_names or {})

    def _choose_events(self, names: list[str]) -> None:
        """A name is told of from now on, or as long as it has been already."""
        told, now = self.event_names or {}, clock.milliseconds()
        chosen = (
            {name: told.get(name, now) for name in names} if wants(self.types, RECORDED) else {}
        )
        self.event_names, self.events_since = chosen or None, min(chosen.values(), default=None)

    def _begin_events_anew(self) -> None:
        """What was recorded while it was disabled was not kept for it."""
        names, self.event_names = self.events, None
        self._choose_events(names)

    def _pause(self) -> timedelta:
        """Longer from one failure to the next, and never the same for two of them."""
        if self.failures < TOLERATED:
            return timedelta()
        longer = FIRST_PAUSE * 2 ** min(self.failures - TOLERATED, 10)
        return min(longer, LONGEST_PAUSE) * random.uniform(0.8, 1)  # noqa: S311


def wants(types: list[str], kind: str) -> bool:
    return EVERYTHING in types or kind in types


_columns: Any = Endpoint.__table__.c
# Asked at each announcement, mostly for nothing: below the session and made once.
ABLE = select(_columns.id, _columns.types).where(
    _columns.organization_id == bindparam("organization_id"),
    _columns.disabled_at.is_(None),
    or_(_columns.site_id.is_(None), _columns.site_id == bindparam("site_id")),
)


@dataclass(frozen=True, kw_only=True)
class EndpointAnnouncement(Announcement):
    endpoint: Endpoint

    def details(self) -> dict[str, Any]:
        return {"host": self.endpoint.host, "types": self.endpoint.types}


@dataclass(frozen=True, kw_only=True)
class EndpointCreated(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.created"


@dataclass(frozen=True, kw_only=True)
class EndpointChanged(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.changed"


@dataclass(frozen=True, kw_only=True)
class EndpointRemoved(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.removed"


@dataclass(frozen=True, kw_only=True)
class EndpointSecretRotated(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.secret_rotated"


@dataclass(frozen=True, kw_only=True)
class EndpointEnabled(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.enabled"


@dataclass(frozen=True, kw_only=True)
class EndpointDisabled(EndpointAnnouncement):
    name: ClassVar[str] = "endpoint.disabled"

    def details(self) -> dict[str, Any]:
        return {**super().details(), "reason": self.endpoint.disabled_reason}
