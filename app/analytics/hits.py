"""What visitors did, each by whose it is and when, and what of it follows what.

A visitor who did not agree to be known again lives for a day, which is within one chunk; one who
did is the same for ever, so what he did is counted when all chunks are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.columns import Array
from app.analytics.sums import NOBODY

UNIT_SHIFT = 38  # bits for a moment within the period: milliseconds of eight years


class Hits(NamedTuple):
    """What happened, in any order: whose, when (milliseconds since the period began), and the code
    of that visit's value and of its exit page."""

    unit: Array
    at: Array
    value: Array
    exit: Array


class Chain(NamedTuple):
    """Ways to one step, in the order of `key`: visitor and moment. `first`: when the way began.
    `before`: its place among the ways to the step before."""

    key: Array
    first: Array
    before: Array
    value: Array
    exit: Array

    @property
    def unit(self) -> Array:
        return self.key >> UNIT_SHIFT


@dataclass(frozen=True)
class Group:
    """The visits of a chunk whose visitors agreed to be known again (`people`), or those of all
    others. Of each visit of the chunk: whether it is `mine`, the group's, and `unit`, which says
    whose it is. Moments are milliseconds since `begins`."""

    chunk: Chunk
    begins: int
    people: bool
    mine: Array
    unit: Array

    def visits(self, values: Array) -> Hits:
        """Of all visits of the chunk with their values: those of the group, when they began."""
        none = np.zeros(len(self.mine), np.int64)
        return self._hits(np.arange(len(self.mine)), none, values, none)

    def events(self, rows: Array, values: Array | None = None, exits: Array | None = None) -> Hits:
        """Of these events of the chunk, each with its value and exit: those of the group."""
        none = np.zeros(len(rows), np.int64)
        events = self.chunk.events
        value, exit = (none if each is None else each for each in (values, exits))
        return self._hits(events["session"][rows], events["offset"][rows], value, exit)

    def _hits(self, visit: Array, offset: Array, value: Array, exit: Array) -> Hits:
        kept = self.mine[visit]
        visit = visit[kept]
        at = self.chunk.sessions["begins"][visit] + offset[kept] - self.begins
        return Hits(self.unit[visit], at, value[kept], exit[kept])


def groups_of(chunk: Chunk, followed: Array, begins: int) -> list[Group]:
    """Of the visits that are `followed`."""
    visits = chunk.sessions
    person = visits["person"] != 0
    return [
        Group(chunk, begins, False, followed & ~person, visits["visitor"].astype(np.int64)),
        Group(chunk, begins, True, followed & person, visits["visitor_key"]),
    ]


def followed_in(chunk: Chunk) -> Array:
    """By visit: whether it is chosen and somebody's."""
    return chunk.chosen & (chunk.sessions["visitor"] != NOBODY)


def follow(found: Iterable[Hits], window: int) -> Iterator[Chain]:
    """The ways to each step. Of several ways to a step the one that began last is kept: it has the
    most time left. It is the one that ends in the last way to the step before."""
    before = None
    for hits in found:
        key = hits.unit.astype(np.int64) << UNIT_SHIFT | hits.at
        order = np.argsort(key, kind="stable")
        key, value, exit = key[order], hits.value[order], hits.exit[order]
        if before is None:
            first, place = hits.at[order], np.zeros(len(key), np.int64)
        else:
            place = np.searchsorted(before.key, key, "right") - 1
            kept = np.flatnonzero(place >= 0)
            kept = kept[before.unit[place[kept]] == key[kept] >> UNIT_SHIFT]
            at = key[kept] & ((1 << UNIT_SHIFT) - 1)
            kept = kept[at - before.first[place[kept]] <= window]
            key, value, exit, place = key[kept], value[kept], exit[kept], place[kept]
            first = before.first[place]
        before = Chain(key, first, place, value, exit)
        yield before


def together(later: Sequence[tuple[Sequence[Hits], Hits]]) -> tuple[list[Hits], Hits]:
    """As if all of it were one chunk: visitors as numbers from 0."""
    every = [[*found, money] for found, money in later]
    joined = [
        Hits(*map(np.concatenate, zip(*each, strict=True))) for each in zip(*every, strict=True)
    ]
    _keys, units = np.unique(np.concatenate([each.unit for each in joined]), return_inverse=True)
    places = np.cumsum([len(each.unit) for each in joined])[:-1]
    numbered = [
        each._replace(unit=unit.astype(np.int64))
        for each, unit in zip(joined, np.split(units, places), strict=True)
    ]
    return numbered[:-1], numbered[-1]
