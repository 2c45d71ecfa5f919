"""Sites, their domains, and the revisions of what they publish."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    Select,
    String,
    UniqueConstraint,
    false,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Organization
from app.accounts.models.audit import actor
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.ids import public_token
from app.core.sql import insert
from app.core.tenancy import Tenant, current_organization_id, owned_by
from app.sites.domains import MOST_DOMAINS, DomainError, domains_of
from app.sites.parameters import STANDARD

SMALLEST_K = 3
DEFAULT_K = 5
CONVERSION_WINDOW = 7 * 86_400  # seconds
# What of a site's own a revision keeps. Its name, domains and switch are not taken back with it.
SETTINGS = ("language", "person_style", "k", "time_zone", "mode", "parameters")


class SiteNumbers(Base):
    """The one row from which sites take their numbers. It belongs to nobody."""

    __tablename__ = "site_numbers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


def _next_number(context: Any) -> int:
    taken = insert(context.connection, SiteNumbers).values(id=1, last=1)
    taken = taken.on_conflict_do_update(
        index_elements=["id"], set_={"last": SiteNumbers.last + 1}
    ).returning(SiteNumbers.last)
    return context.connection.execute(taken).scalar_one()


class Site(Tenant, Base):
    """One website with a snippet."""

    __tablename__ = "sites"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index("ix_sites_number", "number", unique=True),
        Index("ix_sites_organization_id_number", "organization_id", "number", unique=True),
        # For lists, by name.
        Index("ix_sites_organization_id_search_text", "organization_id", "search_text", "id"),
        {"info": {"system": ("SELECT",)}},
    )

    # What the many rows of tracking call it.
    number: Mapped[int] = mapped_column(default=_next_number, server_default="0")
    name: Mapped[str] = mapped_column(String(120))
    client_name: Mapped[str | None] = mapped_column(String(120))
    # Both names without upper case, since SQLite knows only ASCII's: lists sort and search by it.
    search_text: Mapped[str] = mapped_column(String(250), default="", server_default="")
    key: Mapped[str] = mapped_column(String(32), unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    time_zone: Mapped[str] = mapped_column(String(60), default="UTC")
    language: Mapped[str] = mapped_column(String(12), default="en")
    person_style: Mapped[str] = mapped_column(String(12), default="first_name")
    k: Mapped[int] = mapped_column(default=DEFAULT_K)
    # anonymous, or strict: before consent nothing is counted and nothing asked for.
    mode: Mapped[str] = mapped_column(String(10), default="anonymous", server_default="anonymous")
    # Those of its pages' addresses that are kept, by name.
    parameters: Mapped[list[Any]] = mapped_column(
        default=lambda: list(STANDARD), server_default=json.dumps(STANDARD)
    )
    # Whether what pages claim to have earned counts as revenue, besides orders and servers.
    trusts_pages: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Seconds after a campaign was seen in which what its visitor does counts as its conversion.
    conversion_window: Mapped[int] = mapped_column(
        default=CONVERSION_WINDOW, server_default=str(CONVERSION_WINDOW)
    )
    # Counts what visitors may have to hear of (activities, retractions, revisions): their cursor.
    change_number: Mapped[int] = mapped_column(BigInteger, default=0)
    revision_number: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    domains: Mapped[list[SiteDomain]] = relationship(
        primaryjoin=lambda: Site.id == foreign(SiteDomain.site_id),
        cascade="all, delete-orphan",
        order_by=lambda: SiteDomain.host,
        passive_deletes=True,
    )
    sightings: Mapped[list[Sighting]] = relationship(
        primaryjoin=lambda: Site.id == foreign(Sighting.site_id),
        order_by=lambda: Sighting.last_seen_at.desc(),
        viewonly=True,
    )

    @classmethod
    def create(
        cls, *, name: str, domains: list[str], client_name: str | None = None, **settings: Any
    ) -> Site:
        """In the organization's time zone and language unless `settings` say others."""
        organization = db.session.get_one(Organization, current_organization_id())
        settings = {**_own(organization), **settings}
        site = cls(name=name, client_name=client_name or None, key=public_token(), **settings)
        site._name_for_search()
        db.session.add(site)
        db.session.flush()
        site._set_domains(domains)
        announce(SiteCreated(site=site))
        return site

    def change(self, *, domains: list[str] | None = None, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self._name_for_search()
        if domains is not None:
            self._set_domains(domains)
        db.session.flush()
        announce(SiteChanged(site=self))

    def activate(self) -> None:
        if not self.active:
            self.active = True
            db.session.flush()
            announce(SiteActivated(site=self))

    def deactivate(self) -> None:
        """Its snippet answers with a script that does nothing."""
        if self.active:
            self.active = False
            db.session.flush()
            announce(SiteDeactivated(site=self))

    def trust_pages(self, trusts: bool) -> None:
        """Whether what its pages claim to have earned counts as revenue."""
        if self.trusts_pages != trusts:
            self.trusts_pages = trusts
            db.session.flush()
            announce(SiteTrustChanged(site=self))

    def convert_within(self, seconds: int) -> None:
        """For how long after it was seen a campaign counts conversions."""
        if self.conversion_window != seconds:
            self.conversion_window = seconds
            db.session.flush()
            announce(SiteWindowChanged(site=self))

    def add_domain(self, host: str) -> None:
        """Raises DomainError when there are as many as a site can have."""
        if len(self.hosts) >= MOST_DOMAINS:
            raise DomainError(f"A site has at most {MOST_DOMAINS} domains.")
        self.change(domains=[*self.hosts, host])

    def remove(self) -> None:
        """The site goes with all that belongs to it. Receipts stay: what was said is not unsaid."""
        announce(SiteRemoved(site=self))
        db.session.delete(self)
        db.session.flush()

    @classmethod
    def matching(cls, text: str) -> Select[Any]:
        """Sites by name; with `text` those whose names or domains have each word of it."""
        found = select(cls).order_by(cls.search_text, cls.id)
        for word in text.casefold().split():
            on_domain = select(SiteDomain.site_id).where(
                SiteDomain.host.contains(word, autoescape=True)
            )
            named = cls.search_text.contains(word, autoescape=True)
            found = found.where(or_(named, cls.id.in_(on_domain)))
        return found

    def next_change(self) -> int:
        """The next change number of this site. Holds the site's row until the commit, so that
        numbers become visible in their order."""
        moved = (
            update(Site)
            .where(Site.id == self.id)
            .values(change_number=Site.change_number + 1)
            .returning(Site.change_number)
            .execution_options(synchronize_session=False)
        )
        return db.session.execute(moved).scalar_one()

    def restore(self, settings: dict[str, Any]) -> None:
        """Set the settings to what a revision kept. Announces nothing: its caller publishes."""
        for name in SETTINGS:
            setattr(self, name, settings.get(name, getattr(self, name)))
        db.session.flush()

    def publish(
        self, compose: Callable[[], dict[str, Any]], cause: dict[str, Any] | None = None
    ) -> Revision:
        """Save what `compose` says as the next revision and make it the published one.

        It is asked once nobody else can publish this site: taking the next change holds its row.
        `cause` says what brought it about; who did is the actor of this request or job.
        """
        db.session.flush()
        change = self.next_change()
        db.session.expire_all()
        last = select(Revision.number).filter_by(site_id=self.id).order_by(Revision.number.desc())
        number = (db.session.scalars(last.limit(1)).first() or 0) + 1
        kind, identifier = actor.get()
        revision = Revision(
            site_id=self.id,
            number=number,
            content=compose(),
            change=change,
            author_kind=kind,
            author_id=identifier,
            cause=cause,
        )
        db.session.add(revision)
        self.revision_number = number
        db.session.flush()
        announce(RevisionPublished(revision=revision, site=self))
        return revision

    @property
    def settings(self) -> dict[str, Any]:
        """What a revision keeps of the site's own."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def hosts(self) -> list[str]:
        return [domain.host for domain in self.domains]

    def runs_on(self, host: str) -> bool:
        return not set(self.hosts).isdisjoint(domains_of(host))

    def _name_for_search(self) -> None:
        self.search_text = f"{self.name} {self.client_name or ''}".strip().casefold()[:250]

    def _set_domains(self, hosts: list[str]) -> None:
        kept = {domain.host: domain for domain in self.domains}
        self.domains = [
            kept.get(host) or SiteDomain(site_id=self.id, host=host)
            for host in dict.fromkeys(hosts)
        ]
        for sighting in db.session.scalars(select(Sighting).filter_by(site_id=self.id)):
            sighting.allowed = self.runs_on(sighting.host)


class SiteDomain(Tenant, Base):
    """A host on which a site's snippet may run, or `*.` and a domain for each host below it. Ports
    and schemes do not count."""

    __tablename__ = "site_domains"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id", "host"),
        Index("ix_site_domains_host", "host"),
        Index("ix_site_domains_site_id", "site_id"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    host: Mapped[str] = mapped_column(String(253))


class Sighting(Tenant, Base):
    """A host on which a site's snippet was loaded. Written for all organizations at once, by what
    serves the snippets."""

    __tablename__ = "site_sightings"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id", "host"),
        Index("ix_site_sightings_site_id_allowed", "site_id", "allowed", "last_seen_at"),
        {"info": {"system": ("SELECT", "INSERT", "UPDATE", "DELETE")}},
    )

    site_id: Mapped[UUID]
    host: Mapped[str] = mapped_column(String(253))
    # Whether it is among the site's domains.
    allowed: Mapped[bool]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class Revision(Tenant, Base):
    """One saved version of a site's configuration; the site says which is published."""

    __tablename__ = "revisions"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id", "number"),
        Index("ix_revisions_site_id_number", "site_id", "number"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    number: Mapped[int]
    content: Mapped[dict[str, Any]]
    change: Mapped[int] = mapped_column(BigInteger)
    # Who brought it about and what did; None for revisions from before this was kept.
    author_kind: Mapped[str | None] = mapped_column(String(10))
    author_id: Mapped[UUID | None]
    cause: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Revision.site_id) == Site.id)


