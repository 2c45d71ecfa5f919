"""How often the goals of a site were reached.

conversions_of(site, period, filters).total.conversions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.matches import Match
from app.analytics.models import Goal
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.threads import in_native_thread
from app.sites.models import Site


@dataclass(frozen=True)
class Reached:
    """`conversions`: how often, also by those who are not followed. `sessions`: visits in which it
    was, of `of` visits. `visitors`: as a sum of daily visitors, None where days are cut by another
    clock than the site's. `revenue`: what those very events earned, in minor units of the
    organization's currency."""

    conversions: int = 0
    sessions: int = 0
    visitors: int | None = 0
    revenue: int = 0
    of: int = 0

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


def reached(
    site: Site, period: Period, filters: Sequence[Filter], wanted: Sequence[Match]
) -> list[Reached]:
    """Of all that is wanted together, then of each."""
    sums = np.zeros((len(wanted) + 1, 4), np.int64)
    visits = 0
    for chunk in read_chunks(site, period, filters, events=bool(wanted)):
        visits += int((chunk.chosen & (chunk.sessions["visitor"] != NOBODY)).sum())
        if wanted:
            sums += in_native_thread(_count, chunk, wanted)
    known = period.zone.key == site.time_zone
    return [
        Reached(int(times), int(sessions), int(visitors) if known else None, int(revenue), visits)
        for times, sessions, visitors, revenue in sums
    ]


def _count(chunk: Chunk, wanted: Sequence[Match]) -> Array:
    chosen = chunk.chosen[chunk.events["session"]]
    together = np.zeros(len(chosen), bool)
    sums = []
    for each in wanted:
        hit = np.zeros(len(chosen), bool)
        hit[each.rows(chunk)] = True
        hit &= chosen
        together |= hit
        sums.append(_sums(chunk, hit))
    return np.array([_sums(chunk, together), *sums], np.int64)


def _sums(chunk: Chunk, hit: Array) -> tuple[int, int, int, int]:
    """Of the events that are hit."""
    visitor = chunk.sessions["visitor"]
    visited = np.zeros(len(visitor), bool)
    visited[chunk.events["session"][hit]] = True
    visited &= visitor != NOBODY
    seen = np.zeros(int(visitor[visited].max(initial=-1)) + 1, bool)
    seen[visitor[visited]] = True
    revenue = chunk.events["earning_amount"][hit[chunk.events["earning_event"]]].sum()
    return int(hit.sum()), int(visited.sum()), int(seen.sum()), int(revenue)
