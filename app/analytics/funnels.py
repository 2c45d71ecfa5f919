"""How far visitors get along the steps of a funnel, and where they leave.

As ClickHouse's windowFunnel counts in its default mode: the window begins with the first step,
other things may happen between two steps, what happens at the same moment is in any order, and one
event can be several steps that follow each other. Each step is found by one look into the events
that are the step before, in the order of time: nothing is joined with itself.

A visitor who did not agree to be known again lives for a day; one who did is the same for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.dimensions import OTHER
from app.analytics.filters import Filter
from app.analytics.hits import Chain, Hits, follow, followed_in, groups_of, together
from app.analytics.matches import Match
from app.analytics.periods import Period
from app.analytics.sums import bounded_sums
from app.core.threads import in_native_thread
from app.sites.models import Site

MOST_EXITS, MOST_PARTS = 3, 12
WHOLE = -1  # in place of a value: nothing is told apart


@dataclass(frozen=True)
class Reach:
    """One step. `visitors` got so far, `lost` of them no further; `revenue` is what those who got
    so far earned from their first step to the end of their window, in minor units of the
    organization's currency; `median` is how long half of them took from the step before, in
    milliseconds; `exits` are the pages with which the visits of the lost ended, and how many."""

    visitors: int
    lost: int
    revenue: int
    median: float | None
    exits: list[tuple[str, int]]


@dataclass(frozen=True)
class Part:
    """Of those with one value of a dimension, at their first step: how many got to each step, and
    what they earned."""

    value: str
    visitors: list[int]
    revenue: list[int]


@dataclass(frozen=True)
class Result:
    """`people` of those at the first step had agreed to be known again. `hidden`: events of which
    nobody knows whether they are one of the steps (`Match.hidden`)."""

    steps: list[Reach]
    people: int
    parts: list[Part]
    hidden: int = 0


def fewer(result: Result) -> Result:
    """With the largest parts, and all others as one."""
    kept = [each for each in result.parts if each.value != OTHER][:MOST_PARTS]
    rest = [each for each in result.parts if each not in kept]
    if rest:
        kept.append(
            Part(
                OTHER,
                [sum(numbers) for numbers in zip(*(each.visitors for each in rest), strict=True)],
                [sum(numbers) for numbers in zip(*(each.revenue for each in rest), strict=True)],
            )
        )
    return replace(result, parts=kept)


def funnel(
    site: Site,
    period: Period,
    filters: Sequence[Filter],
    steps: Sequence[Match],
    window: int,
    split: str | None = None,
) -> Result:
    """`window` in seconds from the first step; `split` by a dimension of visits. Only what happens
    in the period and in visits that match the filters counts. Under the site's scope."""
    sums = Sums(len(steps), window * 1000)
    for chunk in read_chunks(site, period, filters):
        in_native_thread(sums.add, chunk, steps, period.begins, split)
    return in_native_thread(sums.result)


