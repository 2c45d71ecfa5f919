"""A campaign that a visitor may see only so often a day: counted in Redis, told when joining."""

from __future__ import annotations

import json

import pytest
import websocket

from app.core import bus
from app.core.ids import uuid7
from app.embed.published import active_site, served
from app.embed.seen import DAY, context_of, count_impressions

ORIGIN = "https://shop.acme.example"
ADA, BOB = "a" * 32, "b" * 32


@pytest.fixture
def site(app, acme, client):
    """Acme's site with one published notice that may be seen twice a day."""
    body = {
        "site_id": str(acme.site_id),
        "name": "Hello",
        "format": "notice",
        "status": "published",
    }
    body["content"] = {"message": "Open until 8"}
    answer = client.post("/api/v1/campaigns", headers=acme.bearer, json=body)
    assert answer.status_code == 201, answer.text
    with app.app_context():
        served(acme.site_key).config["campaigns"][0]["frequency"] = {"day": 2}
        yield active_site(acme.site_key)


@pytest.fixture
def campaign(site):
    return served(site.key).config["campaigns"][0]["id"]


def test_what_a_visitor_saw_is_told_to_that_visitor_only(site, campaign):
    assert context_of(site, ADA) == {"seen": {}}
    count_impressions(site, ADA, [campaign])
    count_impressions(site, ADA, [campaign])
    assert context_of(site, ADA) == {"seen": {campaign: 2}}
    assert context_of(site, BOB) == {"seen": {}}


def test_it_is_forgotten_a_day_after_the_first_time(site, campaign):
    count_impressions(site, ADA, [campaign])
    [key] = bus.redis().keys("candor:count:seen:*")
    bus.redis().expire(key, 100)
    count_impressions(site, ADA, [campaign])
    assert 0 < bus.redis().ttl(key) <= 100
    bus.redis().delete(key)
    count_impressions(site, ADA, [campaign])
    assert 100 < bus.redis().ttl(key) <= DAY


@pytest.mark.parametrize("name", [str(uuid7()), "", "*", None, 7, ["x"], {"a": 1}])
def test_what_is_no_campaign_with_a_limit_is_not_counted(site, name):
    count_impressions(site, ADA, [name])
    assert bus.redis().keys("candor:count:seen:*") == []


def test_without_a_limit_nothing_is_counted(site, campaign):
    del served(site.key).config["campaigns"][0]["frequency"]
    count_impressions(site, ADA, [campaign])
    assert bus.redis().keys("candor:count:seen:*") == []
    assert context_of(site, ADA) == {"seen": {}}


def test_while_redis_is_away_nobody_knows(app, site, campaign):
    kept, app.extensions["candor_redis"] = bus.redis(), bus.connect("unix:///nowhere.sock")
    try:
        count_impressions(site, ADA, [campaign])
        assert context_of(site, ADA) == {}
    finally:
        app.extensions["candor_redis"] = kept


@pytest.fixture
def socket(program, acme):
    address = program.url.replace("http", "ws") + "/widget/v1/ws"
    ws = websocket.create_connection(address, origin=ORIGIN, timeout=5)
    yield ws
    ws.close()


def say(ws, frame):
    ws.send(json.dumps(frame))
    ws.send('{"type": "ping"}')
    return json.loads(ws.recv())


def test_a_socket_takes_impressions_once_it_has_joined(acme, socket):
    impression = {"type": "track_event", "event_type": "impression", "data": {"campaign": "x"}}
    assert say(socket, impression)["code"] == "not_joined"
    assert json.loads(socket.recv()) == {"type": "pong"}
    joined = say(socket, {"type": "join_widget", "site": acme.site_key})
    assert joined["context"] == {"seen": {}}
    assert json.loads(socket.recv()) == {"type": "pong"}
    assert say(socket, impression) == {"type": "pong"}
    for wrong in ({"event_type": "click"}, {"data": 7}, {"data": None}, {"event_type": ["x"]}):
        assert say(socket, {**impression, **wrong})["code"] == "unknown_event"
        assert json.loads(socket.recv()) == {"type": "pong"}
    assert say(socket, {**impression, "data": {"campaign": {"a": [1]}}}) == {"type": "pong"}
