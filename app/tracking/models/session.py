"""Who was there, without knowing who, and each visit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    delete,
    func,
    literal_column,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Base, Guid, system
from app.tracking.models.numbered import CLUSTERED, Numbered, of_a_site

IDLE = 30 * 60 * 1000  # milliseconds without an event after which the next one begins a session
# Nobody stays for longer: what goes on is a screen on a wall, or a server that names one visitor
# for ever. Without an end each event would have the day added up again in which that began.
LONGEST = 24 * 60 * 60 * 1000  # milliseconds from the first to the last event of a session
NOTHING: Any = literal_column("''")
VISITORS_KEPT = timedelta(hours=48)  # as long as the salts of which their names are made


class Visitor(Numbered, Base):
    """Who is remembered, and the session he is in. A hash that lives for a day, or with consent
    an id of his own."""

    __tablename__ = "visitors"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "visitor"),
        of_a_site(),
        CLUSTERED | {"info": {"system": ("SELECT", "DELETE")}},
    )

    visitor: Mapped[bytes] = mapped_column(LargeBinary(16))
    person: Mapped[bool]  # consented to be known again
    session_id: Mapped[UUID] = mapped_column(Guid)
    first_at: Mapped[int] = mapped_column(BigInteger)  # milliseconds since 1970, UTC
    last_at: Mapped[int] = mapped_column(BigInteger)


class Session(Numbered, Base):
    """One visit: what its events add up to, and where it came from."""

    __tablename__ = "sessions"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "id"),
        of_a_site(),
        Index("ix_sessions_site_number_started_at", "site_number", "started_at"),
        Index("ix_sessions_site_number_last_at", "site_number", "last_at"),
        Index("ix_sessions_site_number_visitor", "site_number", "visitor", "started_at"),
        CLUSTERED,
    )

    id: Mapped[UUID] = mapped_column(Guid, sort_order=-2)
    visitor: Mapped[bytes] = mapped_column(LargeBinary(16))
    person: Mapped[bool]
    started_at: Mapped[int] = mapped_column(BigInteger)  # milliseconds since 1970, UTC
    last_at: Mapped[int] = mapped_column(BigInteger)
    events: Mapped[int] = mapped_column(Integer)
    page_views: Mapped[int] = mapped_column(Integer)
    active: Mapped[int] = mapped_column(BigInteger)  # milliseconds of engagement
    entry_url: Mapped[str] = mapped_column(String(1000))
    # Empty where it is the entry's, as in each visit of one page.
    left_from: Mapped[str] = mapped_column("exit_url", String(1000))
    referrer: Mapped[str | None] = mapped_column(String(1000))
    referrer_host: Mapped[str | None] = mapped_column(String(253))
    channel: Mapped[str] = mapped_column(String(24))
    utm_source: Mapped[str | None] = mapped_column(String(200))
    utm_medium: Mapped[str | None] = mapped_column(String(200))
    utm_campaign: Mapped[str | None] = mapped_column(String(200))
    utm_term: Mapped[str | None] = mapped_column(String(200))
    utm_content: Mapped[str | None] = mapped_column(String(200))
    # Click ids and the site's own parameters.
    parameters: Mapped[dict[str, Any] | None]
    country: Mapped[str | None] = mapped_column(String(2))
    region: Mapped[str | None] = mapped_column(String(100))
    city: Mapped[str | None] = mapped_column(String(100))
    device: Mapped[str] = mapped_column(String(10))
    browser: Mapped[str] = mapped_column(String(60))
    system: Mapped[str] = mapped_column(String(60))
    language: Mapped[str | None] = mapped_column(String(12))
    masked_address: Mapped[str | None] = mapped_column(String(40))

    @hybrid_property
    def exit_url(self) -> str:
        return self.left_from or self.entry_url

    @exit_url.inplace.expression
    @classmethod
    def _exit_url(cls) -> Any:
        return exit_url_of(cls.left_from, cls.entry_url).label("exit_url")


def exit_url_of(left_from: Any, entry_url: Any) -> ColumnElement[str]:
    return func.coalesce(func.nullif(left_from, NOTHING), entry_url)


def left_from_of(exit_url: Any, entry_url: Any) -> ColumnElement[str]:
    return func.coalesce(func.nullif(exit_url, entry_url), NOTHING)


def forget_visitors() -> None:
    """Those whose name was a daily hash: nobody can be recognised by it any more."""
    table: Any = Visitor.__table__
    oldest = clock.milliseconds(clock.now() - VISITORS_KEPT)
    with system() as connection:
        hashed = table.c.person.is_(False)
        connection.execute(delete(table).where(hashed, table.c.last_at < oldest))
