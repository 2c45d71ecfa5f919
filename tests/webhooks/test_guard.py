"""No delivery ever reaches what only this machine can reach: not when an endpoint is saved, not by
the test button, not from the worker, whatever a name server says meanwhile."""

from __future__ import annotations

import socket
import struct
import threading
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.db import db
from app.webhooks.jobs import sweep_due
from app.webhooks.models import Endpoint
from app.webhooks.sending import turns
from tests.core.test_outbound import REFUSED_ADDRESSES, REFUSED_URLS
from tests.webhooks.receiver import Receiver

PUBLIC = "93.184.215.14"


class NameServer:
    """A DNS server on loopback that answers each question with the next address, and the last one
    for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0
        # While it is not set, nobody is answered.
        self.awake = threading.Event()
        self.awake.set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                question, asker = self.socket.recvfrom(512)
            except OSError:
                return
            address = self.answers[min(self.asked, len(self.answers) - 1)]
            self.asked += 1
            self.awake.wait(10)
            head = question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04"
            answer = head + question[12:] + record + socket.inet_aton(address)
            self.socket.sendto(answer, asker)

    def resolve(self, name: str) -> str:
        """What a resolver learns of a name, with a time to live of none."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(question, ("127.0.0.1", self.port))
            return socket.inet_ntoa(asking.recv(512)[-4:])


@pytest.fixture
def name_server(monkeypatch):
    """Have names under .test looked up at a name server of one's own."""
    servers: list[NameServer] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        if isinstance(host, str) and host.endswith(".test") and servers:
            found = servers[-1].resolve(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port))]
        return resolve(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def start(*answers: str) -> NameServer:
        servers.append(NameServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.socket.close()


@pytest.fixture
def inner():
    """A receiver that must not be reached."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


def endpoint_at(client, tenant, url):
    body = {"url": url, "types": ["*"]}
    return client.post("/api/v1/endpoints", json=body, headers=tenant.bearer)


@pytest.fixture
def connections(app):
    """How many connections to the database are held by whom."""

    def held():
        with app.app_context():
            return db.engine.pool.checkedout()

    return held


def urls():
    for address in REFUSED_ADDRESSES:
        yield f"http://[{address}]/" if ":" in address else f"http://{address}/"
    # Blanks around an address are no part of it.
    yield from (url for url in REFUSED_URLS if url == url.strip())


def test_what_is_not_public_is_refused_at_saving(app, acme, client, inside, sign_in):
    alice = sign_in("alice@acme.example")
    for url in urls():
        answer = endpoint_at(client, acme, url)
        # What cannot even be stored is no JSON of ours.
        assert answer.status_code == (400 if "\x00" in url else 422), url
    for url in ("http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data"):
        form = {"url": url, "everything": "y"}
        answer = alice.post(f"/o/{acme.slug}/endpoints", form)
        assert answer.status_code == 422 and "public internet" in answer.text, url
    with inside(acme):
        assert db.session.scalars(select(Endpoint)).all() == []


def test_a_changed_address_is_judged_like_a_new_one(acme, client):
    made = endpoint_at(client, acme, f"http://{PUBLIC}/").json
    path = f"/api/v1/endpoints/{made['id']}"
    answer = client.patch(path, json={"url": "http://10.0.0.1/"}, headers=acme.bearer)
    assert answer.status_code == 422
    assert client.get(path, headers=acme.bearer).json["url"] == f"http://{PUBLIC}/"


def test_a_name_that_points_inside_by_now_is_refused_by_the_test_button(
    acme, client, name_server, inner, sign_in
):
    server = name_server(PUBLIC, "127.0.0.1")
    made = endpoint_at(client, acme, f"http://rebind.test:{inner.port}/")
    assert made.status_code == 201 and server.asked == 1
    path = f"/api/v1/endpoints/{made.json['id']}/tests"
    answer = client.post(path, json={"type": "order.created"}, headers=acme.bearer)
    assert answer.status_code == 422 and "public internet" in answer.text
    form = {"type": "order.created"}
    page = sign_in("alice@acme.example").post(
        f"/o/{acme.slug}/endpoints/{made.json['id']}/tests", form
    )
    assert page.status_code == 422 and "public internet" in page.text
    assert inner.received == []


def test_a_name_that_points_inside_at_connecting_is_refused_by_the_worker(
    app, acme, client, name_server, inner, tell, log, attempts
):
    server = name_server(PUBLIC, "127.0.0.1")
    made = endpoint_at(client, acme, f"http://rebind.test:{inner.port}/").json
    tell(acme, UUID(made["id"]))
    with app.app_context():
        sweep_due()
    assert turns.finish(30, stop=False)
    assert server.asked == 2 and inner.received == []
    assert log(acme)[0].state == "failed"
    assert "public internet" in attempts(acme)[0].error


def test_a_redirect_inside_is_not_followed(app, acme, receive, endpoint_of, tell, inner, work, log):
    outer = receive(
        lambda connection, _received: connection.sendall(
            f"HTTP/1.1 307 Go\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode()
        )
    )
    tell(acme, endpoint_of(acme, outer))
    work()
    assert len(outer.received) == 1 and inner.received == []
    assert log(acme)[0].state == "pending"


@pytest.mark.parametrize("way", ["create", "update", "rest", "rest_change", "test", "rest_test"])
def test_nobody_holds_a_connection_while_a_name_server_is_asked(
    app, acme, client, name_server, connections, sign_in, eventually, way
):
    """A handful of slow names would else keep the pool, and everybody waiting for it."""
    server = name_server(PUBLIC)
    url = "http://slow.test/hook"
    made = endpoint_at(client, acme, url).json["id"]
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/endpoints"
    form = {"url": url, "everything": "y", "csrf_token": alice.token("/sign-in")}
    rest = {"headers": acme.bearer}
    asks = {
        "create": lambda: alice.client.post(page, data=form),
        "update": lambda: alice.client.post(f"{page}/{made}", data=form),
        "rest": lambda: endpoint_at(client, acme, url),
        "rest_change": lambda: client.patch(f"/api/v1/endpoints/{made}", json={"url": url}, **rest),
        "test": lambda: alice.client.post(
            f"{page}/{made}/tests", data={**form, "type": "order.created"}
        ),
        "rest_test": lambda: client.post(
            f"/api/v1/endpoints/{made}/tests", json={"type": "order.created"}, **rest
        ),
    }
    asked, answers = server.asked, []
    before = connections()
    server.awake.clear()
    thread = threading.Thread(target=lambda: answers.append(asks[way]().status_code))
    thread.start()
    try:
        eventually(lambda: server.asked, lambda number: number > asked)
        assert connections() == before
    finally:
        server.awake.set()
        thread.join(20)
    assert answers[0] in (200, 201, 302)
