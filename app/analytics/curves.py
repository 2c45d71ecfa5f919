"""A figure over time, point by point, as charts draw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.analytics.answers import Answer, Point, Totals, day_label, label_at
from app.analytics.comparing import Before
from app.analytics.periods import DAY, Period
from app.core import clock

MOST_HOURS = 3  # days that are drawn by the hour
MOST_DAYS = 100  # that are drawn by the day
FEWEST_DAYS = {"week": 14, "month": 59}  # two of them, or there is no curve to see


def curve(
    now: Answer,
    before: Before | None,
    interval: str,
    drawn: Callable[[Totals], float],
    notes: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """What, when, and the same of the period before. None is still to come, or was before the site
    counted. `open` is what is not over, or reaches out of the period. `notes` by the label of the
    interval."""
    present = _moment(label_at(clock.milliseconds(), now.period.zone, interval))
    then = _then(before, interval, drawn) if before else []
    return [
        {
            "at": point.at,
            "label": label_of(point, interval),
            "value": None if _moment(point.at) > present else drawn(point.totals),
            "before": then[place] if place < len(then) else None,
            "open": _moment(point.at) == present or _is_cut(point.at, interval, now.period),
            "notes": (notes or {}).get(point.at, []),
        }
        for place, point in enumerate(now.series(interval))
    ]


def _moment(label: str) -> datetime:
    """Of two hours of one name the label of the later one is not the greater text."""
    return datetime.fromisoformat(label)


def _is_cut(label: str, interval: str, period: Period) -> bool:
    """Whether not all days of an interval are of the period."""
    first = date.fromisoformat(label[:10])
    last = {"week": first + 6 * DAY, "month": _month_end(first)}.get(interval, first)
    return first < period.first or last > period.last


def _month_end(first: date) -> date:
    return (first + 31 * DAY).replace(day=1) - DAY


def _then(before: Before, interval: str, drawn: Callable[[Totals], float]) -> list[float | None]:
    """A week or month is known from the first day of it that counted."""
    if before.since is None:
        return []
    known = day_label(before.since, interval)
    series = before.answer.series(interval)
    return [drawn(point.totals) if point.at >= known else None for point in series]


def intervals(days: int) -> tuple[str, ...]:
    """In which a period can be drawn, what suits it best first. Not all of them are worth it: see
    `offered`."""
    if days <= 1:
        return ("hour",)
    if days <= MOST_HOURS:
        return ("hour", "day")
    if days <= 31:
        return ("day", "week")
    if days <= MOST_DAYS:
        return ("day", "week", "month")
    return ("week", "month") if days <= 2 * 366 else ("month",)


def offered(days: int, drawn: str) -> tuple[str, ...]:
    """Of these intervals those that a period has two of, and the one in which it is drawn."""
    return tuple(
        each for each in intervals(days) if each == drawn or days >= FEWEST_DAYS.get(each, 0)
    )


def label_of(point: Point, interval: str) -> str:
    at = datetime.fromisoformat(point.at)
    if interval == "hour":
        return f"{at:%-d %b, %H:%M}"
    if interval == "month":
        return f"{at:%B %Y}"
    return f"{'Week of ' if interval == 'week' else ''}{at:%a %-d %b}"
