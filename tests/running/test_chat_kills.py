"""kill -9 of web processes, worker and Valkey while visitors write: each message is there once, in
its writer's order, whoever listens hears of it or reads it again, and webhooks tell it at least once,
always under the same id. At random, and at each of the moments at which something is half done."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from uuid import uuid4

import psutil
import pytest
import requests
import websocket
from redis import Redis
from sqlalchemy import select, text, update

from app.chat.models import ChatSettings, Message
from app.config import embedded_redis_socket
from app.core import clock
from app.core.db import create_engine, db
from app.core.jobs import DEFAULT, key_of
from app.sites.models import Site
from app.webhooks.jobs import nudge_of
from app.webhooks.models import Delivery, Endpoint
from tests.running.test_kills import descendants, kill_one
from tests.services import Program
from tests.webhooks.receiver import Receiver, answering

KILLS = ("gunicorn worker",) * 3 + ("worker",) * 2 + ("valkey",)
WRITERS, MESSAGES = 4, 25
TYPES = ["conversation.opened", "conversation.message"]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def tree(app, environ, receiver):
    """The whole tree with a Valkey of its own, which may reach the receiver."""
    own = {name: value for name, value in environ.items() if name != "REDIS_URL"}
    program = Program({**own, "CANDOR_OUTBOUND_ALLOW": receiver.address})
    program.start("up")
    program.wait("/health/ready")
    yield program
    program.stop()


@pytest.fixture
def chatting(tree, acme, inside, receiver):
    """Acme chats, and has an endpoint that is told of it."""
    with inside(acme):
        ChatSettings.of(acme.site_id).change(db.session.get_one(Site, acme.site_id), on=True)
        Endpoint.create(receiver.url, TYPES)
        db.session.commit()


class Writer(threading.Thread):
    """Sends one message after the other, each under its own name until it is acknowledged, as the
    widget does."""

    def __init__(self, url, tenant, number):
        super().__init__(daemon=True)
        self.url, self.tenant, self.number = url, tenant, number
        self.token, self.conversation, self.answers = "", "", []
        self.bodies = [f"{number}/{each}" for each in range(MESSAGES)]

    def run(self):
        self.begin()
        for body in self.bodies:
            self.write(body)
            time.sleep(0.2)

    def begin(self, **said):
        said = {"site": self.tenant.site_key, "client_id": str(uuid4()), **said}
        opened = self.until_acknowledged("conversations", said)
        self.token, self.conversation = opened["token"], opened["id"]

    def write(self, body):
        said = {"client_id": str(uuid4()), "body": body}
        path = f"conversations/{self.conversation}/messages"
        self.answers.append(self.until_acknowledged(path, said))

    def read(self):
        """What is there, once what was killed is there again."""
        path, deadline = f"conversations/{self.conversation}/messages", time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = self.call("GET", path)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 200:
                return answer.json()
            time.sleep(0.2)
        raise AssertionError(f"{path} cannot be read")

    def until_acknowledged(self, path, said):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                answer = self.call("POST", path, json=said)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 201:
                return answer.json()
            assert answer is None or answer.status_code in (429, 502, 503), answer.text
            time.sleep(0.2)
        raise AssertionError(f"{path} was never acknowledged")

    def call(self, method, path, **options):
        headers = {"Origin": f"https://{self.tenant.domain}"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        address = f"{self.url}/widget/v1/{path}"
        return requests.request(method, address, headers=headers, timeout=5, **options)


@pytest.mark.timeout(240)
def test_no_message_is_lost_or_doubled_whatever_is_killed(tree, acme, chatting, inside, receiver):
    seed = int(os.environ.get("CANDOR_KILL_SEED", str(random.randrange(10**6))))
    print(f"seed {seed}")
    chance = random.Random(seed)
    writers = [Writer(tree.url, acme, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for name in chance.sample(KILLS, len(KILLS)):
        time.sleep(chance.uniform(0.3, 1.5))
        kill_one(tree, name, chance)
    for writer in writers:
        writer.join(120)
        assert not writer.is_alive()
        read = writer.read()
        assert [each["body"] for each in read["messages"]] == writer.bodies
        assert [each["seq"] for each in read["messages"]] == list(range(1, MESSAGES + 1))
        assert [each["seq"] for each in writer.answers] == list(range(1, MESSAGES + 1))
    run_out(inside, acme)
    told = until_told(receiver, {body for writer in writers for body in writer.bodies})
    assert {len(ids) for ids in told.values()} == {1}
    assert until_opened(receiver, WRITERS) == WRITERS


@pytest.mark.timeout(120)
@pytest.mark.parametrize("begins", [True, False])
def test_a_web_process_killed_between_the_commit_and_its_answer_is_asked_again(
    tree, acme, chatting, inside, receiver, begins
):
    writer = Writer(tree.url, acme, 0)
    if not begins:
        writer.begin(body="Hello")
        until_told(receiver, {"Hello"})
    # What comes after a commit is told to Valkey first: it stops there.
    with stopped(tree, "valkey-server"):
        asking = threading.Thread(
            target=lambda: writer.begin(body="Once") if begins else writer.write("Once")
        )
        asking.start()
        until(lambda: "Once" in stored(inside, acme))
        assert asking.is_alive() and not writer.answers and not (begins and writer.token)
        for process in family(tree, "gunicorn", depth=2):
            os.kill(process.pid, signal.SIGKILL)
        assert [each for each in deliveries(inside, acme) if each.state == "pending"]
    asking.join(60)
    assert not asking.is_alive() and (writer.token if begins else writer.answers)
    assert stored(inside, acme) == (["Once"] if begins else ["Hello", "Once"])
    told = until_told(receiver, {"Once"})
    assert {len(ids) for ids in told.values()} == {1}
    assert until_opened(receiver, 1) == 1
    assert len(deliveries(inside, acme)) == (2 if begins else 3)


@pytest.mark.timeout(120)
def test_whoever_listens_at_another_process_reads_again_what_a_killed_one_did_not_tell(
    tree, acme, chatting, inside
):
    writer = Writer(tree.url, acme, 0)
    writer.begin(body="Hello")
    sockets = [listen(writer)]
    while len(sockets) < 10 or (len(listening(tree)) < 2 and len(sockets) < 30):
        sockets.append(listen(writer))
    assert all(drained(each) is not None for each in sockets)
    with stopped(tree, "valkey-server"):
        asking = threading.Thread(target=lambda: writer.write("Once"))
        asking.start()
        until(lambda: "Once" in stored(inside, acme))
        victim = family(tree, "gunicorn", depth=2)[0]
        os.kill(victim.pid, signal.SIGKILL)
    asking.join(60)
    heard = [drained(each, 15) for each in sockets]
    alive = [frames for frames in heard if frames is not None]
    assert alive and len(alive) < len(sockets)
    assert all("resync" in frames for frames in alive), alive


@pytest.mark.timeout(120)
def test_a_worker_killed_between_the_commit_and_sending_leaves_a_row_that_is_found(
    app, tree, acme, chatting, inside, receiver
):
    redis = Redis(unix_socket_path=str(embedded_redis_socket(tree.log.parent)))
    writer = Writer(tree.url, acme, 0)
    with stopped(tree, "app.cli worker"):
        writer.begin(body="Hello")
        written = deliveries(inside, acme)
        assert len(written) == 2 and receiver.received == []
        lock = locked(app)
        lock.__enter__()
    # It takes the nudge, and waits for what is due.
    nudge = key_of(nudge_of(str(written[0].endpoint_id)))
    until(lambda: not redis.exists(nudge) and not redis.llen(f"rq:queue:{DEFAULT}"))
    kill_one(tree, "worker", random.Random(1))
    lock.__exit__(None, None, None)
    assert receiver.received == []
    told = until_told(receiver, {"Hello"})
    assert {len(ids) for ids in told.values()} == {1}
    until(lambda: {each.state for each in deliveries(inside, acme)} == {"delivered"})
    assert {f"msg_{each.id.hex}" for each in written} == set(receiver.ids)


@pytest.mark.timeout(180)
def test_a_worker_killed_while_a_message_is_sent_sends_it_again_under_the_same_id(
    tree, acme, chatting, inside, receiver
):
    held = threading.Event()
    receiver.behave = lambda connection, received: held.wait(60)
    writer = Writer(tree.url, acme, 0)
    writer.begin(body="Hello")
    receiver.wait(1, 60)
    # Of those that had no answer before it was killed: the next may be told of others.
    before = list(receiver.ids)
    kill_one(tree, "worker", random.Random(1))
    held.set()
    receiver.behave = answering()
    run_out(inside, acme)
    until(lambda: {each.state for each in deliveries(inside, acme)} == {"delivered"})
    assert set(before) <= set(receiver.ids[len(before) :])
    told = until_told(receiver, {"Hello"})
    assert {len(ids) for ids in told.values()} == {1} and until_opened(receiver, 1) == 1
    assert stored(inside, acme) == ["Hello"]


def listen(writer):
    """A page of the writer's, which is told of what happens."""
    address = f"{writer.url.replace('http', 'ws')}/widget/v1/ws"
    origin = f"https://{writer.tenant.domain}"
    socket = websocket.create_connection(address, origin=origin, timeout=10)
    said = {"type": "join_widget", "site": writer.tenant.site_key, "chat": writer.token}
    socket.send(json.dumps(said))
    while json.loads(socket.recv())["type"] != "joined":
        pass
    return socket


