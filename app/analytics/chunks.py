"""Days of a site as they were packed, some of them together as one: numpy is quick with a hundred
thousand visits at once and slow with a hundred thousand times one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from app.analytics.columns import Array, unpack
from app.analytics.days import EVENTS, PARTS, SESSIONS, TABLES
from app.analytics.filters import Filter, matching
from app.analytics.models import DayRollup
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.db import reading
from app.sites.models import Site

DAY = timedelta(days=1)
ENOUGH = 500_000  # events in one chunk
AT_ONCE = 4  # days read at once
CODED_EVENTS = ("event", "page", "property", "campaign")


@dataclass(frozen=True)
class Day:
    """A local day of a site. `tables`, `sessions` and `events` are arrays by name, empty if they
    were not asked for; `words` are the values of each dimension by their code."""

    day: date
    begins: int  # milliseconds since 1970
    words: dict[str, list[str]]
    tables: dict[str, Array]
    sessions: dict[str, Array]
    events: dict[str, Array]


@dataclass(frozen=True)
class Chunk:
    """Visits of several days and their events, in their order.

    `sessions`: arrays with an entry for each visit. `begins` is the moment (milliseconds since
    1970) and `day` the place in `days` at which it began; `visitor` tells visitors apart within
    the chunk, NOBODY for what is no visit; `visitor_key` knows a person on other days as well, if
    `person` says that he agreed; the dimensions of visits are codes into `words`.

    `events`: `session` (the place of its visit), `offset` (milliseconds since that began), `view`
    (whether it is a page view), `event` (its name) and `page` are codes; `property` and `campaign`
    have entries of their own, whose event is `property_event` and `campaign_event`; so have
    `earning_event`, `earning_amount`, `earning_orders`.

    `chosen` says which visits are within the period and match the filters.
    """

    days: list[date]
    words: dict[str, list[str]]
    sessions: dict[str, Array]
    events: dict[str, Array]
    chosen: Array = field(default_factory=lambda: np.zeros(0, bool))


def read_chunks(
    site: Site, period: Period, filters: Sequence[Filter] = (), *, events: bool = True
) -> Iterator[Chunk]:
    """The visits of a period, the oldest days first, without holding more than a few of them.
    Also those that do not match: `chosen` tells. Under the site's scope."""
    # What a filter on pages asks for is told by events alone.
    events = events or any(each.of_events for each in filters)
    parts = (TABLES, SESSIONS, EVENTS) if events else (TABLES, SESSIONS)
    gathered: list[Day] = []
    size = 0
    for day in read_days(site, period, parts):
        gathered.append(day)
        size += max(len(day.sessions["start"]), len(day.events.get("session", ())))
        if size >= ENOUGH:
            yield merged(gathered, period, filters)
            gathered, size = [], 0
    if gathered:
        yield merged(gathered, period, filters)


def read_days(site: Site, period: Period, parts: Sequence[str] = PARTS) -> Iterator[Day]:
    """Those that have anything, the oldest first."""
    first, last = period.first, period.last
    if period.zone.key != site.time_zone:
        first, last = first - DAY, last + DAY
    step = timedelta(days=AT_ONCE if len(parts) > 1 else 400)
    while first <= last:
        yield from _read(site, first, min(last, first + step - DAY), parts)
        first += step


def _read(site: Site, first: date, last: date, parts: Sequence[str]) -> list[Day]:
    found = (
        select(DayRollup.day, DayRollup.part, DayRollup.data)
        .where(
            DayRollup.site_number == site.number,
            DayRollup.day.between(first, last),
            DayRollup.part.in_(parts),
        )
        .order_by(DayRollup.day)
    )
    packed: dict[date, dict[str, Any]] = {}
    with reading() as reader:
        for day, part, data in reader.execute(found):
            packed.setdefault(day, {})[part] = unpack(bytes(data))
    return [_day(day, each) for day, each in packed.items()]


def _day(day: date, packed: dict[str, Any]) -> Day:
    tables, said = packed[TABLES]
    sessions, events = (packed[part][0] if part in packed else {} for part in (SESSIONS, EVENTS))
    return Day(day, said["begins"], said["words"], tables, sessions, events)


def merged(days: Sequence[Day], period: Period, filters: Sequence[Filter]) -> Chunk:
    words: dict[str, list[str]] = {}
    sessions = _merged_sessions(days, words)
    events = _merged_events(days, words) if days[0].events else {}
    chunk = Chunk([each.day for each in days], words, sessions, events)
    within = (sessions["begins"] >= period.begins) & (sessions["begins"] < period.ends)
    chosen = matching(chunk, filters) & within
    return Chunk(chunk.days, words, sessions, events, chosen)


def _merged_sessions(days: Sequence[Day], words: dict[str, list[str]]) -> dict[str, Array]:
    sessions = {}
    for name in days[0].sessions:
        columns = [each.sessions[name] for each in days]
        if name in days[0].words:
            words[name], columns = recoded([each.words[name] for each in days], columns)
        sessions[name] = np.concatenate(columns)
    lengths = [len(each.sessions["start"]) for each in days]
    begins = np.repeat([each.begins for each in days], lengths)
    sessions["begins"] = begins + sessions["start"]
    sessions["day"] = np.repeat(np.arange(len(days)), lengths)
    _tell_visitors_apart(days, sessions, lengths)
    return sessions


def _tell_visitors_apart(
    days: Sequence[Day], sessions: dict[str, Array], lengths: Sequence[int]
) -> None:
    numbers = np.array([len(each.sessions["visitor_key"]) for each in days])
    before = np.repeat(np.cumsum(numbers) - numbers, lengths)
    nobody = sessions["visitor"] == NOBODY
    sessions["visitor"] = np.where(nobody, NOBODY, sessions["visitor"] + before)
    keys = np.concatenate([sessions["visitor_key"], np.zeros(1, np.uint64)])
    sessions["visitor_key"] = keys[np.where(nobody, len(keys) - 1, sessions["visitor"])]


def _merged_events(days: Sequence[Day], words: dict[str, list[str]]) -> dict[str, Array]:
    events = {}
    lengths = [len(each.sessions["start"]) for each in days]
    visits = np.cumsum([0, *lengths])
    happened = np.cumsum([0, *(len(each.events["session"]) for each in days)])
    for name in days[0].events:
        columns = [each.events[name] for each in days]
        if name in CODED_EVENTS:
            words[name], columns = recoded([each.words[name] for each in days], columns)
        elif name == "session" or name.endswith("_event"):
            before = visits if name == "session" else happened
            columns = [each + start for each, start in zip(columns, before, strict=False)]
        events[name] = np.concatenate(columns)
    return events


def recoded(
    words: Sequence[Sequence[str]], columns: Sequence[Array]
) -> tuple[list[str], list[Array]]:
    """One code for each word, whatever the day."""
    codes: dict[str, int] = {}
    moved = []
    for known, column in zip(words, columns, strict=True):
        places = [codes.setdefault(word, len(codes)) for word in known]
        moved.append(np.array(places, np.int32)[column] if len(known) else column.astype(np.int32))
    return list(codes), moved
