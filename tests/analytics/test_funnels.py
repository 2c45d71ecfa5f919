"""Funnels: as ClickHouse counts them, and as somebody would who tries every way."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.analytics import rollups
from app.analytics.filters import read_filters
from app.analytics.funnels import funnel
from app.analytics.matches import match_of
from app.analytics.models import DayRollup, RolledDay
from app.analytics.periods import Period, local_day
from app.core.db import db
from app.tracking.arrivals import Who
from app.tracking.models import BucketMark, Event, Session, Visitor
from tests.tracking.arriving import DIRECT, MINUTE, NOON, who

SECOND = 1000


def around_noon(days: int = 4) -> Period:
    clock = ZoneInfo("UTC")
    middle = local_day(NOON, clock)
    return Period(middle - timedelta(days=days), middle + timedelta(days=days), clock)


def ask(site, steps, window, filters=(), split=None):
    wanted = [match_of(each) for each in steps]
    return funnel(site, around_noon(), read_filters(filters), wanted, window, split)


def visitors(result) -> list[int]:
    return [each.visitors for each in result.steps]


# --- ClickHouse ----------------------------------------------------------------------------------

NUMBERED = [(second, f"e{1000 + second}") for second in range(9)]
TIED = [(0, "e1000"), (1, "e1001"), (1, "e1002"), (1, "e1003"), (2, "e1004")]
# What happened (second, event), the steps, the window in seconds, and the furthest step: published
# in ClickHouse's tests/queries/0_stateless/00632_aggregation_window_funnel.sql and .reference
# (Apache-2.0), for windowFunnel without a mode.
PUBLISHED = {
    "one step": (NUMBERED, ["e1000"], 10_000, 1),
    "three steps": (NUMBERED, ["e1000", "e1001", "e1002"], 10_000, 3),
    "within two": (NUMBERED, ["e1003", "e1004", "e1005", "e1006", "e1007"], 2, 3),
    "within four": (NUMBERED, ["e1003", "e1004", "e1005", "e1006", "e1007"], 4, 5),
    "both ends": (NUMBERED[1:], ["e1001", "e1008"], 10_000, 2),
    "each once": ([(1, "a"), (2, "b"), (3, "c")], ["a", "b", "c"], 86_400, 3),
    "each twice": (
        [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "c"), (6, "c")],
        ["a", "b", "c"],
        86_400,
        3,
    ),
    "something between": (
        [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "d"), (6, "c"), (7, "c")],
        ["a", "b", "c"],
        86_400,
        3,
    ),
    "three in the same second": (TIED, ["e1000", "e1001", "e1002", "e1003", "e1004"], 10_000, 5),
    "one event is the same step thrice": (TIED, ["e1004", "e1004", "e1004"], 10_000, 3),
}


@pytest.mark.parametrize("case", PUBLISHED)
@pytest.mark.parametrize("agreed", [False, True])
def test_the_furthest_step_is_the_one_that_clickhouse_publishes(site, shelf, case, agreed):
    happened, steps, window, furthest = PUBLISHED[case]
    ada = who("ada")._replace(person=agreed)
    shelf.store(
        *(
            shelf.arrival(0, at=NOON + second * SECOND, name=name, who=ada)
            for second, name in happened
        )
    )
    rollups.rebuild(site)
    expected = [int(step < furthest) for step in range(len(steps))]
    assert visitors(ask(site, [f"event:{each}" for each in steps], window)) == expected


# --- Every way tried -----------------------------------------------------------------------------

# What happened: minutes from noon, whose, what, and on which page.
happening = st.tuples(
    st.integers(-2000, 2000),
    st.sampled_from(["ada", "ben", "eva", "mia", None]),
    st.sampled_from(["page_view", "page_view", "signup", "add"]),
    st.sampled_from(["/", "/a", "/b", "/b/c"]),
)
step = st.sampled_from(["page:/", "page:/b*", "event:signup", "event:add", "page:*c"])
AGREED = ("eva", "mia")
SAYS = {
    "page:/": lambda name, page: name == "page_view" and page == "/",
    "page:/b*": lambda name, page: name == "page_view" and page.startswith("/b"),
    "page:*c": lambda name, page: name == "page_view" and page.endswith("c"),
    "event:signup": lambda name, _page: name == "signup",
    "event:add": lambda name, _page: name == "add",
}


def named(visitor: str | None, minute: int) -> Who | None:
    """Those who did not agree have another name each day."""
    if visitor is None or visitor in AGREED:
        return visitor and who(visitor)._replace(person=True)
    day = local_day(NOON + minute * MINUTE, ZoneInfo("UTC"))
    return who(f"{visitor} {day}")


def furthest(times: list[list[int]], window: int) -> int:
    """Of the ways through the moments of each step: how long the longest is that is in order and
    within the window."""
    for length in range(len(times), 0, -1):
        for way in product(*times[:length]):
            if all(a <= b for a, b in pairwise(way)) and way[-1] - way[0] <= window:
                return length
    return 0


def tried(events, steps, window) -> list[int]:
    whose: dict = {}
    for minute, visitor, name, page in events:
        if visitor:
            whose.setdefault(named(visitor, minute), []).append((minute, name, page))
    reached = [
        furthest(
            [[minute for minute, name, page in mine if SAYS[each](name, page)] for each in steps],
            window,
        )
        for mine in whose.values()
    ]
    return [sum(each > number for each in reached) for number in range(len(steps))]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    events=st.lists(happening, max_size=24, unique_by=lambda each: (each[0], each[1])),
    steps=st.lists(step, min_size=2, max_size=4),
    window=st.sampled_from([1, 30, 600, 4000]),
)
def test_no_way_is_missed_and_none_is_made_up(site, shelf, events, steps, window):
    for table in (Event, Session, Visitor, BucketMark, DayRollup, RolledDay):
        db.session.execute(delete(table))
    db.session.commit()
    shelf.store(
        *(
            shelf.arrival(
                minute, who=named(visitor, minute), name=name, url=f"https://a.example{page}"
            )
            for minute, visitor, name, page in events
        )
    )
    rollups.rebuild(site)
    assert visitors(ask(site, steps, window * 60)) == tried(events, steps, window)


# --- What else a step says -----------------------------------------------------------------------


def walk(shelf, visitor, *minutes_and_steps, channel="direct", **values):
    """A visitor's events, as `(minute, "/page")` or `(minute, "event")`."""
    made = []
    for minute, what in minutes_and_steps:
        page = what if what.startswith("/") else "/form"
        name = "page_view" if what.startswith("/") else what
        circumstances = DIRECT._replace(channel=channel)
        url = f"https://shop.acme.example{page}"
        made.append(
            shelf.arrival(
                minute, visitor, name=name, url=url, circumstances=circumstances, **values
            )
        )
    shelf.store(*made)


