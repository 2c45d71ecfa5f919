"""What the public side asks about a site before there is a tenant, and what lists of sites show
besides their rows. Plain values, no rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.core.db import system
from app.sites.domains import domains_of
from app.sites.models import Revision, Sighting, Site, SiteDomain


@dataclass(frozen=True)
class PublishedSite:
    """A site as the public sees it: who it is, where it may run, what it publishes."""

    organization_id: UUID
    id: UUID
    number: int
    key: str
    active: bool
    language: str
    time_zone: str
    person_style: str
    mode: str
    parameters: tuple[str, ...]
    hosts: frozenset[str]
    revision: int
    change: int
    content: dict[str, Any]

    @cached_property
    def campaign_ids(self) -> frozenset[str]:
        """Of what is published."""
        return frozenset(each["id"] for each in self.content["campaigns"])

    @property
    def chats(self) -> bool:
        return bool(self.content.get("chat"))

    def runs_on(self, host: str | None) -> bool:
        return host is not None and not self.hosts.isdisjoint(domains_of(host))


def published_site(key: str) -> PublishedSite | None:
    """By its public key; None for an unknown one. Reads the database each time."""
    statement = (
        select(Site, Revision.number.label("revision"), Revision.change, Revision.content)
        .outerjoin(
            Revision,
            and_(Revision.site_id == Site.id, Revision.number == Site.revision_number),
        )
        .where(Site.key == key)
    )
    with system() as connection:
        row = connection.execute(statement).first()
        if row is None:
            return None
        hosts = connection.scalars(select(SiteDomain.host).where(SiteDomain.site_id == row.id))
        return PublishedSite(
            organization_id=row.organization_id,
            id=row.id,
            number=row.number,
            key=row.key,
            active=row.active,
            language=row.language,
            time_zone=row.time_zone,
            person_style=row.person_style,
            mode=row.mode,
            parameters=tuple(row.parameters),
            hosts=frozenset(hosts),
            revision=row.revision or 0,
            change=row.change or 0,
            content=row.content or {"campaigns": []},
        )


def host_is_known(host: str) -> bool:
    """Whether any site runs on this host: what can be asked before a socket names its site."""
    with system() as connection:
        found = select(SiteDomain.id).where(SiteDomain.host.in_(domains_of(host))).limit(1)
        return connection.scalar(found) is not None


def last_seen(session: Session, site_ids: Iterable[UUID]) -> dict[UUID, datetime]:
    """When the snippet of each of these sites was last loaded on one of its domains."""
    found = (
        select(Sighting.site_id, func.max(Sighting.last_seen_at).label("at"))
        .where(Sighting.site_id.in_(list(site_ids)), Sighting.allowed)
        .group_by(Sighting.site_id)
    )
    return {row.site_id: row.at for row in session.execute(found)}
