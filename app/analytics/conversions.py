"""How often the goals of a site were reached.

conversions_of(site, period, filters).total.conversions
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.analytics.answers import DIMENSIONS, Answer, Sums, ask, by_visits
from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.matches import Match
from app.analytics.models import Goal
from app.analytics.periods import Period
from app.analytics.rollups import versions
from app.analytics.sums import NOBODY, bounded_sum
from app.core.cache import Cache
from app.core.threads import in_native_thread
from app.sites.models import Site

COLUMNS = 6  # as Reached has them


@dataclass(frozen=True)
class Reached:
    """`conversions`: how often, also by those who are not followed. `sessions`: visits in which it
    was, of `of` visits. `visitors`: as a sum of daily visitors, None where days are cut by another
    clock than the site's. `revenue`: what those very events earned, in minor units of the
    organization's currency. `hidden`: events whose page or property was too rare on their day to be
    kept, so that nobody knows whether they reached it as well."""

    conversions: int = 0
    sessions: int = 0
    visitors: int | None = 0
    revenue: int = 0
    of: int = 0
    hidden: int = 0

    @property
    def rate(self) -> float | None:
        """The share of visits in which it was reached."""
        return self.sessions / self.of if self.of else None


@dataclass(frozen=True)
class Conversions:
    """`total` counts an event once, however many goals it reaches."""

    total: Reached
    by_goal: list[tuple[Goal, Reached]]


def conversions_of(site: Site, period: Period, filters: Sequence[Filter] = ()) -> Conversions:
    """Under the site's scope."""
    goals = Goal.of(site)
    total, *each = reached(site, period, filters, [goal.wanted for goal in goals])
    return Conversions(total, list(zip(goals, each, strict=True)))


def ask_with_conversions(
    site: Site, period: Period, filters: Sequence[Filter] = ()
) -> tuple[Answer, Conversions]:
    """What `ask` and `conversions_of` answer; the visits are read once for both."""
    if not by_visits(site, period, filters):
        return ask(site, period, filters), conversions_of(site, period, filters)
    goals = Goal.of(site)
    wanted = [goal.wanted for goal in goals]
    sums, counts = Sums(DIMENSIONS), _nothing(wanted)
    for chunk in read_chunks(site, period, filters):
        in_native_thread(sums.add_chunk, chunk)
        counts += in_native_thread(_count, chunk, wanted)
    total, *each = _reached(site, period, counts)
    together = Conversions(total, list(zip(goals, each, strict=True)))
    return sums.answer(site, period, filters), together


def reached(
    site: Site, period: Period, filters: Sequence[Filter], wanted: Sequence[Match]
) -> list[Reached]:
    """Of all that is wanted together, then of each."""
    if by_visits(site, period, filters):
        counts = _count_chunks(site, period, filters, wanted)
    else:
        counts = _count_days(site, period, wanted)
    return _reached(site, period, sum(counts, _nothing(wanted)))


def _reached(site: Site, period: Period, counts: Array) -> list[Reached]:
    known = period.is_by(site.time_zone)
    return [
        Reached(times, sessions, visitors if known else None, revenue, of, hidden)
        for times, sessions, visitors, revenue, of, hidden in counts.tolist()
    ]


def _nothing(wanted: Sequence[Match]) -> Array:
    return np.zeros((len(wanted) + 1, COLUMNS), np.int64)


def _count_chunks(
    site: Site, period: Period, filters: Sequence[Filter], wanted: Sequence[Match]
) -> Iterator[Array]:
    for chunk in read_chunks(site, period, filters, events=bool(wanted)):
        yield in_native_thread(_count, chunk, wanted)


def _count_days(site: Site, period: Period, wanted: Sequence[Match]) -> Iterator[Array]:
    """Day by day, since a day that was not added up anew still has the same conversions."""
    for day, version in versions(site, period):
        key = (site.number, day, version, tuple(wanted))
        yield _days.get(key, partial(_count_day, site, Period(day, day, period.zone), wanted))


def _count_day(site: Site, period: Period, wanted: Sequence[Match]) -> Array:
    return sum(_count_chunks(site, period, (), wanted), _nothing(wanted))


_days: Cache[Array] = Cache("conversions", size=20_000, seconds=3600)


def _count(chunk: Chunk, wanted: Sequence[Match]) -> Array:
    """Rows of COLUMNS: for all that is wanted together, then for each."""
    visits = int((chunk.chosen & (chunk.sessions["visitor"] != NOBODY)).sum())
    if not wanted:
        return np.array([(0, 0, 0, 0, visits, 0)], np.int64)
    chosen = chunk.chosen[chunk.events["session"]]
    together, unknown = np.zeros(len(chosen), bool), np.zeros(len(chosen), bool)
    sums = []
    for each in wanted:
        hit = np.zeros(len(chosen), bool)
        hit[each.rows(chunk)] = True
        hit &= chosen
        together |= hit
        hidden = each.hidden(chunk)
        unknown[hidden] = True
        sums.append((*_sums(chunk, hit), visits, int(chosen[hidden].sum())))
    unknown &= chosen & ~together
    return np.array([(*_sums(chunk, together), visits, int(unknown.sum())), *sums], np.int64)


def _sums(chunk: Chunk, hit: Array) -> tuple[int, int, int, int]:
    """Of the events that are hit."""
    visitor = chunk.sessions["visitor"]
    visited = np.zeros(len(visitor), bool)
    visited[chunk.events["session"][hit]] = True
    visited &= visitor != NOBODY
    seen = np.zeros(int(visitor[visited].max(initial=-1)) + 1, bool)
    seen[visitor[visited]] = True
    revenue = bounded_sum(chunk.events["earning_amount"][hit[chunk.events["earning_event"]]])
    return int(hit.sum()), int(visited.sum()), int(seen.sum()), revenue
