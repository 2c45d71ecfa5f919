"""Clients write down every event that was acknowledged while web, worker and Valkey are killed with
-9 at random: all of them are stored, once, and everything that is derived from them adds up.

The seed is printed; LEDGER_SEED repeats a run, LEDGER_KILLS makes it longer (`make soak`).
"""

from __future__ import annotations

import os
import random

import pytest
from sqlalchemy import select

from app.core.db import db
from app.tracking.models import Event
from tests.ledger.clients import Client
from tests.ledger.killer import Stage, kill_at_random
from tests.tracking.sums import marked, sessions, sums_of_events, touched

KILLS = int(os.environ.get("LEDGER_KILLS", "15"))
CLIENTS = 6


@pytest.fixture
def stage(app, environ, tmp_path):
    database = {"DATABASE_URL": app.extensions["candor_settings"].database_url}
    made = Stage({**environ, **database}, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def ledger(stage, acme, capsys):
    """The clients after all the killing, and with everything up again."""
    seed = int(os.environ.get("LEDGER_SEED") or random.randrange(10**6))
    with capsys.disabled():
        print(f"\nLEDGER_SEED={seed} LEDGER_KILLS={KILLS}")
    origin = f"https://{acme.domain}"
    clients = [
        Client(stage.program.url, acme.site_key, origin, seed + number) for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    kill_at_random(stage, KILLS, random.Random(seed))
    stage.settle()
    for client in clients:
        client.finish()
    return clients


@pytest.mark.timeout(60 + KILLS * 8)
def test_what_was_acknowledged_is_stored_once_and_everything_adds_up(ledger, acme, inside):
    acknowledged = [each for client in ledger for each in client.acknowledged]
    sent = {each for client in ledger for each in client.sent}
    refused = [client.refused for client in ledger]
    print(f"{len(sent)} sent, {len(acknowledged)} acknowledged, refused: {refused}")
    assert len(acknowledged) > 20 * KILLS, "hardly anything was under way"
    with inside(acme):
        stored = list(db.session.scalars(select(Event.id)))
        assert len(stored) == len(set(stored)), "an event was stored twice"
        lost = set(acknowledged) - set(stored)
        assert not lost, f"{len(lost)} acknowledged events were lost"
        assert set(stored) <= sent
        assert sessions() == sums_of_events()
        assert touched() <= marked()
