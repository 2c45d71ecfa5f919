"""POST /api/v1/events: what a server tells of visitors."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from app.core.db import db
from app.core.ids import uuid7
from app.tracking.models import Event, Session, Visitor

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)


def event(**values):
    return {"name": "signup", "url": "https://shop.acme.example/welcome", **values}


@pytest.fixture
def tell(client, acme):
    def tell(*events, headers=None):
        body = {"site_id": str(acme.site_id), "events": list(events)}
        return client.post("/api/v1/events", json=body, headers=headers or acme.bearer)

    return tell


@pytest.fixture
def rows(inside, acme):
    def rows(model):
        with inside(acme):
            return list(db.session.scalars(select(model)))

    return rows


def test_a_server_names_its_visitor_and_time(tell, rows):
    at = int(time.time() * 1000) - 3 * 86_400_000
    answer = tell(
        event(id=str(uuid7()), visitor="customer 7", at=at), event(visitor="customer 7", at=at + 1)
    )
    assert answer.status_code == 202, answer.text
    assert answer.json == {"accepted": 2, "duplicates": 0, "dropped": []}
    assert [row.at for row in sorted(rows(Event), key=lambda row: row.at)] == [at, at + 1]
    assert all(row.by_api for row in rows(Event))
    (visitor,), (session,) = rows(Visitor), rows(Session)
    assert visitor.person and b"customer" not in visitor.visitor
    assert (session.started_at, session.last_at) == (at, at + 1)


def test_a_visitor_who_is_named_for_ever_makes_a_visit_each_day(tell, rows):
    began = int(time.time() * 1000) - 3 * 86_400_000
    moments = [began + minute * 60_000 for minute in range(0, 4000, 25)]
    for some in (moments[:50], moments[50:51], moments[51:90], moments[90:]):
        told = [event(id=str(uuid7()), visitor="the site itself", at=at) for at in some]
        assert tell(*told).json["accepted"] == len(some)
    visits = sorted(rows(Session), key=lambda row: row.started_at)
    assert [(row.started_at - began) // 60_000 for row in visits] == [0, 1450, 2900]
    assert [row.events for row in visits] == [58, 58, 44]


def test_an_address_and_a_browser_are_the_visitor_that_a_page_would_be(tell, rows, client, acme):
    page = {"site": acme.site_key, "events": [{**event(), "id": str(uuid7())}]}
    client.post(
        "/widget/v1/events",
        json=page,
        headers={"User-Agent": CHROME},
        environ_overrides={"REMOTE_ADDR": "203.0.113.7"},
    )
    tell(event(address="203.0.113.7", user_agent=CHROME))
    assert len(rows(Visitor)) == 1
    assert [row.events for row in rows(Session)] == [2]


def test_without_a_visitor_there_is_no_visit(tell, rows):
    assert tell(event(value={"amount": 100, "currency": "EUR"})).json["accepted"] == 1
    assert rows(Session) == [] and [row.session_id for row in rows(Event)] == [None]


def test_the_same_id_twice_is_one_event(tell, rows):
    once = event(id=str(uuid7()))
    assert tell(once).json["accepted"] == 1
    assert tell(once, once).json == {"accepted": 0, "duplicates": 2, "dropped": []}
    assert len(rows(Event)) == 1


def test_what_was_too_long_ago_and_bots_are_dropped_with_the_reason(tell):
    month = int(time.time() * 1000) - 30 * 86_400_000
    answer = tell(event(at=month), event(user_agent="Googlebot/2.1", address="8.8.8.8"))
    assert [each["reason"] for each in answer.json["dropped"]] == ["time", "bot"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Sign Up"),
        ("url", 7),
        ("at", "yesterday"),
        ("address", "no address"),
        ("props", {"a": {"b": 1}}),
        ("value", {"amount": 1.5, "currency": "EUR"}),
        ("id", "x"),
        ("unknown", 1),
    ],
)
def test_a_wrong_field_is_named(tell, rows, field, value):
    answer = tell(event(), event(**{field: value}))
    assert answer.status_code == 422
    assert field in str(answer.json["error"]["details"])
    assert rows(Event) == []


def test_it_takes_a_key_that_may(tell, client, acme, umbrella):
    assert tell(event(), headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert tell(event(), headers=umbrella.bearer).status_code == 404
    made = client.post(
        "/api/v1/api-keys",
        json={"name": "Reader", "scopes": ["analytics:read"]},
        headers=acme.bearer,
    ).json
    assert tell(event(), headers={"Authorization": f"Bearer {made['secret']}"}).status_code == 403
