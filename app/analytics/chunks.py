"""Days of a site as they were packed, some of them together as one: numpy is quick with a hundred
thousand visits at once and slow with a hundred thousand times one. Of a day or a chunk nothing is
put together but what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select

from app.analytics.chunk import Chunk
from app.analytics.columns import Array, Columns, Lazy, unpack
from app.analytics.days import EVENTS, PARTS, SESSIONS, TABLES, words_in
from app.analytics.dimensions import GOAL
from app.analytics.filters import Filter, matching
from app.analytics.matches import Match
from app.analytics.models import DayRollup, Goal
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.db import reading
from app.core.sql import IN_BINARY
from app.core.threads import in_native_thread
from app.sites.models import Site

DAY = timedelta(days=1)
ENOUGH = 500_000  # events in one chunk
AT_ONCE = 16_000_000  # bytes read at once, of no more days than that takes
CODED_EVENTS = ("event", "page", "property", "campaign")


@dataclass(frozen=True)
class Day:
    """A local day of a site. `tables`, `sessions` and `events` are arrays by name, empty if they
    were not asked for; `words` are the values of each dimension by their code."""

    day: date
    begins: int  # milliseconds since 1970
    words: Mapping[str, list[str]]
    tables: Columns
    sessions: Columns
    events: Columns


def read_chunks(
    site: Site, period: Period, filters: Sequence[Filter] = (), *, events: bool = True
) -> Iterator[Chunk]:
    """The visits of a period, the oldest days first, without holding more than a few of them.
    Also those that do not match: `chosen` tells. Under the site's scope."""
    # What a filter on pages asks for is told by events alone.
    events = events or any(each.of_events for each in filters)
    parts = (TABLES, SESSIONS, EVENTS) if events else (TABLES, SESSIONS)
    goals = _goals(site, filters)
    gathered: list[Day] = []
    size = 0
    for day in read_days(site, period, parts):
        gathered.append(day)
        size += max(len(day.sessions["start"]), len(day.events.get("session", ())))
        if size >= ENOUGH:
            yield in_native_thread(merged, gathered, period, filters, goals)
            gathered, size = [], 0
    if gathered:
        yield in_native_thread(merged, gathered, period, filters, goals)


def read_days(site: Site, period: Period, parts: Sequence[str] = PARTS) -> Iterator[Day]:
    """Those that have anything, the oldest first."""
    for begin, end in _spans(site, *_ends(site, period), parts):
        yield from _read(site, begin, end, parts)


def read_tables(site: Site, period: Period) -> list[Day]:
    """The same with their tables alone, which are small, so all are read at once."""
    return _read(site, *_ends(site, period), (TABLES,))


def _ends(site: Site, period: Period) -> tuple[date, date]:
    """The first and the last local day of the site that may have something of the period."""
    if period.is_by(site.time_zone):
        return period.first, period.last
    # From the first clock to the last there are 25 hours: more than one day to each side.
    return period.first - 2 * DAY, period.last + 2 * DAY


def _spans(
    site: Site, first: date, last: date, parts: Sequence[str]
) -> Iterator[tuple[date, date]]:
    """First and last day of what is read at once."""
    weighed = (
        select(DayRollup.day, func.sum(func.length(DayRollup.data)))
        .where(*_here(site, first, last, parts))
        .group_by(DayRollup.day)
        .order_by(DayRollup.day)
    )
    with reading() as reader:
        found = reader.execute(weighed).all()
    days: list[date] = []
    size = 0
    for day, weight in found:
        if days and size + weight > AT_ONCE:
            yield days[0], days[-1]
            days, size = [], 0
        days.append(day)
        size += weight
    if days:
        yield days[0], days[-1]


def _here(site: Site, first: date, last: date, parts: Sequence[str]) -> tuple[Any, ...]:
    return (
        DayRollup.site_number == site.number,
        DayRollup.day.between(first, last),
        DayRollup.part.in_(parts),
    )


def _read(site: Site, first: date, last: date, parts: Sequence[str]) -> list[Day]:
    found = (
        select(DayRollup.day, DayRollup.part, DayRollup.data)
        .where(*_here(site, first, last, parts))
        .order_by(DayRollup.day)
    )
    packed: dict[date, dict[str, Any]] = {}
    with reading() as reader:
        for day, part, data in reader.execute(found, execution_options=IN_BINARY).all():
            packed.setdefault(day, {})[part] = unpack(data)
    return [_day(day, each) for day, each in packed.items()]


