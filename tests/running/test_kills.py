"""kill -9 of web, worker and Valkey between all steps: what was acknowledged becomes exactly one
activity. The seed is printed; CANDOR_KILL_SEED repeats a run."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import NamedTuple

import pytest
import requests
from sqlalchemy import func, select

from app.core.db import db
from app.proof.models import Activity
from app.sources.models import InboundDelivery
from tests.services import Program
from tests.shops import shopify, shopify_order

# The tree gives up after five deaths of its own children within a minute: stay below. The workers
# of gunicorn are its children, not the tree's.
KILLS = ("gunicorn worker",) * 3 + ("gunicorn master", "worker", "valkey")
SETTLED_WITHIN = 90  # seconds: a sweep runs every 15


@pytest.fixture
def tree(app, environ, tmp_path):
    """The whole tree with a Valkey of its own, so that it can be killed."""
    own = {name: value for name, value in environ.items() if name != "REDIS_URL"}
    program = Program(own)
    program.start("up")
    program.wait("/health/ready")
    yield program
    program.stop()


@pytest.mark.timeout(200)
def test_every_acknowledged_order_becomes_exactly_one_activity(tree, acme, inside):
    seed = int(os.environ.get("CANDOR_KILL_SEED", str(random.randrange(10**6))))
    print(f"seed {seed}")
    chance, acknowledged, done = random.Random(seed), [], threading.Event()
    orders = tree, acme, acknowledged, done
    sender = threading.Thread(target=send_orders, args=orders, daemon=True)
    sender.start()
    wait_for_orders(acknowledged, 1)
    for name in chance.sample(KILLS, len(KILLS)):
        time.sleep(chance.uniform(0.5, 2.0))
        kill_one(tree, name, chance)
    time.sleep(1)
    wait_for_orders(acknowledged, 11)
    done.set()
    sender.join(30)
    wait_until_settled(inside, acme)
    with inside(acme):
        stored = db.session.scalars(select(Activity.external_id)).all()
    assert sorted(stored) == sorted(set(stored)), "an order was shown twice"
    assert set(map(str, acknowledged)) <= set(stored), "an acknowledged order was lost"


def send_orders(tree, acme, acknowledged, done):
    number = 70_000
    while not done.is_set():
        number += 1
        request = shopify(acme.secret, "orders/paid", shopify_order(number), f"w{number}")
        try:
            answer = requests.post(f"{tree.url}/hooks/{acme.source_id}", timeout=3, **request)
            if answer.status_code == 200:
                acknowledged.append(number)
        except requests.RequestException:
            pass
        time.sleep(0.02)


def wait_for_orders(acknowledged, number):
    deadline = time.monotonic() + 60
    while len(acknowledged) < number:
        assert time.monotonic() < deadline, f"{len(acknowledged)} were acknowledged"
        time.sleep(0.05)


def kill_one(tree, name, chance):
    """kill -9 of one process of the tree, found by its place below the tree's own parent."""
    parent = tree.processes["up"].pid
    programs = {"gunicorn": "gunicorn", "worker": "app.cli worker", "valkey": "valkey-server"}
    family = [row for row in descendants(parent) if programs[name.split()[0]] in row.line]
    if name == "gunicorn worker":
        family = [row for row in family if row.parent != parent]
    elif name == "gunicorn master":
        family = [row for row in family if row.parent == parent]
    if family:
        os.kill(chance.choice(family).pid, signal.SIGKILL)


class Process(NamedTuple):
    pid: int
    parent: int
    line: str


def descendants(parent):
    rows = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline") as line:
                    parts = stat.read().rsplit(")", 1)[1].split()
                    rows.append(Process(int(entry), int(parts[1]), line.read().replace("\0", " ")))
            except OSError:
                continue
    family, grown = {parent}, True
    while grown:
        more = {pid for pid, above, _ in rows if above in family} - family
        family |= more
        grown = bool(more)
    return [row for row in rows if row.pid in family - {parent}]


def wait_until_settled(inside, acme):
    deadline = time.monotonic() + SETTLED_WITHIN
    while time.monotonic() < deadline:
        with inside(acme):
            pending = db.session.scalar(
                select(func.count(InboundDelivery.id)).filter_by(verdict="pending")
            )
        if not pending:
            return
        time.sleep(0.5)
    raise AssertionError(f"{pending} deliveries are still pending")
