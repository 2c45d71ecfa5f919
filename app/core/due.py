"""What is done with the rows of a model whose moment has come, of whichever organizations."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import select

from app.core import clock, tenancy
from app.core.db import db, system

T = TypeVar("T")

SLICE = 2.0  # seconds of a worker's turn: what comes in must not wait for it

log = structlog.get_logger()


def do_what_is_due(
    model: type[T], due: Any, act: Callable[[T], Any], *, at_once: int, later: timedelta
) -> None:
    """`act` on each row whose moment in the column `due` has come, in a transaction of its own. One
    that breaks holds up no other: it is tried again later, behind those that are due. What there is
    no time for in this turn is due in the next."""
    until = time.monotonic() + SLICE
    for organization_id, identifier in _due(model, due, at_once):
        with tenancy.scope(organization_id):
            try:
                row = db.session.get(model, identifier)
                if row is not None:
                    act(row)
                    db.session.commit()
            except Exception:
                log.exception("due_not_done", model=model.__name__, id=str(identifier))
                db.session.rollback()
                _put_off(model, due, identifier, later)
        if time.monotonic() >= until:
            return


def _due(model: Any, due: Any, at_once: int) -> Any:
    found = (
        select(model.organization_id, model.id)
        .where(due <= clock.now())
        .order_by(due)
        .limit(at_once)
    )
    with system() as connection:
        return connection.execute(found).all()


def _put_off(model: Any, due: Any, identifier: UUID, later: timedelta) -> None:
    row = db.session.get(model, identifier)
    if row is not None and getattr(row, due.key) is not None:
        setattr(row, due.key, clock.now() + later)
        db.session.commit()
