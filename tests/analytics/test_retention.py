"""Retention: only those who agreed can come back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.analytics import rollups
from app.analytics.filters import read_filters
from app.analytics.periods import local_day
from app.analytics.retention import retention, spans
from app.core import clock
from app.core.db import db
from tests.tracking.arriving import DIRECT, NOON, who

DAY = 24 * 60
TODAY = local_day(NOON, ZoneInfo("UTC")) + timedelta(days=28)
MONDAY = local_day(NOON, ZoneInfo("UTC")) - timedelta(
    days=local_day(NOON, ZoneInfo("UTC")).weekday()
)


def came(shelf, name, *days, agreed=True, channel="direct"):
    for day in days:
        shelf.store(arrival(shelf, name, day, agreed, channel))


def arrival(shelf, name, day, agreed=True, channel="direct"):
    visitor = who(name if agreed else f"{name} {day}")._replace(person=agreed)
    circumstances = DIRECT._replace(channel=channel)
    return shelf.arrival(day * DAY, who=visitor, circumstances=circumstances)


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


VISITS = [
    *(("ada", day, True, "direct") for day in (0, 1, 7, 21)),
    ("ben", 0, True, "email"),
    *(("eva", day, True, "email") for day in (7, 8, 14)),
    *(("mia", day, False, "email") for day in (0, 7)),
]
BY_MAIL = "f=channel:is:email"


@pytest.fixture
def on_monday(stocked, monkeypatch):
    """The visits above, asked for four weeks later: a week begins that nobody came in yet."""
    stocked(lambda shelf: [arrival(shelf, *each) for each in VISITS])
    monday = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: monday)


def test_people_and_visits_are_those_that_were_asked_for(on_monday, client, acme, sign_in):
    address = f"/api/v1/analytics/retention?site_id={acme.site_id}&number=6"
    found = client.get(address, headers=acme.bearer).json
    assert (found["people"], found["visits"], found["all_visits"]) == (3, 8, 10)
    found = client.get(f"{address}&{BY_MAIL}", headers=acme.bearer).json
    assert (found["people"], found["visits"], found["all_visits"]) == (2, 4, 6)
    assert sum(each["size"] for each in found["data"]) == 2
    page = f"/o/{acme.slug}/analytics/retention?site={acme.site_id}"
    text = sign_in("alice@acme.example").get(f"{page}&{BY_MAIL}").text
    assert "2 people who agreed to be known again" in text
    assert "theirs were 4 of 6 visits that match" in text and "2 of them first came" in text


def test_the_page_says_which_days_it_is_about(on_monday, acme, sign_in):
    page = f"/o/{acme.slug}/analytics/retention?site={acme.site_id}&unit="
    alice = sign_in("alice@acme.example")
    assert "From 3 Aug to 19 Oct 2026" in alice.get(f"{page}week").text
    assert "From 1 Nov 2025 to 19 Oct 2026" in alice.get(f"{page}month").text


def test_nobody_so_far_is_not_nobody(on_monday, acme, sign_in):
    page = f"/o/{acme.slug}/analytics/retention?site={acme.site_id}"
    text = sign_in("alice@acme.example").get(page).text
    shown = re.findall(r'<td class="retention__cell">(.*?)</td>', text)
    cells = [re.sub("<[^>]*>", "", each) for each in shown]
    assert cells[:5] == ["100%", "50%", "0%", "50%", "–"]
    assert cells[5:9] == ["100%", "100%", "0%", "–"]
    assert text.count("Nobody so far: this week is not over") == 2
