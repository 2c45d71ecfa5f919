from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import String, delete, false
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock, sql, tenancy
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.ids import uuid7

TIME_TO_UNDO = timedelta(days=7)


class Organization(Base):
    """The tenant."""

    __tablename__ = "organizations"
    __table_args__ = ({"info": {"system": ("SELECT",)}},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    time_zone: Mapped[str] = mapped_column(String(60), default="UTC")
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    language: Mapped[str] = mapped_column(String(12), default="en")
    # For how long raw events and visits are kept; None: for good.
    events_kept_days: Mapped[int | None]
    # Whether those that go are written to a file before.
    keeps_archives: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Filled with invented people, by `candor demo`.
    demo: Mapped[bool] = mapped_column(default=False)
    # The day on which it goes for good, unless an owner keeps it.
    deletion_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def found(cls, name: str) -> Organization:
        """Create an organization and enter it: what follows in the transaction is its own."""
        organization = cls(id=uuid7(), name=name, slug=free_slug(name))
        tenancy.enter(organization.id)
        db.session.add(organization)
        db.session.flush()
        announce(OrganizationFounded(organization=organization))
        return organization

    def change(self, **values: str) -> None:
        changed = frozenset(name for name in values if getattr(self, name) != values[name])
        for name, value in values.items():
            setattr(self, name, value)
        db.session.flush()
        announce(OrganizationChanged(organization=self, changed=changed))

    def keep_events(self, days: int | None, archives: bool = False) -> None:
        """Raw events and visits that are older go within a day, into an archive if that is
        wanted; None keeps them for good."""
        self.events_kept_days, self.keeps_archives = days, archives
        db.session.flush()
        announce(OrganizationChanged(organization=self))

    def schedule_deletion(self) -> bool:
        """Whether it is new: what is planned already stays as it is."""
        if self.deletion_at is not None:
            return False
        self.deletion_at = clock.now() + TIME_TO_UNDO
        announce(OrganizationDeletionScheduled(organization=self))
        return True

    def keep(self) -> None:
        if self.deletion_at is not None:
            self.deletion_at = None
            announce(OrganizationKept(organization=self))

    def delete(self) -> None:
        """For good, with every row that carries its id, if its day has come."""
        sql.take_time(db.session())
        due = delete(Organization).where(Organization.id == self.id)
        gone = db.session.execute(
            due.where(Organization.deletion_at <= clock.now()).returning(Organization.id),
            execution_options={"synchronize_session": False},
        )
        if gone.first() is not None:
            announce(OrganizationDeleted(organization=self))


@dataclass(frozen=True, kw_only=True)
class OrganizationFounded(Announcement):
    name: ClassVar[str] = "organization.founded"
    organization: Organization


@dataclass(frozen=True, kw_only=True)
class OrganizationChanged(Announcement):
    """`changed`: the names of what was."""

    name: ClassVar[str] = "organization.changed"
    organization: Organization
    changed: frozenset[str] = frozenset()

    def details(self) -> dict[str, Any]:
        return {
            name: getattr(self.organization, name)
            for name in (
                "name",
                "time_zone",
                "currency",
                "language",
                "events_kept_days",
                "keeps_archives",
            )
        }


@dataclass(frozen=True, kw_only=True)
class OrganizationDeletionScheduled(Announcement):
    name: ClassVar[str] = "organization.deletion_scheduled"
    organization: Organization


@dataclass(frozen=True, kw_only=True)
class OrganizationKept(Announcement):
    name: ClassVar[str] = "organization.kept"
    organization: Organization


@dataclass(frozen=True, kw_only=True)
class OrganizationDeleted(Announcement):
    name: ClassVar[str] = "organization.deleted"
    audited: ClassVar[bool] = False  # its audit log goes with it
    organization: Organization


def free_slug(name: str) -> str:
    """A readable address with a random tail, so that nobody learns which names are taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "organization"
    return f"{words}-{secrets.token_hex(3)}"
