"""How many visitors are there now: by polling, on open pages, and in words of a campaign."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest
import requests
import websocket

from app.core import recent
from app.core.db import db
from app.sites.models import Site
from app.tracking.presence import WINDOW
from tests.dashboard.test_live import Through
from tests.visits import FIREFOX, PHONE, event, send

HERE = {"template": "{{visitors}} visitors are here now", "minimum": 2}


@pytest.fixture
def publish(inside, acme):
    def make(**content):
        campaign = {
            "id": str(uuid4()),
            "format": "live_visitors",
            "renderer": "bubble",
            "content": {**HERE, **content},
        }
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            site.publish(lambda: {"campaigns": [campaign]})
            db.session.commit()
        return campaign["id"]

    return make


@pytest.fixture
def poll(client, acme):
    def read():
        answer = client.get(f"/widget/v1/notifications/{acme.site_key}")
        assert answer.status_code == 200
        return answer.json

    return read


def test_each_reading_tells_how_many_are_there(client, acme, poll, eventually):
    assert poll()["live"] == {"visitors": 0}
    send(client, acme, event(acme))
    send(client, acme, event(acme), browser=PHONE)
    eventually(poll, lambda answer: answer["live"] == {"visitors": 2})


def test_who_agrees_is_one_visitor_still(client, acme, poll, inside, eventually):
    token = send(client, acme, event(acme))["visitor"]
    eventually(poll, lambda answer: answer["live"] == {"visitors": 1})
    agreed = send(client, acme, event(acme), visitor=token, consent=True)["visitor"]
    other = send(client, acme, event(acme), browser=PHONE)["visitor"]
    with inside(acme):
        key = f"visitors:{db.session.get_one(Site, acme.site_id).number}"
        there = {agreed[:32], other[:32]}
        eventually(lambda: set(recent.members(key, WINDOW)), lambda found: found == there)
    assert poll()["live"] == {"visitors": 2}


def test_somebody_else_of_the_name_that_a_visitor_had_counts(client, acme, poll, eventually):
    token = send(client, acme, event(acme))["visitor"]
    send(client, acme, event(acme), visitor=token, consent=True)
    send(client, acme, event(acme))
    eventually(poll, lambda answer: answer["live"] == {"visitors": 2})


def test_a_campaign_tells_it_from_its_minimum_on(client, acme, publish, poll, eventually):
    campaign = publish(translations={"de": {"template": "{{visitors}} sind gerade hier"}})
    send(client, acme, event(acme))
    eventually(poll, lambda answer: answer["live"]["visitors"] == 1)
    assert poll()["summaries"] == []
    send(client, acme, event(acme), browser=PHONE)
    answer = eventually(poll, lambda answer: answer["summaries"])
    [summary] = answer["summaries"]
    assert summary["campaign"] == campaign and summary["as_of"]
    assert summary["message"] == "2 visitors are here now"
    assert summary["messages"] == {"de": "2 sind gerade hier"}


def test_nobody_is_no_number_to_show(publish, poll):
    publish(minimum=0)
    assert poll()["summaries"] == []


def test_its_wording_names_visitors_and_no_digits(client, acme):
    def draft(template):
        body = {
            "site_id": str(acme.site_id),
            "name": "Here",
            "format": "live_visitors",
            "content": {"template": template},
        }
        return client.post("/api/v1/campaigns", json=body, headers=acme.bearer)

    assert draft("{{visitors}} are here").status_code == 201
    for template in ("27 are here", "{{count}} are here", "{{visitors|nine of 9}} are here"):
        assert draft(template).status_code == 422, template


def test_the_builder_shows_its_sentence(client, acme, sign_in, eventually):
    alice = sign_in("alice@acme.example")
    form = {"site": str(acme.site_id), "format": "live_visitors"}
    made = alice.post(f"/o/{acme.slug}/campaigns", form)
    page = alice.get(made.headers["Location"]).text
    assert "Too few visitors now: an example" in page and "‹visitors›" in page
    for number in range(5):
        send(client, acme, event(acme), browser=f"{FIREFOX} {number}")
    eventually(
        lambda: alice.get(made.headers["Location"]).text,
        lambda text: "5 visitors are on this site now" in text and "Reads now" in text,
    )


@pytest.fixture
def open_page(program, acme):
    opened = []

    def join():
        ws = websocket.create_connection(
            program.url.replace("http", "ws") + "/widget/v1/ws",
            origin=f"https://{acme.domain}",
            timeout=15,
        )
        opened.append(ws)
        ws.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
        assert json.loads(ws.recv())["type"] == "joined"
        return ws

    yield join
    for ws in opened:
        ws.close()


def test_open_pages_hear_when_the_number_changes_and_what_a_campaign_says_of_it(
    program, acme, publish, open_page
):
    campaign = publish()
    pages = [open_page(), open_page()]
    body = {"site_id": str(acme.site_id), "type": "purchase", "product": {"name": "Tea"}}
    address = f"{program.url}/api/v1/activities"
    assert requests.post(address, json=body, headers=acme.bearer, timeout=5).status_code == 201
    send(Through(program.url), acme, event(acme))
    send(Through(program.url), acme, event(acme), browser=PHONE)
    for ws in pages:
        counted = until(
            ws,
            lambda frame: (
                frame["type"] == "visitor_count" and frame["data"]["current_visitors"] == 2
            ),
        )
        assert counted["data"] == {"current_visitors": 2, "recent_activity": 1}
        said = until(ws, lambda frame: frame["type"] == "summary" and frame["data"]["message"])
        assert said["data"]["campaign"] == campaign
        assert said["data"]["message"] == "2 visitors are here now"


def until(ws, wanted):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        frame = json.loads(ws.recv())
        if wanted(frame):
            return frame
    raise AssertionError("it never came")
