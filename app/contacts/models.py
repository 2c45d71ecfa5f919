"""Contact: a person who told us who they are, in a chat, a form, or by the word of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock, tenancy
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, blind_index
from app.core.db import Base, db, exclusive
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant


class ContactError(ValueError):
    """A contact cannot be so; the message says why, for a person."""


class Contact(Tenant, Base):
    """One person of an organization, known by e-mail or by the id that a site has for its user.

    What somebody merely claims changes nothing that is known already: an e-mail address typed
    into a form is no proof of whose it is.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "email_index"),
        UniqueConstraint("organization_id", "user_index"),
        # For lists, newest first.
        Index("ix_contacts_organization_id_id", "organization_id", "id"),
    )

    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    name = Sealed("name_sealed")
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    email_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    user_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def with_email(cls, email: str, name: str | None) -> tuple[Contact, bool]:
        """Whoever has this address, and whether he is new. A name is kept if there was none."""
        contact, new = cls._of(email_index=cls.index_of(email))
        contact._learn(name=name, email=email)
        return contact, new

    @classmethod
    def index_of(cls, email: str) -> bytes | None:
        """By which whoever has this address is found."""
        return blind_index(email, purpose="contact.email", tenant=_organization())

    @classmethod
    def create(cls, email: str, name: str | None) -> tuple[Contact, bool]:
        """By the organization's own word. One that is there already is left as it is."""
        known = select(cls).filter_by(email_index=cls.index_of(email))
        contact = db.session.scalars(known).first()
        if contact is not None:
            return contact, False
        contact, new = cls.with_email(email, name)
        if new:
            announce(ContactCreated(contact=contact))
        return contact, new

    def change(self, **values: str | None) -> None:
        """Of name and email, those that are given: by the organization's own word. Raises
        ContactError for an address that another has."""
        if "name" in values:
            self.name = values["name"]
        email = values.get("email")
        if email:
            self._move_to(email)
        db.session.flush()
        announce(ContactChanged(contact=self, fields=sorted(values)))

    @classmethod
    def with_user_id(
        cls, site_id: UUID, user_id: str, name: str | None, email: str | None
    ) -> tuple[Contact, bool]:
        """The user of a site, who was vouched for by the site's own server."""
        purpose = f"contact.user/{site_id}"
        index = blind_index(user_id, purpose=purpose, tenant=_organization())
        contact, new = cls._of(user_index=index)
        contact._learn(name=name, email=email)
        return contact, new

    @classmethod
    def _of(cls, **index: bytes | None) -> tuple[Contact, bool]:
        """By one of its indexes; two who ask at once get the same."""
        values = {"id": uuid7(), "organization_id": _organization(), "created_at": clock.now()}
        values["last_seen_at"] = clock.now()
        new = insert_once(db.session(), cls, values | index)
        return db.session.scalars(select(cls).filter_by(**index)).one(), new

    def _learn(self, *, name: str | None, email: str | None) -> None:
        """The first one stays. An address is set with its index or not at all."""
        if name and not self.name_sealed:
            self.name = name
        if email and not self.email_sealed and self._may_have(email):
            self.email = email
        self.last_seen_at = clock.now()
        db.session.flush()

    def _may_have(self, email: str) -> bool:
        index = self.index_of(email)
        if self.email_index == index:
            return True
        if self.email_index or self._is_taken(index):
            return False
        self.email_index = index
        return True

    def _move_to(self, email: str) -> None:
        index = self.index_of(email)
        exclusive("contacts")
        if index != self.email_index and self._is_taken(index):
            raise ContactError("Another contact has this address.")
        self.email, self.email_index = email, index

    @staticmethod
    def _is_taken(index: bytes | None) -> bool:
        taken = select(Contact.id).filter_by(email_index=index)
        return db.session.scalars(taken).first() is not None

    @property
    def label(self) -> str:
        return self.name or self.email or "Contact"


def _organization() -> UUID:
    return tenancy.current_organization_id()


@dataclass(frozen=True, kw_only=True)
class ContactCreated(Announcement):
    """By a member or a program; whoever says in a chat who he is, is announced there."""

    name: ClassVar[str] = "contact.created"
    contact: Contact


@dataclass(frozen=True, kw_only=True)
class ContactChanged(Announcement):
    name: ClassVar[str] = "contact.changed"
    contact: Contact
    fields: list[str]

    def details(self) -> dict[str, Any]:
        return {"fields": self.fields}
