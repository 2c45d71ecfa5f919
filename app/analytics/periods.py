"""The days that a question is about, by the clock of a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from app.core import clock
from app.core.errors import bad_query

LONGEST = 366 * 3  # days
PRESETS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "month": "This month",
    "last_month": "Last month",
    "12m": "Last 12 months",
    "custom": "Custom",
}
DEFAULT = "30d"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """`first` to `last`, both included."""

    first: date
    last: date
    zone: ZoneInfo
    preset: str = "custom"

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> Iterator[date]:
        return (self.first + number * DAY for number in range(self.length))

    @property
    def begins(self) -> int:
        return midnight(self.first, self.zone)

    @property
    def ends(self) -> int:
        return midnight(self.last + DAY, self.zone)

    def is_by(self, time_zone: str) -> bool:
        """Whether its days are cut by the clock of this time zone: those of a site by its own."""
        return self.zone.key == time_zone

    def before(self) -> Period:
        """As many days just before it."""
        return Period(self.first - self.length * DAY, self.first - DAY, self.zone)


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first millisecond of a local day since 1970, UTC."""
    # Where the clock skips midnight, the day begins when the skipping ends.
    return int(datetime.combine(day, time(), zone).timestamp()) * 1000


def local_day(milliseconds: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, zone).date()


def zone_named(name: str) -> ZoneInfo:
    """Raises ApiError 400 for one that does not exist."""
    if name not in _zones():
        raise bad_query("zone", "This is no IANA time zone, such as Europe/Paris.")
    return ZoneInfo(name)


def read_period(preset: str | None, first: str | None, last: str | None, zone: ZoneInfo) -> Period:
    """From `?period=`, or `?from=` and `?to=` as days (2026-11-29), both included.

    Raises ApiError 400 that names the field.
    """
    if first or last:
        return _custom(first or last or "", last or first or "", zone)
    preset = preset or DEFAULT
    today = clock.now().astimezone(zone).date()
    month = today.replace(day=1)
    spans = {
        "today": (today, today),
        "yesterday": (today - DAY, today - DAY),
        "7d": (today - 6 * DAY, today),
        "30d": (today - 29 * DAY, today),
        "month": (month, today),
        "last_month": ((month - DAY).replace(day=1), month - DAY),
        "12m": (today - 364 * DAY, today),
    }
    if preset not in spans:
        raise bad_query("period", f"One of {', '.join(spans)}, or from and to.")
    return Period(*spans[preset], zone, preset)


def _custom(first: str, last: str, zone: ZoneInfo) -> Period:
    period = Period(_day("from", first), _day("to", last), zone)
    if period.length < 1:
        raise bad_query("to", "The period ends before it begins.")
    if period.length > LONGEST:
        raise bad_query("from", "A period has at most three years.")
    return period


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise bad_query(field, "A day looks like 2026-11-29.") from error
    if not 1971 <= day.year <= 2200:
        raise bad_query(field, "A day of our time, please.")
    return day


@cache
def _zones() -> set[str]:
    return available_timezones()
