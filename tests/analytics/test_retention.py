"""Retention: only those who agreed can come back."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.analytics import rollups
from app.analytics.filters import read_filters
from app.analytics.periods import local_day
from app.analytics.retention import retention, spans
from app.core.db import db
from tests.tracking.arriving import DIRECT, NOON, who

DAY = 24 * 60
TODAY = local_day(NOON, ZoneInfo("UTC")) + timedelta(days=28)
MONDAY = local_day(NOON, ZoneInfo("UTC")) - timedelta(
    days=local_day(NOON, ZoneInfo("UTC")).weekday()
)


def came(shelf, name, *days, agreed=True, channel="direct"):
    for day in days:
        visitor = who(name if agreed else f"{name} {day}")._replace(person=agreed)
        circumstances = DIRECT._replace(channel=channel)
        shelf.store(shelf.arrival(day * DAY, who=visitor, circumstances=circumstances))


def grid(found) -> dict[date, list[int]]:
    return {each.begins: each.returned for each in found.cohorts if each.size}


@pytest.fixture
def visited(site, shelf):
    came(shelf, "ada", 0, 1, 7, 21)
    came(shelf, "ben", 0, channel="email")
    came(shelf, "eva", 7, 8, 14, channel="email")
    came(shelf, "mia", 0, 7, 14, 21, agreed=False)
    rollups.rebuild(site)
    return site


def test_people_by_the_week_in_which_they_first_came(visited):
    found = retention(visited, "week", 6, today=TODAY)
    week = timedelta(days=7)
    assert grid(found) == {MONDAY: [2, 1, 0, 1, 0], MONDAY + week: [1, 1, 0, 0]}
    assert (found.people, found.visits, found.of) == (3, 8, 12)
    assert found.cohorts[-1].returned == [0]
    assert found.cohorts[1].share(1) == 0.5


def test_people_by_day_and_month_and_by_what_their_first_visit_was(visited):
    days = retention(visited, "day", 10, today=TODAY - timedelta(days=20))
    assert days.cohorts[1].returned == [2, 1, 0, 0, 0, 0, 0, 1, 0]
    months = retention(visited, "month", 3, today=TODAY)
    assert sum(each.size for each in months.cohorts) == 3
    by_mail = retention(visited, "week", 6, read_filters(["channel:is:email"]), TODAY)
    assert [each.size for each in by_mail.cohorts if each.size] == [1, 1]


def test_who_first_came_before_is_not_new(visited):
    found = retention(visited, "week", 2, today=TODAY - timedelta(days=14))
    assert [each.size for each in found.cohorts] == [1, 0]
    assert found.people == 2


def test_who_first_came_before_is_not_new_also_where_that_is_told_late(site, shelf):
    came(shelf, "ada", 21)
    came(shelf, "ben", 21)
    rollups.rebuild(site)
    assert grid(retention(site, "week", 2, today=TODAY)) == {MONDAY + timedelta(days=21): [2, 0]}
    came(shelf, "ada", 0)
    rollups.roll_up(site, at_once=True)
    assert grid(retention(site, "week", 2, today=TODAY)) == {MONDAY + timedelta(days=21): [1, 0]}
    found = grid(retention(site, "week", 6, today=TODAY))
    assert found == {MONDAY: [1, 0, 0, 1, 0], MONDAY + timedelta(days=21): [1, 0]}


def test_a_week_begins_on_the_sites_own_monday(site, shelf):
    site.change(time_zone="Pacific/Auckland")
    db.session.commit()
    came(shelf, "ada", 0, 7)
    rollups.rebuild(site)
    [cohort] = [each for each in retention(site, "week", 6, today=TODAY).cohorts if each.size]
    assert cohort.begins.weekday() == 0
    assert cohort.returned[:2] == [1, 1]


def test_weeks_and_months_that_a_year_ends_in():
    assert spans(date(2027, 1, 1), "week", 2) == [date(2026, 12, 21), date(2026, 12, 28)]
    assert spans(date(2027, 1, 31), "month", 3) == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
    ]
    assert spans(date(2027, 1, 1), "day", 2) == [date(2026, 12, 31), date(2027, 1, 1)]
