"""A report's table: some figures for each value, or for each two values, of what it asks by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.analytics.answers import INTERVALS, Totals, ask, by_time
from app.analytics.chunks import Chunk, read_chunks
from app.analytics.columns import Array
from app.analytics.dimensions import DIMENSIONS, OF_EVENTS, OTHER
from app.analytics.figures import LABELS, uncounted
from app.analytics.filters import Filter
from app.analytics.models.refused import Refused
from app.analytics.periods import Period
from app.analytics.sums import METRICS, Visits, by_event_within
from app.analytics.words import value_words
from app.core.threads import in_native_thread
from app.sites.models import Site

SPANS = {"hour": "Hour", "day": "Day", "week": "Week", "month": "Month"}
BY = {**{name: each.label for name, each in DIMENSIONS.items()}, **SPANS}
MOST_ROWS = 10_000
MOST_PAIRS = 100_000  # in memory; what comes beyond them is one "other"
NOTHING = np.zeros(len(METRICS), np.int64)

Pair = tuple[str, str]
Row = tuple[tuple[str, ...], Totals]


@dataclass(frozen=True)
class ReportTable:
    """`rows`: the values by which a row is told apart, and its figures; those with the most of the
    first figure first, or in the order of time. `left_out`: how many rows are not there."""

    dimensions: Sequence[str]
    metrics: Sequence[str]
    rows: list[Row]
    left_out: int = 0

    def words(self, values: Sequence[str]) -> list[str]:
        return [
            value if by in SPANS else value_words(by, value)
            for by, value in zip(self.dimensions, values, strict=True)
        ]


def check(metrics: Sequence[str], dimensions: Sequence[str]) -> None:
    """Raises Refused for what cannot be asked for."""
    if not metrics or not set(metrics) <= set(LABELS):
        raise Refused("metrics", f"Some of {', '.join(LABELS)}.")
    if len(dimensions) > 2 or not set(dimensions) <= set(BY):
        raise Refused("dimensions", f"At most two of {', '.join(BY)}.")
    if len(set(dimensions)) < len(dimensions):
        raise Refused("dimensions", "Twice the same tells nothing.")
    if len(set(dimensions) & set(OF_EVENTS)) > 1:
        raise Refused("dimensions", "Only one of page, event and property at once.")
    if len(set(dimensions) & set(SPANS)) > 1:
        raise Refused("dimensions", "Only one interval at once.")
    for each in dimensions:
        if missing := uncounted(metrics, each):
            names = ", ".join(LABELS[metric] for metric in missing)
            raise Refused("metrics", f"Not counted by {BY[each].lower()}: {names}.")


def report_table(
    site: Site,
    period: Period,
    filters: Sequence[Filter],
    dimensions: Sequence[str],
    metrics: Sequence[str],
) -> ReportTable:
    """Under the site's scope."""
    rows = _rows(site, period, filters, dimensions)
    if not set(dimensions) & set(SPANS):
        rows.sort(key=lambda row: (-_value(row[1], metrics[0]), row[0]))
    elif len(dimensions) == 2:
        place = 0 if dimensions[0] in SPANS else 1
        rows.sort(key=lambda row: (row[0][place], -_value(row[1], metrics[0]), row[0]))
    kept = rows[:MOST_ROWS]
    return ReportTable(dimensions, metrics, kept, len(rows) - len(kept))


def _value(totals: Totals, metric: str) -> float:
    return getattr(totals, metric) or 0


def _rows(
    site: Site, period: Period, filters: Sequence[Filter], dimensions: Sequence[str]
) -> list[Row]:
    if len(dimensions) == 2:
        return _crossed(site, period, filters, dimensions)
    by = dimensions[0] if dimensions else None
    answer = ask(site, period, filters, [by] if by in DIMENSIONS else [])
    if by is None:
        return [((), answer.totals)]
    if by in INTERVALS:
        return [((point.at,), point.totals) for point in answer.series(by)]
    found = answer.breakdown(by, limit=None)
    rows: list[Row] = [((row.value,), row.totals) for row in found.rows]
    return rows + ([((OTHER,), found.other)] if found.other else [])


def _crossed(
    site: Site, period: Period, filters: Sequence[Filter], dimensions: Sequence[str]
) -> list[Row]:
    sums: dict[Pair, Array] = {}
    events = any(each in OF_EVENTS for each in dimensions) or any(f.of_events for f in filters)
    for chunk in read_chunks(site, period, filters, events=events):
        for pair, row in in_native_thread(_cross, chunk, period, dimensions):
            known = pair if pair in sums or len(sums) < MOST_PAIRS else (OTHER, OTHER)
            sums[known] = sums.get(known, NOTHING) + row
    own = period.is_by(site.time_zone)
    return [(pair, _totals(row, own)) for pair, row in sums.items() if row.any()]


def _totals(row: Array, own_clock: bool) -> Totals:
    values: dict[str, Any] = dict(zip(METRICS, (int(each) for each in row), strict=True))
    return Totals(**values if own_clock else {**values, "visitors": None})


def _cross(chunk: Chunk, period: Period, dimensions: Sequence[str]) -> list[tuple[Pair, Array]]:
    """Each pair of values that came, and what it adds up to. Pages, events and properties are
    several of a visit, so they are counted by event within the other value."""
    visits = Visits(chunk.sessions, chunk.chosen)
    turned = dimensions[0] in OF_EVENTS
    outer, inner = (dimensions[1], dimensions[0]) if turned else (dimensions[0], dimensions[1])
    words, codes = _coded(chunk, outer, period)
    if inner in OF_EVENTS:
        inner_words = chunk.words[inner]
        width = max(1, len(inner_words))
        keys, rows = by_event_within(visits, chunk.events, inner, codes, width)
    else:
        inner_words, inner_codes = _coded(chunk, inner, period)
        width = max(1, len(inner_words))
        both = (codes * width + inner_codes)[chunk.chosen]
        keys, places = np.unique(both, return_inverse=True)
        rows = visits.by(places, len(keys))
    named = ((words[int(key) // width], inner_words[int(key) % width]) for key in keys)
    pairs = ((b, a) if turned else (a, b) for a, b in named)
    return list(zip(pairs, rows, strict=True))


def _coded(chunk: Chunk, by: str, period: Period) -> tuple[list[str], Array]:
    """The values of a dimension of visits or of time, and which of them each visit has."""
    if by in DIMENSIONS:
        return chunk.words[by], chunk.sessions[by].astype(np.int64)
    return by_time(chunk.sessions["begins"], period.zone, by)
