"""Guest: who writes in the chat, known by the chat token on his device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.contacts.models import Contact
from app.core import clock
from app.core.crypto import Sealed, blind_index
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, owned_by


@dataclass(frozen=True)
class Surroundings:
    """From where somebody writes: what his browser says, and what tracking knows of his visit.

    `visitor` is tracking's name for him, if it has one; `session_id` the visit he is in."""

    visitor: bytes | None
    session_id: UUID | None
    page: dict[str, Any]  # url, title, referrer
    utm: dict[str, Any]
    user_agent: str
    masked_address: str | None
    country: str | None
    city: str | None
    language: str | None


class Guest(Tenant, Base):
    __tablename__ = "guests"
    __table_args__ = (
        owned_by("sites", "site_id"),
        # Nulled by whatever removes a contact.
        owned_by("contacts", "contact_id", ondelete="NO ACTION"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_guests_contact_id", "contact_id"),
        Index("ix_guests_organization_id_email_index", "organization_id", "email_index"),
        Index("ix_guests_site_id_visitor", "site_id", "visitor"),
    )

    site_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    # What tracking called him when he last wrote: with consent an id of his own, else a day's hash.
    visitor: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    session_id: Mapped[UUID | None]
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    name = Sealed("name_sealed")
    # By which agents find him: his contact may be another's who has the same address.
    email_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    # The site's own server vouched for him; else name and address are what he says.
    verified: Mapped[bool] = mapped_column(default=False)
    # The site told his address as well. Of a user whom it told without one it is what he says.
    email_told: Mapped[bool] = mapped_column(default=False)
    user_agent_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    user_agent = Sealed("user_agent_sealed")
    masked_address: Mapped[str | None] = mapped_column(String(40))
    country: Mapped[str | None] = mapped_column(String(2))
    city: Mapped[str | None] = mapped_column(String(100))
    language: Mapped[str | None] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    contact: Mapped[Contact | None] = relationship(
        primaryjoin=lambda: foreign(Guest.contact_id) == Contact.id, viewonly=True
    )

    @classmethod
    def arrive(cls, site_id: UUID, around: Surroundings) -> Guest:
        guest = cls(site_id=site_id)
        guest.stand_in(around)
        db.session.add(guest)
        db.session.flush()
        return guest

    def stand_in(self, around: Surroundings) -> None:
        """Where he is now."""
        self.visitor = around.visitor or self.visitor
        self.session_id = around.session_id or self.session_id
        self.user_agent, self.masked_address = around.user_agent, around.masked_address
        self.country, self.city = around.country, around.city
        self.language = around.language
        self.last_seen_at = clock.now()

    def introduce(self, *, name: str | None, email: str | None) -> bool:
        """He says who he is. Answers whether that made a new contact. For whom the site vouched, it
        only adds what the site did not tell."""
        if self.verified:
            self._call(self.name or name, self.email or email)
            return False
        self._call(name or self.name, email or self.email)
        if not email:
            return False
        contact, new = Contact.with_email(email, name)
        self.contact_id = contact.id
        db.session.flush()
        return new

    @classmethod
    def vouched(
        cls,
        site_id: UUID,
        user_id: str,
        around: Surroundings,
        *,
        name: str | None,
        email: str | None,
    ) -> tuple[Guest, bool]:
        """The guest that a user of the site is, on whatever device, and whether the site told
        something new of him. Never one who came by himself: a chat token of such a one may be in
        other hands as well."""
        contact, _ = Contact.with_user_id(site_id, user_id, name, email)
        exclusive(f"guest/{contact.id}")
        found = select(cls).filter_by(site_id=site_id, contact_id=contact.id, verified=True)
        known = db.session.scalars(found.order_by(cls.id)).first()
        guest = known or cls.arrive(site_id, around)
        before = (guest.name, guest.told_email) if known else None
        guest.contact_id, guest.verified = contact.id, True
        guest.email_told = guest.email_told or bool(email)
        guest._call(name or guest.name, email or guest.email)
        db.session.flush()
        return guest, before != (guest.name, guest.told_email)

    def _call(self, name: str | None, email: str | None) -> None:
        self.name, self.email = name, email
        tenant = self.organization_id
        self.email_index = (
            blind_index(email, purpose="guest.email", tenant=tenant) if email else None
        )

    @property
    def told_email(self) -> str | None:
        """His address by the word of the site: by one that he claims nothing more is known."""
        return self.email if self.email_told else None

    @property
    def claims_email(self) -> bool:
        """Whether his address is what he says."""
        return bool(self.email) and not self.email_told

    @property
    def label(self) -> str:
        """What agents call him."""
        return self.name or self.email or "Visitor"