@dataclass
class Sums:
    """Of chunks, which come in their order."""

    steps: int
    window: int  # milliseconds
    words: dict[str, int] = field(default_factory=dict)  # codes of values and pages in all chunks
    # Of those who are known on other days: what happened, until all of it is there.
    later: list[tuple[list[Hits], Hits]] = field(default_factory=list)
    counts: dict[int, Array] = field(default_factory=dict)  # by value: visitors, revenue
    exits: list[dict[int, int]] = field(default_factory=list)
    times: list[list[Array]] = field(default_factory=list)
    people: int = 0
    hidden: int = 0

    def __post_init__(self) -> None:
        self.exits = [{} for _ in range(self.steps)]
        self.times = [[] for _ in range(self.steps)]

    def add(self, chunk: Chunk, steps: Sequence[Match], begins: int, split: str | None) -> None:
        number = len(chunk.sessions["start"])
        value = self._codes(chunk, split) if split else np.full(number, WHOLE)
        exit = self._codes(chunk, "exit_page")
        visit = chunk.events["session"]
        rows = [each.rows(chunk) for each in steps]
        followed = followed_in(chunk)
        unknown = np.unique(np.concatenate([each.hidden(chunk) for each in steps]))
        self.hidden += int(followed[visit[unknown]].sum())
        earning = chunk.events["earning_event"].astype(np.int64)
        amounts = chunk.events["earning_amount"]
        for group in groups_of(chunk, followed, begins):
            found = [group.events(each, value[visit[each]], exit[visit[each]]) for each in rows]
            money = group.events(earning, amounts)
            if group.people:
                self.later.append((found, money))
            else:
                self._count(found, money)

    def result(self) -> Result:
        if self.later:
            found, money = together(self.later)
            before = self._entered()
            self._count(found, money)
            self.people = self._entered() - before
        words = list(self.words)
        total = np.sum(list(self.counts.values()), axis=0) if self.counts else self._nothing()
        parts = [
            Part(words[value], *(each.tolist() for each in counts))
            for value, counts in self.counts.items()
            if value != WHOLE
        ]
        parts.sort(key=lambda each: (-each.visitors[0], each.value))
        reached, revenue = total.tolist()
        return Result(
            [
                Reach(
                    reached[step],
                    reached[step] - reached[step + 1] if step + 1 < self.steps else 0,
                    revenue[step],
                    float(np.median(np.concatenate(times)))
                    if (times := self.times[step])
                    else None,
                    _most(self.exits[step], words),
                )
                for step in range(self.steps)
            ],
            self.people,
            parts,
            self.hidden,
        )

    def _codes(self, chunk: Chunk, dimension: str) -> Array:
        words = chunk.words[dimension]
        codes = [self.words.setdefault(word, len(self.words)) for word in words]
        return np.array(codes, np.int64)[chunk.sessions[dimension]]

    def _entered(self) -> int:
        return int(sum(each[0, 0] for each in self.counts.values()))

    def _nothing(self) -> Array:
        return np.zeros((2, self.steps), np.int64)

    def _count(self, found: Sequence[Hits], money: Hits) -> None:
        chains = list(follow(found, self.window))
        if not len(chains) or not len(chains[0].key):
            return
        number = int(chains[0].unit[-1]) + 1
        furthest = np.full(number, -1)
        last = np.zeros(number, np.int64)
        for step, chain in enumerate(chains):
            places = _firsts(chain.unit)
            furthest[chain.unit[places]] = step
            last[chain.unit[places]] = places
            if step and len(places):
                before = chains[step - 1].key[chain.before[places]]
                self.times[step].append(chain.key[places] - before)
        came = np.flatnonzero(furthest >= 0)
        first, value = np.zeros(number, np.int64), np.zeros(number, np.int64)
        for step, chain in enumerate(chains):
            units = came[furthest[came] == step]
            places = last[units]
            first[units], value[units] = chain.first[places], self._value(chains, step, places)
            if step + 1 < self.steps:
                _add(self.exits[step], chain.exit[places])
        self._add_counts(value[came], furthest[came], np.ones(len(came), np.int64), 0)
        known = money.unit < number
        unit, at, amount = money.unit[known], money.at[known], money.value[known]
        within = (furthest[unit] >= 0) & (at >= first[unit]) & (at <= first[unit] + self.window)
        unit = unit[within]
        self._add_counts(value[unit], furthest[unit], amount[within], 1)

    def _value(self, chains: Sequence[Chain], step: int, places: Array) -> Array:
        """Of the visit in which the way to a step began."""
        for chain in reversed(chains[1 : step + 1]):
            places = chain.before[places]
        return chains[0].value[places]

    def _add_counts(self, values: Array, furthest: Array, amounts: Array, row: int) -> None:
        """Who got to a step got to those before it as well."""
        codes, places = np.unique(values, return_inverse=True)
        number = len(codes) * self.steps
        table = bounded_sums(places * self.steps + furthest, amounts, number)
        table = table.reshape(len(codes), self.steps)
        table = table[:, ::-1].cumsum(axis=1)[:, ::-1]
        for code, sums in zip(codes.tolist(), table, strict=True):
            self.counts.setdefault(code, self._nothing())[row] += sums


def _firsts(units: Array) -> Array:
    """Where each begins, of those that stand side by side."""
    return np.flatnonzero(np.diff(units, prepend=-1))


def _add(counts: dict[int, int], codes: Array) -> None:
    for code, number in zip(
        *(each.tolist() for each in np.unique(codes, return_counts=True)), strict=True
    ):
        counts[code] = counts.get(code, 0) + number


def _most(counts: dict[int, int], words: Sequence[str]) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], words[each[0]]))
    return [(words[code], number) for code, number in ordered[:MOST_EXITS]]
