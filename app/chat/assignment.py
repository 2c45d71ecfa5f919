"""Round robin: a new conversation goes to the agent who is there and has the fewest open ones."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.chat import presence
from app.chat.announcements import ConversationOpened
from app.chat.models import OPEN, ChatSettings, Conversation
from app.chat.models.settings import ROUND_ROBIN
from app.core import tenancy
from app.core.announce import subscribe
from app.core.db import db, exclusive
from app.core.jobs import job


@subscribe(ConversationOpened)
def assign_later(opened: ConversationOpened) -> None:
    """By a worker: who is there is asked of Redis, which no transaction may wait for. If the nudge
    is lost, the conversation is nobody's, and so in the inbox of everybody."""
    if ChatSettings.of(opened.conversation.site_id).assignment == ROUND_ROBIN:
        assign_next.enqueue(conversation_id=opened.conversation.id)


@job
def assign_next(conversation_id: str) -> None:
    there = presence.present(tenancy.current_organization_id())
    exclusive(f"round_robin/{tenancy.current_organization_id()}")
    member = _least_busy(there)
    # Whoever has answered meanwhile keeps it.
    Conversation.lock(UUID(conversation_id))
    conversation = db.session.get(Conversation, UUID(conversation_id))
    if member is not None and conversation is not None and conversation.assignee_id is None:
        conversation.assign(member)


def _least_busy(there: set[UUID]) -> Member | None:
    """Among equals, whose newest one is the oldest."""
    agents = [each for each in Member.who_may(Permission.CHAT_REPLY) if each.id in there]
    open_ones = (
        select(Conversation.assignee_id, func.count(), func.max(Conversation.opened_at))
        .where(Conversation.assignee_id.in_(there), Conversation.state == OPEN)
        .group_by(Conversation.assignee_id)
    )
    load = {row[0]: (row[1], row[2]) for row in db.session.execute(open_ones)}
    return min(agents, key=lambda each: load.get(each.id, (0, each.created_at)), default=None)
