"""What happens is told to those who want to hear of it: once, signed, and in spite of everything a
receiver may do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select
from standardwebhooks import Webhook, WebhookVerificationError

from app.core import clock
from app.core.db import db
from app.core.mail import OutgoingMail
from app.webhooks.jobs import forget_old_payloads, sweep_due
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint
from app.webhooks.models.delivery import SCHEDULE
from app.webhooks.models.endpoint import TOLERATED
from app.webhooks.sending import turns
from tests.webhooks.receiver import answering, endless, hanging, resetting


def activity(tenant, **more):
    body = {"site_id": str(tenant.site_id), "type": "purchase", "product": {"name": "Tea"}}
    return {"json": {**body, **more}, "headers": tenant.bearer}


def endpoint_in(inside, tenant, endpoint_id):
    with inside(tenant):
        endpoint = db.session.get_one(Endpoint, endpoint_id)
        # Opened here, since it needs the application.
        endpoint.known = endpoint.secret
        db.session.expunge(endpoint)
        return endpoint


def test_what_happens_arrives_signed_at_whoever_wants_it(
    acme, client, receive, endpoint_of, work, inside, log
):
    receiver, other = receive(), receive()
    endpoint_id = endpoint_of(acme, receiver, types=["activity.created"])
    endpoint_of(acme, other, types=["order.created"])
    made = client.post("/api/v1/activities", **activity(acme)).json
    work()
    assert len(receiver.received) == 1 and other.received == []
    got = receiver.received[0]
    assert got.line == "POST /hook HTTP/1.1"
    assert got.headers["content-type"] == "application/json"
    secret = endpoint_in(inside, acme, endpoint_id).known
    told = Webhook(secret).verify(got.body, got.headers)
    assert set(told) == {"type", "timestamp", "data"}
    assert told["type"] == "activity.created" and told["data"]["id"] == made["id"]
    assert [(each.state, each.attempts) for each in log(acme)] == [("delivered", 1)]


def test_one_altered_byte_does_not_fit_the_signature(
    acme, receive, endpoint_of, tell, work, inside
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    got = receiver.received[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint_in(inside, acme, endpoint_id).known).verify(got.body + b" ", got.headers)


def test_nothing_is_told_of_what_was_rolled_back(acme, inside, receive, endpoint_of, work, log):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    with inside(acme):
        Delivery.write(db.session.get_one(Endpoint, endpoint_id), "order.created", b"{}")
        db.session.rollback()
    work()
    assert receiver.received == [] and log(acme) == []


def test_an_endpoint_of_one_site_hears_nothing_of_another(
    app, acme, client, inside, receive, allow, work
):
    receiver = receive()
    site = client.post(
        "/api/v1/sites", json={"name": "B", "domain": "b.example"}, headers=acme.bearer
    ).json
    body = {"url": receiver.url, "types": ["*"], "site_id": site["id"]}
    made = client.post("/api/v1/endpoints", json=body, headers=acme.bearer)
    assert made.status_code == 201, made.text
    client.post("/api/v1/activities", **activity(acme))
    client.post("/api/v1/activities", **activity(acme, site_id=site["id"]))
    work()
    assert [each.json["data"]["site_id"] for each in receiver.received] == [site["id"]]


def test_own_headers_are_sent_and_never_kept(acme, receive, endpoint_of, tell, work, attempts, app):
    receiver = receive()
    tell(acme, endpoint_of(acme, receiver, headers={"X-Key": "hunter2"}))
    work()
    assert receiver.received[0].headers["x-key"] == "hunter2"
    with app.app_context():
        sent = attempts(acme)[0].sent_headers
    assert sent["X-Key"] == "(hidden)" and "webhook-signature" in sent


def test_of_a_megabyte_of_headers_eight_kilobytes_are_kept(
    acme, receive, endpoint_of, tell, work, attempts, app
):
    many = [f"X-Many-{number}: {'y' * 9000}" for number in range(95)]
    receiver = receive(answering("200 OK", b"", *many))
    tell(acme, endpoint_of(acme, receiver))
    work()
    with app.app_context():
        (attempt,) = attempts(acme)
        assert attempt.status == 200
        kept = attempt.headers
    assert kept and sum(len(n) + len(v) for n, v in kept.items()) <= 8 * 1024


def test_after_a_rotation_both_secrets_sign_for_a_day(
    acme, inside, receive, endpoint_of, tell, work, sweep
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    before = endpoint_in(inside, acme, endpoint_id).known
    with inside(acme):
        db.session.get_one(Endpoint, endpoint_id).rotate_secret()
        db.session.commit()
    after = endpoint_in(inside, acme, endpoint_id).known
    assert before != after
    tell(acme, endpoint_id)
    work()
    got = receiver.received[0]
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (before, after):
        Webhook(secret).verify(got.body, got.headers)
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=True):
        tell(acme, endpoint_id)
        sweep()
        got = receiver.received[1]
        Webhook(after).verify(got.body, got.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(before).verify(got.body, got.headers)


@pytest.mark.parametrize(
    "behave, words",
    [
        (answering("500 Oh"), None),
        (answering("400 No"), None),
        (answering("302 Found", b"", "Location: http://127.0.0.1:1/"), None),
        (answering("304 Same"), None),
        (resetting, "The request failed"),
        (lambda connection, _received: connection.sendall(b"hello"), "The request failed"),
    ],
    ids=["500", "400", "302", "304", "reset", "no HTTP"],
)
def test_what_is_not_taken_is_tried_again_in_five_seconds_with_the_same_id(
    acme, receive, endpoint_of, tell, work, log, attempts, sweep, behave, words
):
    receiver = receive(behave)
    tell(acme, endpoint_of(acme, receiver))
    work()
    [delivery] = log(acme)
    assert delivery.state == "pending" and delivery.attempts == 1
    [attempt] = attempts(acme)
    # However long it took.
    ended_at = attempt.at + timedelta(milliseconds=attempt.milliseconds)
    assert 5 <= (delivery.next_attempt_at - ended_at).total_seconds() <= 5.5
    assert (attempt.error or "").startswith(words or "")
    receiver.behave = answering()
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=True):
        sweep()
    assert log(acme)[0].state == "delivered"
    assert len(set(receiver.ids)) == 1 and len(receiver.ids) == 2


def test_the_tries_are_those_of_the_schedule_and_then_it_has_failed(
    acme, receive, endpoint_of, tell, log, sweep
):
    receiver = receive(answering("500 Oh"))
    tell(acme, endpoint_of(acme, receiver))
    begun = moment = clock.now()
    for number, step in enumerate(SCHEDULE):
        # Sooner there is nothing to do.
        moment += step * 1.1 + timedelta(seconds=1)
        with time_machine.travel(moment, tick=True):
            sweep()
            assert len(receiver.received) == number + 1
            sweep()
            assert len(receiver.received) == number + 1
    [delivery] = log(acme)
    assert (delivery.state, delivery.attempts) == ("failed", 10)
    assert len(set(receiver.ids)) == 1
    assert timedelta(days=3) < moment - begun < timedelta(days=4)


def test_an_endless_body_is_cut_and_a_little_of_it_kept(
    app, acme, receive, endpoint_of, tell, work, log, attempts
):
    receiver = receive(endless)
    tell(acme, endpoint_of(acme, receiver))
    work()
    assert log(acme)[0].state == "delivered"
    with app.app_context():
        assert attempts(acme)[0].body == b"x" * 8192


def test_a_receiver_that_hangs_is_given_up_after_fifteen_seconds(
    acme, receive, endpoint_of, tell, work, log, attempts
):
    receiver = receive(hanging)
    tell(acme, endpoint_of(acme, receiver))
    began = time.monotonic()
    work()
    assert 14 < time.monotonic() - began < 25
    assert log(acme)[0].state == "pending"
    assert attempts(acme)[0].error == "There was no whole answer within 15 seconds."


def test_one_that_asks_for_a_pause_gets_it(acme, receive, endpoint_of, tell, work, log, sweep):
    receiver = receive(answering("429 Slow", b"", "Retry-After: 120"))
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    tell(acme, endpoint_id)
    work()
    assert len(receiver.received) == 1, "the other waits as well"
    wait = (log(acme)[0].next_attempt_at - clock.now()).total_seconds()
    assert 110 < wait <= 120
    receiver.behave = answering()
    with time_machine.travel(clock.now() + timedelta(seconds=121), tick=True):
        sweep()
    assert [each.state for each in log(acme)] == ["delivered"] * 2


def test_gone_disables_at_once_and_the_owners_are_told(
    acme, client, inside, receive, endpoint_of, tell, work
):
    receiver = receive(answering("410 Gone"))
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    endpoint = endpoint_in(inside, acme, endpoint_id)
    assert endpoint.disabled_reason == "gone"
    with inside(acme):
        [mail] = db.session.scalars(select(OutgoingMail)).all()
        assert mail.recipient == "alice@acme.example"
        assert "410" in mail.text and str(endpoint_id) in mail.text
    client.post("/api/v1/activities", **activity(acme))
    work()
    assert len(receiver.received) == 1, "nothing is sent while it is disabled"


def test_five_days_without_a_success_disable_and_enabling_sends_what_waited(
    acme, client, inside, receive, endpoint_of, tell, work, log, sweep
):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    for day in range(1, 5):
        with time_machine.travel(clock.now() + timedelta(days=day), tick=True):
            sweep()
    with time_machine.travel(clock.now() + timedelta(days=4, hours=23), tick=True):
        tell(acme, endpoint_id)
        sweep()
        assert endpoint_in(inside, acme, endpoint_id).disabled_at is None
    with time_machine.travel(clock.now() + timedelta(days=5, minutes=1), tick=True):
        sweep()
        assert endpoint_in(inside, acme, endpoint_id).disabled_reason == "failing"
        with inside(acme):
            assert db.session.scalar(select(func.count(OutgoingMail.id))) == 1
        receiver.behave, before = answering(), len(receiver.received)
        sweep()
        assert len(receiver.received) == before
        path = f"/api/v1/endpoints/{endpoint_id}"
        answer = client.patch(path, json={"enabled": True}, headers=acme.bearer)
        assert answer.json["enabled"] is True
        work()
    with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
        sweep()
    assert [each.state for each in log(acme)] == ["delivered"] * 2


def test_a_failure_long_after_the_last_one_begins_anew(
    acme, inside, receive, endpoint_of, tell, work, sweep
):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    tell(acme, endpoint_id)
    work()
    long_after = clock.now() + timedelta(days=20)
    with time_machine.travel(long_after, tick=True):
        tell(acme, endpoint_id)
        sweep()
        endpoint = endpoint_in(inside, acme, endpoint_id)
        assert endpoint.disabled_at is None
        assert endpoint.failing_since >= long_after
    # It lasts from there on.
    for hours in (26, 52, 78, 104):
        with time_machine.travel(long_after + timedelta(hours=hours), tick=True):
            tell(acme, endpoint_id)
            sweep()
            endpoint = endpoint_in(inside, acme, endpoint_id)
            assert endpoint.disabled_at is None and endpoint.failing_since >= long_after
            assert endpoint.failing_since < long_after + timedelta(hours=1)
    with time_machine.travel(long_after + timedelta(days=5, hours=1), tick=True):
        tell(acme, endpoint_id)
        sweep()
        assert endpoint_in(inside, acme, endpoint_id).disabled_reason == "failing"


def test_another_address_forgets_what_failed_at_the_one_before(
    acme, client, inside, receive, endpoint_of, tell, work, sweep
):
    before, after = receive(answering("500 Oh")), receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, before)
    path = f"/api/v1/endpoints/{endpoint_id}"
    for _ in range(TOLERATED):
        tell(acme, endpoint_id)
    work()
    failing = client.get(path, headers=acme.bearer).json["failing_since"]
    assert failing
    # The same one again is no other.
    for change in ({"description": "Shop"}, {"url": before.url}):
        answer = client.patch(path, json=change, headers=acme.bearer)
        assert (answer.status_code, answer.json["failing_since"]) == (200, failing)
    answer = client.patch(path, json={"url": after.url}, headers=acme.bearer)
    assert (answer.status_code, answer.json["failing_since"]) == (200, None)
    endpoint = endpoint_in(inside, acme, endpoint_id)
    assert (endpoint.failures, endpoint.waits_until) == (0, None)
    with time_machine.travel(clock.now() + timedelta(days=5, minutes=1), tick=True):
        sweep()
        assert after.received
        assert endpoint_in(inside, acme, endpoint_id).disabled_at is None


def test_after_several_failures_one_at_a_time_tries_and_the_others_wait(
    acme, inside, receive, endpoint_of, tell, work, log, sweep
):
    receiver = receive(answering("500 Oh"))
    endpoint_id = endpoint_of(acme, receiver)
    for _ in range(TOLERATED + 5):
        tell(acme, endpoint_id)
    work()
    assert len(receiver.received) == TOLERATED
    with time_machine.travel(clock.now() + timedelta(seconds=31), tick=True):
        sweep()
        sweep()
        assert len(receiver.received) == TOLERATED + 1
    receiver.behave = answering()
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        sweep()
    assert {each.state for each in log(acme)} == {"delivered"}


def test_a_receiver_that_hangs_delays_nobody_else(
    acme, umbrella, receive, endpoint_of, tell, inside, app, log
):
    stuck, healthy = receive(hanging), receive()
    for _ in range(10):
        tell(acme, endpoint_of(acme, stuck))
    theirs = endpoint_of(umbrella, healthy)
    for _ in range(50):
        tell(umbrella, theirs)
    began = time.monotonic()
    with app.app_context():
        sweep_due()
    healthy.wait(50, 12)
    assert time.monotonic() - began < 12
    turns.finish(40, stop=False)
    assert {each.state for each in log(umbrella)} == {"delivered"}
    assert {each.state for each in log(acme)} == {"pending"}


def test_what_cannot_be_opened_any_more_does_not_keep_the_others_waiting(
    acme, inside, receive, endpoint_of, tell, sweep, log
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver)
    poison = tell(acme, endpoint_id)
    tell(acme, endpoint_id)
    with inside(acme):
        delivery = db.session.get_one(Delivery, poison)
        delivery.payload_sealed = delivery.payload_sealed[:-1] + b"x"
        db.session.commit()
    sweep()
    sweep()
    assert [each.state for each in log(acme)] == ["failed", "delivered"]


def test_two_workers_never_send_the_same_attempt(acme, inside, receive, endpoint_of, tell):
    endpoint_id = endpoint_of(acme, receive())
    for _ in range(5):
        tell(acme, endpoint_id)
    with inside(acme):
        first = Delivery.claim(endpoint_id, 3)
        second = Delivery.claim(endpoint_id, 3)
        assert len(first) == 3 and len(second) == 2
        assert not {each.id for each in first} & {each.id for each in second}
        assert Delivery.claim(endpoint_id, 3) == []


def test_a_lost_nudge_is_made_up_for_by_the_sweep(app, acme, receive, endpoint_of, tell, sweep):
    receiver = receive()
    tell(acme, endpoint_of(acme, receiver))
    with app.app_context():
        app.extensions["candor_redis"].flushall()
    sweep()
    assert len(receiver.received) == 1


def test_payloads_are_dropped_after_thirty_days(
    app, acme, inside, receive, endpoint_of, tell, work, log
):
    receiver = receive()
    tell(acme, endpoint_of(acme, receiver))
    work()
    for days, kept in ((29, True), (31, False)):
        with time_machine.travel(clock.now() + timedelta(days=days), tick=True):
            with app.app_context():
                forget_old_payloads()
            [delivery] = log(acme)
            assert (delivery.payload_sealed is not None) is kept
            with inside(acme):
                [attempt] = db.session.scalars(select(DeliveryAttempt)).all()
                assert (attempt.sent_headers_sealed is not None) is kept
                if not kept:
                    assert "30 days" in delivery.why_not_redeliverable
