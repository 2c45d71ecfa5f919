"""The paths that visits take from page to page: from where they begin, or from and to what somebody
chooses. A page that is loaded again is one; each visit counts once, by the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.analytics.answers import ask
from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.dimensions import OTHER
from app.analytics.filters import Filter
from app.analytics.matches import Match
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.threads import in_native_thread
from app.sites.models import Site

SHALLOWEST, DEEPEST = 2, 5
FORWARDS, BACKWARDS = "forwards", "backwards"
DIRECTIONS = (FORWARDS, BACKWARDS)
MOST_PATHS = 20
MOST_NODES = 6  # named ones of a column
END = "."  # in place of a page: there is none. Pages begin with a slash.
CHOSEN = "!"  # in place of a page: the event that was chosen

BITS = 6  # of a page in a path
NAMED = 60  # pages that have a number of their own; the others are one
OTHER_CODE, END_CODE, CHOSEN_CODE = NAMED, NAMED + 1, NAMED + 2


@dataclass(frozen=True)
class Path:
    """Pages in the order of the question: away from what was chosen. END where a visit ends, or
    going backwards where it begins."""

    pages: list[str]
    sessions: int


@dataclass(frozen=True)
class Node:
    page: str
    sessions: int


@dataclass(frozen=True)
class Link:
    """From a page of column `column` to one of the next."""

    column: int
    start: str
    end: str
    sessions: int


@dataclass(frozen=True)
class Journeys:
    """`sessions` visits in all. `paths`: the most frequent, of `different` ones. `columns` and
    `links`: the same visits step by step, with the most frequent pages of each."""

    sessions: int
    different: int
    paths: list[Path]
    columns: list[list[Node]]
    links: list[Link]


def journeys(
    site: Site,
    period: Period,
    filters: Sequence[Filter] = (),
    start: Match | None = None,
    direction: str = FORWARDS,
    depth: int = 4,
) -> Journeys:
    """From what was chosen (where visits begin, or going backwards where they end, if nothing was)
    over `depth` pages, it included. Under the site's scope."""
    views = ask(site, period, (), ("page",)).breakdown("page", by="page_views", limit=NAMED)
    sums = Sums([each.value for each in views.rows], depth, direction == BACKWARDS)
    for chunk in read_chunks(site, period, filters):
        in_native_thread(sums.add, chunk, start)
    return in_native_thread(sums.result)


