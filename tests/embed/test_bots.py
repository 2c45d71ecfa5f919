"""Bots that say nothing of it: what they do, or where they come from, tells them from people. All
of it is kept apart with the reason, and can be given back."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from app.config import Settings
from app.core.db import db
from app.tracking.models import Event, Quarantined
from app.wiring import create_app
from tests.tracking.posting import AGENT, event, post

HOUR = 3_600_000  # milliseconds


@pytest.fixture
def page(app, environ):
    """A page's client of a program with these settings."""

    def start(**settings):
        return create_app(Settings.from_environment({**environ, **settings})).test_client()

    return start


@pytest.fixture
def kept_apart(inside, acme):
    """The reasons, one for each event."""

    def kept_apart():
        with inside(acme):
            return [each.reason for each in db.session.scalars(select(Quarantined))]

    return kept_apart


def views(tenant, number, **values):
    """Of as many pages."""
    urls = [f"https://{tenant.domain}/{place}" for place in range(number)]
    return [event(tenant, url=url, **values) for url in urls]


def reasons(answer):
    return [each["reason"] for each in answer.json["dropped"]]


def test_more_pages_than_a_person_can_open_are_those_of_a_bot(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    assert post(client, acme, *views(acme, 10)).json["accepted"] == 10
    too_many = views(acme, 20) + [event(acme, name="signup")]
    assert reasons(post(client, acme, *too_many)) == ["bot"] * 21
    assert kept_apart() == ["impossible_speed"] * 21
    # Who goes on like that stays one.
    time.sleep(1.5)
    assert reasons(post(client, acme, *views(acme, 1))) == ["bot"]


def test_one_page_after_the_other_is_as_fast_as_many_at_once(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    accepted = [post(client, acme).json["accepted"] for _ in range(40)]
    assert accepted[:10] == [1] * 10 and accepted[-10:] == [0] * 10
    assert set(kept_apart()) == {"impossible_speed"}


def test_a_bot_makes_no_bots_of_others(page, acme, umbrella):
    client = page(VIEWS_PER_VISITOR="1")
    post(client, acme, *views(acme, 50))
    assert reasons(post(client, acme)) == ["bot"]
    assert reasons(post(client, acme, address="203.0.113.9")) == []
    assert reasons(post(client, acme, agent=AGENT.replace("140", "141"))) == []
    assert reasons(post(client, umbrella)) == []


def test_what_was_gathered_offline_comes_at_once_and_is_a_persons(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    now = int(time.time() * 1000)
    for minutes in (0, 50, 100):
        gathered = [
            {**each, "at": now - 3 * HOUR + (minutes + place) * 60_000}
            for place, each in enumerate(views(acme, 50))
        ]
        assert post(client, acme, *gathered, sent_at=now).json["accepted"] == 50
    # Also by a clock that is wrong.
    gathered = [{**each, "at": now + HOUR - 60_000} for each in views(acme, 50)]
    assert post(client, acme, *gathered, sent_at=now + HOUR).json["accepted"] == 50
    assert kept_apart() == []


def test_a_page_that_keeps_its_state_in_its_address_is_one_page(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    moved = f"https://{acme.domain}/map?lat="
    for _ in range(5):
        shown = [event(acme, url=f"{moved}{place}") for place in range(50)]
        assert post(client, acme, *shown).json["accepted"] == 50
    assert kept_apart() == []


def test_other_events_than_page_views_have_no_speed(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    for _ in range(3):
        clicks = [event(acme, name="click") for _ in range(50)]
        assert post(client, acme, *clicks).json["accepted"] == 50
    assert kept_apart() == []


def test_the_usual_limit_lets_a_hall_of_people_open_pages_at_once(client, acme, kept_apart):
    for _ in range(2):
        assert post(client, acme, *views(acme, 50)).json["accepted"] == 50
    assert kept_apart() == []
    while "bot" not in reasons(post(client, acme, *views(acme, 50))):
        assert not kept_apart()


def test_without_a_limit_nobody_is_too_fast(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="0")
    for _ in range(6):
        assert post(client, acme, *views(acme, 50)).json["accepted"] == 50
    assert kept_apart() == []


def test_servers_are_as_fast_as_they_are(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    named = {"visitor": "customer-1", "address": "198.51.100.7", "user_agent": AGENT}
    for _ in range(3):
        told = [{**each, **named} for each in views(acme, 50)]
        body = {"site_id": str(acme.site_id), "events": told}
        answer = client.post("/api/v1/events", json=body, headers=acme.bearer)
        assert answer.json["accepted"] == 50
    assert kept_apart() == []


def test_the_events_of_a_bot_that_was_none_are_given_back(page, acme, sign_in, inside, kept_apart):
    hasty = page(VIEWS_PER_VISITOR="1")
    mistaken = views(acme, 30)
    post(hasty, acme, *mistaken)
    alice = sign_in("alice@acme.example")
    drops = f"/o/{acme.slug}/sites/{acme.site_id}/drops"
    assert "opens pages faster than a person can" in alice.get(drops).text
    chosen = mistaken[7]["id"]
    restoration = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{chosen}/restoration"
    assert alice.post(restoration).status_code == 302
    assert kept_apart() == []
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 30
