"""A figure that is watched: told when it is far above or below the usual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Member
from app.analytics.models.refused import Refused
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db, exclusive
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_ALERTS = 50  # of a site
SPIKE, DROP = "spike", "drop"
HOUR, DAY = "hour", "day"


@dataclass(frozen=True)
class Watched:
    """`percent`: how far from the usual. `minimum`: of the figure for a spike, of the usual for a
    drop; below it nothing is told."""

    metric: str
    direction: str
    unit: str
    percent: int
    minimum: int


class Alert(Tenant, Base):
    __tablename__ = "alerts"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_alerts_site_id", "site_id", "id"),
        Index("ix_alerts_due_at", "due_at"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    metric: Mapped[str] = mapped_column(String(20))
    direction: Mapped[str] = mapped_column(String(10))
    unit: Mapped[str] = mapped_column(String(10))
    percent: Mapped[int]
    minimum: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    recipients: Mapped[list[AlertRecipient]] = relationship(
        primaryjoin=lambda: foreign(AlertRecipient.alert_id) == Alert.id, viewonly=True
    )

    @classmethod
    def create(cls, site: Site, watched: Watched, members: Iterable[Member]) -> Alert:
        """Raises Refused for one too many."""
        exclusive(f"alerts/{site.id}")
        count = select(func.count(cls.id)).filter_by(site_id=site.id)
        if (db.session.scalar(count) or 0) >= MOST_ALERTS:
            message = f"A site has at most {MOST_ALERTS} alerts. Delete one first."
            raise Refused("metric", message)
        alert = cls(site_id=site.id, due_at=clock.now(), **vars(watched))
        db.session.add(alert)
        db.session.flush()
        alert._tell(members)
        announce(AlertCreated(alert=alert))
        return alert

    @classmethod
    def of(cls, site: Site) -> list[Alert]:
        found = select(cls).filter_by(site_id=site.id).order_by(cls.id)
        return list(db.session.scalars(found))

    def change(self, watched: Watched, members: Iterable[Member]) -> None:
        for name, value in vars(watched).items():
            setattr(self, name, value)
        mine = AlertRecipient.alert_id == self.id
        db.session.execute(delete(AlertRecipient).where(mine))
        self._tell(members)
        announce(AlertChanged(alert=self))

    def remove(self) -> None:
        announce(AlertRemoved(alert=self))
        db.session.delete(self)
        db.session.flush()

    def fire(self, began_at: int, value: int, usual: int) -> bool:
        """Once for each hour or day; whether this was the time."""
        values = {
            "id": uuid7(),
            "organization_id": self.organization_id,
            "alert_id": self.id,
            "began_at": began_at,
            "value": value,
            "usual": usual,
            "created_at": clock.now(),
        }
        return insert_once(db.session(), AlertFiring, values)

    @property
    def watched(self) -> Watched:
        return Watched(self.metric, self.direction, self.unit, self.percent, self.minimum)

    def _tell(self, members: Iterable[Member]) -> None:
        for member in members:
            db.session.add(AlertRecipient(alert_id=self.id, member_id=member.id))
        db.session.flush()


class AlertRecipient(Tenant, Base):
    """A member who is told by mail."""

    __tablename__ = "alert_recipients"
    __table_args__ = (
        owned_by("alerts", "alert_id"),
        owned_by("members", "member_id"),
        UniqueConstraint("organization_id", "alert_id", "member_id"),
        Index("ix_alert_recipients_member_id", "member_id"),
    )

    alert_id: Mapped[UUID]
    member_id: Mapped[UUID]
    member: Mapped[Member] = relationship(
        primaryjoin=lambda: foreign(AlertRecipient.member_id) == Member.id, viewonly=True
    )


class AlertFiring(Tenant, Base):
    """What was told, with the numbers behind it. `began_at`: of the hour or day, in milliseconds
    since 1970."""

    __tablename__ = "alert_firings"
    __table_args__ = (
        owned_by("alerts", "alert_id"),
        UniqueConstraint("organization_id", "alert_id", "began_at"),
    )

    alert_id: Mapped[UUID]
    began_at: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[int] = mapped_column(BigInteger)
    usual: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    alert: Mapped[Alert] = relationship(
        primaryjoin=lambda: foreign(AlertFiring.alert_id) == Alert.id, viewonly=True
    )

    @classmethod
    def newest(cls, site: Site, number: int) -> list[AlertFiring]:
        found = select(cls).join(Alert, Alert.id == cls.alert_id).where(Alert.site_id == site.id)
        return list(db.session.scalars(found.order_by(cls.id.desc()).limit(number)))


@dataclass(frozen=True, kw_only=True)
class AlertAnnouncement(Announcement):
    alert: Alert

    def details(self) -> dict[str, Any]:
        return {"site_id": str(self.alert.site_id), **vars(self.alert.watched)}


@dataclass(frozen=True, kw_only=True)
class AlertCreated(AlertAnnouncement):
    name: ClassVar[str] = "alert.created"


@dataclass(frozen=True, kw_only=True)
class AlertChanged(AlertAnnouncement):
    name: ClassVar[str] = "alert.changed"


@dataclass(frozen=True, kw_only=True)
class AlertRemoved(AlertAnnouncement):
    name: ClassVar[str] = "alert.removed"
