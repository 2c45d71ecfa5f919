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
NOBODY = 2**32 - 1  # in place of a visitor: a visit that is none
TABLED = (*OF_SESSIONS, "page", "event", "property", "campaign")


class Visits:
    """Some of the visits, or all of them: their columns, and what is asked of them often."""

    def __init__(self, sessions: Columns, chosen: Array | None = None) -> None:
        self.chosen = chosen
        self.columns: Columns = sessions
        if chosen is not None:
            rows = np.flatnonzero(chosen)  # a third of the time of a mask
            self.columns = Lazy(sessions, lambda name: sessions[name][rows])
        # What is no visit has pages, events and money.
        self.real = self.columns["visitor"] != NOBODY
        self.visitors = self.columns["visitor"][self.real]
        self.bounced = self.columns["page_views"][self.real] <= 1
        # Most visitors come once: only of the others it matters which visits are theirs.
        self.again = np.bincount(self.visitors)[self.visitors] > 1

    def __len__(self) -> int:
        return len(self.real)

    def by(self, codes: Array, number: int) -> Array:
        """A table with a row for each code below `number`."""
        table = np.zeros((number, len(METRICS)), np.int64)
        counted = codes[self.real]
        sessions = np.bincount(counted, minlength=number)
        several = counted[self.again]
        table[:, COLUMN["visitors"]] = (
            sessions
            - np.bincount(several, minlength=number)
            + distinct(several, self.visitors[self.again], number)
        )
        table[:, COLUMN["sessions"]] = sessions
        table[:, COLUMN["bounces"]] = np.bincount(counted[self.bounced], minlength=number)
        for name in ("page_views", "duration", "events", "orders", "revenue"):
            table[:, COLUMN[name]] = summed(codes, self.columns[name], number)
        return table


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
    kept = slice(None) if visits.chosen is None else visits.chosen[places]
    return _count_events(visits, events, name, codes[kept], places[kept], rows[kept], number)


def by_event_within(
    visits: Visits, events: Columns, name: str, within: Array, width: int
) -> tuple[Array, Array]:
    """The same for each code of `within` (one for each visit there is) by itself. Answers those
    codes that came, as `within * width + code`, and a row for each."""
    codes, places, rows = entries(events, name)
    kept = slice(None) if visits.chosen is None else visits.chosen[places]
    places, rows = places[kept], rows[kept]
    keys, codes = np.unique(within[places] * width + codes[kept], return_inverse=True)
    return keys, _count_events(visits, events, name, codes, places, rows, len(keys))


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
    counted = visits.real[places]
    visitors = visits.columns["visitor"][places[counted]]
    table = np.zeros((number, len(METRICS)), np.int64)
    table[:, COLUMN["visitors"]] = distinct(codes[counted], visitors, number)
    table[:, COLUMN["sessions"]] = distinct(codes[counted], places[counted], number)
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
        np.add.at(table[:, COLUMN[column]], codes[at], earned)


def _spans(first: Array, last: Array) -> Array:
    """All places from each `first` to just before its `last`, one after the other."""
    lengths = last - first
    starts = np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    return starts + np.arange(lengths.sum())


def summed(codes: Array, values: Array, number: int) -> Array:
    """Sums of whole numbers by code."""
    if not len(values):
        return np.zeros(number, np.int64)
    largest = int(np.abs(values).max())
    if largest * len(values) < 2**53:  # floats are exact up to there
        return np.bincount(codes, values, number).astype(np.int64)
    sums = np.zeros(number, np.int64)
    np.add.at(sums, codes, values)
    return sums


def distinct(codes: Array, things: Array, number: int) -> Array:
    """How many different things each code has."""
    pairs = codes.astype(np.int64) << 32 | things
    pairs.sort()  # a fifth of the time of np.unique
    first = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    return np.bincount(pairs[first] >> 32, minlength=number)