def listening(tree):
    """The web processes that have somebody who listens."""
    return [
        each.pid
        for each in family(tree, "gunicorn", depth=2)
        if any(
            connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == tree.port
            for connection in psutil.Process(each.pid).net_connections()
        )
    ]


def drained(socket, seconds=1):
    """The types of all frames, until there is `resync` or for so long none; None: it is closed."""
    socket.settimeout(seconds)
    types = []
    try:
        while "resync" not in types or seconds == 1:
            types.append(json.loads(socket.recv())["type"])
    except websocket.WebSocketTimeoutException:
        pass
    except (websocket.WebSocketException, OSError, ValueError):
        return None
    return types


def until(good, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := good()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found


def until_told(receiver, bodies):
    """By body, the ids of the webhooks that told of it, once each body was told."""

    def told():
        found = defaultdict(set)
        for each in list(receiver.received):
            if each.json["type"] == "conversation.message":
                found[each.json["data"]["body"]].add(each.id)
        return found

    until(lambda: bodies <= set(told()), 90)
    return told()


def until_opened(receiver, number):
    """How many webhooks told of a beginning, once there are as many: each is tried by itself."""

    def opened():
        kind = "conversation.opened"
        return {each.id for each in list(receiver.received) if each.json["type"] == kind}

    until(lambda: len(opened()) >= number, 90)
    return len(opened())


def stored(inside, tenant):
    with inside(tenant):
        found = db.session.scalars(select(Message).order_by(Message.conversation_id, Message.seq))
        return [each.body for each in found]


def deliveries(inside, tenant):
    with inside(tenant):
        found = list(db.session.scalars(select(Delivery).order_by(Delivery.id)))
        db.session.expunge_all()
        return found


def run_out(inside, tenant):
    """Let the claims that a dead worker left behind run out, as they do after a minute."""
    with inside(tenant):
        claimed = update(Delivery).where(Delivery.state == "pending", Delivery.attempts > 0)
        statement = claimed.values(next_attempt_at=clock.now())
        db.session.execute(statement.execution_options(synchronize_session=False))
        db.session.commit()


def family(tree, line, depth=1):
    """The processes of the tree that were started so, by how far they are below its own."""
    parent = tree.processes["up"].pid
    found = [row for row in descendants(parent) if line in row.line]
    return [row for row in found if (row.parent == parent) == (depth == 1)]


@contextmanager
def stopped(tree, line):
    """Meanwhile a process of the tree does nothing, as one that hangs."""
    processes = family(tree, line)
    assert processes
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


@contextmanager
def locked(app):
    """Meanwhile nobody else takes a delivery."""
    engine = create_engine(app.extensions["candor_settings"], role=None)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            connection.connection.dbapi_connection.begin_write()
        else:
            connection.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()
        if sqlite:
            connection.connection.dbapi_connection.rollback()
    engine.dispose()
