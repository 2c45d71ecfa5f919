"""When somebody is there to answer: weekly hours and holidays by a site's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAY = 24 * 60  # minutes
LOOKED_AHEAD = 60  # days: a site that is closed for longer says no date


@dataclass(frozen=True)
class Hours:
    """`week` has for each day, Monday first, the spans (from, to) in minutes after midnight; None
    is always open. On a day in `holidays` nobody is there."""

    zone: str
    week: tuple[tuple[tuple[int, int], ...], ...] | None = None
    holidays: frozenset[date] = field(default_factory=frozenset)

    @classmethod
    def read(cls, zone: str, week: list[Any] | None, holidays: list[Any]) -> Hours:
        """As they are kept: lists of pairs, days as ISO text."""
        spans = tuple(tuple((a, b) for a, b in day) for day in week) if week is not None else None
        return cls(zone, spans, frozenset(date.fromisoformat(day) for day in holidays))

    def open_at(self, moment: datetime) -> bool:
        local = moment.astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._spans(local.date()))

    def next_opening(self, moment: datetime) -> datetime | None:
        """When somebody is there again, in UTC; None if that is not in sight."""
        for day in self._days_from(moment):
            for start, _ in self._spans(day):
                opening = self._moment(day, start)
                if opening > moment:
                    return opening
        return None

    def away_from(self, moment: datetime, until: datetime) -> bool:
        """Whether nobody was there all the time between the two."""
        opening = self.next_opening(moment)
        return not self.open_at(moment) and (opening is None or opening > until)

    def _days_from(self, moment: datetime) -> Iterator[date]:
        today = moment.astimezone(ZoneInfo(self.zone)).date()
        return (today + timedelta(days=number) for number in range(LOOKED_AHEAD))

    def _spans(self, day: date) -> tuple[tuple[int, int], ...]:
        if day in self.holidays:
            return ()
        return ((0, DAY),) if self.week is None else self.week[day.weekday()]

    def _moment(self, day: date, minute: int) -> datetime:
        """A time that a clock skips in spring is the moment at which it skips it."""
        local = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(self.zone))
        return local.astimezone(UTC)
