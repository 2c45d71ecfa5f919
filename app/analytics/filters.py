"""Which visits a question is about: `country:is:DE|FR`, `page:contains:/blog`, or several.

A visit matches a filter on pages, events, properties or goals if it has one that matches, and one
with a `not` if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.columns import Array
from app.analytics.dimensions import FILTERABLE, GOAL
from app.analytics.sums import entries
from app.analytics.words import has_words
from app.core.errors import bad_query

OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "not_contains": "does not contain",
}
MOST_FILTERS = 20
MOST_VALUES = 50
LONGEST = 300  # characters of a value
# Values are told apart by "|"; a backslash makes the next character one of the value.
PIECE = re.compile(r"(?:[^\\|]|\\.)+|(?<=\|)(?=\||$)|^(?=\||$)")


@dataclass(frozen=True)
class Filter:
    """`values`: one of them is enough."""

    dimension: str
    operator: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """As it stands in an address."""
        values = "|".join(re.sub(r"([\\|])", r"\\\1", each) for each in self.values)
        return f"{self.dimension}:{self.operator}:{values}"

    @property
    def negative(self) -> bool:
        return self.operator in ("is_not", "not_contains")

    @property
    def of_events(self) -> bool:
        return FILTERABLE[self.dimension].of_events

    def says(self, word: str) -> bool:
        """Of one value of the dimension, before `not` turns it round."""
        if self.operator in ("is", "is_not"):
            return word in self.values
        return any(has_words(self.dimension, word, each.casefold()) for each in self.values)

    def beyond(self, words: Collection[str]) -> list[str]:
        """Its values that are said of none of these words."""
        alone = {each: replace(self, values=(each,)) for each in self.values}
        return [value for value, one in alone.items() if not any(map(one.says, words))]

    def renamed(self, before: str, after: Sequence[str]) -> Filter:
        """With other values in the place of one."""
        values = (after if each == before else [each] for each in self.values)
        return replace(self, values=tuple(dict.fromkeys(chain.from_iterable(values))))


def read_filters(texts: Iterable[str]) -> list[Filter]:
    """From an address's `f=…`, in their order, each once.

    Raises ApiError 400 that names what is wrong.
    """
    filters = list(dict.fromkeys(_read(text) for text in texts if text))
    if len(filters) > MOST_FILTERS:
        raise bad_query("f", f"At most {MOST_FILTERS} filters at once.")
    return filters


def check_dimension(name: str) -> None:
    """Raises ApiError 400 for what is none that can be filtered by."""
    if name not in FILTERABLE:
        raise bad_query("f", f"{name[:40]!r} is nothing to filter by.")


def _read(text: str) -> Filter:
    dimension, _, rest = text.partition(":")
    operator, separator, values = rest.partition(":")
    check_dimension(dimension)
    if operator not in OPERATORS or not separator:
        raise bad_query("f", f"{operator[:40]!r} is none of {', '.join(OPERATORS)}.")
    read = tuple(dict.fromkeys(re.sub(r"\\(.)", r"\1", each) for each in PIECE.findall(values)))
    if len(read) > MOST_VALUES or any(len(each) > LONGEST for each in read):
        raise bad_query("f", f"At most {MOST_VALUES} values of {LONGEST} characters each.")
    if "\0" in values or (operator.endswith("contains") and not all(read)):
        raise bad_query("f", "There is nothing to look for.")
    return Filter(dimension, operator, read or ("",))


def matching(chunk: Chunk, filters: Sequence[Filter]) -> Array:
    """Which visits of a chunk match all filters."""
    chosen = np.ones(len(chunk.sessions["start"]), bool)
    for each in filters:
        chosen &= _matching(chunk, each)
    return chosen


def _matching(chunk: Chunk, filter: Filter) -> Array:
    if filter.dimension == GOAL.name:
        return _reaching(chunk, filter) ^ filter.negative
    words = chunk.words[filter.dimension]
    said = np.fromiter((filter.says(word) for word in words), bool, len(words))
    if not filter.of_events:
        return (said ^ filter.negative)[chunk.sessions[filter.dimension]]
    found = np.zeros(len(chunk.sessions["start"]), bool)
    codes, places, _rows = entries(chunk.events, filter.dimension)
    found[places[said[codes]]] = True
    return found ^ filter.negative


def _reaching(chunk: Chunk, filter: Filter) -> Array:
    """Visits that reached a goal which the filter names."""
    found = np.zeros(len(chunk.sessions["start"]), bool)
    for name, wanted in chunk.goals:
        if filter.says(name):
            found[chunk.events["session"][wanted.rows(chunk)]] = True
    return found
