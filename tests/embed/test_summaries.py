"""Numbers that visitors see: by polling and on open pages, counted from what is there."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
import requests
import websocket
from sqlalchemy import event

from app.core import clock
from app.core.db import db
from app.sites.models import Site

SOLD = {"template": "{{count}} sold in the last {{period}}", "types": ["purchase"]}
PEOPLE = {"template": "{{people}} people bought in the last {{period}}", "types": ["purchase"]}
HOT = {"template": "{{product}}: {{count}} in the last {{period}}", "types": ["purchase"]}
RATED = {"template": "{{rating}} out of {{best}} from {{count}} reviews", "minimum": 1}


@pytest.fixture
def publish(inside):
    """Publish campaigns as a revision keeps them; answers their ids."""

    def make(tenant, *formats, **changes):
        campaigns = [
            {
                "id": str(uuid4()),
                "format": format,
                "renderer": "bubble",
                "content": {"period": "day", "minimum": 1, **content},
                "triggers": {"delay": 3},
                "rules": {},
            }
            for format, content in formats
        ]
        with inside(tenant):
            site = db.session.get(Site, tenant.site_id)
            site.change(**changes)
            site.publish(lambda: {"campaigns": campaigns})
            db.session.commit()
        return [each["id"] for each in campaigns]

    return make


@pytest.fixture
def record(client):
    def make(tenant, kind="purchase", product="Darjeeling", **more):
        body = {"site_id": str(tenant.site_id), "type": kind, "product": {"name": product}, **more}
        answer = client.post("/api/v1/activities", headers=tenant.bearer, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json["id"]

    return make


@pytest.fixture
def retract(client):
    def take_back(tenant, activity_id):
        answer = client.delete(f"/api/v1/activities/{activity_id}", headers=tenant.bearer)
        assert answer.status_code == 204

    return take_back


@pytest.fixture
def poll(client):
    def read(tenant, after=None):
        query = "" if after is None else f"?after={after}"
        answer = client.get(f"/widget/v1/notifications/{tenant.site_key}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json

    return read


@pytest.fixture
def messages(poll):
    return lambda tenant: [each["message"] for each in poll(tenant)["summaries"]]


def ago(**length):
    return (clock.now() - timedelta(**length)).isoformat()


def test_a_count_is_told_with_every_reading_and_falls_with_a_retraction(
    acme, publish, record, retract, poll
):
    [campaign] = publish(acme, ("period_count", SOLD))
    assert poll(acme)["summaries"] == []
    first = record(acme)
    record(acme, occurred_at=ago(hours=23))
    answer = poll(acme)
    [summary] = answer["summaries"]
    assert summary["campaign"] == campaign
    assert summary["message"] == "2 sold in the last 24 hours"
    assert summary["as_of"].endswith("Z") and "messages" not in summary
    assert poll(acme, answer["cursor"])["summaries"] == [summary], "not only what is new"
    retract(acme, first)
    assert poll(acme)["summaries"][0]["message"] == "1 sold in the last 24 hours"


def test_what_lies_outside_the_period_or_is_of_another_type_does_not_count(
    acme, publish, record, messages
):
    publish(
        acme,
        ("period_count", {**SOLD, "period": "hour"}),
        ("period_count", {**SOLD, "period": "week"}),
        ("period_count", {**SOLD, "period": "month", "types": ["purchase", "donation"]}),
    )
    record(acme, occurred_at=ago(minutes=61))
    record(acme, occurred_at=ago(days=6))
    record(acme, occurred_at=ago(days=29))
    record(acme, occurred_at=ago(days=31))
    record(acme, "signup")
    record(acme, "donation", occurred_at=ago(days=8))
    assert messages(acme) == ["2 sold in the last 7 days", "4 sold in the last 30 days"]


def test_below_its_minimum_a_campaign_says_nothing(acme, publish, record, retract, messages):
    publish(acme, ("period_count", {**SOLD, "minimum": 3}), ("hot_streak", {**HOT, "minimum": 3}))
    made = [record(acme) for _ in range(2)]
    assert messages(acme) == []
    made.append(record(acme))
    assert messages(acme) == ["3 sold in the last 24 hours", "Darjeeling: 3 in the last 24 hours"]
    retract(acme, made[0])
    assert messages(acme) == []


def test_no_minimum_makes_a_number_of_nothing(acme, publish, messages):
    publish(acme, *((name, {**SOLD, "minimum": 0}) for name in ("period_count", "hot_streak")))
    publish(acme, ("rating_summary", {**RATED, "minimum": -1}))
    assert messages(acme) == []


def test_people_are_counted_once_and_have_to_reach_the_minimum(acme, publish, record, messages):
    publish(acme, ("period_count", {**PEOPLE, "minimum": 2}))
    for email in ("ada@x.example", "ADA@x.example", None):
        record(acme, person={"email": email} if email else None)
    assert messages(acme) == [], "three purchases of one person and of nobody known"
    record(acme, person={"email": "ben@x.example"})
    assert messages(acme) == ["2 people bought in the last 24 hours"]


def test_the_hot_streak_is_the_most_bought_product_and_of_equals_the_latest(
    acme, publish, record, messages
):
    publish(acme, ("hot_streak", {**HOT, "minimum": 2}))
    for product in ("Tea", "Cup", "Cup", "Tea"):
        record(acme, product=product)
    assert messages(acme) == ["Tea: 2 in the last 24 hours"]
    record(acme, product="Cup")
    assert messages(acme) == ["Cup: 3 in the last 24 hours"]


def test_ratings_are_averaged_in_the_words_and_numbers_of_each_language(
    acme, publish, record, poll
):
    german = "{{rating}} von {{best}} aus {{count}} Bewertungen"
    english = {**RATED, "translations": {"de": {"template": german}}}
    publish(acme, ("rating_summary", {**english, "period": "all"}))
    for rating in (5, 4.5, "4", 0, 6, "none", True):
        record(acme, "review", data={"rating": rating}, occurred_at=ago(days=300))
    record(acme, "review")
    [summary] = poll(acme)["summaries"]
    assert summary["message"] == "4.5 out of 5 from 3 reviews"
    assert summary["messages"] == {"de": "4,5 von 5 aus 3 Bewertungen"}
    assert summary["rating"] == 4.5


def test_the_sites_own_language_writes_the_message(acme, publish, record, messages):
    content = {**SOLD, "template": "{{count}} verkauft in den letzten {{period}}"}
    publish(acme, ("period_count", {**content, "period": "week"}), language="de")
    record(acme)
    assert messages(acme) == ["1 verkauft in den letzten 7 Tagen"]


def test_what_others_sell_does_not_count(acme, umbrella, publish, record, messages):
    publish(acme, ("period_count", SOLD))
    publish(umbrella, ("period_count", SOLD))
    for _ in range(3):
        record(umbrella)
    record(acme)
    assert messages(acme) == ["1 sold in the last 24 hours"]
    assert messages(umbrella) == ["3 sold in the last 24 hours"]


def test_what_is_only_counted_is_not_told_one_by_one(acme, publish, record, poll):
    start = poll(acme)["cursor"]
    publish(acme, ("period_count", SOLD))
    record(acme)
    assert poll(acme)["notifications"] == poll(acme, start)["notifications"] == []


def test_a_wording_that_can_no_longer_be_used_silences_only_its_own_campaign(
    acme, publish, record, messages
):
    publish(acme, ("period_count", {**SOLD, "template": "{{unknown}}"}), ("period_count", SOLD))
    record(acme)
    assert messages(acme) == ["1 sold in the last 24 hours"]


def test_many_readers_are_counted_for_once(app, acme, publish, record):
    publish(acme, ("period_count", SOLD))
    record(acme)
    asked = []

    def remember(_connection, _cursor, statement, *_):
        if "count(activities.id)" in statement:
            asked.append(statement)

    engine = app.extensions["candor_reader"]
    event.listen(engine, "before_cursor_execute", remember)
    try:
        address = f"/widget/v1/notifications/{acme.site_key}"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: app.test_client().get(address).json, range(60)))
        assert len(asked) == 1
        assert {each["summaries"][0]["message"] for each in answers} == {
            "1 sold in the last 24 hours"
        }
        record(acme)
        app.test_client().get(address)
        assert len(asked) == 2
    finally:
        event.remove(engine, "before_cursor_execute", remember)


@pytest.fixture
def page(program, acme):
    """An open page's socket, joined."""
    opened = []

    def join():
        address = program.url.replace("http", "ws") + "/widget/v1/ws"
        ws = websocket.create_connection(address, origin="https://shop.acme.example", timeout=5)
        opened.append(ws)
        ws.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
        assert json.loads(ws.recv())["type"] == "joined"
        return ws

    yield join
    for ws in opened:
        ws.close()


