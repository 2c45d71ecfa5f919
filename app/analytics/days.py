"""Adds up one local day of a site: from raw rows to the three parts that are kept of it.

All that a visit did counts where the visit began. A page view of somebody who asked not to be
followed has no visit: it counts when it happened, for nobody.

`tables`    what each value of each dimension adds up to; all that an unfiltered page needs
`sessions`  one entry for each visit
`events`    one entry for each event of those visits, in their order, and its properties
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from app.analytics.columns import Array, Columns, Lazy, pack
from app.analytics.dimensions import NONE, OF_SESSIONS, OTHER
from app.analytics.raw import Money
from app.analytics.sums import MOST_EARNED, NOBODY, TABLED, Visits, add_up
from app.tracking.arrivals import PAGE_VIEW
from app.tracking.models.rollup import BUCKET
from app.tracking.words import path_of

QUARTERS = 100  # of a day on which clocks are set back; one on which they are changed has more
MOST_VALUES = 1000  # of a dimension in a day; the rest is one "other"
LONGEST_VALUE = 300  # characters
NO_PROPERTIES = {PAGE_VIEW, "impression", "campaign_hover", "campaign_click", "campaign_close"}
UNIQUE_PROPERTIES = {"order_id"}  # would be a value for each event
LOW = 2**64 - 1
LONGEST_TIME = 2**32 - 1  # milliseconds that are kept; of visits from before they had an end
TABLES, SESSIONS, EVENTS = "tables", "sessions", "events"
PARTS = (TABLES, SESSIONS, EVENTS)
WORDS_OF = {dimension: f"{dimension} words" for dimension in TABLED}


@dataclass
class Draft:
    """A day while it is added up: plain lists, one entry for each visit or event."""

    begins: int  # milliseconds since 1970
    currency: str
    visitors: dict[bytes, int] = field(default_factory=dict)
    places: dict[Any, int] = field(default_factory=dict)  # of a session's id
    sessions: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    earnings: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    properties: list[int] = field(default_factory=list)  # the event of each
    campaigns: list[int] = field(default_factory=list)

    def add_session(self, row: Any) -> None:
        self.places[row.id] = len(self.places)
        visitor = self.visitors.setdefault(bytes(row.visitor), len(self.visitors))
        duration = min(row.last_at - row.started_at, LONGEST_TIME)
        self._put(
            id_high=row.id.int >> 64,
            id_low=row.id.int & LOW,
            visitor=visitor,
            person=int(row.person),
            start=row.started_at - self.begins,
            duration=duration,
            # What pages say: nobody is active for longer than he is there.
            active=min(row.active, duration),
            page_views=row.page_views,
        )
        self._put_values(**values_of(row))

    def add_event(self, row: Any, told: dict[str, tuple[int, Money]], trusting: bool) -> None:
        place = self._place(row)
        if place is None:
            return
        number = len(self.events["session"])
        start = self.begins + self.sessions["start"][place]
        viewed = row.name == PAGE_VIEW
        self.events["session"].append(place)
        self.events["offset"].append(min(max(0, row.at - start), LONGEST_TIME))
        self.events["view"].append(viewed)
        self.values["event"].append(row.name)
        self.values["page"].append(_path(row.url))
        self.sessions["events"][place] += not viewed
        amount, orders = self._money(row, told, trusting)
        if amount or orders:
            self._earn(number, place, amount, orders)
        if row.campaign_id is not None:
            self.campaigns.append(number)
            self.values["campaign"].append(str(row.campaign_id))
        if row.name not in NO_PROPERTIES:
            self._put_properties(number, row.props or {})

    def _earn(self, number: int, place: int, amount: int, orders: int) -> None:
        self.sessions["orders"][place] += orders
        self.sessions["revenue"][place] += amount
        for name, value in (("event", number), ("amount", amount), ("orders", orders)):
            self.earnings[name].append(value)

    def _put(self, **values: int) -> None:
        for name, value in {"events": 0, "orders": 0, "revenue": 0, **values}.items():
            self.sessions[name].append(value)

    def _put_values(self, **values: str | None) -> None:
        for name, value in values.items():
            self.values[name].append(value_word(value))

    def _put_properties(self, number: int, props: dict[str, Any]) -> None:
        for each in property_words(props):
            self.properties.append(number)
            self.values["property"].append(each)

    def _place(self, row: Any) -> int | None:
        """The visit of an event, or one of its own that is nobody's; None: of another day."""
        if row.session_id is not None:
            return self.places.get(row.session_id)
        self._put(
            id_high=0,
            id_low=0,
            visitor=NOBODY,
            person=0,
            start=row.at - self.begins,
            duration=0,
            active=0,
            page_views=int(row.name == PAGE_VIEW),
        )
        self._put_values(**dict.fromkeys(OF_SESSIONS))
        return len(self.sessions["start"]) - 1

    def _money(
        self, row: Any, told: dict[str, tuple[int, Money]], trusting: bool
    ) -> tuple[int, int]:
        """What an event earned, and how many orders it is: of an order that a source has told of,
        else what a server says; what a page claims only where the site trusts it."""
        if row.order_id is not None:
            at, money = told.get(row.order_id, (None, None))
            if money is None or at != row.at or money.currency != self.currency:
                return 0, 0
            # Named twice in the same millisecond, it is still one order.
            told.pop(row.order_id)
            return money.amount, 1
        if row.amount is None or row.currency != self.currency or not (row.by_api or trusting):
            return 0, 0
        return row.amount, 0


