"""What the raw rows of a site and a local day add up to, and what is known of adding them up."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, Index, Integer, LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.tracking.models.numbered import CLUSTERED, Numbered, of_a_site


class DayRollup(Numbered, Base):
    """One part of a day, packed by `analytics/columns.py`. Replaced whole, never changed."""

    __tablename__ = "day_rollups"
    __table_args__ = (PrimaryKeyConstraint("site_number", "day", "part"), of_a_site())

    day: Mapped[date] = mapped_column(Date, sort_order=-2)
    part: Mapped[str] = mapped_column(String(10), sort_order=-2)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class RolledDay(Numbered, Base):
    """When a day was last added up (the moment at which its rows were read), and how long it took:
    one that takes long waits longer for its next turn."""

    __tablename__ = "rolled_days"
    __table_args__ = (PrimaryKeyConstraint("site_number", "day"), of_a_site(), CLUSTERED)

    day: Mapped[date] = mapped_column(Date, sort_order=-2)
    rolled_at: Mapped[int] = mapped_column(BigInteger)  # milliseconds since 1970
    took: Mapped[int] = mapped_column(Integer)  # milliseconds


class RollupRun(Numbered, Base):
    """Whose turn it is to add up a site, when it is next to be looked at, and the time zone in
    which its days were cut."""

    __tablename__ = "rollup_runs"
    __table_args__ = (
        PrimaryKeyConstraint("site_number"),
        of_a_site(),
        Index("ix_rollup_runs_due_at", "due_at"),
        {"info": {"system": ("SELECT",)}},
    )

    zone: Mapped[str] = mapped_column(String(60))
    turn: Mapped[int] = mapped_column(BigInteger, default=0)
    leased_until: Mapped[int] = mapped_column(BigInteger, default=0)
    due_at: Mapped[int] = mapped_column(BigInteger, default=0)
    # Days before it have no raw rows any more: what they added up to stays as it is.
    raw_since: Mapped[date | None] = mapped_column(Date)
