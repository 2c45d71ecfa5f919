"""Deliveries to a receiver that works, by one worker, while fifty others do not answer."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from app.accounts.models import Organization
from app.config import Settings, ensure_secrets
from app.core import migrations, tenancy
from app.core.db import db
from app.core.public import public_types
from app.webhooks.models import Delivery, Endpoint
from app.webhooks.models.delivery import payload_of
from app.webhooks.outbox import nudge
from app.wiring import create_app
from bench.rows import row
from tests.services import Program, running_valkey
from tests.webhooks.receiver import Receiver, hanging

DELIVERIES = 1000
HANGING = 50
AT_ONCE = 100
EACH = 5  # deliveries for each of those that hang
KIND = "order.created"


def webhooks() -> Iterator[dict[str, Any]]:
    """From the first that is written, a hundred in each transaction, to the last that arrives. The
    ceiling is one client posting the same bodies one after the other."""
    healthy, stuck = Receiver(), Receiver(hanging)
    with _program(healthy, stuck) as app, app.app_context():
        crowd = _endpoints("Stuck", stuck, HANGING)
        [target] = _endpoints("Healthy", healthy, 1)
        for endpoint in crowd:
            _write(*endpoint, EACH)
        stuck.wait(HANGING)
        began = time.monotonic()
        for _ in range(DELIVERIES // AT_ONCE):
            _write(*target, AT_ONCE)
        written = time.monotonic() - began
        healthy.wait(DELIVERIES, 120)
        taken = time.monotonic() - began
        again = len(healthy.ids) - len(set(healthy.ids))
    floor = _one_after_the_other(healthy)
    yield row(f"{DELIVERIES:,} deliveries while {HANGING} hang", taken, "s", 30, ceiling=floor)
    yield row("of that, writing them", written, "s", 30)
    yield row("sent more than once", again, "", 0)


@contextmanager
def _program(*receivers: Receiver) -> Iterator[Any]:
    """The application here, and one worker and the clock as processes."""
    with (
        tempfile.TemporaryDirectory(prefix="candor-bench-") as folder,
        running_valkey(Path(folder)) as redis_url,
    ):
        allowed = ",".join(each.address for each in receivers)
        secrets = ensure_secrets(Path(folder))
        environ = {
            "CANDOR_DATA": folder,
            "REDIS_URL": redis_url,
            "CANDOR_OUTBOUND_ALLOW": allowed,
            **secrets,
        }
        app = create_app(Settings.from_environment(environ))
        with app.app_context():
            migrations.migrate()
        program = Program(environ)
        program.start("worker")
        program.start("cron")
        try:
            yield app
        finally:
            program.stop()


def _endpoints(organization: str, receiver: Receiver, number: int) -> list[tuple[Any, Any]]:
    organization_id = Organization.found(organization).id
    db.session.commit()
    with tenancy.scope(organization_id):
        made = [Endpoint.create(f"{receiver.url}/{each}", [KIND]) for each in range(number)]
        ids = [(organization_id, endpoint.id) for endpoint in made]
        db.session.commit()
    return ids


def _write(organization_id: Any, endpoint_id: Any, number: int) -> None:
    """As the subscriber to what happens does."""
    with tenancy.scope(organization_id):
        endpoint = db.session.get_one(Endpoint, endpoint_id)
        for _ in range(number):
            Delivery.write(endpoint, KIND, payload_of(KIND, public_types()[KIND].example))
            nudge(endpoint)
        db.session.commit()


def _one_after_the_other(receiver: Receiver) -> float:
    body = json.dumps(public_types()[KIND].example)
    began = time.monotonic()
    for _ in range(DELIVERIES):
        headers = {"webhook-id": "floor"}
        requests.post(receiver.url, data=body, headers=headers, timeout=5).raise_for_status()
    return time.monotonic() - began
