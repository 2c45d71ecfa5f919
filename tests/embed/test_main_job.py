"""A signed order becomes a notification, a refund takes it away."""

from __future__ import annotations

import json

import pytest

from app.core.db import db
from app.sources import hooks
from app.sources.models import InboundDelivery
from tests.shops import shopify, shopify_order, shopify_refund

RECENT = {
    "name": "Recent",
    "format": "recent_activity",
    "status": "published",
    "content": {"template": "{{first_name}} from {{city}} bought {{product}}"},
}


@pytest.fixture
def campaign(client, acme):
    answer = client.post(
        "/api/v1/campaigns", headers=acme.bearer, json={**RECENT, "site_id": str(acme.site_id)}
    )
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.fixture
def send(client, acme, work):
    def deliver(topic, payload, webhook_id=None):
        answer = client.post(
            f"/hooks/{acme.source_id}", **shopify(acme.secret, topic, payload, webhook_id)
        )
        work()
        return answer

    return deliver


@pytest.fixture
def notifications(client, acme):
    def read(after=None):
        query = "" if after is None else f"?after={after}"
        answer = client.get(f"/widget/v1/notifications/{acme.site_key}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json

    return read


@pytest.fixture
def deliveries(client, acme):
    def read():
        answer = client.get(
            f"/api/v1/inbound-deliveries?source_id={acme.source_id}", headers=acme.bearer
        )
        return [(row["verdict"], row["reason"]) for row in answer.json["data"]]

    return read


def test_a_signed_order_is_shown_and_a_refund_takes_it_away(campaign, send, notifications, client):
    assert send("orders/paid", shopify_order()).status_code == 200
    shown = notifications()
    [item] = shown["notifications"]
    assert item["message"] == "Ada bought Darjeeling"
    assert item["campaign"] == campaign["id"] and item["type"] == "purchase"
    assert "location" not in item

    receipt = client.get(f"/proof/{item['receipt']}", headers={"Accept": "application/json"})
    assert receipt.json["strength"] == "signed" and receipt.json["retracted"] is None

    send("refunds/create", shopify_refund())
    gone = notifications(after=shown["cursor"])
    assert gone["retracted"] == [item["id"]] and gone["notifications"] == []
    assert notifications()["notifications"] == []
    receipt = client.get(f"/proof/{item['receipt']}", headers={"Accept": "application/json"})
    assert receipt.json["retracted"] is not None


def test_the_same_delivery_twice_counts_once(campaign, send, notifications, deliveries):
    order = shopify_order()
    for _ in range(2):
        assert send("orders/paid", order, webhook_id="one").status_code == 200
    assert len(notifications()["notifications"]) == 1
    assert [verdict for verdict, _ in deliveries()] == ["duplicate", "accepted"]


def test_an_order_created_and_then_paid_pops_once(campaign, send, notifications):
    send("orders/create", shopify_order())
    send("orders/paid", shopify_order())
    assert len(notifications()["notifications"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"test": True},
        {"financial_status": "pending"},
        {"financial_status": "voided"},
        {"cancelled_at": "2026-01-01T00:00:00Z"},
    ],
)
def test_test_unpaid_voided_and_cancelled_orders_never_pop(campaign, send, notifications, changes):
    assert send("orders/paid", shopify_order(**changes)).status_code == 200
    assert notifications()["notifications"] == []


def test_a_partial_refund_leaves_it_and_the_rest_takes_it_away(campaign, send, notifications):
    send("orders/paid", shopify_order())
    send("refunds/create", shopify_refund(amount="4.90", refund=1))
    assert len(notifications()["notifications"]) == 1
    send("refunds/create", shopify_refund(amount="10.00", refund=2))
    assert notifications()["notifications"] == []


def test_a_refund_that_comes_first_keeps_the_order_from_popping(campaign, send, notifications):
    send("refunds/create", shopify_refund())
    send("orders/paid", shopify_order())
    assert notifications()["notifications"] == []


def test_a_cancellation_that_comes_first_keeps_an_older_payment_from_popping(
    campaign, send, notifications
):
    paid = shopify_order()
    cancelled = shopify_order(cancelled_at=paid["updated_at"])
    send("orders/cancelled", cancelled)
    send("orders/paid", paid)
    assert notifications()["notifications"] == []


def test_a_deleted_order_is_retracted(campaign, send, notifications):
    send("orders/paid", shopify_order())
    send("orders/delete", {"id": 5001})
    assert notifications()["notifications"] == []


def test_ids_beyond_double_precision_stay_apart(campaign, send, notifications):
    send("orders/paid", shopify_order(820982911946154508))
    send("orders/paid", shopify_order(820982911946154509, "ben@customers.example"))
    assert len(notifications()["notifications"]) == 2


def test_what_is_signed_but_not_understood_is_kept_as_failed(campaign, send, deliveries):
    assert send("orders/paid", {"id": 1, "financial_status": "paid"}).status_code == 200
    [(verdict, reason)] = deliveries()
    assert verdict == "failed" and reason


