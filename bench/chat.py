"""The chat under load: from a visitor's message to the agent's socket, and how many a second."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from queue import Queue
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
import websocket

from bench.asking import p95, signed_in, slug_of
from bench.load import Crowd
from bench.rows import row
from bench.stage import DOMAIN, Stage, stage
from tests.services import running_postgres

ORIGIN = f"https://{DOMAIN}"
CONVERSATIONS = 500
MESSAGES = 300
RATE, SECONDS = 200, 60  # messages a second, and for how long
POSTERS = 16


def chat() -> Iterator[dict[str, Any]]:
    yield from _measured("SQLite")
    with running_postgres() as url:
        yield from _measured("Postgres", DATABASE_URL=url)


def _measured(database: str, **environ: str) -> Iterator[dict[str, Any]]:
    with stage(TRUSTED_PROXIES="1", **environ) as on:
        session = signed_in(on.program.url)
        _switch_on(on, session)
        guests = [_begin(on, number) for number in range(CONVERSATIONS)]
        crowds = [_page(on, guest) for guest in guests]
        agent = Agent(on, session)
        taken = _latencies(on, agent, guests)
        sent, seconds, late = _sustain(on, agent, guests)
        for crowd in crowds:
            crowd.leave()
        agent.leave()
    name = f"chat, {database}, {CONVERSATIONS} conversations open:"
    yield row(f"{name} message to agent, median", statistics.median(taken), "ms", 50)
    yield row(f"{name} message to agent, p95", p95(taken), "ms", 120)
    yield row(f"chat, {database}: messages a second", sent / seconds, "1/s", at_least=RATE * 0.98)
    yield row(f"chat, {database}: acknowledged and not told", late, "messages", 0)


class Guest:
    """What one page knows: its token, its conversation, and an address of its own."""

    def __init__(self, number: int) -> None:
        self.address = f"203.0.{number // 250}.{number % 250 + 1}"
        self.token = self.conversation = ""

    def post(self, connection: HTTPConnection, path: str, said: dict[str, Any]) -> Any:
        """By the standard library, which takes less of the two cores from the program than a
        better client."""
        headers = {
            "Origin": ORIGIN,
            "X-Forwarded-For": self.address,
            "Content-Type": "application/json",
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps(said)
        connection.request("POST", f"/widget/v1/{path}", body, headers)
        answer = connection.getresponse()
        read = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"answered {answer.status}: {read[:300]!r}")
        return json.loads(read)


class Agent:
    """An inbox: the text of each message with the moment at which it came."""

    def __init__(self, on: Stage, session: requests.Session) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
        address = (
            f"{on.program.url.replace('http', 'ws')}/o/{slug_of(on.program.url, session)}/ws/inbox"
        )
        self.ws = websocket.create_connection(
            address, origin=on.program.url, cookie=cookies, timeout=60
        )
        self.heard: Queue[tuple[str, float]] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                text = str(self.ws.recv())
            except (OSError, websocket.WebSocketException):
                return
            if "message__body" in text:
                body = text.split('message__body">')[1].split("<")[0]
                self.heard.put((body, time.monotonic()))

    def wait_for(self, body: str) -> float:
        while True:
            heard, moment = self.heard.get(timeout=10)
            if heard == body:
                return moment

    def leave(self) -> None:
        self.ws.close()


def _switch_on(on: Stage, session: requests.Session) -> None:
    address = f"{on.program.url}/o/{slug_of(on.program.url, session)}/sites/{on.site_id}/chat"
    page = session.get(address).text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    fields = {
        "csrf_token": token,
        "on": "1",
        "always": "1",
        "position": "bottom-right",
        "accent": "#2563eb",
        "asks": "nothing",
        "assignment": "manual",
        "outside_target": "tab",
    }
    session.post(address, data=fields, headers={"Origin": on.program.url}).raise_for_status()


def _begin(on: Stage, number: int) -> Guest:
    guest = Guest(number)
    said = {"site": on.site_key, "client_id": str(uuid4()), "body": f"Hello from {number}"}
    answer = guest.post(_connection(on), "conversations", said)
    guest.token, guest.conversation = answer["token"], answer["id"]
    return guest


def _page(on: Stage, guest: Guest) -> Crowd:
    hello = {"type": "join_widget", "site": on.site_key, "chat": guest.token}
    crowd = Crowd(f"{on.program.url}/widget/v1/ws", ORIGIN, json.dumps(hello))
    crowd.grow(1)
    return crowd


def _connection(on: Stage) -> HTTPConnection:
    parts = urlsplit(on.program.url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=30)


def _write(connection: HTTPConnection, guest: Guest, body: str) -> None:
    said = {"client_id": str(uuid4()), "body": body}
    guest.post(connection, f"conversations/{guest.conversation}/messages", said)


def _latencies(on: Stage, agent: Agent, guests: list[Guest]) -> list[float]:
    connection = _connection(on)
    return sorted(
        _latency(connection, agent, guests[number % CONVERSATIONS]) for number in range(MESSAGES)
    )


def _latency(connection: HTTPConnection, agent: Agent, guest: Guest) -> float:
    body = f"m{uuid4().hex}"
    started = time.monotonic()
    _write(connection, guest, body)
    return (agent.wait_for(body) - started) * 1000


def _sustain(on: Stage, agent: Agent, guests: list[Guest]) -> tuple[int, float, int]:
    """RATE messages a second whether or not the answers keep up: how many were acknowledged, in how
    many seconds, and how many of these no agent heard of."""
    bodies = [f"s{uuid4().hex}" for _ in range(RATE * SECONDS)]
    own = threading.local()

    def connect() -> None:
        own.connection = _connection(on)

    def write(guest: Guest, body: str) -> None:
        _write(own.connection, guest, body)

    started = time.monotonic()
    with ThreadPoolExecutor(POSTERS, initializer=connect) as pool:
        sent = {}
        for number, body in enumerate(bodies):
            time.sleep(max(0.0, started + number / RATE - time.monotonic()))
            sent[body] = pool.submit(write, guests[number % CONVERSATIONS], body)
    seconds = time.monotonic() - started
    acknowledged = {body for body, each in sent.items() if not each.exception()}
    deadline = time.monotonic() + 10
    heard: set[str] = set()
    while not acknowledged <= heard and time.monotonic() < deadline:
        while not agent.heard.empty():
            heard.add(agent.heard.get()[0])
        time.sleep(0.05)
    return len(acknowledged), seconds, len(acknowledged - heard)
