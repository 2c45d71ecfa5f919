"""From whatever the database is to what the models say."""

from __future__ import annotations

import fcntl
from pathlib import Path

from flask import current_app
from flask_migrate import check, upgrade

from app.config import Settings
from app.core import sql, tenancy
from app.core.db import create_engine, db

DIRECTORY = str(Path(__file__).parents[2] / "migrations")


def migrate() -> None:
    """Upgrade the schema, then build the walls between tenants and the coming months. Safe to run
    at every start."""
    settings: Settings = current_app.extensions["candor_settings"]
    with (settings.data / "migrate.lock").open("w") as lock:
        # Of several processes that start together one migrates; the others find it done. On
        # Postgres they may be on several machines.
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = create_engine(settings, role=None)
        with owner.connect() as connection, sql.named_lock(connection, "candor/migrate"):
            upgrade(directory=DIRECTORY)
            tenancy.enforce(owner)
            with owner.begin() as another:
                sql.keep_months(another)
        owner.dispose()
    check_walls()


def check_walls() -> None:
    """Refuse to go on, as every web and job worker does at its start, unless tenants are kept
    apart on each of our connections."""
    tenancy.check_walls(db.engine)
    for name in ("candor_system", "candor_reader", "candor_bulk"):
        tenancy.check_walls(current_app.extensions[name])


def check_drift() -> None:
    """Raise SystemExit when the models say something that no migration does."""
    check(directory=DIRECTORY)
