"""Ticket: a request that is worked on until it is resolved, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Member
from app.accounts.models.member import MemberRoleChanged, MemberShutOut
from app.accounts.permissions import Permission
from app.core import clock
from app.core.announce import announce, subscribe
from app.core.crypto import Sealed
from app.core.db import Base, db, exclusive
from app.core.public import PublicAnnouncement
from app.core.tenancy import Tenant, current_organization_id, owned_by
from app.sites.models import Site

STATES = ("open", "in_progress", "resolved", "closed")
DONE = ("resolved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
LONGEST_SUBJECT = 120


class Ticket(Tenant, Base):
    """`number` counts the tickets of an organization: people name it."""

    __tablename__ = "tickets"
    __table_args__ = (
        owned_by("sites", "site_id"),
        # Nulled before a member is removed.
        owned_by("members", "assignee_id", ondelete="NO ACTION"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("organization_id", "conversation_id"),
        Index("ix_tickets_organization_id_state", "organization_id", "state", "id"),
    )

    site_id: Mapped[UUID]
    number: Mapped[int]
    # No foreign keys: a ticket outlives the conversation and the contact that it came from.
    conversation_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    assignee_id: Mapped[UUID | None]
    person_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    person = Sealed("person_sealed")
    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    subject_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    subject = Sealed("subject_sealed")
    text_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    text = Sealed("text_sealed")
    state: Mapped[str] = mapped_column(String(12), default="open")
    priority: Mapped[str] = mapped_column(String(8), default="normal")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site] = relationship(
        primaryjoin=lambda: foreign(Ticket.site_id) == Site.id, viewonly=True
    )
    assignee: Mapped[Member | None] = relationship(
        primaryjoin=lambda: foreign(Ticket.assignee_id) == Member.id, viewonly=True
    )

    @classmethod
    def open(
        cls,
        site_id: UUID,
        *,
        text: str,
        email: str,
        person: str | None = None,
        priority: str = "normal",
        contact_id: UUID | None = None,
        conversation_id: UUID | None = None,
        assignee: Member | None = None,
    ) -> tuple[Ticket, bool]:
        """The ticket, and whether it is new: a conversation is one ticket at most."""
        cls.lock()
        known = (
            conversation_id
            and db.session.scalars(select(cls).filter_by(conversation_id=conversation_id)).first()
        )
        if known:
            return known, False
        ticket = cls(
            site_id=site_id,
            number=(db.session.scalar(select(func.max(cls.number))) or 0) + 1,
            conversation_id=conversation_id,
            contact_id=contact_id,
            person=person,
            email=email,
            subject=subject_of(text),
            text=text,
            priority=priority,
            assignee_id=assignee.id if assignee else None,
        )
        db.session.add(ticket)
        db.session.flush()
        announce(TicketCreated(ticket=ticket))
        return ticket, True

    def change(self, *, state: str, priority: str, assignee: Member | None) -> None:
        wanted = (state, priority, assignee.id if assignee else None)
        if wanted == (self.state, self.priority, self.assignee_id):
            return
        self.state, self.priority, self.assignee_id = wanted
        self.changed_at = clock.now()
        db.session.flush()
        announce(TicketUpdated(ticket=self))

    @staticmethod
    def lock() -> None:
        """Nobody else opens or changes one of the organization's."""
        exclusive(f"tickets/{current_organization_id()}")

    @property
    def version(self) -> str:
        """Another one after each change."""
        return clock.iso(self.changed_at)

    @property
    def who(self) -> str:
        return self.person or self.email or ""


def subject_of(text: str) -> str:
    """The first line of what was asked."""
    line = next((" ".join(each.split()) for each in text.splitlines() if each.strip()), "")
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1]}…"


@subscribe(MemberShutOut)
def let_go(left: MemberShutOut) -> None:
    _let_go(left.member)


@subscribe(MemberRoleChanged)
def let_go_silenced(changed: MemberRoleChanged) -> None:
    if not changed.member.may(Permission.CHAT_REPLY):
        _let_go(changed.member)


def _let_go(member: Member) -> None:
    """What was a member's is nobody's once he is gone, or may not answer any more. Of what is done
    with nobody has to be told, so all of it is one statement, however much there is."""
    mine = Ticket.assignee_id == member.id
    done = update(Ticket).where(mine, Ticket.state.in_(DONE))
    db.session.execute(done.values(assignee_id=None, changed_at=clock.now()))
    for ticket in list(db.session.scalars(select(Ticket).where(mine))):
        ticket.change(state=ticket.state, priority=ticket.priority, assignee=None)


ID = "0197a3f2-5c1e-7d40-9b1a-2f6c8e4d7a10"
EXAMPLE: dict[str, Any] = {
    "id": ID,
    "number": 12,
    "site_id": ID,
    "conversation_id": ID,
    "state": "open",
    "priority": "normal",
    "subject": "Do you ship to Norway?",
    "person": "Ada",
    "email": "ada@example.com",
    "created_at": "2026-01-02T03:04:05.678Z",
}


@dataclass(frozen=True, kw_only=True)
class TicketAnnouncement(PublicAnnouncement):
    since: ClassVar[str] = "0.1.0"
    nullable: ClassVar[frozenset[str]] = frozenset({"conversation_id", "person"})
    ticket: Ticket

    def details(self) -> dict[str, Any]:
        ticket = self.ticket
        return {"number": ticket.number, "state": ticket.state, "priority": ticket.priority}

    def public_site_id(self) -> UUID | None:
        return self.ticket.site_id

    def public_data(self) -> dict[str, Any]:
        ticket = self.ticket
        return {
            "id": str(ticket.id),
            "number": ticket.number,
            "site_id": str(ticket.site_id),
            "conversation_id": str(ticket.conversation_id) if ticket.conversation_id else None,
            "state": ticket.state,
            "priority": ticket.priority,
            "subject": ticket.subject,
            "person": ticket.person,
            "email": ticket.email,
            "created_at": clock.iso(ticket.created_at),
        }


@dataclass(frozen=True, kw_only=True)
class TicketCreated(TicketAnnouncement):
    name: ClassVar[str] = "ticket.created"
    about: ClassVar[str] = "A request became a ticket."
    example: ClassVar[dict[str, Any]] = EXAMPLE


@dataclass(frozen=True, kw_only=True)
class TicketUpdated(TicketAnnouncement):
    name: ClassVar[str] = "ticket.updated"
    about: ClassVar[str] = "State, priority or assignee of a ticket changed."
    example: ClassVar[dict[str, Any]] = {**EXAMPLE, "state": "resolved"}