def _day(day: date, packed: dict[str, Any]) -> Day:
    tables, said = packed[TABLES]
    sessions, events = (packed[part][0] if part in packed else {} for part in (SESSIONS, EVENTS))
    return Day(day, said["begins"], words_in(tables, said), tables, sessions, events)


def _goals(site: Site, filters: Sequence[Filter]) -> list[tuple[str, Match]]:
    if not any(each.dimension == GOAL.name for each in filters):
        return []
    return [(each.name, each.wanted) for each in Goal.of(site)]


def merged(
    days: Sequence[Day],
    period: Period,
    filters: Sequence[Filter],
    goals: Sequence[tuple[str, Match]] = (),
) -> Chunk:
    together = Together(days)
    sessions, events = together.sessions(), together.events()
    chunk = Chunk([each.day for each in days], together.words(), sessions, events, goals)
    begins = sessions["begins"]
    chosen = (begins >= period.begins) & (begins < period.ends)
    if filters:
        chosen &= matching(chunk, filters)
    return replace(chunk, chosen=chosen)


class Together:
    """Several days as one."""

    def __init__(self, days: Sequence[Day]) -> None:
        self.days = days
        self.lengths = [len(each.sessions["start"]) for each in days]
        self._recoded = Lazy(
            days[0].words, lambda name: recoded([each.words[name] for each in days])
        )

    def words(self) -> Mapping[str, list[str]]:
        return Lazy(self._recoded, lambda name: self._recoded[name][0])

    def sessions(self) -> Columns:
        made: dict[str, Callable[[], Array]] = {
            "begins": self._begins,
            "day": lambda: np.repeat(np.arange(len(self.days)), self.lengths),
            "visitor": self._visitor,
            "visitor_key": lambda: self._visitor_key(sessions["visitor"]),
        }

        def column(name: str) -> Array:
            if name in made:
                return made[name]()
            pieces = [each.sessions[name] for each in self.days]
            return self._coded(name, pieces) if name in self._recoded else np.concatenate(pieces)

        sessions = Lazy((*self.days[0].sessions, *made), column)
        return sessions

    def events(self) -> Columns:
        visits = np.cumsum([0, *self.lengths])

        def column(name: str) -> Array:
            pieces = [each.events[name] for each in self.days]
            if name in CODED_EVENTS:
                return self._coded(name, pieces)
            if name == "session":
                return _moved(pieces, visits)
            if name.endswith("_event"):
                numbers = [len(each.events["session"]) for each in self.days]
                return _moved(pieces, np.cumsum([0, *numbers]))
            return np.concatenate(pieces)

        return Lazy(self.days[0].events, column)

    def _coded(self, name: str, pieces: Sequence[Array]) -> Array:
        codes = self._recoded[name][1]
        return np.concatenate([code[each] for code, each in zip(codes, pieces, strict=True)])

    def _begins(self) -> Array:
        begins = np.repeat([each.begins for each in self.days], self.lengths)
        return begins + np.concatenate([each.sessions["start"] for each in self.days])

    def _visitor(self) -> Array:
        """Visitors of different days are different ones."""
        visitor = np.concatenate([each.sessions["visitor"] for each in self.days]).astype(np.int64)
        numbers = np.array([len(each.sessions["visitor_key"]) for each in self.days])
        before = np.repeat(np.cumsum(numbers) - numbers, self.lengths)
        return np.where(visitor == NOBODY, NOBODY, visitor + before)

    def _visitor_key(self, visitor: Array) -> Array:
        keys = [each.sessions["visitor_key"] for each in self.days]
        known = np.concatenate([*keys, np.zeros(1, np.uint64)])
        return known[np.where(visitor == NOBODY, len(known) - 1, visitor)]


def _moved(pieces: Sequence[Array], starts: Array) -> Array:
    return np.concatenate([each + start for each, start in zip(pieces, starts, strict=False)])


def recoded(words: Sequence[Sequence[str]]) -> tuple[list[str], list[Array]]:
    """One code for each word, whatever the day; and for each day the codes by its own."""
    codes: dict[str, int] = {}
    moved = [
        np.array([codes.setdefault(word, len(codes)) for word in known], np.int32)
        for known in words
    ]
    return list(codes), moved
