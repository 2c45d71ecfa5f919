"""What a panel of the chat shows: at first, and of each of its conversations."""

from __future__ import annotations

from typing import Any

from app.chat.automation import asked_of_guests, availability_of, greet
from app.chat.files import LARGEST
from app.chat.models import ChatSettings, Conversation, Guest
from app.embed.chat_texts import words_for
from app.embed.guests import utm_of
from app.sites.queries import PublishedSite


def panel_of(
    site: PublishedSite, settings: ChatSettings, guest: Guest | None, language: str | None
) -> dict[str, Any]:
    """Texts, whether somebody is there, and what the guest has said before."""
    conversations = Conversation.of_guest(guest) if guest else []
    return {
        "asks": asked_of_guests(settings, site.time_zone),
        "files": settings.takes_files,
        "largest": LARGEST,
        "rating": settings.asks_rating,
        **availability_of(settings, site.time_zone),
        **greet(settings, site.language, language),
        **({"words": words_for(language, site.language)} if language else {}),
        **({"utm": utm_of(site)} if settings.outside else {}),
        "known": bool(guest and guest.email),
        "conversations": [summary_of(each) for each in conversations],
    }


def begun(conversation: Conversation) -> dict[str, Any]:
    """A conversation with all that was said in it."""
    messages = conversation.messages(public=True)
    return {**summary_of(conversation), "messages": [each.public() for each in messages]}


def summary_of(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": str(conversation.id),
        **{k: v for k, v in conversation.status().items() if k != "conversation"},
        "excerpt": conversation.excerpt,
        "last_author": conversation.last_author,
    }
