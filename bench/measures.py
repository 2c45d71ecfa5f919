"""What is measured. Each yields rows: name, value, unit, target, ok, ceiling."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psutil
import requests
from redis import Redis

from bench.asking import p95
from bench.load import Crowd, frame, pss_kilobytes, requests_per_second
from bench.rows import row
from bench.stage import DOMAIN, Stage, bare, stage
from tests.services import ROOT, Program
from tests.shops import shopify, shopify_order

ORDERS = 200
CROWD = 5000
CAP = 3000  # sockets a worker
ORIGIN = f"https://{DOMAIN}"


def latency() -> Iterator[dict[str, Any]]:
    """A signed order is posted; its frame arrives at a connected socket. The ceiling is a frame
    published straight to Redis."""
    with stage() as on:
        crowd = join(on, 1)
        opened, session = crowd.sockets[0], requests.Session()
        taken = []
        for number in range(ORDERS):
            order = shopify(on.secret, "orders/paid", shopify_order(100_000 + number))
            started = time.monotonic()
            session.post(f"{on.program.url}/hooks/{on.source_id}", **order).raise_for_status()
            frame(opened)
            taken.append((time.monotonic() - started) * 1000)
            time.sleep(0.01)
        floor = statistics.median(published(on, opened) for _ in range(50))
        crowd.leave()
    taken.sort()
    yield row("signed order to frame, median", statistics.median(taken), "ms", 60, ceiling=floor)
    yield row("signed order to frame, p95", p95(taken), "ms", 150, ceiling=floor)


def published(on: Stage, opened: Any) -> float:
    started = time.monotonic()
    publish(on)
    frame(opened)
    return (time.monotonic() - started) * 1000


def publish(on: Stage) -> None:
    item = {
        "id": "x",
        "campaign": "x",
        "type": "purchase",
        "message": "Ada bought Darjeeling",
        "timestamp": "2026-01-01T00:00:00Z",
        "receipt": "x",
    }
    text = json.dumps({"type": "notification", "cursor": 1, "data": item})
    Redis.from_url(on.redis_url).publish(f"candor:site:{UUID(on.site_id).hex}", text)


def join(on: Stage, count: int) -> Crowd:
    address = f"{on.program.url}/widget/v1/ws"
    crowd = Crowd(address, ORIGIN, json.dumps({"type": "join_widget", "site": on.site_key}))
    crowd.grow(count)
    return crowd


def loader() -> Iterator[dict[str, Any]]:
    """GETs of the snippet's script, beside a bare Flask view, in turn so that drift hits both."""
    with stage() as on, bare(on.redis_url) as (address, _pids):
        script = f"{on.program.url}/w/{on.site_key}.js"
        pairs = [
            (requests_per_second(script), requests_per_second(address + "/")) for _ in range(3)
        ]
    ours, ceiling = max(pairs, key=lambda pair: pair[0])[0], max(pair[1] for pair in pairs)
    yield row(
        "/w/<key>.js, requests a second", ours, "1/s", at_least=0.4, ceiling=ceiling, ratio=True
    )


def sockets() -> Iterator[dict[str, Any]]:
    """Five thousand idle sockets over two web workers, beside bare flask-sock."""
    with stage(CANDOR_SOCKET_CAP=str(CAP)) as on:
        join(on, 20).leave()
        time.sleep(1)
        before = pss_kilobytes(on.workers())
        crowd = join(on, CROWD)
        time.sleep(1)
        each = (pss_kilobytes(on.workers()) - before) / len(crowd.sockets)
        reach = min(crowd.broadcast_seconds(once(lambda: publish(on))) for _ in range(3)) * 1000
        calm = plain_p99(on)
        extra = join_until_refused(on)
        crowd.leave()
        with bare(on.redis_url) as (address, pids):
            floor_each, floor_reach = bare_sockets(on, address, pids)
    yield row(f"{CROWD:,} idle sockets, each", each, "KB", 48, ceiling=floor_each)
    yield row("one broadcast reaches all", reach, "ms", 200, ceiling=floor_reach)
    yield row("plain requests meanwhile, p99", calm, "ms", 100)
    yield row("beyond the cap: 503 after", extra, "ms", 100)


def once(action: Any) -> Iterator[None]:
    action()
    yield


def plain_p99(on: Stage) -> float:
    """Plain requests one after another while broadcasts go out to everybody."""
    done = threading.Event()

    def broadcast() -> None:
        while not done.wait(0.5):
            publish(on)

    thread = threading.Thread(target=broadcast)
    thread.start()
    session, taken = requests.Session(), []
    for _ in range(300):
        started = time.monotonic()
        session.get(f"{on.program.url}/w/{on.site_key}.js").raise_for_status()
        taken.append((time.monotonic() - started) * 1000)
    done.set()
    thread.join()
    return sorted(taken)[int(len(taken) * 0.99)]


def join_until_refused(on: Stage) -> float:
    """Fill both workers; the median time of a refusal, which must be a 503."""
    crowd = join(on, 2 * CAP)
    statuses = {status for status, _ in crowd.refused}
    crowd.leave()
    if statuses != {503}:
        raise RuntimeError(f"refused with {statuses or 'nothing'}")
    return statistics.median(seconds for _, seconds in crowd.refused) * 1000


def bare_sockets(on: Stage, address: str, pids: list[int]) -> tuple[float, float]:
    warm = Crowd(address + "/ws", ORIGIN, None)
    warm.grow(20)
    before = pss_kilobytes(pids)
    crowd = Crowd(address + "/ws", ORIGIN, None)
    crowd.grow(CROWD)
    time.sleep(1)
    each = (pss_kilobytes(pids) - before) / CROWD
    redis = Redis.from_url(on.redis_url)
    reach = min(
        crowd.broadcast_seconds(once(lambda: redis.publish("bare", "x" * 200))) for _ in range(3)
    )
    crowd.leave()
    return each, reach * 1000


def start() -> Iterator[dict[str, Any]]:
    """`candor up` to the first answer, warm, and what the whole idle tree weighs."""
    taken, weights = [], []
    with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        for _ in range(4):
            program = Program({"CANDOR_DATA": folder})
            program.environ.pop("REDIS_URL", None)
            began = time.monotonic()
            process = program.start("up")
            program.wait()
            taken.append(time.monotonic() - began)
            time.sleep(4)
            parent = psutil.Process(process.pid)
            weights.append(pss_kilobytes([parent.pid, *(c.pid for c in parent.children(True))]))
            program.stop()
    bare_start = min(import_seconds() for _ in range(2))
    yield row(
        "candor up to the first answer, warm",
        statistics.median(taken[1:]),
        "s",
        4,
        ceiling=bare_start,
    )
    yield row("whole tree idle", statistics.median(weights) / 1024, "MB", 300)


def import_seconds() -> float:
    """The ceiling of a start: Python importing the application once."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import app.wiring"], cwd=ROOT, check=True)
    return time.monotonic() - began
