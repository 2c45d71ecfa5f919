from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock, tenancy
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.ids import uuid7


class Organization(Base):
    """The tenant."""

    __tablename__ = "organizations"
    __table_args__ = ({"info": {"system": ("SELECT",)}},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    time_zone: Mapped[str] = mapped_column(String(60), default="UTC")
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


@dataclass(frozen=True, kw_only=True)
class OrganizationFounded(Announcement):
    name: ClassVar[str] = "organization.founded"
    organization: Organization


def free_slug(name: str) -> str:
    """A readable address with a random tail, so that nobody learns which names are taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "organization"
    return f"{words}-{secrets.token_hex(3)}"
