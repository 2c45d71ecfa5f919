"""What is asked of conversations before there is a tenant, and what lists of them show."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.chat.models import Attachment, Conversation
from app.core.cache import Cache
from app.core.db import system
from app.sites.models import Site

# A conversation never moves.
_sites: Cache[str | None] = Cache("conversation_sites", size=20_000, seconds=3600)


def site_key_of_conversation(conversation_id: UUID) -> str | None:
    """Of the site where a conversation takes place."""
    key = _sites.get(conversation_id, lambda: _find_site_key(conversation_id))
    if key is None:  # it may be there in a moment
        _sites.forget(conversation_id)
    return key


def _find_site_key(conversation_id: UUID) -> str | None:
    found = (
        select(Site.key)
        .join(Conversation, Conversation.site_id == Site.id)
        .where(Conversation.id == conversation_id)
    )
    with system() as connection:
        return connection.scalar(found)


def organization_of_file(token: str) -> UUID | None:
    """Whose a sent file is, by the token of its address."""
    with system() as connection:
        found = select(Attachment.organization_id).where(Attachment.token == token)
        return connection.scalar(found)