STEPS = ["page:/pricing*", "event:signup", "page:/thanks"]


def test_where_they_leave_how_long_it_took_and_by_channel(site, shelf):
    walk(shelf, "ada", (0, "/pricing"), (2, "signup"), (3, "/thanks"), channel="paid_search")
    walk(shelf, "ben", (0, "/pricing/team"), (4, "signup"), (5, "/help"), channel="paid_search")
    walk(shelf, "eva", (0, "/pricing"), (1, "/help"), channel="email")
    walk(shelf, "mia", (0, "/pricing"), (1, "/"), channel="email")
    walk(shelf, "tom", (0, "/thanks"), (1, "signup"), channel="email")
    walk(shelf, None, (0, "/pricing"), (1, "signup"))
    rollups.rebuild(site)
    result = ask(site, STEPS, 3600, split="channel")
    assert visitors(result) == [4, 2, 1]
    assert [each.lost for each in result.steps] == [2, 1, 0]
    assert [each.median for each in result.steps] == [None, 3 * MINUTE, MINUTE]
    assert result.steps[0].exits == [("/", 1), ("/help", 1)]
    assert result.steps[1].exits == [("/help", 1)]
    assert {each.value: each.visitors for each in result.parts} == {
        "paid_search": [2, 2, 1],
        "email": [2, 0, 0],
    }
    filtered = ask(site, STEPS, 3600, ["channel:is:email"])
    assert visitors(filtered) == [2, 0, 0]
    assert filtered.parts == []


def test_those_who_agreed_are_the_same_on_another_day_and_others_are_not(site, shelf):
    day = 24 * 60
    walk(shelf, "ada", (0, "/pricing"))
    walk(shelf, "ada again", (day, "signup"))
    for minute, what in ((0, "/pricing"), (day, "signup"), (2 * day, "/thanks")):
        eva = who("eva")._replace(person=True)
        walk(shelf, None, (minute, what))
        shelf.store(
            shelf.arrival(
                minute,
                who=eva,
                name="signup" if what == "signup" else "page_view",
                url=f"https://shop.acme.example{what if what[0] == '/' else '/form'}",
            )
        )
    rollups.rebuild(site)
    result = ask(site, STEPS, 3 * 86_400)
    assert visitors(result) == [2, 1, 1]
    assert result.people == 1
    assert visitors(ask(site, STEPS, 86_400)) == [2, 1, 0]


def test_what_was_earned_on_the_way_counts_for_each_step_on_it(site, shelf):
    walk(shelf, "ada", (0, "/pricing"), (2, "signup"), (3, "/thanks"))
    walk(shelf, "ada", (4, "purchase"), amount=1990, currency="EUR", by_api=True)
    walk(shelf, "ada", (90, "purchase"), amount=500, currency="EUR", by_api=True)
    walk(shelf, "ben", (1, "/pricing"))
    walk(shelf, "ben", (2, "purchase"), amount=300, currency="EUR", by_api=True)
    rollups.rebuild(site)
    result = ask(site, STEPS, 3600)
    assert [each.revenue for each in result.steps] == [2290, 1990, 1990]


def test_an_event_can_be_asked_for_its_property(site, shelf):
    walk(shelf, "ada", (0, "/pricing"), (1, "signup"), props={"plan": "pro"})
    walk(shelf, "ben", (0, "/pricing"), (1, "signup"), props={"plan": "free"})
    walk(shelf, "eva", (0, "/pricing"), (1, "signup"))
    rollups.rebuild(site)
    assert visitors(ask(site, ["page:/pricing", "event:signup:plan=pro"], 3600)) == [3, 1]
    assert visitors(ask(site, ["page:/pricing", "event:signup:plan=*"], 3600)) == [3, 2]
    assert visitors(ask(site, ["page:/pricing", "property:plan=free"], 3600)) == [3, 1]