def _own(organization: Organization) -> dict[str, str]:
    """What a new site takes over."""
    return {"time_zone": organization.time_zone, "language": organization.language}


@dataclass(frozen=True, kw_only=True)
class SiteAnnouncement(Announcement):
    site: Site

    def details(self) -> dict[str, Any]:
        return {"name": self.site.name, "domains": self.site.hosts}


@dataclass(frozen=True, kw_only=True)
class SiteCreated(SiteAnnouncement):
    name: ClassVar[str] = "site.created"


@dataclass(frozen=True, kw_only=True)
class SiteChanged(SiteAnnouncement):
    name: ClassVar[str] = "site.changed"


@dataclass(frozen=True, kw_only=True)
class SiteActivated(SiteAnnouncement):
    name: ClassVar[str] = "site.activated"


@dataclass(frozen=True, kw_only=True)
class SiteDeactivated(SiteAnnouncement):
    name: ClassVar[str] = "site.deactivated"


@dataclass(frozen=True, kw_only=True)
class SiteTrustChanged(Announcement):
    """Nothing that visitors see: it makes no revision."""

    name: ClassVar[str] = "site.trust_changed"
    site: Site

    def details(self) -> dict[str, Any]:
        return {"name": self.site.name, "trusts_pages": self.site.trusts_pages}


@dataclass(frozen=True, kw_only=True)
class SiteWindowChanged(Announcement):
    """Nothing that visitors see either."""

    name: ClassVar[str] = "site.window_changed"
    site: Site

    def details(self) -> dict[str, Any]:
        return {"name": self.site.name, "conversion_window": self.site.conversion_window}


@dataclass(frozen=True, kw_only=True)
class SiteRemoved(Announcement):
    """Told while the rows are still there."""

    name: ClassVar[str] = "site.removed"
    site: Site

    def details(self) -> dict[str, Any]:
        return {"name": self.site.name, "domains": self.site.hosts}


@dataclass(frozen=True, kw_only=True)
class RevisionPublished(Announcement):
    name: ClassVar[str] = "revision.published"
    revision: Revision
    site: Site

    def details(self) -> dict[str, Any]:
        return {"site_id": str(self.site.id), "number": self.revision.number}
