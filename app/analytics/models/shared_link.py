"""The figures of a site for somebody outside, behind an address that cannot be guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models.user import hash_password, password_fits
from app.analytics.filters import Filter
from app.analytics.models.goal import Goal
from app.analytics.models.refused import Refused
from app.analytics.models.segment import fault_of, known_filters
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import fingerprint
from app.core.db import Base, db, exclusive
from app.core.ids import secret_token
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_LINKS = 100  # of a site, that open something
LONGEST_NAME = 120


class SharedLink(Tenant, Base):
    """The token is kept as a digest and shown once. `filters` are those that always hold."""

    __tablename__ = "shared_links"
    __table_args__ = (
        owned_by("sites", "site_id"),
        Index("ix_shared_links_digest", "digest", unique=True),
        Index("ix_shared_links_site_id", "site_id"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    filters: Mapped[list[Any]]
    shows_revenue: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @classmethod
    def issue(
        cls,
        site: Site,
        name: str,
        filters: Sequence[Filter] = (),
        *,
        password: str | None = None,
        expires_at: datetime | None = None,
        shows_revenue: bool = False,
    ) -> tuple[SharedLink, str]:
        """A link and its token, which cannot be had again. Raises PasswordError, or Refused for a
        goal that the site does not have or one link too many."""
        Goal.demand_to_keep(site.id, filters)
        password_hash = hash_password(password) if password else None
        exclusive(f"shared-links/{site.id}")
        _demand_room(site)
        token = secret_token()
        link = cls(
            site_id=site.id,
            name=name,
            digest=fingerprint(token),
            password_hash=password_hash,
            filters=[str(each) for each in filters],
            expires_at=expires_at,
            shows_revenue=shows_revenue,
        )
        db.session.add(link)
        db.session.flush()
        announce(SharedLinkIssued(link=link))
        return link, token

    @classmethod
    def of(cls, site: Site) -> list[SharedLink]:
        """Newest first, also those that open nothing any more."""
        found = select(cls).filter_by(site_id=site.id).order_by(cls.id.desc())
        return list(db.session.scalars(found))

    def revoke(self) -> None:
        if self.revoked_at is None:
            self.revoked_at = clock.now()
            announce(SharedLinkRevoked(link=self))

    def opens_with(self, password: str) -> bool:
        return self.password_hash is None or password_fits(self.password_hash, password)

    @property
    def state(self) -> str:
        """`open`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        expired = self.expires_at is not None and self.expires_at <= clock.now()
        return "expired" if expired else "open"

    @property
    def read(self) -> list[Filter]:
        """The filters that always hold."""
        return known_filters(self.filters)

    @property
    def whole(self) -> bool:
        """Whether this version knows all of its filters, and the site has the goals that they
        name: one less would show too much."""
        return len(self.read) == len(self.filters) and self.fault is None

    @property
    def fault(self) -> str | None:
        return fault_of(self.site_id, self.read)


def _demand_room(site: Site) -> None:
    moment = clock.now()
    count = select(func.count(SharedLink.id)).where(
        SharedLink.site_id == site.id,
        SharedLink.revoked_at.is_(None),
        (SharedLink.expires_at.is_(None)) | (SharedLink.expires_at > moment),
    )
    if (db.session.scalar(count) or 0) >= MOST_LINKS:
        raise Refused("name", f"A site has at most {MOST_LINKS} shared links. Revoke one first.")


@dataclass(frozen=True, kw_only=True)
class SharedLinkAnnouncement(Announcement):
    link: SharedLink

    def details(self) -> dict[str, Any]:
        return {"name": self.link.name, "site_id": str(self.link.site_id)}


@dataclass(frozen=True, kw_only=True)
class SharedLinkIssued(SharedLinkAnnouncement):
    name: ClassVar[str] = "shared_link.issued"


@dataclass(frozen=True, kw_only=True)
class SharedLinkRevoked(SharedLinkAnnouncement):
    name: ClassVar[str] = "shared_link.revoked"
