"""A visitor has another name each day of his site's own clock, and a visit goes on over midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from app.core.db import db
from app.embed import published
from app.sites.models import Site
from app.tracking.models import Session
from tests.tracking.posting import post

# The last minutes before a midnight, by the site's clock.
MIDNIGHTS = [
    ("Europe/Berlin", "2026-06-10 23:50"),
    ("America/New_York", "2026-06-10 23:50"),
    ("Asia/Kolkata", "2026-06-10 23:50"),
    ("Pacific/Kiritimati", "2026-06-10 23:50"),
    # Before and after a night in which the clock is changed, and a midnight that there is not.
    ("Europe/Berlin", "2026-03-28 23:50"),
    ("Europe/Berlin", "2026-10-25 23:50"),
    ("America/Havana", "2026-03-07 23:50"),
    ("America/Havana", "2026-10-31 23:50"),
    ("Europe/Berlin", "2026-12-31 23:50"),
]


@pytest.fixture
def live_in(inside):
    """Have a site live by the clock of a zone."""

    def change(tenant, zone):
        with inside(tenant):
            db.session.get_one(Site, tenant.site_id).change(time_zone=zone)
            db.session.commit()
        published.forget("", None)

    return change


@pytest.fixture
def visit(client, acme):
    """Look at a page of Acme's at these moments; with the token of the answer before, or not."""

    def run(*moments, tenant=acme, keep_token=False):
        token = None
        for moment in moments:
            with time_machine.travel(moment, tick=True):
                answer = post(client, tenant, visitor=token)
                assert answer.status_code == 202, answer.text
                assert answer.json["accepted"] == 1, answer.json
                token = answer.json["visitor"] if keep_token else None

    return run


@pytest.fixture
def visits(inside, acme):
    """Of each session in its order: its visitor's name, and its events."""

    def read(tenant=acme):
        with inside(tenant):
            found = select(Session.visitor, Session.events).order_by(Session.started_at)
            return [tuple(row) for row in db.session.execute(found)]

    return read


def at(zone, text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def minutes(*numbers):
    return [timedelta(minutes=each) for each in numbers]


@pytest.mark.parametrize("keep_token", [False, True])
@pytest.mark.parametrize(("zone", "before"), MIDNIGHTS)
def test_a_visit_goes_on_over_midnight(live_in, visit, visits, acme, zone, before, keep_token):
    live_in(acme, zone)
    began = at(zone, before)
    visit(*(began + each for each in minutes(0, 20, 45, 70)), keep_token=keep_token)
    assert [events for _, events in visits()] == [4]


@pytest.mark.parametrize("keep_token", [False, True])
@pytest.mark.parametrize(("zone", "before"), MIDNIGHTS)
def test_a_visit_goes_on_when_its_visitor_agrees_just_after_midnight(
    live_in, client, visits, acme, zone, before, keep_token
):
    live_in(acme, zone)
    token = None
    for each, consent in zip(minutes(0, 20, 25), (False, True, True), strict=True):
        with time_machine.travel(at(zone, before) + each, tick=True):
            token = token if keep_token or consent else None
            token = post(client, acme, visitor=token, consent=consent).json["visitor"]
    assert [events for _, events in visits()] == [3]


@pytest.mark.parametrize("keep_token", [False, True])
def test_a_visit_goes_on_for_a_day_at_most(live_in, visit, visits, acme, keep_token):
    live_in(acme, "Europe/Berlin")
    began = at("Europe/Berlin", "2026-06-10 20:00")
    visit(*(began + each for each in minutes(*range(0, 3000, 25))), keep_token=keep_token)
    assert [events for _, events in visits()] == [58, 58, 4]


@pytest.mark.parametrize(("zone", "before"), MIDNIGHTS)
def test_who_comes_back_later_is_somebody_else(live_in, visit, visits, acme, zone, before):
    live_in(acme, zone)
    began = at(zone, before)
    visit(*(began + each for each in minutes(0, 35, 36)))
    (yesterday, first), (today, second) = visits()
    assert yesterday != today
    assert (first, second) == (1, 2)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-06-10", "2026-10-25"])
def test_a_visitor_keeps_his_name_for_a_day_of_any_length(live_in, visit, visits, acme, day):
    live_in(acme, "Europe/Berlin")
    times = ("00:01", "01:30", "03:30", "23:59")
    visit(*(at("Europe/Berlin", f"{day} {time}") for time in times))
    assert [events for _, events in visits()] == [1, 1, 1, 1]
    assert len({name for name, _ in visits()}) == 1


def test_the_hour_that_comes_twice_belongs_to_one_day(live_in, visit, visits, acme):
    live_in(acme, "Europe/Berlin")
    first = at("Europe/Berlin", "2026-10-25 02:40")
    visit(first, first + timedelta(minutes=60))
    assert len({name for name, _ in visits()}) == 1


def test_two_sites_live_by_their_own_clocks(live_in, visit, visits, acme, umbrella):
    live_in(acme, "Europe/Berlin")
    live_in(umbrella, "America/New_York")
    # Midnight in Berlin, an evening in New York.
    moments = [datetime(2026, 6, 10, 21, tzinfo=UTC), datetime(2026, 6, 10, 23, tzinfo=UTC)]
    for tenant in (acme, umbrella):
        visit(*moments, tenant=tenant)
    here, there = visits(acme), visits(umbrella)
    assert len({name for name, _ in here}) == 2
    assert len({name for name, _ in there}) == 1
    assert not {name for name, _ in here} & {name for name, _ in there}
