"""Commands from an outside chat system reach the pages of one visitor, and only if they may."""

from __future__ import annotations

import json
import time

import pytest
import requests
import websocket

from app.core.db import db
from app.core.ids import uuid7
from app.core.signing import standard_webhooks_sign
from app.sites.models import Site
from app.sources.models import Source
from app.tracking.identity import read_token
from tests.visits import event, send

ORIGIN = "https://shop.acme.example"


@pytest.fixture
def url(program, acme):
    return f"{program.url}/api/v1/sites/{acme.site_id}/commands"


@pytest.fixture
def visitor(program, acme, app, client):
    """A page with an open socket, and the id by which webhooks name its visitor."""
    token = send(client, acme, event(acme))["visitor"]
    ws = websocket.create_connection(
        program.url.replace("http", "ws") + "/widget/v1/ws", origin=ORIGIN, timeout=5
    )
    ws.send(json.dumps({"type": "join_widget", "site": acme.site_key, "visitor": token}))
    assert json.loads(ws.recv())["type"] == "joined"
    with app.app_context():
        ws.name = read_token(acme.site_id, token).visitor
    yield ws
    ws.close()


@pytest.fixture
def custom(inside, acme):
    with inside(acme):
        source = Source.connect(db.session.get_one(Site, acme.site_id), "custom", "Chat system")
        db.session.commit()
        return source.secret


def test_a_command_by_key_reaches_the_page_of_its_visitor(url, visitor, acme, client):
    said = {
        "command": "open_chat",
        "visitor": visitor.name,
        "data": {"message": "Hi", "priority": "high"},
    }
    answer = requests.post(url, json=said, headers=acme.bearer, timeout=5)
    assert answer.status_code == 202, answer.text
    frame = json.loads(visitor.recv())
    assert (frame["type"], frame["command"]) == ("command", "open_chat")
    assert frame["data"] == {"message": "Hi", "priority": "high"}
    entries = client.get("/api/v1/audit", headers=acme.bearer).json["data"]
    assert entries[0]["action"] == "command.sent"
    assert visitor.name not in json.dumps(entries[0])


def test_another_visitor_hears_nothing(url, visitor, acme):
    said = {"command": "open_chat", "visitor": "0" * 32}
    assert requests.post(url, json=said, headers=acme.bearer, timeout=5).status_code == 202
    visitor.send(json.dumps({"type": "ping"}))
    assert json.loads(visitor.recv())["type"] == "pong"


def test_who_signs_as_a_custom_source_of_the_site_may(url, visitor, custom):
    body = json.dumps(
        {"command": "update_settings", "visitor": visitor.name, "data": {"open": True}}
    )
    name, now = f"msg_{uuid7().hex}", int(time.time())
    signed = standard_webhooks_sign(custom, name, now, body.encode())
    headers = {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": signed}
    assert requests.post(url, data=body, headers=headers, timeout=5).status_code == 202
    assert json.loads(visitor.recv())["data"]["open"] is True
    altered = body.replace("true", "false")
    assert requests.post(url, data=altered, headers=headers, timeout=5).status_code == 401
    old = {**headers, "webhook-timestamp": str(now - 3600)}
    assert requests.post(url, data=body, headers=old, timeout=5).status_code == 401


def test_a_signed_command_that_is_sent_again_counts_once_whatever_its_other_headers_say(
    url, visitor, custom, client, acme
):
    body = json.dumps({"command": "open_chat", "visitor": visitor.name, "data": {"message": "Hi"}})
    name, now = f"msg_{uuid7().hex}", int(time.time())
    signed = standard_webhooks_sign(custom, name, now, body.encode())
    headers = {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": signed}
    first = requests.post(url, data=body, headers=headers, timeout=5)
    again = requests.post(
        url, data=body, headers={**headers, "Idempotency-Key": "another"}, timeout=5
    )
    assert first.status_code == 202 and again.json() == first.json()
    assert json.loads(visitor.recv())["id"] == first.json()["id"]
    visitor.send(json.dumps({"type": "ping"}))
    assert json.loads(visitor.recv())["type"] == "pong"
    entries = client.get("/api/v1/audit", headers=acme.bearer).json["data"]
    assert [each["action"] for each in entries].count("command.sent") == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"command": "rm", "visitor": "0" * 32},
        {"command": "open_chat", "visitor": "nobody"},
        {"command": "open_chat", "visitor": "0" * 32, "data": {"priority": "urgent"}},
        {"command": "open_chat", "visitor": "0" * 32, "data": {"message": "x" * 501}},
        {"command": "show_notification", "visitor": "0" * 32},
        {"command": "show_notification", "visitor": "0" * 32, "data": {"campaign": str(uuid7())}},
        {"command": "track_event", "visitor": "0" * 32, "data": {"event": "Not A Name"}},
        {"command": "update_settings", "visitor": "0" * 32, "data": {"locale": "xx"}},
        {"command": "update_settings", "visitor": "0" * 32, "data": {"html": "<b>"}},
    ],
)
def test_what_is_no_command_is_refused_with_the_field(client, acme, said):
    path = f"/api/v1/sites/{acme.site_id}/commands"
    answer = client.post(path, json=said, headers=acme.bearer)
    assert answer.status_code == 422, answer.text
    assert answer.json["error"]["details"]


def test_without_key_or_signature_or_for_another_site_there_is_nothing(client, acme, umbrella):
    said = {"command": "open_chat", "visitor": "0" * 32}
    path = f"/api/v1/sites/{acme.site_id}/commands"
    assert client.post(path, json=said).status_code == 401
    assert client.post(path, json=said, headers={"X-Signature": "sha256=00"}).status_code == 401
    foreign = f"/api/v1/sites/{umbrella.site_id}/commands"
    assert client.post(foreign, json=said, headers=acme.bearer).status_code == 404


def test_sixty_a_minute_and_no_more(client, acme):
    said = {"command": "open_chat", "visitor": "0" * 32}
    path = f"/api/v1/sites/{acme.site_id}/commands"
    codes = [client.post(path, json=said, headers=acme.bearer).status_code for _ in range(61)]
    assert codes == [202] * 60 + [429]


def test_nobody_else_uses_up_what_a_site_may_send(client, acme, umbrella):
    said = {"command": "open_chat", "visitor": "0" * 32}
    path = f"/api/v1/sites/{acme.site_id}/commands"
    for _ in range(60):
        assert client.post(path, json=said, headers=umbrella.bearer).status_code == 404
    assert client.post(path, json=said, headers=acme.bearer).status_code == 202


def test_what_is_too_large_for_a_page_is_refused(client, acme):
    path = f"/api/v1/sites/{acme.site_id}/commands"
    said = {"command": "track_event", "visitor": "a" * 32}
    for props in ({"a": "y" * 501}, {"a": 2**60}, {"k" * 65: 1}, {"": 1}):
        body = {**said, "data": {"event": "x", "props": props}}
        answer = client.post(path, json=body, headers=acme.bearer)
        assert answer.status_code == 422, answer.text
    body = {**said, "data": {"event": "x", "props": {"a": "y" * 20_000}}}
    assert client.post(path, json=body, headers=acme.bearer).status_code == 413
    for locale in ('en-"}x', "en-<b>", "xx"):
        body = {**said, "command": "update_settings", "data": {"locale": locale}}
        assert client.post(path, json=body, headers=acme.bearer).status_code == 422
    body = {**said, "command": "update_settings", "data": {"locale": "de-AT"}}
    assert client.post(path, json=body, headers=acme.bearer).status_code == 202
