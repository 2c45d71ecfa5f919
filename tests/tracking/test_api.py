"""GET /api/v1/events, /events/drops and /analytics/live-visitors."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.accounts.models import ApiKey
from app.core.db import db
from tests.visits import BOT, FRANCE, PHONE, ago, event, send


@pytest.fixture
def get(client, acme):
    def ask(path, tenant=acme, status=200, **query):
        query = {"site_id": str(acme.site_id), **query}
        answer = client.get(f"/api/v1{path}", headers=tenant.bearer, query_string=query)
        assert answer.status_code == status, answer.text
        return answer.json

    return ask


def test_an_event_is_told_with_all_that_was_stored_of_it(client, acme, get):
    sent = event(
        acme,
        "/cart?utm_source=letter",
        "cart_add",
        title="Cart",
        referrer="https://search.example/found?q=secret",
        props={"sku": "tea-1", "pieces": 2},
        value={"amount": 2935, "currency": "usd"},
        at=ago(minutes=2),
    )
    send(client, acme, sent, sent_at=ago())
    answer = get("/events")
    [told] = answer["data"]
    assert answer["next_cursor"] is None
    assert told["id"] == sent["id"] and told["name"] == "cart_add" and told["title"] == "Cart"
    assert told["url"] == f"https://{acme.domain}/cart?utm_source=letter"
    assert told["referrer"] == "https://search.example/found"
    assert told["props"] == {"sku": "tea-1", "pieces": 2}
    assert told["value"] == {"amount": 2935, "currency": "USD"}
    assert told["campaign"] is None and told["by_api"] is False and told["session_id"]
    stamp = datetime.fromisoformat(told["at"]).timestamp() * 1000
    assert abs(stamp - sent["at"]) < 1000


@pytest.mark.parametrize(
    ("scopes", "props"),
    [
        (["analytics:read"], {}),
        (["analytics:read", "activities:read"], {"order_id": "7"}),
        (["*"], {"order_id": "7"}),
    ],
)
def test_properties_are_for_keys_that_may_see_activities(client, acme, inside, scopes, props):
    send(client, acme, event(acme, name="purchase", props={"order_id": "7"}))
    with inside(acme):
        _key, secret = ApiKey.issue("Figures", scopes)
        db.session.commit()
    told = {}
    for path, name in (("events", "data"), ("analytics/live-visitors", "events")):
        address = f"/api/v1/{path}?site_id={acme.site_id}"
        answer = client.get(address, headers={"Authorization": f"Bearer {secret}"})
        [told[path]] = answer.json[name]
    [session_id] = {each["session_id"] for each in told.values()}
    address = f"/api/v1/analytics/sessions/{session_id}?site_id={acme.site_id}"
    answer = client.get(address, headers={"Authorization": f"Bearer {secret}"})
    [told["sessions"]] = answer.json["timeline"]
    assert [(each["name"], each["props"]) for each in told.values()] == [("purchase", props)] * 3


def test_pages_by_cursor_hold_each_event_once_newest_first(client, acme, get):
    sent = [event(acme, f"/{number}") for number in range(7)]
    send(client, acme, *sent)
    seen, cursor = [], None
    while True:
        page = get("/events", limit=3, **({"cursor": cursor} if cursor else {}))
        assert len(page["data"]) <= 3
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted((each["id"] for each in sent), reverse=True)


def test_a_filter_by_name_leaves_out_the_others(client, acme, get):
    send(client, acme, event(acme), event(acme, name="signup"), event(acme, name="signup"))
    assert len(get("/events", name="signup")["data"]) == 2
    assert get("/events", name="unheard_of")["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"site_id": "x"},
        {"name": "No Name"},
        {"name": "a\x00b"},
        {"limit": 0},
        {"limit": 101},
        {"cursor": "x"},
    ],
)
def test_a_bad_query_is_answered_400(get, query):
    get("/events", status=400, **query)


def test_events_of_another_are_not_there(client, acme, umbrella, get):
    send(client, acme, event(acme))
    for path in ("/events", "/events/drops", "/analytics/live-visitors"):
        get(path, tenant=umbrella, status=404)


def test_what_was_refused_is_counted_by_reason(client, acme, get):
    unreadable = {**event(acme), "id": "x"}
    send(client, acme, event(acme), unreadable, unreadable)
    send(client, acme, event(acme), browser=BOT)
    drops = get("/events/drops")
    assert drops["total"] == 3 and drops["days"] == 1
    assert [(each["reason"], each["count"]) for each in drops["data"]] == [
        ("invalid", 2),
        ("bot", 1),
    ]
    assert all(each["meaning"] for each in drops["data"])
    get("/events/drops", status=400, days=91)
    get("/events/drops", status=400, days=0)


def test_live_visitors_are_those_of_the_last_five_minutes(client, acme, get, eventually):
    send(client, acme, event(acme, "/tea?utm_source=letter&utm_medium=email"), address=FRANCE)
    send(client, acme, event(acme, "/"), event(acme, "/tea"), browser=PHONE)
    # Long gone: an hour ago.
    send(client, acme, event(acme, "/old", at=ago(hours=1)), address="192.0.2.7")
    live = eventually(lambda: get("/analytics/live-visitors"), lambda found: found["visitors"] == 2)
    assert live["pages"] == [{"label": "/tea", "visitors": 2}]
    assert {"label": "France", "visitors": 1} in live["countries"]
    assert {each["label"]: each["visitors"] for each in live["devices"]} == {
        "Desktop": 1,
        "Mobile": 1,
    }
    assert {each["label"] for each in live["sources"]} == {"letter · E-mail", "Direct"}
    assert len(live["events"]) == 4 and live["as_of"]


def test_without_redis_the_rows_say_who_is_there(client, acme, get, app, monkeypatch):
    from app.core import recent

    send(client, acme, event(acme, "/tea"))
    monkeypatch.setattr(recent, "count", lambda key, window: None)
    monkeypatch.setattr("app.tracking.presence.recent.count", lambda key, window: None)
    assert get("/analytics/live-visitors")["visitors"] == 1
