"""Filters of a site that somebody saved under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.analytics.filters import Filter, read_filters
from app.analytics.models.goal import Goal
from app.analytics.models.refused import Refused
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db, exclusive
from app.core.errors import ApiError
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_SEGMENTS = 100  # of a site
LONGEST_NAME = 120


class Segment(Tenant, Base):
    __tablename__ = "segments"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id", "name"),
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    filters: Mapped[list[Any]]  # as they stand in an address
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def save(cls, site: Site, name: str, filters: Sequence[Filter]) -> Segment:
        """Raises Refused for no filter, a goal that the site does not have, a name that is taken,
        or one segment too many."""
        if not filters:
            raise Refused("f", "There is no filter to save.")
        Goal.demand_to_keep(site.id, filters)
        exclusive(f"segments/{site.id}")
        _demand_room(site.id)
        _demand_free(site.id, name)
        segment = cls(site_id=site.id, name=name, filters=[str(each) for each in filters])
        db.session.add(segment)
        db.session.flush()
        announce(SegmentSaved(segment=segment))
        return segment

    @classmethod
    def of(cls, site: Site) -> list[Segment]:
        """By name."""
        found = select(cls).filter_by(site_id=site.id).order_by(cls.name, cls.id)
        return list(db.session.scalars(found))

    def rename(self, name: str) -> None:
        """Raises Refused for a name that is taken."""
        if name == self.name:
            return
        exclusive(f"segments/{self.site_id}")
        _demand_free(self.site_id, name)
        self.name = name
        db.session.flush()
        announce(SegmentRenamed(segment=self))

    def remove(self) -> None:
        announce(SegmentRemoved(segment=self))
        db.session.delete(self)
        db.session.flush()

    @property
    def read(self) -> list[Filter]:
        """The filters. One that this version does not know any more is left out."""
        return known_filters(self.filters)

    @property
    def fault(self) -> str | None:
        return fault_of(self.site_id, self.read)


def known_filters(texts: Sequence[str]) -> list[Filter]:
    """Of those that were saved by whichever version of the program."""
    read = []
    for text in texts:
        try:
            read += read_filters([text])
        except ApiError:
            continue
    return read


def fault_of(site_id: UUID, filters: Sequence[Filter]) -> str | None:
    """What kept filters ask for that the site does not have any more, for a person."""
    try:
        Goal.demand(site_id, filters)
    except Refused as error:
        return str(error)
    return None


def _demand_room(site_id: UUID) -> None:
    count = select(func.count(Segment.id)).filter_by(site_id=site_id)
    if (db.session.scalar(count) or 0) >= MOST_SEGMENTS:
        raise Refused("name", f"A site has at most {MOST_SEGMENTS} segments. Delete one first.")


def _demand_free(site_id: UUID, name: str) -> None:
    taken = select(Segment.id).filter_by(site_id=site_id, name=name)
    if db.session.scalars(taken).first() is not None:
        raise Refused("name", "A segment of this site is called so already.")


@dataclass(frozen=True, kw_only=True)
class SegmentAnnouncement(Announcement):
    segment: Segment

    def details(self) -> dict[str, Any]:
        return {"name": self.segment.name, "site_id": str(self.segment.site_id)}


@dataclass(frozen=True, kw_only=True)
class SegmentSaved(SegmentAnnouncement):
    name: ClassVar[str] = "segment.saved"


@dataclass(frozen=True, kw_only=True)
class SegmentRenamed(SegmentAnnouncement):
    name: ClassVar[str] = "segment.renamed"


@dataclass(frozen=True, kw_only=True)
class SegmentRemoved(SegmentAnnouncement):
    name: ClassVar[str] = "segment.removed"
