"""What visits add up to, by the values of a dimension: sums of arrays, exact to the last unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from app.analytics.columns import Array, Columns, Lazy
from app.analytics.dimensions import OF_SESSIONS

# The columns of a table.
METRICS = (
    "visitors",
    "sessions",
    "page_views",
    "bounces",
    "duration",
    "events",
    "orders",
    "revenue",
)
COLUMN = {name: number for number, name in enumerate(METRICS)}
SUMMED = ("page_views", "duration", "events", "orders", "revenue")
NOBODY = 2**32 - 1  # in place of a visitor: a visit that is none
# What is earned is told up to this, in minor units: three years of such days fit 64 bits.
MOST_EARNED = 2**52
MARKED = 16  # bytes for each thing that is counted
TABLED = (*OF_SESSIONS, "page", "event", "property", "campaign")


class Visits:
    """Some of the visits, or all of them: their columns, and what is asked of them often."""

    def __init__(self, sessions: Columns, chosen: Array | None = None) -> None:
        self.chosen = chosen
        self.columns = sessions
        if chosen is not None:
            rows = np.flatnonzero(chosen)  # a third of the time of a mask
            self.columns = Lazy(sessions, lambda name: sessions[name][rows])
        visitor = self.columns["visitor"]
        # What is no visit has pages, events and money.
        self.real = np.flatnonzero(visitor != NOBODY)
        self.bounced = self.real[self.columns["page_views"][self.real] <= 1]
        # Most visitors come once: only of the others it matters which visits are theirs.
        times = np.bincount(visitor[self.real])
        self.again = self.real[times[visitor[self.real]] > 1]
        self._earned = Lazy(SUMMED, lambda name: Amounts(self.columns[name]))

    def __len__(self) -> int:
        return len(self.columns["visitor"])

    def by(self, codes: Array, number: int) -> Array:
        """A table with a row for each code below `number`."""
        table = np.zeros((number, len(METRICS)), np.int64)
        codes = codes.astype(np.intp, copy=False)
        sessions = np.bincount(codes[self.real], minlength=number)
        several = codes[self.again]
        table[:, COLUMN["visitors"]] = (
            sessions
            - np.bincount(several, minlength=number)
            + distinct(several, self.columns["visitor"][self.again], number)
        )
        table[:, COLUMN["sessions"]] = sessions
        table[:, COLUMN["bounces"]] = np.bincount(codes[self.bounced], minlength=number)
        for name in SUMMED:
            table[:, COLUMN[name]] = self._earned[name].by(codes, number)
        return table


class Amounts:
    """Whole numbers of visits, to be summed by one code after the other."""

    def __init__(self, values: Array) -> None:
        self._rows = np.flatnonzero(values)
        self._few = 2 * len(self._rows) < len(values)
        self._values = values[self._rows] if self._few else values
        largest = int(np.abs(self._values).max(initial=0))
        if largest * len(values) < MOST_EARNED:  # floats are exact up to 2**53
            self._values = self._values.astype(np.float64)

    def by(self, codes: Array, number: int) -> Array:
        codes = codes[self._rows] if self._few else codes
        if self._values.dtype == np.float64:
            return np.bincount(codes, self._values, number).astype(np.int64)
        return bounded_sums(codes, self._values, number)


def bounded_sums(codes: Array, values: Array, number: int) -> Array:
    """Exact as far as they are within MOST_EARNED."""
    sums = np.zeros(number, np.int64)
    np.add.at(sums, codes, values)
    about = np.bincount(codes, values, number)  # floats do not begin anew where 64 bits end
    beyond = np.abs(about) > MOST_EARNED
    sums[beyond] = np.copysign(MOST_EARNED, about[beyond])
    return sums


def bounded_sum(values: Array) -> int:
    """As bounded_sums does, of all of them."""
    return int(bounded_sums(np.zeros(len(values), np.int64), values, 1)[0])


def add_up(
    visits: Visits,
    events: Columns,
    words: Mapping[str, list[str]],
    names: Iterable[str] = TABLED,
) -> dict[str, Array]:
    """A table for each named dimension, with a row for each value and METRICS as columns, and
    `total` of one row."""
    tables = {"total": visits.by(np.zeros(len(visits), np.int64), 1)}
    for name in names:
        if name in OF_SESSIONS:
            tables[name] = visits.by(visits.columns[name], len(words[name]))
        else:
            tables[name] = by_event(visits, events, name, len(words[name]))
    return tables


def by_event(visits: Visits, events: Columns, name: str, number: int) -> Array:
    """A table with a row for each of `number` codes. Pages count their views, all else how often
    it came; and each the visits and visitors that had it, once."""
    codes, places, rows = entries(events, name)
    kept = _chosen(visits, places)
    return _count_events(visits, events, name, codes[kept], places[kept], rows[kept], number)


def by_event_within(
    visits: Visits, events: Columns, name: str, within: Array, width: int
) -> tuple[Array, Array]:
    """The same for each code of `within` (one for each visit there is) by itself. Answers those
    codes that came, as `within * width + code`, and a row for each."""
    codes, places, rows = entries(events, name)
    kept = _chosen(visits, places)
    places, rows = places[kept], rows[kept]
    keys, codes = np.unique(within[places] * width + codes[kept], return_inverse=True)
    return keys, _count_events(visits, events, name, codes, places, rows, len(keys))


def _chosen(visits: Visits, places: Array) -> slice | Array:
    return slice(None) if visits.chosen is None else np.flatnonzero(visits.chosen[places])


def _count_events(
    visits: Visits,
    events: Columns,
    name: str,
    codes: Array,
    places: Array,
    rows: Array,
    number: int,
) -> Array:
    if visits.chosen is not None:
        # Where each visit stands among the chosen ones.
        places = (np.cumsum(visits.chosen) - 1)[places]
    visitor = visits.columns["visitor"]
    had, visit = pairs(codes, places, len(visitor))
    followed = visitor[visit] != NOBODY
    had, visit = had[followed], visit[followed]
    table = np.zeros((number, len(METRICS)), np.int64)
    table[:, COLUMN["visitors"]] = distinct(had, visitor[visit], number)
    table[:, COLUMN["sessions"]] = np.bincount(had, minlength=number)
    came = COLUMN["page_views" if name == "page" else "events"]
    table[:, came] = np.bincount(codes, minlength=number)
    if name != "page":
        _add_earnings(table, events, codes, rows)
    return table


def entries(events: Columns, name: str) -> tuple[Array, Array, Array]:
    """Of a dimension of events: the codes that count, and the visit and the event of each."""
    if name in ("property", "campaign"):
        rows = events[f"{name}_event"]
        return events[name], events["session"][rows], rows
    rows = np.flatnonzero(events["view"] == (name == "page"))
    return events[name][rows], events["session"][rows], rows


def _add_earnings(table: Array, events: Columns, codes: Array, rows: Array) -> None:
    if not len(events["earning_event"]) or not len(rows):
        return
    # Few events earn something: where each of them is among the entries, which are in order.
    first = np.searchsorted(rows, events["earning_event"], "left")
    last = np.searchsorted(rows, events["earning_event"], "right")
    for name, column in (("amount", "revenue"), ("orders", "orders")):
        earned = np.repeat(events[f"earning_{name}"], last - first)
        at = _spans(first, last)
        table[:, COLUMN[column]] = bounded_sums(codes[at], earned, len(table))


def _spans(first: Array, last: Array) -> Array:
    """All places from each `first` to just before its `last`, one after the other."""
    lengths = last - first
    starts = np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    return starts + np.arange(lengths.sum())


def distinct(codes: Array, things: Array, number: int) -> Array:
    """How many different things each code has."""
    return np.bincount(pairs(codes, things, int(things.max(initial=0)) + 1)[0], minlength=number)


def pairs(codes: Array, things: Array, width: int) -> tuple[Array, Array]:
    """Those pairs of a code and a thing (less than `width`) that there are, each once."""
    keys = codes.astype(np.int64) * width + things
    if not len(keys):
        return keys, keys
    size = (int(codes.max()) + 1) * width
    if size <= MARKED * len(keys):  # a mark for each that could be is quicker than to sort
        marks = np.zeros(size, bool)
        marks[keys] = True
        keys = np.flatnonzero(marks)
    else:
        keys.sort()  # a fifth of the time of np.unique
        keys = keys[np.flatnonzero(np.diff(keys, prepend=-1))]
    return np.divmod(keys, width)
