"""What the raw rows of a site and a local day add up to, and what is known of adding them up."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    case,
    or_,
    update,
)
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
    """Of a site that was ever added up: whose turn it is and when it is next to be looked at, how
    its days were cut, and from which of them on there are raw rows. Whoever closes days, drops
    rows, restores them or begins anew holds it."""

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
    # Days before it have lost raw rows that are in no archive, or were cut by another clock.
    lost_before: Mapped[date | None] = mapped_column(Date)
    # Why what is to be dropped could not be written to an archive; nothing is dropped meanwhile.
    archive_problem: Mapped[str | None] = mapped_column(String(200))

    @classmethod
    def hold(cls, on: Any, site_number: int) -> None:
        """Have nobody else begin to drop or to restore rows of a site until the transaction ends.
        By a write, since on SQLite what was only read is not held."""
        runs: Any = cls.__table__
        held = update(runs).where(runs.c.site_number == site_number)
        on.execute(held.values(raw_since=runs.c.raw_since))

    @classmethod
    def close(cls, on: Any, site_number: int, first: date, lost: bool) -> bool:
        """Days before `first` cannot be added up again: their rows are about to go. `lost`: not
        into an archive. Never earlier again by itself, though more be kept from now on. Whether
        there is anything to close: a site that was never added up has nothing."""
        runs: Any = cls.__table__
        closed = {"raw_since": _latest(runs.c.raw_since, first)}
        if lost:
            closed["lost_before"] = _latest(runs.c.lost_before, first)
        here = update(runs).where(runs.c.site_number == site_number)
        return bool(on.execute(here.values(closed)).rowcount)


def _latest(column: Any, day: date) -> Any:
    return case((or_(column.is_(None), column < day), day), else_=column)
