"""How many events are stored in a second, beside a bare view that answers 204 and stores nothing,
under the same gunicorn."""

from __future__ import annotations

import heapq
import json
import os
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

import psutil

from app.core.ids import uuid7
from bench.load import pss_kilobytes
from bench.rows import row
from bench.stage import DOMAIN, bare, stage
from tests.services import running_postgres

SECONDS = 5.0
CONNECTIONS = 32
BROWSER = (
    "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{version}.0.0.0 Safari/537.36"
)
LIMITS = ("EVENTS_PER_ADDRESS", "EVENTS_PER_SITE", "VIEWS_PER_VISITOR")
UNLIMITED = dict.fromkeys(LIMITS, "1000000")  # all are counted, and nothing is over them
TARGETS = {"sqlite": (0.45, 10_000), "postgres": (0.3, 6_000)}


@dataclass
class Load:
    """What one client saw: answers by status, and how long those that were accepted took."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    took: float = 0.0
    without_advice: int = 0  # refusals that do not say when to come again

    def note(self, client: Client) -> None:
        """One answer, which is whole."""
        status = int(client.answer[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status < 300:
            self.seconds.append(time.monotonic() - client.started)
        elif b"retry-after: " not in client.answer.lower():
            self.without_advice += 1
        client.answer.clear()

    def add(self, other: Load) -> None:
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        self.seconds += other.seconds
        self.took = max(self.took, other.took)
        self.without_advice += other.without_advice

    def per_second(self, *statuses: int) -> float:
        return sum(self.statuses.get(each, 0) for each in statuses) / self.took

    def p99(self) -> float:
        """Milliseconds; endless if nothing was accepted."""
        if not self.seconds:
            return float("inf")
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] * 1000


def ingest() -> Iterator[dict[str, Any]]:
    for kind, (ratio, batched) in TARGETS.items():
        yield from _of(kind, ratio, batched)


def _of(kind: str, ratio: float, batched: int) -> Iterator[dict[str, Any]]:
    with (
        database(kind) as environ,
        stage(**environ, **UNLIMITED) as on,
        bare(on.redis_url) as (
            floor,
            _pids,
        ),
    ):
        pairs = [
            (hammer(f"{on.program.url}{PATH}", on.site_key), hammer(f"{floor}/empty", on.site_key))
            for _ in range(3)
        ]
        ours = max((pair[0] for pair in pairs), key=lambda load: load.per_second(202))
        ceiling = max(pair[1].per_second(204) for pair in pairs)
        name = f"one event a request, {kind}"
        value = ours.per_second(202)
        yield row(
            f"{name}, requests a second", value, "1/s", at_least=ratio, ceiling=ceiling, ratio=True
        )
        yield row(f"{name}, p99", max(pair[0].p99() for pair in pairs), "ms", 100)
        load = hammer(f"{on.program.url}{PATH}", on.site_key, batch=10)
        yield row(
            f"batches of ten, {kind}, events a second",
            load.per_second(202) * 10,
            "1/s",
            at_least=batched,
        )


def overload() -> Iterator[dict[str, Any]]:
    """Five times what the server can do, for a minute: what is accepted, how fast, what the rest is
    told, and how it is afterwards.

    The server has one core and those who ask the other, so that they take nothing from it. They
    are pages of which each has an event every few seconds and waits for the answer to the one
    before: what they want to send is five times the capacity, whatever becomes of it.
    """
    with stage(**UNLIMITED) as on, divided(on.workers()) as theirs:
        address = f"{on.program.url}{PATH}"
        calm = hammer(address, on.site_key, core=theirs)
        before = pss_kilobytes(on.workers())
        every = CROWD / (TIMES * calm.per_second(202))
        crowd = hammer(
            address, on.site_key, connections=CROWD, seconds=MINUTE, every=every, core=theirs
        )
        after = pss_kilobytes(on.workers())
        recovery = _recovery(address, on.site_key, theirs)
    if not set(crowd.statuses) <= {202, 429, 503} or crowd.without_advice:
        raise RuntimeError(f"answered {crowd.statuses}, {crowd.without_advice} without Retry-After")
    capacity = calm.per_second(202)
    name = f"{TIMES} times the capacity wanted by {CROWD} pages"
    yield row(f"{name}: answered", crowd.per_second(*crowd.statuses) / capacity, "×", at_least=1)
    accepted = crowd.per_second(202)
    yield row("accepted meanwhile", accepted, "1/s", at_least=0.5, ceiling=capacity, ratio=True)
    yield row("accepted meanwhile, p99", crowd.p99(), "ms", 1000)
    yield row("memory of the web processes, more", (after - before) / 1024, "MB", 100)
    yield row("p99 is below 100 ms again after", recovery, "s", 60)


def _recovery(address: str, site_key: str, core: int | None) -> float:
    """Seconds until the load that can be served is served as usual."""
    began = time.monotonic()
    while hammer(address, site_key, seconds=2, core=core).p99() > 100:
        if time.monotonic() > began + 120:
            break
    return time.monotonic() - began


TIMES = 5
CROWD = 2000
MINUTE = 60.0
PATH = "/widget/v1/events"


@contextmanager
def divided(pids: list[int]) -> Iterator[int | None]:
    """The first core for these processes; answers another one, where there is one."""
    first, *others = sorted(psutil.Process().cpu_affinity())
    if others:
        for pid in pids:
            for thread in psutil.Process(pid).threads():
                os.sched_setaffinity(thread.id, {first})
    yield others[0] if others else None


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    with running_postgres() if kind == "postgres" else nullcontext() as url:
        yield {"DATABASE_URL": url} if url else {}


def hammer(
    url: str,
    site_key: str,
    *,
    batch: int = 1,
    seconds: float = SECONDS,
    connections: int = CONNECTIONS,
    processes: int = 2,
    every: float = 0,
    core: int | None = None,
) -> Load:
    """Keep-alive posts as fast as the answers come, or on each connection one `every` so many
    seconds if the answer to the one before is there by then."""
    with get_context("spawn").Pool(processes) as pool:
        share = connections // processes
        loads = pool.starmap(
            _hammer, [(url, site_key, batch, seconds, share, every, core)] * processes
        )
    total = Load()
    for load in loads:
        total.add(load)
    return total


@dataclass
class Client:
    """One visitor on one connection."""

    socket: socket.socket
    head: bytes
    answer: bytearray = field(default_factory=bytearray)
    started: float = 0.0


def _hammer(
    url: str,
    site_key: str,
    batch: int,
    seconds: float,
    connections: int,
    every: float,
    core: int | None,
) -> Load:
    if core is not None:
        os.sched_setaffinity(0, {core})
    selector, load = selectors.DefaultSelector(), Load()
    clients = _connected(url, connections)
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    began = time.monotonic()
    # Who is to send, and when: not all in the same moment.
    due = [
        (began + every * place / connections, id(each), each) for place, each in enumerate(clients)
    ]
    while time.monotonic() < began + seconds:
        while due and due[0][0] <= time.monotonic():
            client = heapq.heappop(due)[2]
            _send(client, site_key, batch)
        for key, _ in selector.select(_pause(due)):
            client = key.data
            client.answer.extend(client.socket.recv(65536))
            if _is_whole(client.answer):
                load.note(client)
                heapq.heappush(due, (client.started + every, id(client), client))
    load.took = time.monotonic() - began
    return load


def _pause(due: list[tuple[float, int, Client]]) -> float:
    """Until somebody has to send."""
    return min(0.1, max(0.0, due[0][0] - time.monotonic())) if due else 0.1


def _connected(url: str, number: int) -> list[Client]:
    parts = urlsplit(url)
    clients = []
    for place in range(number):
        opened = socket.create_connection((parts.hostname, parts.port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients.append(Client(opened, _head(parts, os.getpid() * 10_000 + place)))
    return clients


def _head(parts: Any, number: int) -> bytes:
    """Each connection is a visitor of its own."""
    agent = BROWSER.format(version=100 + number % 40) + f" v/{number}"
    return (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {agent}\r\n"
        f"Origin: https://{DOMAIN}\r\nAccept-Language: de-DE,de;q=0.9\r\n"
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "
    ).encode()


def _send(client: Client, site_key: str, batch: int) -> None:
    moment = int(time.time() * 1000)
    events = [
        {
            "id": str(uuid7()),
            "name": "page_view",
            "url": f"https://{DOMAIN}/products/tea-{number % 50}?utm_source=news",
            "title": "Tea",
            "at": moment,
        }
        for number in range(batch)
    ]
    body = json.dumps({"site": site_key, "sent_at": moment, "events": events}).encode()
    client.started = time.monotonic()
    client.socket.sendall(client.head + str(len(body)).encode() + b"\r\n\r\n" + body)


def _is_whole(answer: bytearray) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    lowered = head.lower()
    if b"content-length: " not in lowered:
        return True
    return len(body) >= int(lowered.split(b"content-length: ")[1].split(b"\r\n")[0])