def heard(ws, seconds):
    """Every frame that arrives within a time."""
    frames, until = [], time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        ws.settimeout(left)
        try:
            frames.append(json.loads(ws.recv()))
        except websocket.WebSocketTimeoutException:
            break
    return frames


def test_open_pages_hear_the_new_number_and_when_there_is_none(
    program, acme, publish, record, retract, page, poll
):
    [campaign] = publish(acme, ("period_count", {**SOLD, "minimum": 2}))
    record(acme)
    pages = [page() for _ in range(3)]
    started = time.monotonic()
    second = record(acme)
    frames = [json.loads(ws.recv()) for ws in pages]
    assert time.monotonic() - started < 1
    assert {frame["type"] for frame in frames} == {"summary"}
    answer = poll(acme)
    assert [frame["cursor"] for frame in frames] == [answer["cursor"]] * 3
    [polled] = answer["summaries"]
    for frame in frames:
        assert frame["data"]["message"] == polled["message"] == "2 sold in the last 24 hours"
        assert set(frame["data"]) == set(polled)
    retract(acme, second)
    for ws in pages:
        frames = [json.loads(ws.recv()) for _ in range(2)]
        assert [frame["type"] for frame in frames] == ["retract", "summary"]
        assert frames[1]["data"] == {"campaign": campaign, "message": None}


