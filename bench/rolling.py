"""What adding up days costs those who store events meanwhile: the same load with the periodic job
beside it, and before and after without."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import UUID

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select

from app.analytics import rollups
from app.analytics.models import RolledDay
from app.config import Settings
from app.core import clock, tenancy
from app.core.cron import PERFORM, SCHEDULED
from app.core.db import db
from app.schedule import PERIODIC
from app.sites.models import Site
from app.wiring import create_app
from bench.ingest import PATH, UNLIMITED, database, hammer
from bench.rows import row
from bench.stage import Stage, stage

JOB = "app.analytics.rollups.roll_up_due"
BATCH = 10
ALONE = float(os.environ.get("BENCH_SECONDS", "20"))


def rolling() -> Iterator[dict[str, Any]]:
    for kind in os.environ.get("BENCH_DATABASES", "sqlite,postgres").split(","):
        with database(kind) as environ, stage(**environ, **UNLIMITED) as on:
            _per_second(on, ALONE)  # an empty database is faster than any later
            before = _per_second(on, ALONE)
            begun, rest = clock.milliseconds(clock.now()), _rest(on)
            with _adding_up(on):
                meanwhile = _per_second(on, rest)
            added_up = _days_since(on, begun)
            alone = (before + _per_second(on, ALONE)) / 2
        name = f"events a second while days are added up, {kind}"
        yield row(name, meanwhile, "1/s", at_least=0.9, ceiling=alone, ratio=True)
        yield row(f"days added up meanwhile, {kind}", added_up, "days", at_least=1)


def _rest(on: Stage) -> float:
    """Seconds from one adding up of today to the next, at least: so many have one of them, from its
    beginning to its end, which is no less than in the long run."""
    with _inside(on):
        site = db.session.scalars(select(Site)).one()
        began = time.monotonic()
        rollups.parts_of(site, clock.now().date())
        return max(rollups.BUSY / 1000, rollups.SHARE * (time.monotonic() - began))


def _per_second(on: Stage, seconds: float) -> float:
    load = hammer(f"{on.program.url}{PATH}", on.site_key, batch=BATCH, seconds=seconds)
    return load.per_second(202) * BATCH


def _days_since(on: Stage, begun: int) -> int:
    with _inside(on):
        fresh = select(func.count()).select_from(RolledDay).where(RolledDay.rolled_at >= begun)
        return db.session.scalar(fresh) or 0


@contextmanager
def _inside(on: Stage) -> Iterator[None]:
    app = create_app(Settings.from_environment(on.program.environ))
    with app.app_context(), tenancy.scope(UUID(on.organization_id)):
        yield


@contextmanager
def _adding_up(on: Stage) -> Iterator[None]:
    """As the clock of the process tree has it done."""
    queue = Queue(SCHEDULED, connection=Redis.from_url(on.redis_url), serializer=JSONSerializer)
    done = Event()

    def enqueue() -> None:
        while True:
            queue.enqueue(PERFORM, JOB)
            if done.wait(PERIODIC[JOB]):
                return

    thread = Thread(target=enqueue)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