AS_STORED = (
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "country",
    "device",
    "browser",
    "system",
    "language",
)


def pack_day(draft: Draft) -> dict[str, bytes]:
    """The parts by name."""
    for earned in (draft.sessions["revenue"], draft.earnings["amount"]):
        earned[:] = (max(-MOST_EARNED, min(each, MOST_EARNED)) for each in earned)
    sessions = {
        name: np.array(draft.sessions[name], dtype) for name, dtype in SESSION_TYPES.items()
    }
    events = {name: np.array(draft.events[name], dtype) for name, dtype in EVENT_TYPES.items()}
    for name, dtype in EARNING_TYPES.items():
        events[f"earning_{name}"] = np.array(draft.earnings[name], dtype)
    events["property_event"] = np.array(draft.properties, np.uint32)
    events["campaign_event"] = np.array(draft.campaigns, np.uint32)
    words: dict[str, list[str]] = {}
    for name in OF_SESSIONS:
        words[name], sessions[name] = _encoded(draft.values[name])
    for name in ("event", "page", "property", "campaign"):
        words[name], events[name] = _encoded(draft.values[name])
    visitor_keys = [int.from_bytes(each[:8], "big") for each in draft.visitors]
    sessions["visitor_key"] = np.array(visitor_keys, np.uint64)
    return packed(sessions, events, words, draft.begins)


def packed(
    sessions: Columns, events: Columns, words: Mapping[str, list[str]], begins: int
) -> dict[str, bytes]:
    visits = Visits(sessions)
    tables = add_up(visits, events, words)
    quarters = sessions["start"] // BUCKET
    tables["quarter"] = visits.by(quarters, max(QUARTERS, int(quarters.max(initial=0)) + 1))
    for name, values in words.items():
        said = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        tables[WORDS_OF[name]] = np.frombuffer(said.encode(), np.uint8)
    return {
        TABLES: pack(tables, {"begins": begins}),
        SESSIONS: pack(sessions),
        EVENTS: pack(events),
    }


def words_in(tables: Columns, said: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """The values of each dimension by their code, each read when it is asked for."""
    if "words" in said:  # of a day that was packed before each stood alone
        known: dict[str, list[str]] = said["words"]
        return known
    names = [name for name in TABLED if WORDS_OF[name] in tables]
    return Lazy(names, lambda name: json.loads(tables[WORDS_OF[name]].tobytes()))


SESSION_TYPES = {
    # Both halves of its id.
    "id_high": np.uint64,
    "id_low": np.uint64,
    "visitor": np.uint32,
    "person": np.uint8,
    "start": np.uint32,
    "duration": np.uint32,
    "active": np.uint32,
    "page_views": np.uint32,
    "events": np.uint32,
    "orders": np.uint32,
    "revenue": np.int64,
}
EVENT_TYPES = {"session": np.uint32, "offset": np.uint32, "view": np.uint8}
EARNING_TYPES = {"event": np.uint32, "amount": np.int64, "orders": np.uint32}


def _encoded(values: list[str]) -> tuple[list[str], Array]:
    """The values, the most frequent first, and for each entry which of them it is."""
    ordered = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
    words = [value for value, _number in ordered[:MOST_VALUES]]
    codes = {value: code for code, value in enumerate(words)}
    if len(ordered) > MOST_VALUES:
        words.append(OTHER)
    other = len(words) - 1
    return words, np.array([codes.get(each, other) for each in values], np.uint16)


# --- values ---------------------------------------------------------------------------------------


def values_of(row: Any) -> dict[str, str | None]:
    """What a visit is by each dimension, before it is shortened."""
    return {
        "entry_page": _path(row.entry_url),
        "exit_page": _path(row.exit_url),
        "channel": row.channel,
        "referrer": row.referrer_host,
        "region": _within(row.region, row.country),
        "city": _within(row.city, row.country),
        **{name: getattr(row, name) for name in AS_STORED},
    }


def words_of(row: Any) -> dict[str, list[str]]:
    """What an event is by each dimension of events."""
    viewed = row.name == PAGE_VIEW
    props = [] if row.name in NO_PROPERTIES else list(property_words(row.props or {}))
    return {
        "page": [_path(row.url)] if viewed else [],
        "event": [] if viewed else [row.name],
        "property": props,
    }


def property_words(props: dict[str, Any]) -> Iterator[str]:
    for name, value in props.items():
        if value is not None and name not in UNIQUE_PROPERTIES:
            yield value_word(f"{name}={_said(value)}")


@lru_cache(20_000)
def _path(url: str) -> str:
    return value_word(path_of(url))


def _within(place: str | None, country: str | None) -> str | None:
    """Places of the same name in two countries are two."""
    return f"{place}, {country}" if place and country else place


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_word(text: str | None) -> str:
    """As it is kept."""
    return (text or NONE).strip()[:LONGEST_VALUE].rstrip()
