"""What the visits of a period add up to.

    answer = ask(site, period, filters)
    answer.totals, answer.series("day"), answer.breakdown("country")

Without filters the tables of each day are enough. With filters its visits are looked at, and those
that match are added up by the same code that made the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import Day, read_chunks, read_tables
from app.analytics.columns import Array
from app.analytics.dimensions import OF_EVENTS, OF_SESSIONS, OTHER
from app.analytics.filters import Filter
from app.analytics.periods import Period, local_day
from app.analytics.sums import COLUMN, METRICS, Visits, add_up
from app.analytics.words import has_words
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models.rollup import BUCKET

DIMENSIONS = (*OF_SESSIONS, *OF_EVENTS)
INTERVALS = ("hour", "day", "week", "month")


@dataclass(frozen=True)
class Totals:
    """What visits add up to. Duration in milliseconds, all visits together; revenue in minor units
    of the organization's currency. `visitors` is a sum of daily visitors, and None where days are
    cut by another clock than the site's."""

    visitors: int | None = 0
    sessions: int = 0
    page_views: int = 0
    bounces: int = 0
    duration: int = 0
    events: int = 0
    orders: int = 0
    revenue: int = 0

    @property
    def bounce_rate(self) -> float | None:
        return self.bounces / self.sessions if self.sessions else None

    @property
    def seconds(self) -> float | None:
        """Of a visit, on average."""
        return self.duration / 1000 / self.sessions if self.sessions else None


@dataclass(frozen=True)
class Point:
    """Of a series: what began then. `at` is local: a day, or an hour with its offset from UTC."""

    at: str
    totals: Totals


@dataclass(frozen=True)
class Row:
    """Of a breakdown."""

    value: str
    totals: Totals


@dataclass(frozen=True)
class Breakdown:
    """Rows of one dimension, those with the most first, and how many there are in all; `other` is
    what was too rare to be kept apart."""

    dimension: str
    rows: list[Row]
    total: int
    other: Totals | None


@dataclass
class Table:
    """Rows by value, of whichever days are added to it."""

    places: dict[str, int] = field(default_factory=dict)
    rows: Array = field(default_factory=lambda: np.zeros((0, len(METRICS)), np.int64))

    def add(self, pieces: Iterable[tuple[Sequence[str], Array]]) -> None:
        places: list[Array] = []
        tables: list[Array] = []
        known = self.places
        for words, table in pieces:
            places.append(np.array([known.setdefault(word, len(known)) for word in words], np.intp))
            tables.append(table)
        rows = np.zeros((len(known), len(METRICS)), np.int64)
        rows[: len(self.rows)] = self.rows
        for place, table in zip(places, tables, strict=True):
            rows[place] += table  # each word comes once in a piece
        self.rows = rows


@dataclass(frozen=True)
class Answer:
    """`tables` by dimension; `days` and `quarters` by the day, and by the first millisecond of the
    quarter of an hour, in which visits began."""

    site: Site
    period: Period
    filters: Sequence[Filter]
    tables: Mapping[str, Table]
    days: Mapping[date, Array]
    quarters: Mapping[int, Array]

    @cached_property
    def totals(self) -> Totals:
        rows = list((self.days if self._own_clock else self.quarters).values())
        return self._totals(np.sum(rows, axis=0) if rows else NOTHING)

    def series(self, interval: str) -> list[Point]:
        """One point for each interval (INTERVALS) of the period, also where nothing happened. Who
        comes in two hours is a visitor of both: they do not add up to those of the day."""
        sums = dict.fromkeys(self._moments(interval), NOTHING)
        if interval == "hour" and self._own_clock:
            rows = by_hours(self.site, self.period, self.filters)
        elif interval == "hour" or not self._own_clock:
            rows = {self._label_of(at, interval): NOTHING for at in self.quarters}
            for moment, row in self.quarters.items():
                label = self._label_of(moment, interval)
                rows[label] = rows[label] + row
        else:
            rows = {}
            for day, row in self.days.items():
                label = day_label(day, interval)
                rows[label] = rows.get(label, NOTHING) + row
        return [Point(at, self._totals(rows.get(at, nothing))) for at, nothing in sums.items()]

    def breakdown(
        self,
        dimension: str,
        *,
        by: str | None = None,
        search: str = "",
        limit: int | None = 10,
        offset: int = 0,
    ) -> Breakdown:
        """`by`: one of METRICS. `search`: only values that contain it. `limit` None: all."""
        column = COLUMN[by or ("visitors" if self._own_clock else "sessions")]
        # Of a year there can be several hundred thousand values.
        return in_native_thread(self._breakdown, dimension, column, search, limit, offset)

    def _breakdown(
        self, dimension: str, column: int, search: str, limit: int | None, offset: int
    ) -> Breakdown:
        table = self.tables[dimension]
        words, other = list(table.places), table.places.get(OTHER, -1)
        some = np.flatnonzero(table.rows.any(axis=1))
        kept = some[some != other]
        if search:
            fits = [has_words(dimension, words[each], search.casefold()) for each in kept.tolist()]
            kept = kept[np.array(fits, bool)]
        weights = -table.rows[kept][:, [column, COLUMN["page_views"]]]
        first = _lowest(weights[:, 0], None if limit is None else offset + limit)
        ordered = sorted(
            (*weight, words[place], place)
            for weight, place in zip(weights[first].tolist(), kept[first].tolist(), strict=True)
        )
        rows = [
            Row(word, self._totals(table.rows[place]))
            for _most, _views, word, place in ordered[offset:][:limit]
        ]
        rest = self._totals(table.rows[other]) if other in some else None
        return Breakdown(dimension, rows, len(kept), rest)

    @property
    def _own_clock(self) -> bool:
        return self.period.is_by(self.site.time_zone)

    def _totals(self, row: Array) -> Totals:
        values = dict(zip(METRICS, (int(each) for each in row), strict=True))
        return Totals(**values if self._own_clock else {**values, "visitors": None})

    def _moments(self, interval: str) -> list[str]:
        if interval != "hour":
            return list(dict.fromkeys(day_label(day, interval) for day in self.period.days))
        quarters = range(self.period.begins, self.period.ends, BUCKET)
        return list(dict.fromkeys(self._label_of(each, interval) for each in quarters))

    def _label_of(self, milliseconds: int, interval: str) -> str:
        return label_at(milliseconds, self.period.zone, interval)


