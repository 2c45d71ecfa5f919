"""What visitors did, what was refused of it, and what bots did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, String, column, delete
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Base, Guid, system
from app.tracking.models.numbered import CLUSTERED, Numbered, of_a_site

HOUR = 3600  # seconds
DROPS_KEPT = timedelta(days=90)
QUARANTINE_KEPT = timedelta(days=30)


class Event(Numbered, Base):
    """Something a visitor did. The id is the sender's, so one that comes twice is stored once."""

    __tablename__ = "events"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "id"),
        of_a_site(),
        Index(
            "ix_events_site_number_session_id",
            "site_number",
            "session_id",
            sqlite_where=column("session_id").is_not(None),
            postgresql_where=column("session_id").is_not(None),
        ),
        Index("ix_events_site_number_at", "site_number", "at"),
        Index(
            "ix_events_site_number_order_id",
            "site_number",
            "order_id",
            sqlite_where=column("order_id").is_not(None),
            postgresql_where=column("order_id").is_not(None),
        ),
        # An id begins with its time. Of the partitions: months.py.
        CLUSTERED | {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(Guid, sort_order=-2)
    # None: the visitor asked not to be followed.
    session_id: Mapped[UUID | None] = mapped_column(Guid)
    at: Mapped[int] = mapped_column(BigInteger)  # milliseconds since 1970, UTC
    name: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(1000))  # with those parameters that the site keeps
    referrer: Mapped[str | None] = mapped_column(String(1000))
    title: Mapped[str | None] = mapped_column(String(200))
    props: Mapped[dict[str, Any] | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)  # minor units of the currency
    currency: Mapped[str | None] = mapped_column(String(3))
    campaign_id: Mapped[UUID | None] = mapped_column(Guid)
    experiments: Mapped[dict[str, Any] | None]
    # Of `props`: an order's external id.
    order_id: Mapped[str | None] = mapped_column(String(200))
    # Told by a server with an API key, not by a browser, which can claim anything.
    by_api: Mapped[bool] = mapped_column(default=False)


class Drop(Numbered, Base):
    """How many events of a site were refused within an hour, and why."""

    __tablename__ = "event_drops"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "hour", "reason"),
        of_a_site(),
        Index("ix_event_drops_hour", "hour"),
        CLUSTERED | {"info": {"system": ("SELECT", "DELETE")}},
    )

    hour: Mapped[int] = mapped_column(BigInteger)  # its first second since 1970, UTC
    reason: Mapped[str] = mapped_column(String(24))
    count: Mapped[int] = mapped_column(BigInteger)


class Quarantined(Numbered, Base):
    """An event of a bot, kept apart with the reason so that a mistake can be seen."""

    __tablename__ = "quarantined_events"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "id"),
        of_a_site(),
        Index("ix_quarantined_events_at", "at"),
        CLUSTERED | {"info": {"system": ("SELECT", "DELETE")}},
    )

    id: Mapped[UUID] = mapped_column(Guid, sort_order=-2)
    at: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(24))
    user_agent: Mapped[str] = mapped_column(String(512))
    # The event and the session it would have belonged to, as they would have been stored.
    record: Mapped[dict[str, Any]]


def forget_drops() -> None:
    _forget(Drop.__table__, Drop.__table__.c.hour, DROPS_KEPT, unit=1)


def forget_quarantined() -> None:
    _forget(Quarantined.__table__, Quarantined.__table__.c.at, QUARANTINE_KEPT, unit=1000)


def _forget(table: Any, column: Any, kept: timedelta, unit: int) -> None:
    oldest = (clock.now() - kept).timestamp() * unit
    with system() as connection:
        connection.execute(delete(table).where(column < int(oldest)))
