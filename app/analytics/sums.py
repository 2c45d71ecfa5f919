"""What visits add up to, by the values of a dimension: sums of arrays, exact to the last unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from app.analytics.columns import Array
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

Columns = Mapping[str, Array]


def add_up(
    sessions: Columns,
    events: Columns,
    words: Mapping[str, list[str]],
    names: Iterable[str] = TABLED,
    chosen: Array | None = None,
) -> dict[str, Array]:
    """A table for each named dimension, with a row for each value and METRICS as columns, and
    `total` of one row. `chosen`: only of these visits."""
    real = sessions["visitor"] != NOBODY
    if chosen is not None:
        sessions, real = {name: column[chosen] for name, column in _wide(sessions)}, real[chosen]
    tables = {"total": by_code(sessions, real, np.zeros(len(real), np.int64), 1)}
    for name in names:
        if name in OF_SESSIONS:
            tables[name] = by_code(sessions, real, sessions[name], len(words[name]))
        else:
            tables[name] = _by_event(sessions, real, events, name, len(words[name]), chosen)
    return tables


def by_code(sessions: Columns, real: Array, codes: Array, number: int) -> Array:
    """A row for each code below `number`. Visits that are none have pages, events and money."""
    table = np.zeros((number, len(METRICS)), np.int64)
    counted = codes[real]
    table[:, COLUMN["visitors"]] = distinct(counted, sessions["visitor"][real], number)
    table[:, COLUMN["sessions"]] = np.bincount(counted, minlength=number)
    bounced = sessions["page_views"][real] <= 1
    table[:, COLUMN["bounces"]] = np.bincount(counted[bounced], minlength=number)
    for name in ("page_views", "duration", "events", "orders", "revenue"):
        table[:, COLUMN[name]] = summed(codes, sessions[name], number)
    return table


def _by_event(
    sessions: Columns, real: Array, events: Columns, name: str, number: int, chosen: Array | None
) -> Array:
    """Pages count their views, all else how often it came; and each the visits and visitors that
    had it, once."""
    codes, places, rows = entries(events, name)
    if chosen is not None:
        # Where each visit stands among the chosen ones.
        moved = np.cumsum(chosen) - 1
        kept = chosen[places]
        codes, places, rows = codes[kept], moved[places[kept]], rows[kept]
    counted = real[places]
    visitors = sessions["visitor"][places[counted]]
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
    pairs = np.unique(codes.astype(np.int64) << 32 | things.astype(np.int64))
    return np.bincount(pairs >> 32, minlength=number)


def _wide(sessions: Columns) -> Iterable[tuple[str, Array]]:
    """The columns that have an entry for each visit."""
    length = len(sessions["start"])
    return ((name, column) for name, column in sessions.items() if len(column) == length)
