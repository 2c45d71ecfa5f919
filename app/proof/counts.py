"""Counts over activities, read from the rows as they are at that moment. Nothing is kept here.

A retracted activity counts nowhere. A period has a beginning and no end: what happened never lies
ahead (`clock.past`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.proof.models import Activity

PERIODS: dict[str, timedelta | None] = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
REVIEW = "review"
WORST, BEST = Decimal(1), Decimal(5)
TENTH = Decimal("0.1")
DIGITS = 20
PAGE = 1000

Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many activities, and how many different people they name."""

    activities: int
    people: int


@dataclass(frozen=True, slots=True)
class Streak:
    """The product with the most activities."""

    product: str
    activities: int


@dataclass(frozen=True, slots=True)
class Ratings:
    """How many ratings, and their sum."""

    count: int
    total: Decimal

    @property
    def average(self) -> Decimal:
        """To one decimal, half to even. Only all fives are a five: 4.97 is 4.9, never 5.0."""
        mean = (self.total / self.count).quantize(TENTH, rounding=ROUND_HALF_EVEN)
        return mean if self.total == BEST * self.count else min(mean, BEST - TENTH)


def count(session: Session, site_id: UUID, types: Iterable[str], since: datetime | None) -> Counted:
    """The activities of these types since then. One that names nobody adds no person."""
    people = func.count(Activity.person_index.distinct())
    statement = _within(select(func.count(Activity.id), people), site_id, types, since)
    return Counted(*session.execute(statement).one())


def hottest(
    session: Session,
    site_id: UUID,
    types: Iterable[str],
    since: datetime | None,
    minimum: int,
) -> Streak | None:
    """The product with the most activities, at least `minimum`; of several, that of the latest.

    Products are told apart by name and address as they were stored.
    """
    name, url = _text("name"), _text("url")
    times = func.count(Activity.id)
    found = (
        _within(select(name, times), site_id, types, since)
        .where(name.is_not(None))
        .group_by(name, url)
        .having(times >= minimum)
        # Change numbers are unique within a site: two of one moment have an order as well.
        .order_by(
            times.desc(),
            func.max(Activity.occurred_at).desc(),
            func.max(Activity.created_change).desc(),
        )
        .limit(1)
    )
    row = session.execute(found).first()
    return Streak(row[0], row[1]) if row else None


def ratings(session: Session, site_id: UUID, since: datetime | None) -> Ratings:
    """The ratings from 1 to 5 of the reviews since then. They are sealed: read one by one."""
    columns = select(Activity.id, Activity.organization_id, Activity.data_sealed)
    found = _within(columns, site_id, [REVIEW], since).execution_options(yield_per=PAGE)
    number, total = 0, Decimal(0)
    for page in session.execute(found).partitions():
        said = (rating_of(Activity.data.open(Activity, row)) for row in page)
        stars = [rating for rating in said if rating is not None]
        number, total = number + len(stars), total + sum(stars, Decimal(0))
    return Ratings(number, total)


def rating_of(data: Any) -> Decimal | None:
    """The rating in an activity's data, if it is a number from 1 to 5."""
    said = data.get("rating") if isinstance(data, dict) else None
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    # A float's shortest text is what its sender wrote. More digits than that would be rounded in
    # the sum, and what is just below five must not become it.
    text = str(said)
    if len(text) > DIGITS:
        return None
    try:
        stars = Decimal(text)
    except InvalidOperation:
        return None
    return stars if stars.is_finite() and WORST <= stars <= BEST else None


def _within(statement: Rows, site_id: UUID, types: Iterable[str], since: datetime | None) -> Rows:
    found = statement.where(
        Activity.site_id == site_id,
        Activity.retracted_at.is_(None),
        Activity.type.in_(list(types)),
    )
    return found if since is None else found.where(Activity.occurred_at > since)


def _text(name: str) -> ColumnElement[str]:
    """A text in the product's document."""
    return Activity.product[name].as_string()
