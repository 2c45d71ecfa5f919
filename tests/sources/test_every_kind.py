"""Each kind of source, from its hook to the notification and back by its refund."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from app.core import clock
from app.core.db import db
from app.proof.models import Activity
from app.sources.facts import Money, Person, Place, Product
from app.sources.kinds import KINDS
from app.sources.kinds.base import SampleOrder


def order(number="5001", at=None):
    return SampleOrder(
        id=number,
        person=Person("Ada", "Byron", "ada@customers.example"),
        place=Place("Lyon", "Auvergne-Rhône-Alpes", "FR"),
        product=Product("Darjeeling"),
        price=Money(1490, "EUR"),
        at=at or clock.now(),
    )


@pytest.fixture
def published(client, acme):
    body = {
        "site_id": str(acme.site_id),
        "name": "Recent",
        "format": "recent_activity",
        "status": "published",
    }
    assert client.post("/api/v1/campaigns", headers=acme.bearer, json=body).status_code == 201


@pytest.fixture
def connect(client, acme):
    def source(kind):
        body = {"site_id": str(acme.site_id), "kind": kind, "name": kind.title()}
        made = client.post("/api/v1/sources", headers=acme.bearer, json=body).json
        return f"/hooks/{made['id']}", made["secret"]

    return source


@pytest.fixture
def shown(client, acme):
    def messages():
        answer = client.get(f"/widget/v1/notifications/{acme.site_key}").json
        return [item["message"] for item in answer["notifications"]]

    return messages


def send(client, path, incoming):
    return client.post(path, data=incoming.body, headers=incoming.headers).status_code


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_sale_is_shown_and_its_refund_takes_it_away(
    client, connect, published, shown, work, kind
):
    path, secret = connect(kind)
    assert send(client, path, KINDS[kind].sample("paid", order(), secret)) == 200
    work()
    assert shown() == ["Ada bought Darjeeling"]
    assert send(client, path, KINDS[kind].sample("refunded", order(), secret)) == 200
    work()
    assert shown() == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_reversed_order_ends_the_same(client, connect, published, shown, work, kind):
    path, secret = connect(kind)
    for event in ("refunded", "paid"):
        assert send(client, path, KINDS[kind].sample(event, order(), secret)) == 200
    work()
    assert shown() == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_wrong_secret_or_an_altered_byte_is_refused(client, connect, kind):
    path, secret = connect(kind)
    wrong = KINDS[kind].sample("paid", order(), KINDS[kind].new_secret())
    assert send(client, path, wrong) == 401
    signed = KINDS[kind].sample("paid", order(), secret)
    altered = signed.body.replace(b"Ada", b"Eve")
    assert altered != signed.body
    assert client.post(path, data=altered, headers=signed.headers).status_code == 401


@pytest.mark.parametrize("kind", ["stripe", "custom"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_future_signature_is_refused(client, connect, kind, minutes):
    path, secret = connect(kind)
    moment = clock.now() + timedelta(minutes=minutes)
    assert send(client, path, KINDS[kind].sample("paid", order(at=moment), secret)) == 401


def test_an_unsigned_ping_is_answered_and_leaves_nothing(client, acme, connect):
    path, _ = connect("woocommerce")
    ping = {"data": b"webhook_id=9", "content_type": "application/x-www-form-urlencoded"}
    assert client.post(path, **ping).status_code == 200
    listed = client.get("/api/v1/inbound-deliveries", headers=acme.bearer).json
    assert listed["data"] == []


def test_twenty_parallel_repeats_are_one_effect(program, acme, inside, client, connect):
    path, secret = connect("shopify")
    incoming = KINDS["shopify"].sample("paid", order(), secret)

    def post(_):
        return requests.post(
            program.url + path, data=incoming.body, headers=incoming.headers, timeout=10
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(post, range(20))) == {200}
    listed = client.get("/api/v1/inbound-deliveries?limit=50", headers=acme.bearer).json["data"]
    verdicts = sorted(row["verdict"] for row in listed)
    assert verdicts.count("duplicate") == 19
    deadline = time.monotonic() + 20
    while client.get("/api/v1/activities", headers=acme.bearer).json["data"] == []:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with inside(acme):
        assert db.session.query(Activity).count() == 1


def test_a_mapping_reads_foreign_names(client, acme, published, shown, work):
    body = {
        "site_id": str(acme.site_id),
        "kind": "custom",
        "name": "Courses",
        "mapping": {
            "type": "'signup'",
            "external_id": "enrolment.number",
            "first_name": "student.given",
            "product_name": "course.title",
        },
    }
    made = client.post("/api/v1/sources", headers=acme.bearer, json=body).json
    campaign = {
        "site_id": str(acme.site_id),
        "name": "Joined",
        "format": "recent_activity",
        "content": {"template": "{{first_name}} joined {{product}}", "types": ["signup"]},
        "status": "published",
    }
    client.post("/api/v1/campaigns", headers=acme.bearer, json=campaign)
    data = json.dumps(
        {"enrolment": {"number": 7}, "student": {"given": "Ben"}, "course": {"title": "Tea basics"}}
    ).encode()
    signature = hmac.new(made["secret"].encode(), data, hashlib.sha256).hexdigest()
    path = f"/hooks/{made['id']}"
    headers = {"X-Signature": f"sha256={signature}"}
    assert client.post(path, data=data, headers=headers).status_code == 200
    work()
    assert shown() == ["Ben joined Tea basics"]


@pytest.mark.parametrize(
    "mapping", [{"type": "a["}, {"nonsense": "a"}, {"type": "x" * 501}, {"type": 7}]
)
def test_a_mapping_that_cannot_work_is_refused_at_saving(client, acme, mapping):
    body = {"site_id": str(acme.site_id), "kind": "custom", "name": "C", "mapping": mapping}
    answer = client.post("/api/v1/sources", headers=acme.bearer, json=body)
    assert answer.status_code == 422 and "mapping" in str(answer.json["error"]["details"])
