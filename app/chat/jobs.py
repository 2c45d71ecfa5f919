"""What conversations do by themselves, when its time has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select

from app.chat import letters
from app.chat.automation import say_waiting
from app.chat.models import Conversation
from app.core import clock, tenancy
from app.core.db import db, system

SWEPT_AT_ONCE = 500

Work = Callable[[Conversation], None]
log = structlog.get_logger()


def sweep_conversations() -> None:
    """Wake what was snoozed, mail what was not read, say that nobody was forgotten."""
    due: tuple[tuple[Any, Work], ...] = (
        (Conversation.snoozed_until, Conversation.wake),
        (Conversation.mail_due_at, letters.replies),
        (Conversation.waiting_due_at, say_waiting),
    )
    for column, work in due:
        for organization_id, conversation_id in _due(column, clock.now()):
            _do(organization_id, conversation_id, column, work)


def _due(column: Any, moment: datetime) -> Iterator[tuple[UUID, UUID]]:
    found = select(Conversation.organization_id, Conversation.id).where(column <= moment)
    with system() as connection:
        rows = connection.execute(found.order_by(column).limit(SWEPT_AT_ONCE)).all()
    return ((row.organization_id, row.id) for row in rows)


def _do(organization_id: UUID, conversation_id: UUID, column: Any, work: Work) -> None:
    """One conversation in a transaction of its own, if it is still due once nobody else has it:
    one that breaks holds up no other."""
    with tenancy.scope(organization_id):
        try:
            Conversation.lock(conversation_id)
            still = select(Conversation).where(
                Conversation.id == conversation_id, column <= clock.now()
            )
            conversation = db.session.scalars(still).first()
            if conversation is not None:
                work(conversation)
                db.session.commit()
        except Exception:
            db.session.rollback()
            log.exception("conversation_not_swept", conversation_id=str(conversation_id))
