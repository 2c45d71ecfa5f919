from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core import chains, clock
from app.core.announce import Announcement, subscribe
from app.core.chains import Chained
from app.core.db import Base, Guid

SYSTEM = ("system", None)

# Who is acting in this request or job: ("member" | "api_key" | "system" | "source", id).
actor: ContextVar[tuple[str, UUID | None]] = ContextVar("actor", default=SYSTEM)


class AuditEntry(Chained, Base):
    """Who did what to which row, and when."""

    __tablename__ = "audit_entries"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)

    chain: ClassVar[str] = "audit"

    actor_kind: Mapped[str | None] = mapped_column(String(10))
    actor_id: Mapped[UUID | None] = mapped_column(Guid)
    action: Mapped[str | None] = mapped_column(String(60))
    subject_kind: Mapped[str | None] = mapped_column(String(40))
    subject_id: Mapped[UUID | None] = mapped_column(Guid)
    details: Mapped[dict[str, Any] | None]
    at: Mapped[datetime]

    def content(self) -> dict[str, Any]:
        return {
            "actor": [self.actor_kind, self.actor_id and str(self.actor_id)],
            "action": self.action,
            "subject": [self.subject_kind, self.subject_id and str(self.subject_id)],
            "details": self.details,
            "at": clock.iso(self.at),
        }

    def erase_content(self) -> None:
        self.actor_kind = self.actor_id = self.action = None
        self.subject_kind = self.subject_id = self.details = None


@subscribe(Announcement)
def record(announcement: Announcement) -> None:
    """Every announcement that is somebody's doing becomes an entry of the same transaction."""
    if not announcement.audited:
        return
    subject = announcement.subject()
    kind, identifier = actor.get()
    entry = AuditEntry(
        actor_kind=kind,
        actor_id=identifier,
        action=announcement.name,
        subject_kind=subject.__tablename__,
        subject_id=subject.id,
        details=announcement.details(),
        at=clock.now(),
    )
    chains.append(entry)