def test_a_rush_is_told_in_few_frames_and_its_last_number_is_never_left_out(
    program, acme, publish, record, page
):
    publish(acme, ("period_count", SOLD))
    ws = page()
    started = time.monotonic()
    for _ in range(40):
        record(acme)
    rushed = time.monotonic() - started
    frames = heard(ws, 2.5)
    assert frames[-1]["data"]["message"] == "40 sold in the last 24 hours"
    assert len(frames) <= 2 + rushed


def test_pages_hear_only_of_numbers_that_changed(program, acme, publish, record, page):
    sold, rated = publish(acme, ("period_count", SOLD), ("rating_summary", RATED))
    ws = page()
    record(acme)
    assert [frame["data"]["campaign"] for frame in heard(ws, 1.5)] == [sold]
    record(acme, "signup")
    record(acme, "review", data={"rating": 4})
    [frame] = heard(ws, 2.5)
    assert frame["data"]["campaign"] == rated and frame["data"]["rating"] == 4.0
    assert frame["data"]["message"] == "4.0 out of 5 from 1 reviews"


def test_many_activities_at_once_end_in_the_number_of_them_all(
    program, acme, publish, record, page
):
    """The API of the real server, whose own commit is what tells."""
    publish(acme, ("period_count", SOLD))
    ws = page()
    body = {"site_id": str(acme.site_id), "type": "purchase"}
    with ThreadPoolExecutor(8) as pool:
        address = f"{program.url}/api/v1/activities"
        answers = pool.map(
            lambda _: (
                requests.post(address, headers=acme.bearer, json=body, timeout=10).status_code
            ),
            range(24),
        )
        assert set(answers) == {201}
    assert heard(ws, 2.5)[-1]["data"]["message"] == "24 sold in the last 24 hours"
