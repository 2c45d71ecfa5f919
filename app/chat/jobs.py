"""What conversations do by themselves, when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from app.chat import letters
from app.chat.automation import say_waiting
from app.chat.models import Conversation
from app.core import clock
from app.core.due import do_what_is_due

SWEPT_AT_ONCE = 500
LATER = timedelta(minutes=1)  # after which what broke is tried again

Work = Callable[[Conversation], None]


def sweep_conversations() -> None:
    """Wake what was snoozed, mail what was not read, say that nobody was forgotten."""
    due: tuple[tuple[Any, Work], ...] = (
        (Conversation.snoozed_until, Conversation.wake),
        (Conversation.mail_due_at, letters.replies),
        (Conversation.waiting_due_at, say_waiting),
    )
    for column, work in due:
        act = partial(_if_still_due, column.key, work)
        do_what_is_due(Conversation, column, act, at_once=SWEPT_AT_ONCE, later=LATER)


def _if_still_due(name: str, work: Work, conversation: Conversation) -> None:
    """Once nobody else has it, as it is then."""
    Conversation.lock(conversation.id)
    due_at = getattr(conversation, name)
    if due_at is not None and due_at <= clock.now():
        work(conversation)
