"""From whatever the database is to what the models say."""

from __future__ import annotations

import fcntl
from pathlib import Path

from flask import current_app
from flask_migrate import check, upgrade

from app.config import Settings
from app.core import tenancy
from app.core.db import create_engine, db

DIRECTORY = str(Path(__file__).parents[2] / "migrations")


def migrate() -> None:
    """Upgrade the schema, then build the walls between tenants. Safe to run at every start."""
    settings: Settings = current_app.extensions["candor_settings"]
    with (settings.data / "migrate.lock").open("w") as lock:
        # Of several processes that start together one migrates; the others find it done.
        fcntl.flock(lock, fcntl.LOCK_EX)
        upgrade(directory=DIRECTORY)
        owner = create_engine(settings, role=None)
        tenancy.enforce(owner)
        owner.dispose()
        tenancy.check_walls(db.engine)


def check_drift() -> None:
    """Raise SystemExit when the models say something that no migration does."""
    check(directory=DIRECTORY)
