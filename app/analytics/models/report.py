"""A question that somebody keeps: which figures, by what, of which visits and days. It can be
mailed, to nobody who did not agree to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Member
from app.accounts.models.user import normal_email
from app.analytics.filters import Filter
from app.analytics.models.goal import Goal
from app.analytics.models.refused import Refused
from app.analytics.models.segment import fault_of, known_filters
from app.analytics.schedules import next_moment
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, blind_index, fingerprint
from app.core.db import Base, db, exclusive
from app.core.ids import secret_token, uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant, current_organization_id, owned_by
from app.sites.models import Site

MOST_REPORTS = 100  # of a site
MOST_RECIPIENTS = 50  # of a report
LONGEST_NAME = 120
GOOD_FOR = timedelta(days=7)  # a link that confirms


@dataclass(frozen=True)
class Wanted:
    """What a report asks for. `metrics` and `dimensions` as report_tables.py knows them."""

    metrics: Sequence[str]
    dimensions: Sequence[str]
    filters: Sequence[Filter]
    period: str


class Report(Tenant, Base):
    __tablename__ = "reports"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_reports_site_id", "site_id", "id"),
        Index("ix_reports_try_at", "try_at"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    metrics: Mapped[list[Any]]
    dimensions: Mapped[list[Any]]
    filters: Mapped[list[Any]]
    period: Mapped[str] = mapped_column(String(20))
    # daily, weekly or monthly, at an hour of the site's clock; None: not mailed.
    schedule: Mapped[str | None] = mapped_column(String(10))
    hour: Mapped[int] = mapped_column(default=8)
    # What it is due for, which says the days it is about, and when that is tried (again).
    next_at: Mapped[datetime | None]
    try_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    recipients: Mapped[list[ReportRecipient]] = relationship(
        primaryjoin=lambda: foreign(ReportRecipient.report_id) == Report.id,
        order_by=lambda: ReportRecipient.id,
        viewonly=True,
    )

    @classmethod
    def create(cls, site: Site, name: str, wanted: Wanted) -> Report:
        """Raises Refused for a goal that the site does not have, or one too many."""
        Goal.demand_to_keep(site.id, wanted.filters)
        exclusive(f"reports/{site.id}")
        count = select(func.count(cls.id)).filter_by(site_id=site.id)
        if (db.session.scalar(count) or 0) >= MOST_REPORTS:
            message = f"A site has at most {MOST_REPORTS} reports. Delete one first."
            raise Refused("name", message)
        report = cls(site_id=site.id, name=name)
        report._want(wanted)
        db.session.add(report)
        db.session.flush()
        announce(ReportCreated(report=report))
        return report

    @classmethod
    def of(cls, site: Site) -> list[Report]:
        found = select(cls).filter_by(site_id=site.id).order_by(cls.id)
        return list(db.session.scalars(found))

    def change(self, name: str, wanted: Wanted) -> None:
        """Raises Refused for a goal that the site does not have, unless it was lost before."""
        Goal.hold(self.site_id, wanted.filters)
        Goal.demand(
            self.site_id, [each for each in wanted.filters if str(each) not in self.filters]
        )
        self.name = name
        self._want(wanted)
        db.session.flush()
        announce(ReportChanged(report=self))

    def remove(self) -> None:
        announce(ReportRemoved(report=self))
        db.session.delete(self)
        db.session.flush()

    def mail_every(self, schedule: str | None, hour: int) -> None:
        """From the next time on: what was missed is not made up for."""
        self.schedule, self.hour = schedule, hour
        self._move_on()
        db.session.flush()
        announce(ReportScheduled(report=self))

    def take_turn(self) -> bool:
        """Whether this mailing is ours: of several that try at once one succeeds, once."""
        due_at = self.next_at
        values = {
            "id": uuid7(),
            "organization_id": self.organization_id,
            "report_id": self.id,
            "due_at": due_at,
            "created_at": clock.now(),
        }
        if not insert_once(db.session(), ReportSending, values):
            return False
        self._move_on()
        return True

    @property
    def read(self) -> list[Filter]:
        return known_filters(self.filters)

    @property
    def fault(self) -> str | None:
        """Why it counts nothing any more."""
        return fault_of(self.site_id, self.read)

    def _want(self, wanted: Wanted) -> None:
        self.metrics, self.dimensions = list(wanted.metrics), list(wanted.dimensions)
        self.filters = [str(each) for each in wanted.filters]
        self.period = wanted.period

    def _move_on(self) -> None:
        zone = db.session.get_one(Site, self.site_id).time_zone
        self.next_at = next_moment(self.schedule, self.hour, zone, clock.now())
        self.try_at = self.next_at


class ReportRecipient(Tenant, Base):
    """Who gets a report: a member, or an address that agreed to it. Who unsubscribed stays known,
    so that nobody else subscribes him again."""

    __tablename__ = "report_recipients"
    __table_args__ = (
        owned_by("reports", "report_id"),
        owned_by("members", "member_id"),
        UniqueConstraint("organization_id", "report_id", "member_id"),
        UniqueConstraint("organization_id", "report_id", "email_index"),
        Index("ix_report_recipients_digest", "digest", unique=True),
        Index("ix_report_recipients_report_id", "report_id"),
        Index("ix_report_recipients_member_id", "member_id"),
        {"info": {"system": ("SELECT",)}},
    )

    report_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    email_index: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    # Of the link that confirms: good once, for a week.
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    report: Mapped[Report] = relationship(
        primaryjoin=lambda: foreign(ReportRecipient.report_id) == Report.id, viewonly=True
    )
    member: Mapped[Member | None] = relationship(
        primaryjoin=lambda: foreign(ReportRecipient.member_id) == Member.id, viewonly=True
    )

    @classmethod
    def add_member(cls, report: Report, member: Member) -> ReportRecipient:
        """Raises Refused. He gets the report from its next mailing on, unless he once said that he
        does not want it: then he must say otherwise himself."""
        found = _recipient(report, member_id=member.id)
        if found is None:
            found = cls(report_id=report.id, member_id=member.id, confirmed_at=clock.now())
            found._join(report)
        return found

    @classmethod
    def invite(cls, report: Report, email: str) -> tuple[ReportRecipient, str | None]:
        """Somebody outside, and the token of the link with which he agrees; None: he did already.
        Raises EmailError or Refused."""
        email = normal_email(email)
        index = blind_index(email, purpose="report.email", tenant=current_organization_id())
        found = _recipient(report, email_index=index)
        if found is not None and found.active:
            return found, None
        if found is None:
            found = cls(report_id=report.id, email=email, email_index=index)
            found._join(report)
        return found, found.ask()

    def ask(self) -> str:
        """The token of a new link with which he agrees; the one before leads nowhere."""
        token = secret_token()
        self.digest, self.expires_at = fingerprint(token), clock.now() + GOOD_FOR
        return token

    def confirm(self, token: str) -> bool:
        """Whether the link was still good; it is used up by this."""
        moment = clock.now()
        kind = ReportRecipient
        taken = (
            update(kind)
            .where(kind.id == self.id, kind.digest == fingerprint(token), kind.expires_at > moment)
            .values(digest=None, expires_at=None, confirmed_at=moment, unsubscribed_at=None)
            .returning(kind.id)
            .execution_options(synchronize_session=False)
        )
        if db.session.execute(taken).first() is None:
            return False
        db.session.refresh(self)
        announce(ReportMailConfirmed(recipient=self))
        return True

    def unsubscribe(self) -> None:
        if self.unsubscribed_at is None:
            self.unsubscribed_at = clock.now()
            db.session.flush()
            announce(ReportMailUnsubscribed(recipient=self))

    def remove(self) -> None:
        """By whoever looks after the report. Who unsubscribed stays known."""
        announce(ReportRecipientRemoved(recipient=self))
        if self.unsubscribed_at is None:
            db.session.delete(self)
        db.session.flush()

    @property
    def active(self) -> bool:
        return self.confirmed_at is not None and self.unsubscribed_at is None

    @property
    def state(self) -> str:
        """`active`, `asked` or `unsubscribed`."""
        if self.unsubscribed_at is not None:
            return "unsubscribed"
        return "active" if self.confirmed_at is not None else "asked"

    @property
    def address(self) -> str | None:
        """Where mail goes; None while a member is suspended."""
        if self.member is None:
            return self.email
        return self.member.user.email if self.member.suspended_at is None else None

    def _join(self, report: Report) -> None:
        exclusive(f"recipients/{report.id}")
        count = select(func.count(ReportRecipient.id)).filter_by(report_id=report.id)
        if (db.session.scalar(count) or 0) >= MOST_RECIPIENTS:
            raise Refused("email", f"A report goes to at most {MOST_RECIPIENTS} people.")
        db.session.add(self)
        db.session.flush()
        announce(ReportRecipientAdded(recipient=self))


class ReportSending(Tenant, Base):
    """A mailing that took place: each once, whatever happens."""

    __tablename__ = "report_sendings"
    __table_args__ = (
        owned_by("reports", "report_id"),
        UniqueConstraint("organization_id", "report_id", "due_at"),
    )

    report_id: Mapped[UUID]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def _recipient(report: Report, **of: Any) -> ReportRecipient | None:
    found = select(ReportRecipient).filter_by(report_id=report.id, **of)
    return db.session.scalars(found).one_or_none()


@dataclass(frozen=True, kw_only=True)
class ReportAnnouncement(Announcement):
    report: Report

    def details(self) -> dict[str, Any]:
        return {"name": self.report.name, "site_id": str(self.report.site_id)}


@dataclass(frozen=True, kw_only=True)
class ReportCreated(ReportAnnouncement):
    name: ClassVar[str] = "report.created"


@dataclass(frozen=True, kw_only=True)
class ReportChanged(ReportAnnouncement):
    name: ClassVar[str] = "report.changed"


@dataclass(frozen=True, kw_only=True)
class ReportRemoved(ReportAnnouncement):
    name: ClassVar[str] = "report.removed"


@dataclass(frozen=True, kw_only=True)
class ReportScheduled(ReportAnnouncement):
    name: ClassVar[str] = "report.scheduled"

    def details(self) -> dict[str, Any]:
        report = self.report
        return {**super().details(), "schedule": report.schedule, "hour": report.hour}


@dataclass(frozen=True, kw_only=True)
class RecipientAnnouncement(Announcement):
    """Who it is, the row says; what is written down says only of which report."""

    recipient: ReportRecipient

    def details(self) -> dict[str, Any]:
        return {"report_id": str(self.recipient.report_id)}


@dataclass(frozen=True, kw_only=True)
class ReportRecipientAdded(RecipientAnnouncement):
    name: ClassVar[str] = "report_recipient.added"


@dataclass(frozen=True, kw_only=True)
class ReportRecipientRemoved(RecipientAnnouncement):
    name: ClassVar[str] = "report_recipient.removed"


@dataclass(frozen=True, kw_only=True)
class ReportMailConfirmed(RecipientAnnouncement):
    name: ClassVar[str] = "report_recipient.confirmed"


@dataclass(frozen=True, kw_only=True)
class ReportMailUnsubscribed(RecipientAnnouncement):
    name: ClassVar[str] = "report_recipient.unsubscribed"
