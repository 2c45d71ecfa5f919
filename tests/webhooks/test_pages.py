"""Pages and REST of endpoints: what is shown once, kept, sent again and written down."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import select

from app.accounts.models import AuditEntry
from app.core import clock
from app.core.db import db
from app.webhooks.models import Delivery, Endpoint
from app.webhooks.models.endpoint import MOST_ENDPOINTS, TOLERATED
from tests.webhooks.receiver import answering

TOLD = {"url": "https://93.184.215.14/hook", "types": ["order.created"]}


@pytest.fixture
def made(acme, client):
    answer = client.post("/api/v1/endpoints", json=TOLD, headers=acme.bearer)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_the_secret_is_shown_at_creation_and_rotation_and_nowhere_else(
    acme, client, made, sign_in, inside
):
    path, alice = f"/api/v1/endpoints/{made['id']}", sign_in("alice@acme.example")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    page = f"/o/{acme.slug}/endpoints"
    for address in (page, f"{page}/{made['id']}", f"{page}/{made['id']}/edit"):
        assert made["secret"] not in alice.get(address).text
    assert client.get(path, headers=acme.bearer).json["secret"] is None
    rotated = client.post(f"{path}/secret", headers=acme.bearer).json["secret"]
    assert rotated != made["secret"]
    shown = alice.post(f"{page}/{made['id']}/secret").text
    with inside(acme):
        endpoint = db.session.scalars(select(Endpoint)).one()
        assert endpoint.secret in shown.replace("&#43;", "+")
        assert endpoint.secret.encode() not in endpoint.secret_sealed
        assert TOLD["url"].encode() not in endpoint.url_sealed


def test_the_values_of_headers_are_kept_when_they_are_not_typed_again(acme, inside, sign_in):
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/endpoints"
    form = {"url": TOLD["url"], "everything": "y", "headers": "X-Key: hunter2\nX-Other: b"}
    assert alice.post(page, form).status_code == 200
    with inside(acme):
        endpoint_id = db.session.scalars(select(Endpoint.id)).one()
    shown = alice.get(f"{page}/{endpoint_id}/edit").text
    assert "hunter2" not in shown and "X-Key: (hidden)" in shown
    form["headers"] = "X-Key: (hidden)\nX-Other: c"
    assert alice.post(f"{page}/{endpoint_id}", form).status_code == 302
    with inside(acme):
        endpoint = db.session.get_one(Endpoint, endpoint_id)
        assert endpoint.headers == {"X-Key": "hunter2", "X-Other": "c"}


def test_the_values_of_headers_go_to_no_host_that_was_not_told_them(
    acme, inside, sign_in, client, receive
):
    """Whoever may change an address, but was never shown the values, could read them there."""
    known, other = receive(), receive()
    with inside(acme):
        made = Endpoint.create(known.url, ["*"], headers={"X-Key": "hunter2"})
        db.session.commit()
        endpoint_id = made.id
    path = f"/api/v1/endpoints/{endpoint_id}"
    for change in ({"url": other.url}, {"url": other.url, "headers": {"X-Key": "(hidden)"}}):
        refused = client.patch(path, json=change, headers=acme.bearer)
        assert refused.status_code == 422 and "headers" in refused.json["error"]["details"]
    page = f"/o/{acme.slug}/endpoints/{endpoint_id}"
    form = {"url": other.url, "everything": "y", "headers": "X-Key: (hidden)"}
    assert sign_in("alice@acme.example").post(page, form).status_code == 422
    with inside(acme):
        assert db.session.get_one(Endpoint, endpoint_id).url == known.url
    # Another path of the same host is fine, and so is another host with headers of its own.
    for change in ({"url": f"{known.url}/b"}, {"url": other.url, "headers": {"X-Key": "new"}}):
        assert client.patch(path, json=change, headers=acme.bearer).status_code == 200


@pytest.mark.parametrize(
    "change, field",
    [
        ({"types": []}, "types"),
        ({"types": ["order.paid"]}, "types"),
        ({"types": ["*", "order.created"]}, "types"),
        ({"headers": {"webhook-id": "x"}}, "headers"),
        ({"headers": {"Content-Type": "x"}}, "headers"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers"),
        ({"headers": {"X A": "a"}}, "headers"),
        ({"headers": {f"X-{n}": "a" for n in range(11)}}, "headers"),
        ({"headers": {"X-A": "a" * 501}}, "headers"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "headers"),
    ],
)
def test_what_an_endpoint_cannot_be_is_refused_with_the_reason(acme, client, change, field):
    answer = client.post("/api/v1/endpoints", json={**TOLD, **change}, headers=acme.bearer)
    assert answer.status_code == 422 and set(answer.json["error"]["details"]) == {field}


def test_there_are_not_endlessly_many(acme, client, inside):
    with inside(acme):
        for _ in range(MOST_ENDPOINTS):
            Endpoint.create(TOLD["url"], ["*"])
        db.session.commit()
    answer = client.post("/api/v1/endpoints", json=TOLD, headers=acme.bearer)
    assert answer.status_code == 422 and "at most" in answer.text


def test_an_endpoint_is_made_once_for_an_idempotency_key(acme, client):
    headers = {**acme.bearer, "Idempotency-Key": "one"}
    first, again = (
        client.post("/api/v1/endpoints", json=TOLD, headers=headers).json for _ in range(2)
    )
    assert first == again and first["secret"]
    listed = client.get("/api/v1/endpoints", headers=acme.bearer).json
    assert [each["id"] for each in listed["data"]] == [first["id"]]
    assert client.get("/api/v1/endpoints?cursor=x", headers=acme.bearer).status_code == 400


def test_a_delivery_is_shown_with_each_attempt_and_sent_again_with_the_same_id(
    acme, client, receive, endpoint_of, tell, work, sign_in
):
    receiver = receive(answering("500 Oh", b"<b>no</b> \x00\xff", "X-Odd: 1"))
    delivery_id = tell(acme, endpoint_of(acme, receiver))
    work()
    path = f"/api/v1/deliveries/{delivery_id}"
    shown = client.get(path, headers=acme.bearer).json
    assert shown["state"] == "pending" and shown["message_id"] == receiver.ids[0]
    assert shown["payload"].encode() == receiver.received[0].body
    [attempt] = shown["log"]
    assert attempt["status"] == 500 and attempt["headers"]["x-odd"] == "1"
    assert attempt["request_headers"]["webhook-id"] == receiver.ids[0]
    page = f"/o/{acme.slug}/endpoints/deliveries/{delivery_id}"
    text = sign_in("alice@acme.example").get(page).text
    assert "500 Internal Server Error" in text and "&lt;b&gt;no&lt;/b&gt;" in text
    # What still waits is not sent again besides.
    answer = client.post(f"{path}/redelivery", headers=acme.bearer)
    assert answer.status_code == 409


def test_what_waits_for_a_later_attempt_is_sent_now_once_the_receiver_works(
    acme, client, receive, endpoint_of, tell, work, sweep, sign_in
):
    receiver = receive(answering("500 Oh"))
    delivery_id = tell(acme, endpoint_of(acme, receiver))
    work()
    page, alice = (
        f"/o/{acme.slug}/endpoints/deliveries/{delivery_id}",
        sign_in("alice@acme.example"),
    )
    assert "Send now" not in alice.get(page).text  # in some seconds it is by itself
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=True):
        sweep()
        assert "Send now" in alice.get(page).text
        receiver.behave = answering()
        path = f"/api/v1/deliveries/{delivery_id}"
        assert client.post(f"{path}/redelivery", headers=acme.bearer).status_code == 200
        work()
        assert client.get(path, headers=acme.bearer).json["state"] == "delivered"
    assert len(receiver.ids) == 3 and len(set(receiver.ids)) == 1


@pytest.mark.parametrize("again", ["one", "range"])
def test_of_two_who_send_it_again_at_once_one_is_told_that_it_is_sent(
    app, acme, inside, receive, endpoint_of, tell, work, again
):
    endpoint_id = endpoint_of(acme, receive())
    delivery_id = tell(acme, endpoint_id)
    work()
    one = f"/api/v1/deliveries/{delivery_id}/redelivery", {}
    every = "/api/v1/redeliveries", {"endpoint_id": str(endpoint_id), "state": "delivered"}
    path, body = one if again == "one" else every
    answers = []

    def press():
        answer = app.test_client().post(path, json=body, headers=acme.bearer)
        answers.append(answer.status_code)

    with inside(acme):
        db.session.get_one(Delivery, delivery_id).redeliver()
        db.session.flush()
        second = threading.Thread(target=press)
        second.start()
        second.join(0.5)
        db.session.commit()
    second.join(20)
    assert answers == [409]


def test_a_range_takes_what_waits_for_a_later_attempt_along(
    acme, client, receive, endpoint_of, tell, work, sweep
):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    waiting = tell(acme, endpoint_id)
    work()
    body = {"endpoint_id": str(endpoint_id), "state": "pending"}
    # In some seconds it is sent by itself.
    answer = client.post("/api/v1/redeliveries", json=body, headers=acme.bearer)
    assert answer.status_code == 409
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=True):
        sweep()
        receiver.behave = answering()
        answer = client.post("/api/v1/redeliveries", json=body, headers=acme.bearer)
        assert answer.status_code == 201 and answer.json["total"] == 1
        work()
    shown = client.get(f"/api/v1/deliveries/{waiting}", headers=acme.bearer).json
    assert shown["state"] == "delivered"


def test_what_waits_because_its_receiver_is_left_alone_is_sent_now_too(
    acme, client, inside, receive, endpoint_of, tell, work, sweep
):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    for _ in range(TOLERATED):
        tell(acme, endpoint_id)
        work()
    waiting = tell(acme, endpoint_id)
    work()
    path = f"/api/v1/deliveries/{waiting}"
    shown = client.get(path, headers=acme.bearer).json
    assert (shown["state"], shown["attempts"]) == ("pending", 0)
    receiver.behave = answering()
    assert client.post(f"{path}/redelivery", headers=acme.bearer).status_code == 200
    work()
    sweep()
    assert client.get(path, headers=acme.bearer).json["state"] == "delivered"


def test_what_waits_for_a_disabled_endpoint_is_not_sent_and_says_why(
    acme, client, receive, endpoint_of, tell, work, sign_in
):
    endpoint_id = endpoint_of(acme, receive(answering("500 Oh")))
    delivery_id = tell(acme, endpoint_id)
    work()
    client.patch(f"/api/v1/endpoints/{endpoint_id}", json={"enabled": False}, headers=acme.bearer)
    answer = client.post(f"/api/v1/deliveries/{delivery_id}/redelivery", headers=acme.bearer)
    assert answer.status_code == 409 and "is enabled" in answer.text
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        page = f"/o/{acme.slug}/endpoints/deliveries/{delivery_id}"
        assert "Send now" not in sign_in("alice@acme.example").get(page).text


def test_a_range_is_sent_again_and_its_progress_told(
    acme, client, inside, receive, endpoint_of, tell, work, sign_in
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    for kind in ("order.created", "order.created", "activity.created"):
        tell(acme, endpoint_id, kind)
    work()
    before = sorted(receiver.ids)
    body = {"endpoint_id": str(endpoint_id), "state": "delivered", "type": "order.created"}
    answer = client.post("/api/v1/redeliveries", json=body, headers=acme.bearer)
    assert answer.status_code == 201 and answer.json["total"] == 2
    assert answer.json["pending"] == 2
    work()
    path = f"/api/v1/redeliveries/{answer.json['id']}"
    assert client.get(path, headers=acme.bearer).json["delivered"] == 2
    assert len(receiver.ids) == 5 and sorted(set(receiver.ids)) == before
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    late = client.post(
        "/api/v1/redeliveries", json={**body, "since": tomorrow}, headers=acme.bearer
    )
    assert late.status_code == 409
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/endpoints/{endpoint_id}"
    assert "these 3 deliveries" in alice.get(f"{page}/redeliveries/new").text
    more = alice.post(f"{page}/redeliveries", {"total": "2"})
    assert more.status_code == 422 and "There are more by now" in more.text
    begun = alice.post(f"{page}/redeliveries", {"total": "3"})
    assert "0 of 3" in alice.get(begun.headers["Location"]).text
    work()
    assert "3 of 3" in alice.get(begun.headers["Location"]).text
    # What a later range has taken over is no longer waited for.
    first = f"/o/{acme.slug}/endpoints/redeliveries/{answer.json['id']}"
    shown = alice.get(first).text
    assert "2 of 2" in shown and "Sent again with a later range" in shown
    assert "later range" not in alice.get(begun.headers["Location"]).text


def test_a_range_is_tried_at_once_also_where_the_receiver_has_not_answered_well(
    acme, client, receive, endpoint_of, tell, work
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id, "order.created")
    work()
    receiver.behave = answering("500 Oh")
    for _ in range(6):
        tell(acme, endpoint_id)
    work()
    receiver.behave, before = answering(), len(receiver.received)
    path = f"/api/v1/endpoints/{endpoint_id}"
    assert client.get(path, headers=acme.bearer).json["waits_until"]
    body = {"endpoint_id": str(endpoint_id), "state": "delivered"}
    client.post("/api/v1/redeliveries", json=body, headers=acme.bearer)
    work()
    assert len(receiver.received) > before


def test_a_test_goes_before_what_waits_with_it(acme, client, receive, endpoint_of, tell, work):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    for _ in range(5):
        tell(acme, endpoint_id)
    path = f"/api/v1/endpoints/{endpoint_id}/tests"
    made = client.post(path, json={"type": "order.refunded"}, headers=acme.bearer).json
    work()
    assert receiver.ids[1] == made["message_id"] and len(receiver.ids) == 7


def test_a_value_that_is_not_shown_is_kept_and_never_becomes_the_word_for_it(
    acme, client, inside, receive, endpoint_of, tell, work, sign_in
):
    receiver = receive()
    path = f"/api/v1/endpoints/{endpoint_of(acme, receiver)}"
    change = {"headers": {"X-Key": "s3cret"}}
    assert client.patch(path, json=change, headers=acme.bearer).status_code == 200
    shown = client.get(path, headers=acme.bearer).json["headers"]
    assert shown == {"X-Key": "(hidden)"}
    again = {"headers": {**shown, "X-More": "1"}, "description": "The same"}
    assert client.patch(path, json=again, headers=acme.bearer).status_code == 200
    tell(acme, UUID(path.rsplit("/", 1)[1]))
    work()
    sent = receiver.received[0].headers
    assert (sent["x-key"], sent["x-more"]) == ("s3cret", "1")
    renamed = client.patch(path, json={"headers": {"X-Name": "(hidden)"}}, headers=acme.bearer)
    assert renamed.status_code == 422 and "Type it anew" in renamed.text
    form = {"url": receiver.url, "everything": "y", "headers": "X-Name: (hidden)"}
    page = f"/o/{acme.slug}/endpoints/{path.rsplit('/', 1)[1]}"
    refused = sign_in("alice@acme.example").post(page, form)
    assert refused.status_code == 422 and "Type it anew" in refused.text


def test_a_test_is_sent_also_while_the_others_wait(acme, client, receive, endpoint_of, tell, work):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    for _ in range(8):
        tell(acme, endpoint_id)
    work()
    before = len(receiver.received)
    receiver.behave = answering()
    path = f"/api/v1/endpoints/{endpoint_id}"
    assert client.get(path, headers=acme.bearer).json["waits_until"]
    made = client.post(f"{path}/tests", json={"type": "order.refunded"}, headers=acme.bearer).json
    work()
    assert receiver.ids[before] == made["message_id"]
    assert receiver.received[before].json["type"] == "order.refunded"
    assert client.get(path, headers=acme.bearer).json["failing_since"] is None


def test_nothing_is_tested_that_is_disabled_or_unknown(acme, client, made):
    path = f"/api/v1/endpoints/{made['id']}"
    for kind in ("*", "order.paid"):
        answer = client.post(f"{path}/tests", json={"type": kind}, headers=acme.bearer)
        assert answer.status_code == 422 and set(answer.json["error"]["details"]) == {"type"}
    client.patch(path, json={"enabled": False}, headers=acme.bearer)
    answer = client.post(f"{path}/tests", json={"type": "order.created"}, headers=acme.bearer)
    assert answer.status_code == 409


def test_what_is_done_to_an_endpoint_is_written_down(acme, client, inside, made):
    path = f"/api/v1/endpoints/{made['id']}"
    client.patch(path, json={"description": "Warehouse"}, headers=acme.bearer)
    client.post(f"{path}/secret", headers=acme.bearer)
    client.patch(path, json={"enabled": False}, headers=acme.bearer)
    client.patch(path, json={"enabled": True}, headers=acme.bearer)
    client.delete(path, headers=acme.bearer)
    with inside(acme):
        found = select(AuditEntry).filter_by(subject_kind="endpoints").order_by(AuditEntry.number)
        entries = db.session.scalars(found).all()
        assert [each.action for each in entries] == [
            f"endpoint.{verb}"
            for verb in ("created", "changed", "secret_rotated", "disabled", "enabled", "removed")
        ]
        assert entries[0].details == {"host": "93.184.215.14", "types": ["order.created"]}
        assert db.session.scalars(select(Delivery)).all() == []


def test_the_receiver_for_developers_says_whether_a_signature_fits(
    app, acme, client, endpoint_of, receive, tell, work
):
    receiver = receive()
    tell(acme, endpoint_of(acme, receiver))
    work()
    got = receiver.received[0]
    here = {"base_url": "http://127.0.0.1:8000", "environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
    statuses = {}
    for behaviour in ("ok", "500", "410", "429", "redirect"):
        answer = client.post(
            f"/dev/receiver/{behaviour}", data=got.body, headers=got.headers, **here
        )
        statuses[behaviour] = answer.status_code
    assert statuses == {"ok": 204, "500": 500, "410": 410, "429": 429, "redirect": 302}
    client.post("/dev/receiver/ok", data=got.body + b" ", headers=got.headers, **here)
    page = client.get("/dev/receiver", **here).text
    assert page.count("Fits") == 5 and page.count("does not fit the body") == 1
    assert client.post("/dev/receiver/none", data=b"", **here).status_code == 404
    elsewhere = client.get("/dev/receiver", base_url="http://candor.test")
    assert elsewhere.status_code == 404, "only from the same machine"
