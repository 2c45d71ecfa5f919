"""/health/live: this process answers. /health/ready: and what it needs answers too."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core import bus
from app.core.db import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live() -> Any:
    return {"status": "ok"}


@blueprint.get("/health/ready")
def ready() -> Any:
    """503 without a database. Without Redis pages still work and nothing is lost: `degraded`."""
    checks = {"database": _database(), "redis": _redis()}
    status = "ok" if all(checks.values()) else "degraded" if checks["database"] else "unavailable"
    return {"status": status, "checks": checks}, 200 if checks["database"] else 503


def _database() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
        return True
    except SQLAlchemyError:
        return False


def _redis() -> bool:
    try:
        return bool(bus.redis().ping())
    except (RedisError, OSError):
        return False
