"""What happened on a day, in somebody's words: it explains a bend of the curve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Date, Index, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.analytics.models.refused import Refused
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_ANNOTATIONS = 1000  # of a site
LONGEST_TEXT = 300


class Annotation(Tenant, Base):
    """`day` by the site's own clock."""

    __tablename__ = "annotations"
    __table_args__ = (
        owned_by("sites", "site_id"),
        Index("ix_annotations_site_id_day", "site_id", "day"),
    )

    site_id: Mapped[UUID]
    day: Mapped[date] = mapped_column(Date)
    text: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def write(cls, site: Site, day: date, text: str) -> Annotation:
        """Raises Refused for one too many."""
        exclusive(f"annotations/{site.id}")
        count = select(func.count(cls.id)).filter_by(site_id=site.id)
        if (db.session.scalar(count) or 0) >= MOST_ANNOTATIONS:
            raise Refused("text", f"A site has at most {MOST_ANNOTATIONS} annotations.")
        annotation = cls(site_id=site.id, day=day, text=text)
        db.session.add(annotation)
        db.session.flush()
        announce(AnnotationWritten(annotation=annotation))
        return annotation

    @classmethod
    def of(cls, site: Site) -> list[Annotation]:
        """The latest day first."""
        found = select(cls).filter_by(site_id=site.id).order_by(cls.day.desc(), cls.id.desc())
        return list(db.session.scalars(found))

    def change(self, day: date, text: str) -> None:
        self.day, self.text = day, text
        db.session.flush()
        announce(AnnotationChanged(annotation=self))

    def remove(self) -> None:
        announce(AnnotationRemoved(annotation=self))
        db.session.delete(self)
        db.session.flush()


@dataclass(frozen=True, kw_only=True)
class AnnotationAnnouncement(Announcement):
    annotation: Annotation

    def details(self) -> dict[str, Any]:
        return {"site_id": str(self.annotation.site_id), "day": self.annotation.day.isoformat()}


@dataclass(frozen=True, kw_only=True)
class AnnotationWritten(AnnotationAnnouncement):
    name: ClassVar[str] = "annotation.written"


@dataclass(frozen=True, kw_only=True)
class AnnotationChanged(AnnotationAnnouncement):
    name: ClassVar[str] = "annotation.changed"


@dataclass(frozen=True, kw_only=True)
class AnnotationRemoved(AnnotationAnnouncement):
    name: ClassVar[str] = "annotation.removed"
