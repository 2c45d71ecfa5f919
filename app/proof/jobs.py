"""Imports become activities, and are taken back, batch by batch; sweeps find what was lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Organization
from app.core import clock, tenancy
from app.core.db import db, exclusive, system
from app.core.jobs import job
from app.proof.imports import RUNNING, UNDOING, Import, forget_old

STUCK = timedelta(minutes=2)
AT_ONCE = 20.0  # seconds, before other jobs get their turn


@job
def go_on_with_import(import_id: str) -> None:
    """The next batches, each in a transaction of its own, until it is through or time is up."""
    ends = time.monotonic() + AT_ONCE
    step = _step(import_id)
    while step is not None and step():
        db.session.commit()
        if time.monotonic() > ends:
            return go_on_with_import.enqueue(import_id=import_id)
    return None


def _step(import_id: str) -> Callable[[], bool] | None:
    """What is to be done next, again and again; None when there is nothing."""
    imported = _lock(import_id)
    if imported is None or imported.state not in (RUNNING, UNDOING):
        return None
    if imported.state == UNDOING:
        return lambda: _while(import_id, UNDOING, lambda found: found.take_back())
    # Read once for all batches: from the same bytes come the same facts.
    facts = imported.reading(imported.table()).facts
    return lambda: _while(import_id, RUNNING, lambda found: found.take(facts))


def _while(import_id: str, state: str, act: Callable[[Import], bool]) -> bool:
    imported = _lock(import_id)
    return imported is not None and imported.state == state and act(imported)


def _lock(import_id: str) -> Import | None:
    exclusive(f"import:{import_id}")
    return db.session.get(Import, UUID(import_id))


def sweep_imports() -> None:
    """Nudge again the imports that have not moved for a while."""
    unfinished = select(Import.organization_id, Import.id).where(
        Import.state.in_((RUNNING, UNDOING)), Import.moved_at < clock.now() - STUCK
    )
    with system() as connection:
        stuck = connection.execute(unfinished).all()
    for organization_id, import_id in stuck:
        go_on_with_import.nudge(str(organization_id), {"import_id": str(import_id)})


def forget_uploads() -> None:
    with system() as connection:
        organization_ids = list(connection.scalars(select(Organization.id)))
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            forget_old()
            db.session.commit()