@dataclass
class Sums:
    pages: list[str]
    depth: int
    backwards: bool
    found: list[tuple[Array, Array]] = field(default_factory=list)  # paths, and how often

    def add(self, chunk: Chunk, start: Match | None) -> None:
        session, page, chosen = self._sequence(chunk, start)
        if not len(session):
            return
        begun = np.flatnonzero(np.diff(session, prepend=-1))
        if start is None and self.backwards:
            first = np.append(begun[1:], len(session)) - 1
        elif start is None:
            first = begun
        else:
            hits = np.flatnonzero(chosen)
            first = hits[np.diff(session[hits], prepend=-1) != 0]
        if len(first):
            self.found.append(np.unique(self._paths(session, page, first), return_counts=True))

    def result(self) -> Journeys:
        if not self.found:
            return Journeys(0, 0, [], [[] for _ in range(self.depth)], [])
        paths, places = np.unique(
            np.concatenate([each for each, _number in self.found]), return_inverse=True
        )
        numbers = np.bincount(places, np.concatenate([each for _path, each in self.found]))
        numbers = numbers.astype(np.int64)
        steps = [(paths >> BITS * step) & (2**BITS - 1) for step in range(self.depth)]
        order = np.lexsort((paths, -numbers))[:MOST_PATHS]
        shown = [
            Path(self._names([int(step[place]) for step in steps]), int(numbers[place]))
            for place in order
        ]
        fewer = [_fewer(step, numbers) for step in steps]
        # What ended in one column is not in those after it.
        on = [np.ones(len(paths), bool), *(step != END_CODE for step in steps)][: self.depth]
        return Journeys(
            int(numbers.sum()),
            len(paths),
            shown,
            [self._nodes(step, numbers * going) for step, going in zip(fewer, on, strict=True)],
            [
                link
                for column in range(self.depth - 1)
                for link in self._links(column, fewer[column], fewer[column + 1], numbers)
            ],
        )

    def _sequence(self, chunk: Chunk, start: Match | None) -> tuple[Array, Array, Array]:
        """Of the pages of visits, those of one visit side by side in their order: whose, which, and
        whether it is what was chosen. An event that was chosen stands among them."""
        events = chunk.events
        counted = chunk.chosen & (chunk.sessions["visitor"] != NOBODY)
        chosen = np.zeros(len(events["session"]), bool)
        if start is not None:
            chosen[start.rows(chunk)] = True
        viewed = events["view"] != 0
        rows = np.flatnonzero((viewed | chosen) & counted[events["session"]])
        rows = rows[np.argsort(events["session"][rows], kind="stable")]
        session = events["session"][rows].astype(np.int64)
        page = np.where(viewed[rows], events["page"][rows].astype(np.int64), -1)
        again = (np.diff(session, prepend=-1) == 0) & (np.diff(page, prepend=-2) == 0)
        session, page, chosen = session[~again], page[~again], chosen[rows][~again]
        codes = {name: code for code, name in enumerate(self.pages)}
        known = [codes.get(name, OTHER_CODE) for name in chunk.words["page"]]
        return session, np.array([*known, CHOSEN_CODE])[page], chosen

    def _paths(self, session: Array, page: Array, first: Array) -> Array:
        """Each as one number: its pages by their codes."""
        paths = np.zeros(len(first), np.int64)
        there = np.ones(len(first), bool)
        for step in range(self.depth):
            place = first - step if self.backwards else first + step
            there &= (place >= 0) & (place < len(session))
            place = np.clip(place, 0, len(session) - 1)
            there &= session[place] == session[first]
            paths |= np.where(there, page[place], END_CODE) << BITS * step
        return paths

    def _names(self, codes: Sequence[int]) -> list[str]:
        """Up to where it ends."""
        names = [self._name(code) for code in codes]
        return names[: names.index(END) + 1] if END in names else names

    def _name(self, code: int) -> str:
        special = {OTHER_CODE: OTHER, END_CODE: END, CHOSEN_CODE: CHOSEN}
        return special.get(code) or self.pages[code]

    def _nodes(self, step: Array, numbers: Array) -> list[Node]:
        counts = np.bincount(step, numbers).astype(np.int64)
        nodes = [Node(self._name(code), int(counts[code])) for code in _places(counts)]
        return sorted(
            nodes,
            key=lambda each: (
                each.page in (OTHER, END),
                each.page == END,
                -each.sessions,
                each.page,
            ),
        )

    def _links(self, column: int, starts: Array, ends: Array, numbers: Array) -> list[Link]:
        pairs = np.bincount(starts << BITS | ends, numbers).astype(np.int64)
        return [
            Link(
                column, self._name(pair >> BITS), self._name(pair & (2**BITS - 1)), int(pairs[pair])
            )
            for pair in np.flatnonzero(pairs).tolist()
            if pair >> BITS != END_CODE
        ]


def _places(counts: Array) -> list[int]:
    return [int(each) for each in np.flatnonzero(counts)]


def _fewer(step: Array, numbers: Array) -> Array:
    """The codes of a column with only its most frequent pages by name."""
    counts = np.bincount(step, numbers, 2**BITS)
    counts[OTHER_CODE:] = 0
    named = np.argsort(-counts, kind="stable")[:MOST_NODES]
    kept = np.full(2**BITS, OTHER_CODE)
    kept[named] = named
    kept[[END_CODE, CHOSEN_CODE]] = END_CODE, CHOSEN_CODE
    return kept[step]