def test_a_place_is_named_from_the_fifth_person_on(campaign, send, notifications):
    for number in range(5):
        send("orders/paid", shopify_order(6000 + number, f"p{number}@customers.example"))
    newest, *older = notifications()["notifications"]
    assert newest["message"] == "Ada from Lyon bought Darjeeling"
    assert newest["location"] == "Lyon"
    assert all("Lyon" not in item["message"] for item in older)


def test_one_person_with_many_orders_names_no_place(campaign, send, notifications):
    for number in range(6):
        send("orders/paid", shopify_order(6100 + number))
    assert all("Lyon" not in item["message"] for item in notifications()["notifications"])


def test_the_loader_carries_only_what_is_published(client, acme, campaign):
    script = client.get(f"/w/{acme.site_key}.js")
    assert campaign["id"] in script.text and "{{first_name}}" not in script.text
    assert acme.secret not in script.text
    again = client.get(f"/w/{acme.site_key}.js", headers={"If-None-Match": script.headers["ETag"]})
    assert again.status_code == 304
    config = client.get(f"/widget/v1/config/{acme.site_key}").json
    assert set(config) == {"site", "host", "core", "revision", "locale", "mode", "campaigns"}


def test_an_unknown_key_gets_a_silent_script(client, acme):
    answer = client.get("/w/" + "0" * 32 + ".js")
    assert answer.status_code == 200 and answer.text.startswith("/*")
    assert client.get("/widget/v1/config/" + "0" * 32).status_code == 404


def test_other_origins_are_refused_and_the_sites_own_are_allowed(client, acme):
    path = f"/widget/v1/notifications/{acme.site_key}"
    own = client.get(path, headers={"Origin": "https://shop.acme.example:8443"})
    assert own.headers["Access-Control-Allow-Origin"] == "https://shop.acme.example:8443"
    for origin in ("https://evil.example", "null", "https://shop.acme.example.evil.example"):
        assert client.get(path, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 40, "%00", "١"])
def test_a_cursor_that_is_none_is_refused(client, acme, cursor):
    assert client.get(f"/widget/v1/notifications/{acme.site_key}?after={cursor}").status_code == 400


def test_wrong_signature_unknown_source_and_too_large(client, acme, deliveries):
    request = shopify("not the secret", "orders/paid", shopify_order())
    refused = client.post(f"/hooks/{acme.source_id}", **request)
    assert refused.status_code == 401
    assert set(refused.json["error"]) == {"code", "message", "details", "timestamp"}
    altered = shopify(acme.secret, "orders/paid", shopify_order())
    altered["data"] = altered["data"].replace(b"Ada", b"Eve")
    assert client.post(f"/hooks/{acme.source_id}", **altered).status_code == 401
    assert client.post("/hooks/00000000-0000-4000-8000-000000000000", **request).status_code == 404
    large = client.post(f"/hooks/{acme.source_id}", data=b"x" * (1024 * 1024 + 1))
    assert large.status_code == 413
    assert [verdict for verdict, _ in deliveries()] == ["refused"] * 3


def test_refused_deliveries_are_kept_to_a_hundred(client, acme, inside):
    for _ in range(103):
        hooks.refused_kept.reset()
        client.post(f"/hooks/{acme.source_id}", data=b"{}")
    with inside(acme):
        assert db.session.query(InboundDelivery).count() == 100


def test_an_activity_over_the_api_is_shown_once_and_can_be_retracted(
    client, acme, campaign, notifications
):
    activity = {
        "site_id": str(acme.site_id),
        "type": "purchase",
        "external_id": "A-1",
        "person": {"first_name": "Ben", "email": "ben@customers.example"},
        "product": {"name": "Gyokuro"},
    }
    headers = {**acme.bearer, "Idempotency-Key": "k-1"}
    first = client.post("/api/v1/activities", json=activity, headers=headers)
    assert first.status_code == 201 and first.json["strength"] == "api"
    again = client.post("/api/v1/activities", json=activity, headers=headers)
    assert again.json == first.json
    other = client.post("/api/v1/activities", json={**activity, "type": "signup"}, headers=headers)
    assert other.status_code == 409
    assert [item["message"] for item in notifications()["notifications"]] == ["Ben bought Gyokuro"]
    gone = client.delete(f"/api/v1/activities/{first.json['id']}", headers=acme.bearer)
    assert gone.status_code == 204
    assert notifications()["notifications"] == []


def test_markup_in_what_a_buyer_typed_stays_text(campaign, send, notifications):
    order = shopify_order()
    order["customer"]["first_name"] = "<script>alert(1)</script>"
    order["line_items"][0]["title"] = order["line_items"][0]["name"] = "{{7*7}} {{first_name}}"
    send("orders/paid", order)
    [item] = notifications()["notifications"]
    assert "49" not in item["message"] and "{{7*7}} {{first_name}}" in item["message"]
    json.dumps(item)
