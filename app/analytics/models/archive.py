"""Files of raw rows that were dropped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import BigInteger, ColumnElement, Index, Integer, String, and_, or_, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Organization
from app.analytics.models.refused import Refused
from app.analytics.models.rollup import RollupRun
from app.analytics.periods import local_day
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, after_commit, db
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

RESTORED_FOR = timedelta(days=7)
# Its rows are in its file and are leaving the database; are in its file alone; are coming back into
# the database; are in both.
LEAVING, AWAY, COMING, BACK = "leaving", "away", "coming", "back"


class Archive(Tenant, Base):
    """Rows of a site in a file of their own, and when the first and the last of them happened."""

    __tablename__ = "archives"
    __table_args__ = (
        owned_by("sites", "site_id"),
        Index("ix_archives_site_id", "site_id"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    first_at: Mapped[int] = mapped_column(BigInteger)  # milliseconds since 1970, UTC
    last_at: Mapped[int] = mapped_column(BigInteger)
    events: Mapped[int] = mapped_column(Integer)
    sessions: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)  # bytes of the file
    checksum: Mapped[str] = mapped_column(String(64))  # SHA-256 of the file, hexadecimal
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    # Since when its rows are not all in the database. None: they are leaving it, or are back.
    dropped_at: Mapped[datetime | None]
    # Until when those of its rows stay in the database that were put back.
    restored_until: Mapped[datetime | None]
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Archive.site_id) == Site.id)

    @property
    def state(self) -> str:
        if self.restored_until is None:
            return LEAVING if self.dropped_at is None else AWAY
        return BACK if self.dropped_at is None else COMING

    @property
    def first_day(self) -> date:
        """By the site's own clock."""
        return local_day(self.first_at, ZoneInfo(self.site.time_zone))

    @property
    def last_day(self) -> date:
        return local_day(self.last_at, ZoneInfo(self.site.time_zone))

    @property
    def path(self) -> Path:
        return file_of(self.organization_id, self.site_id, self.id)

    @property
    def filename(self) -> str:
        """As it is called on the disk of whoever downloads it."""
        return f"archive-{self.first_day}-{self.last_day}-{self.id.hex[-6:]}.jsonl.gz"

    @classmethod
    def not_back(cls) -> ColumnElement[bool]:
        """Those of which rows may be missing in the database."""
        return or_(cls.dropped_at.is_not(None), cls.restored_until.is_(None))

    @classmethod
    def to_drop(cls, site: Site, before: int) -> list[Archive]:
        """Those whose rows are still, or again, in the database and are not to be: all of them
        happened before this moment, and nobody wanted them back, or not for so long."""
        leaving = and_(cls.dropped_at.is_(None), cls.restored_until.is_(None))
        due = or_(leaving, cls.restored_until <= clock.now())
        found = select(cls).filter_by(site_id=site.id).where(due, cls.last_at < before)
        return list(db.session.scalars(found.order_by(cls.id)))

    def download(self) -> None:
        """Its file is taken out: written down in the audit log."""
        announce(ArchiveDownloaded(archive=self))

    def restore(self) -> None:
        """From now on its rows stay; `restored` says that all of them are there."""
        self.restored_until = clock.now() + RESTORED_FOR
        self.dropped_at = self.dropped_at or clock.now()
        db.session.flush()

    def restored(self) -> None:
        self.dropped_at = None
        db.session.flush()
        announce(ArchiveRestored(archive=self))

    @property
    def may_be_removed(self) -> bool:
        """Not while its rows are leaving the database, nor while they stay since they were wanted
        back. Where nobody drops them any more, neither lasts for ever."""
        if self.state == LEAVING:
            return not self._is_to_go()
        return self.restored_until is None or self.restored_until <= clock.now()

    def _is_to_go(self) -> bool:
        days = db.session.get_one(Organization, self.organization_id).events_kept_days
        today = local_day(clock.milliseconds(), ZoneInfo(self.site.time_zone))
        return days is not None and self.last_day < today - timedelta(days=days)

    def remove(self) -> None:
        """Its rows are gone for good, unless all of them are back in the database. Raises Refused
        while they are on the way, or stay for those who wanted them back."""
        RollupRun.hold(db.session, self.site.number)
        db.session.refresh(self)
        if not self.may_be_removed:
            raise Refused("archive", "Its rows are in the database at present. Try it later.")
        announce(ArchiveRemoved(archive=self))
        if self.state != BACK:
            self._leave_a_gap()
        path = self.path
        db.session.delete(self)
        db.session.flush()
        after_commit(lambda: path.unlink(missing_ok=True))

    def _leave_a_gap(self) -> None:
        after = self.last_day + timedelta(days=1)
        earlier = or_(RollupRun.lost_before.is_(None), RollupRun.lost_before < after)
        gap = update(RollupRun).where(RollupRun.site_number == self.site.number, earlier)
        db.session.execute(gap.values(lost_before=after))


def folder_of(organization_id: UUID, site_id: UUID | None = None) -> Path:
    """Where the files of an organization are, or those of one site."""
    folder = archives_folder() / str(organization_id)
    return folder / str(site_id) if site_id else folder


def file_of(organization_id: UUID, site_id: UUID, archive_id: UUID) -> Path:
    """Nothing in it was ever typed by anybody."""
    return folder_of(organization_id, site_id) / f"{archive_id}.jsonl.gz"


def archives_folder() -> Path:
    data: Path = current_app.extensions["candor_settings"].data
    return data / "archives"


@dataclass(frozen=True, kw_only=True)
class ArchiveAnnouncement(Announcement):
    archive: Archive

    def details(self) -> dict[str, Any]:
        return {
            "site_id": str(self.archive.site_id),
            "from": self.archive.first_day.isoformat(),
            "to": self.archive.last_day.isoformat(),
        }


@dataclass(frozen=True, kw_only=True)
class ArchiveDownloaded(ArchiveAnnouncement):
    name: ClassVar[str] = "archive.downloaded"


@dataclass(frozen=True, kw_only=True)
class ArchiveRestored(ArchiveAnnouncement):
    name: ClassVar[str] = "archive.restored"


@dataclass(frozen=True, kw_only=True)
class ArchiveRemoved(ArchiveAnnouncement):
    name: ClassVar[str] = "archive.removed"