NOTHING = np.zeros(len(METRICS), np.int64)


def ask(
    site: Site,
    period: Period,
    filters: Sequence[Filter] = (),
    dimensions: Sequence[str] = DIMENSIONS,
) -> Answer:
    """Under the site's scope. `dimensions`: which breakdowns will be asked for."""
    sums = Sums(dimensions)
    if by_visits(site, period, filters):
        events = any(each in OF_EVENTS for each in dimensions)
        for chunk in read_chunks(site, period, filters, events=events):
            in_native_thread(sums.add_chunk, chunk)
    else:
        in_native_thread(sums.add_days, read_tables(site, period))
    return sums.answer(site, period, filters)


def _lowest(values: Array, number: int | None) -> Array:
    """The places of so many lowest, and of all that equal the last of these; None: of all."""
    if number is None or number >= len(values):
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, number - 1)[number - 1])


def by_visits(site: Site, period: Period, filters: Sequence[Filter]) -> bool:
    """Whether the visits themselves have to be looked at."""
    return bool(filters) or not period.is_by(site.time_zone)


class Sums:
    """Of whatever is added."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        self.tables = {name: Table() for name in dimensions}
        self.days: dict[date, Array] = {}
        self.quarters: dict[int, Array] = {}

    def answer(self, site: Site, period: Period, filters: Sequence[Filter]) -> Answer:
        return Answer(site, period, filters, self.tables, self.days, self.quarters)

    def add_days(self, days: Sequence[Day]) -> None:
        for name, table in self.tables.items():
            table.add((day.words[name], day.tables[name]) for day in days)
        for day in days:
            self.days[day.day] = day.tables["total"][0]
            quarters = day.tables["quarter"]
            places = np.flatnonzero(quarters.any(axis=1))
            moments = (day.begins + places * BUCKET).tolist()
            self.quarters.update(zip(moments, quarters[places], strict=True))

    def add_chunk(self, chunk: Chunk) -> None:
        visits = Visits(chunk.sessions, chunk.chosen)
        tables = add_up(visits, chunk.events, chunk.words, self.tables)
        for name, table in self.tables.items():
            table.add([(chunk.words[name], tables[name])])
        by_day = visits.by(visits.columns["day"], len(chunk.days))
        self.days.update(zip(chunk.days, by_day, strict=True))
        quarters, places = np.unique(visits.columns["begins"] // BUCKET, return_inverse=True)
        moments = (int(each) * BUCKET for each in quarters)
        self.quarters.update(zip(moments, visits.by(places, len(quarters)), strict=True))


def by_hours(site: Site, period: Period, filters: Sequence[Filter]) -> dict[str, Array]:
    """What began in each hour, by its label. Its quarters do not add up to it: who came in two of
    them is one visitor. Under the site's scope."""
    rows: dict[str, Array] = {}
    for chunk in read_chunks(site, period, filters, events=False):
        for label, row in in_native_thread(_by_hours, chunk, period.zone):
            rows[label] = rows.get(label, NOTHING) + row
    return rows


def _by_hours(chunk: Chunk, zone: ZoneInfo) -> list[tuple[str, Array]]:
    visits = Visits(chunk.sessions, chunk.chosen)
    labels, codes = by_time(visits.columns["begins"], zone, "hour")
    return list(zip(labels, visits.by(codes, len(labels)), strict=True))


def by_time(begins: Array, zone: ZoneInfo, interval: str) -> tuple[list[str], Array]:
    """The labels of the intervals that came, and in which of them each moment lies."""
    quarters, places = np.unique(begins // BUCKET, return_inverse=True)
    labels = [label_at(int(each) * BUCKET, zone, interval) for each in quarters]
    known = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return list(known), np.array([known[each] for each in labels], np.int64)[places]


def label_at(milliseconds: int, zone: ZoneInfo, interval: str) -> str:
    """Of the interval in which a moment lies."""
    if interval != "hour":
        return day_label(local_day(milliseconds, zone), interval)
    # With its distance from UTC, since an hour comes twice when clocks are set back.
    local = datetime.fromtimestamp(milliseconds / 1000, zone)
    return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")


def day_label(day: date, interval: str) -> str:
    """Of the interval in which a day lies."""
    if interval == "week":
        day -= timedelta(days=day.weekday())
    return (day.replace(day=1) if interval == "month" else day).isoformat()
