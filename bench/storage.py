"""What a stored event weighs on SQLite, and whether storing slows down as more is stored."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.engine import Engine

from app.accounts.queries import organization_id_of
from app.config import Settings
from app.core import clock, tenancy
from app.core.db import create_engine, db
from app.dashboard.demo_data import SLUG
from app.dashboard.demo_events import AT_ONCE, HOUR, HOURS, Month, stages
from app.tracking.arrivals import Arrival
from app.tracking.store import store
from app.wiring import create_app
from bench.rows import row
from bench.stage import call

WEIGHED = 200_000  # events
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
BATCH, ROUNDS, WARM = 320, 80, 10
TABLES = ("events", "sessions", "visitors", "bucket_marks")


def storage() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        yield from _weight(Path(folder))
    with tempfile.TemporaryDirectory(prefix="candor-bench-") as folder:
        yield from _speed(Path(folder))


def _weight(folder: Path) -> Iterator[dict[str, Any]]:
    """A month of the demo, as it lies in the file."""
    _prepare(folder, WEIGHED)
    sizes = _sizes(folder / "candor.db")
    for table, size in sizes.items():
        yield row(f"an event's share of {table} with indexes", size / WEIGHED, "bytes", 320)
    yield row("an event with all of these", sum(sizes.values()) / WEIGHED, "bytes", 320)


def _sizes(path: Path) -> dict[str, int]:
    """Bytes of each table and its indexes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = connection.execute(
            "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) "
            "GROUP BY tbl_name"
        )
        sizes = dict(found.fetchall())
    return {table: sizes[table] for table in TABLES}


def _speed(folder: Path) -> Iterator[dict[str, Any]]:
    """Batches into a store with ROWS events and, as the ceiling, the same into an empty one, in
    turn, so that drift hits both."""
    full, empty = folder / "full", folder / "empty"
    _prepare(full, 0)
    shutil.copytree(full, empty)
    app = create_app(_settings(full))
    with app.app_context(), tenancy.scope(organization_id_of(SLUG)):  # type: ignore[arg-type]
        until = int(clock.now().timestamp() * 1000)
        shop = stages()[0]
        for batch in Month(shop, ROWS, until, Random(1)).batches(AT_ONCE):
            store(db.session.connection(), batch)
            db.session.commit()
        later = Month(shop, BATCH * (WARM + ROUNDS), until + HOURS * HOUR, Random(2))
        batches = list(later.batches(BATCH))
    engines = [create_engine(_settings(each), role=None) for each in (full, empty)]
    taken: dict[Engine, list[float]] = {engine: [] for engine in engines}
    for batch in batches:
        # Whoever is first reads the batch from colder memory, so each is by turns.
        engines.reverse()
        for engine in engines:
            taken[engine].append(_seconds(engine, batch))
    ours, ceiling = (BATCH / statistics.median(each[WARM:]) for each in taken.values())
    name = f"storing batches of {BATCH} with {ROWS:,} events, events a second"
    yield row(name, ours, "1/s", at_least=0.9, ceiling=ceiling, ratio=True)


def _seconds(engine: Engine, batch: list[Arrival]) -> float:
    began = time.perf_counter()
    with engine.begin() as connection:
        store(connection, batch)
    return time.perf_counter() - began


def _prepare(folder: Path, events: int) -> None:
    """The demo with so many events."""
    environ = {**os.environ, "CANDOR_DATA": str(folder)}
    environ.pop("DATABASE_URL", None)
    call(environ, "migrate")
    call(environ, "demo", "--events", str(events))


def _settings(folder: Path) -> Settings:
    return Settings.from_environment({"CANDOR_DATA": str(folder)})
