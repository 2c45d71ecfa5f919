"""kill -9 of a worker in the middle of sending: what it had is sent again, with the same id."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import update

from app.core import clock
from app.core.db import db
from app.webhooks.models import Delivery
from tests.services import Program
from tests.visits import event, send
from tests.webhooks.receiver import answering


@pytest.fixture
def workers(environ, receive):
    """A worker and the clock as processes of their own, with queues of their own, that may reach
    the receiver."""
    started = []

    def start(receiver):
        own = {**environ, "REDIS_URL": environ["REDIS_URL"] + "?db=2"}
        program = Program({**own, "CANDOR_OUTBOUND_ALLOW": receiver.address})
        program.start("worker")
        program.start("cron")
        started.append(program)
        return program

    yield start
    for program in started:
        program.stop()


@pytest.mark.timeout(180)
def test_a_worker_killed_between_claim_and_record_sends_it_again_with_the_same_id(
    acme, inside, receive, endpoint_of, tell, workers, log
):
    release = threading.Event()

    def hold(connection, received):
        release.wait(60)
        answering()(connection, received)

    receiver = receive(hold)
    tell(acme, endpoint_of(acme, receiver))
    program = workers(receiver)
    receiver.wait(1, 60)
    # The request is out, and nothing is recorded yet.
    assert log(acme)[0].state == "pending" and log(acme)[0].attempts == 1
    program.kill("worker")
    release.set()
    receiver.behave = answering()
    program.start("worker")
    _run_out(inside, acme)
    receiver.wait(2, 60)
    assert len(set(receiver.ids)) == 1
    _until(lambda: log(acme)[0].state == "delivered")
    assert log(acme)[0].attempts == 2


@pytest.mark.timeout(180)
def test_kills_at_random_lose_nothing(acme, inside, receive, endpoint_of, tell, workers, log):
    receiver = receive(lambda *request: (time.sleep(0.02), answering()(*request)))
    endpoint_id = endpoint_of(acme, receiver)
    program = workers(receiver)
    written = []
    for number in range(60):
        written.append(tell(acme, endpoint_id))
        if number % 20 == 10:
            receiver.wait(1, 60)
            program.kill("worker")
            program.start("worker")
    _run_out(inside, acme)
    _until(lambda: {each.state for each in log(acme)} == {"delivered"}, 90)
    assert {f"msg_{each.hex}" for each in written} == set(receiver.ids)


@pytest.mark.timeout(180)
def test_events_are_told_though_the_worker_is_killed_between_batches(
    acme, client, inside, receive, endpoint_of, workers, log
):
    receiver = receive()
    endpoint_of(acme, receiver, types=["event.recorded"], event_names=["signup"])
    sent = _signups(client, acme, 1000)
    program = workers(receiver)
    for number in range(4):
        receiver.wait(1 + number, 60)
        program.kill("worker")
        sent += _signups(client, acme, 200)
        program.start("worker")
    _run_out(inside, acme)
    _until(lambda: len(_told(receiver)) == len(sent), 120)
    told = _told(receiver)
    assert set(told) == set(sent)
    # What came twice came under the same name: each event is of one message.
    assert all(len(messages) == 1 for messages in told.values())


def _signups(client, tenant, number):
    sent = [event(tenant, name="signup") for _ in range(number)]
    for first in range(0, number, 50):
        address = f"198.51.100.{first // 50}"
        send(client, tenant, *sent[first : first + 50], address=address)
    return [each["id"] for each in sent]


def _told(receiver):
    """By event, the messages in which it was told."""
    told = {}
    for got in list(receiver.received):
        for each in got.json["data"]["events"]:
            told.setdefault(each["id"], set()).add(got.id)
    return told


def _run_out(inside, tenant):
    """Let the claims that a dead worker left behind run out, as they do after a minute."""
    with inside(tenant):
        claimed = update(Delivery).where(Delivery.state == "pending", Delivery.attempts > 0)
        statement = claimed.values(next_attempt_at=clock.now())
        db.session.execute(statement.execution_options(synchronize_session=False))
        db.session.commit()


def _until(good, seconds=60):
    deadline = time.monotonic() + seconds
    while not good() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert good()
