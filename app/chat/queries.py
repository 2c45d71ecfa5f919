"""What is asked of conversations before there is a tenant, and what lists of them show."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from app.chat.models import Attachment, Conversation
from app.core.cache import Cache
from app.core.db import system
from app.sites.models import Site


class Home(NamedTuple):
    """Where a conversation takes place."""

    organization_id: UUID
    site_key: str


# A conversation never moves.
_homes: Cache[Home | None] = Cache("conversation_homes", size=20_000, seconds=3600)


def home_of(conversation_id: UUID) -> Home | None:
    home = _homes.get(conversation_id, lambda: _find_home(conversation_id))
    if home is None:  # it may be there in a moment
        _homes.forget(conversation_id)
    return home


def _find_home(conversation_id: UUID) -> Home | None:
    found = (
        select(Site.organization_id, Site.key)
        .join(Conversation, Conversation.site_id == Site.id)
        .where(Conversation.id == conversation_id)
    )
    with system() as connection:
        row = connection.execute(found).first()
    return Home(*row) if row else None


def organization_of_file(token: str) -> UUID | None:
    """Whose a sent file is, by the token of its address."""
    with system() as connection:
        found = select(Attachment.organization_id).where(Attachment.token == token)
        return connection.scalar(found)
