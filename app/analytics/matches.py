"""What a goal or a step asks for, and which events are that: `page:/pricing*`, `event:signup`,
`event:signup:plan=pro`, `property:plan=pro` or `order`. A `*` stands for anything.

Looked for when the question is put, so a goal made today also counts yesterday. Of a day only the
thousand most frequent pages and properties are known by name; rarer ones match `/*` alone, and
`Match.hidden` says how many there are that could be it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.columns import Array
from app.analytics.days import LONGEST_VALUE, UNIQUE_PROPERTIES
from app.analytics.dimensions import OTHER
from app.tracking.arrivals import LEFT_OUT
from app.tracking.checks import NAME, PROPERTY
from app.tracking.words import path_of

PAGE, EVENT, OF_EVENT, ORDER = "page", "event", "property", "order"
KINDS = {
    PAGE: "Page is viewed",
    EVENT: "Event happens",
    OF_EVENT: "Event has a property",
    ORDER: "Order is paid",
}
ANY_PAGE = ("*", "/*")


class MatchError(ValueError):
    """What is asked for is nothing that can happen. `field` is kind, match or having."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Match:
    """`match`: a pattern of pages, an event's name, `name=value` of a property, or nothing for an
    order. `having`: `name=value` that an event must have besides."""

    kind: str
    match: str = ""
    having: str = ""

    def __str__(self) -> str:
        """As it stands in an address."""
        return ":".join(part for part in (self.kind, self.match, self.having) if part)

    @property
    def words(self) -> str:
        """For people."""
        if self.kind == ORDER:
            return "Order paid"
        said = self.match.replace("_", " ").capitalize() if self.kind == EVENT else self.match
        return f"{said} with {self.having}" if self.having else said

    def rows(self, chunk: Chunk) -> Array:
        """The places of the events that are it, in their order."""
        events = chunk.events
        if self.kind == ORDER:
            return events["earning_event"][events["earning_orders"] > 0]
        if self.kind == PAGE:
            said = _saying(chunk.words["page"], partial(_is_page, self.match))
            return np.flatnonzero((events["view"] != 0) & said[events["page"]])
        if self.kind == OF_EVENT:
            return _having(chunk, self.match)
        named = _saying(chunk.words["event"], self.match.__eq__)
        rows = np.flatnonzero(named[events["event"]])
        return np.intersect1d(rows, _having(chunk, self.having)) if self.having else rows

    def hidden(self, chunk: Chunk) -> Array:
        """The places of the events of which nobody knows whether they are it, in their order."""
        events = chunk.events
        if self.kind == PAGE and self.match not in ANY_PAGE:
            rare = _saying(chunk.words["page"], OTHER.__eq__)
            return np.flatnonzero((events["view"] != 0) & rare[events["page"]])
        if self.kind != OF_EVENT and not self.having:
            return np.zeros(0, np.intp)
        rare = _saying(chunk.words["property"], OTHER.__eq__)
        rows = np.unique(events["property_event"][rare[events["property"]]])
        if self.kind == OF_EVENT:
            return np.setdiff1d(rows, self.rows(chunk))
        named = replace(self, having="").rows(chunk)
        return np.setdiff1d(np.intersect1d(rows, named), self.rows(chunk))

    def is_met(self, name: str, words: Mapping[str, list[str]], paid: bool) -> bool:
        """Whether one event is it: by its name, its words (`words_of`), and whether it is the one
        that first named a paid order."""
        if self.kind == ORDER:
            return paid
        if self.kind == PAGE:
            return any(_is_page(self.match, word) for word in words["page"])
        if self.kind == OF_EVENT:
            return any(fits(self.match, word) for word in words["property"])
        having = not self.having or any(fits(self.having, word) for word in words["property"])
        return self.match == name and having


def read_match(kind: Any, match: Any = "", having: Any = "") -> Match:
    """Raises MatchError, which names the field."""
    if kind not in list(KINDS):
        raise MatchError("kind", f"One of {', '.join(KINDS)}.")
    texts = {"match": match or "", "having": having or ""}
    for field, text in texts.items():
        if not isinstance(text, str) or not (text.isprintable() or not text):
            raise MatchError(field, "A line of text, please.")
        if len(text) > LONGEST_VALUE:
            raise MatchError(field, f"At most {LONGEST_VALUE} characters.")
    wanted, besides = texts["match"].strip(), texts["having"].strip()
    if besides and kind != EVENT:
        raise MatchError("having", "Only an event can be asked for a property besides.")
    if wanted and kind == ORDER:
        raise MatchError("match", "An order needs nothing to look for.")
    return Match(kind, READ[kind](wanted), _property(besides, "having") if besides else "")


def match_of(text: str) -> Match:
    """From an address: `event:signup:plan=pro`. Raises MatchError."""
    kind, _, rest = text.partition(":")
    if kind != EVENT:
        return read_match(kind, rest)
    name, _, besides = rest.partition(":")
    return read_match(kind, name, besides)


def _page(text: str) -> str:
    if text.startswith(("https://", "http://")):
        try:
            text = path_of(text)
        except ValueError as error:
            raise MatchError("match", "This is no address of a page.") from error
    if not text.startswith(("/", "*")):
        raise MatchError("match", "A page begins with /, such as /pricing or /blog/*.")
    if "?" in text:
        raise MatchError("match", "Pages are told apart without what follows a question mark.")
    return text


def _event(text: str) -> str:
    if not NAME.fullmatch(text):
        raise MatchError("match", "An event's name is in small letters, such as signup.")
    if text in LEFT_OUT:
        raise MatchError("match", "This is told of each page view and cannot be a goal or a step.")
    return text


def _property(text: str, field: str = "match") -> str:
    name, separator, value = text.partition("=")
    if not PROPERTY.fullmatch(name) or not separator or not value:
        raise MatchError(field, "A property looks like plan=pro, or plan=* for any value.")
    if name in UNIQUE_PROPERTIES:
        raise MatchError(field, "This is different for each event, so it is not kept.")
    return text


READ: dict[str, Callable[[str], str]] = {
    PAGE: _page,
    EVENT: _event,
    OF_EVENT: _property,
    ORDER: str,
}


def _having(chunk: Chunk, wanted: str) -> Array:
    said = _saying(chunk.words["property"], partial(fits, wanted))
    return np.unique(chunk.events["property_event"][said[chunk.events["property"]]])


def _saying(words: list[str], says: Callable[[str], bool]) -> Array:
    return np.fromiter((says(word) for word in words), bool, len(words))


def _is_page(wanted: str, word: str) -> bool:
    return wanted in ANY_PAGE if word == OTHER else fits(wanted, word)


def fits(pattern: str, word: str) -> bool:
    """Whether a word is what a pattern says, in which each `*` stands for anything."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == word
    last = middle.pop()
    if not word.startswith(first) or len(word) < len(first) + len(last):
        return False
    place, end = len(first), len(word) - len(last)
    for part in middle:
        found = word.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return word.endswith(last)
