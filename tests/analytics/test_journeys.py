"""Journeys: the paths of visits, against somebody who follows each visit with a finger."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.analytics import rollups
from app.analytics.filters import read_filters
from app.analytics.flow import LAST, PAGE, flow
from app.analytics.journeys import BACKWARDS, CHOSEN, END, FORWARDS, journeys
from app.analytics.matches import match_of
from app.analytics.models import DayRollup, RolledDay
from app.analytics.periods import Period, local_day
from app.core.db import db
from app.tracking.models import BucketMark, Event, Session, Visitor
from tests.tracking.arriving import DIRECT, NOON


def around_noon() -> Period:
    clock = ZoneInfo("UTC")
    middle = local_day(NOON, clock)
    return Period(middle - timedelta(days=2), middle + timedelta(days=2), clock)


def visit(shelf, visitor, *did, country=None):
    """Pages begin with a slash, all else is an event on the page before."""
    page, arrivals = "/", []
    for minute, what in enumerate(did):
        page = what if what.startswith("/") else page
        arrivals.append(
            shelf.arrival(
                minute,
                visitor,
                name="page_view" if what.startswith("/") else what,
                url=f"https://shop.acme.example{page}",
                circumstances=DIRECT._replace(country=country),
            )
        )
    shelf.store(*arrivals)


def ask(site, start=None, direction=FORWARDS, depth=4, filters=()):
    wanted = match_of(start) if start else None
    return journeys(site, around_noon(), read_filters(filters), wanted, direction, depth)


def paths(found) -> dict[tuple[str, ...], int]:
    return {tuple(each.pages): each.sessions for each in found.paths}


@pytest.fixture
def shop(site, shelf):
    visit(shelf, "ada", "/", "/tea", "/tea", "/cart", "signup", "/thanks", country="DE")
    visit(shelf, "ben", "/", "/tea", "/cart", country="FR")
    visit(shelf, "eva", "/tea", "signup", "/cart", "/", country="FR")
    visit(shelf, "mia", "/", country="DE")
    visit(shelf, None, "/", "/tea")
    rollups.rebuild(site)
    return site


def test_from_where_visits_begin(shop):
    found = ask(shop, depth=3)
    assert paths(found) == {
        ("/", "/tea", "/cart"): 2,
        ("/", END): 1,
        ("/tea", "/cart", "/"): 1,
    }
    assert (found.sessions, found.different) == (4, 3)
    assert [(each.page, each.sessions) for each in found.columns[1]] == [
        ("/tea", 2),
        ("/cart", 1),
        (END, 1),
    ]
    assert {(each.start, each.end): each.sessions for each in found.links if each.column == 0} == {
        ("/", "/tea"): 2,
        ("/", END): 1,
        ("/tea", "/cart"): 1,
    }
    assert paths(ask(shop, depth=3, filters=["country:is:FR"])) == {
        ("/", "/tea", "/cart"): 1,
        ("/tea", "/cart", "/"): 1,
    }


@pytest.mark.parametrize("depth", range(2, 6))
def test_the_words_of_the_last_column_are_inside_the_picture(shop, depth):
    drawn = flow(ask(shop, depth=depth))
    assert drawn.width - max(box.x for box in drawn.boxes) == LAST
    assert drawn.width <= PAGE or depth == 5  # which is too much for one, and is scrolled


def test_from_a_page_an_event_and_the_end_both_ways(shop):
    assert paths(ask(shop, "page:/cart", depth=2)) == {
        ("/cart", "/thanks"): 1,
        ("/cart", END): 1,
        ("/cart", "/"): 1,
    }
    assert paths(ask(shop, "page:/cart", BACKWARDS, 3)) == {
        ("/cart", "/tea", "/"): 2,
        ("/cart", "/tea", END): 1,
    }
    assert paths(ask(shop, "event:signup", FORWARDS, 2)) == {
        (CHOSEN, "/thanks"): 1,
        (CHOSEN, "/cart"): 1,
    }
    assert paths(ask(shop, "event:signup", BACKWARDS, 3)) == {
        (CHOSEN, "/cart", "/tea"): 1,
        (CHOSEN, "/tea", END): 1,
    }
    assert paths(ask(shop, None, BACKWARDS, 2)) == {
        ("/thanks", "/cart"): 1,
        ("/cart", "/tea"): 1,
        ("/", "/cart"): 1,
        ("/", END): 1,
    }
    nothing = ask(shop, "page:/nowhere")
    assert (nothing.sessions, nothing.paths, nothing.links) == (0, [], [])


def test_a_column_names_the_most_frequent_and_adds_up(site, shelf):
    for number in range(12):
        for again in range(12 - number):
            visit(shelf, f"{number} {again}", f"/{number:02}", "/end")
    rollups.rebuild(site)
    found = ask(site, depth=2)
    assert [each.page for each in found.columns[0]] == [
        "/00",
        "/01",
        "/02",
        "/03",
        "/04",
        "/05",
        " ",
    ]
    assert [sum(each.sessions for each in column) for column in found.columns] == [78, 78]
    assert sum(each.sessions for each in found.links) == 78


def followed(visits, depth, backwards) -> Counter:
    found: Counter = Counter()
    for pages in visits:
        kept = [page for at, page in enumerate(pages) if at == 0 or pages[at - 1] != page]
        kept = kept[::-1] if backwards else kept
        found[tuple([*kept, END][:depth])] += 1
    return found


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    visits=st.lists(
        st.lists(st.sampled_from(["/a", "/b", "/c"]), min_size=1, max_size=7),
        min_size=1,
        max_size=8,
    ),
    depth=st.integers(2, 5),
    direction=st.sampled_from([FORWARDS, BACKWARDS]),
)
def test_each_path_is_as_often_as_it_was_taken(site, shelf, visits, depth, direction):
    for table in (Event, Session, Visitor, BucketMark, DayRollup, RolledDay):
        db.session.execute(delete(table))
    db.session.commit()
    for number, pages in enumerate(visits):
        visit(shelf, f"visitor {number}", *pages)
    rollups.rebuild(site)
    assert paths(ask(site, None, direction, depth)) == followed(
        visits, depth, direction == BACKWARDS
    )
