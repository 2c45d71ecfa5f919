"""What a site says by itself, and whether somebody is there to answer."""

from __future__ import annotations

from typing import Any

from app.chat.hours import Hours
from app.chat.models import ChatSettings, Conversation, Message
from app.contacts.requests import HelpAsked
from app.core import clock
from app.core.announce import announce


def availability_of(settings: ChatSettings, zone: str) -> dict[str, Any]:
    """`open`: whether it is within the hours; else `back_at`, when somebody is there again."""
    hours, now = settings.hours(zone), clock.now()
    if hours.open_at(now):
        return {"open": True, "back_at": None}
    opening = hours.next_opening(now)
    return {"open": False, "back_at": clock.iso(opening) if opening else None}


def asked_of_guests(settings: ChatSettings, zone: str) -> str:
    """Before the first message: nothing, optional or required. With nobody there it is always
    required: an answer must be able to reach him."""
    return settings.asks if settings.hours(zone).open_at(clock.now()) else "required"


def greet(settings: ChatSettings, language: str, asked: str | None) -> dict[str, Any]:
    """The site's words for a panel, in the visitor's language or in its own."""
    names = ("title", "greeting", "away")
    return {name: settings.text(name, asked, language) for name in names}


def say_waiting(conversation: Conversation) -> None:
    """Nobody has answered for as long as the site says; while nobody is there, it waits on."""
    settings, now = ChatSettings.find(conversation.site_id), clock.now()
    if settings and not settings.hours(conversation.site.time_zone).open_at(now):
        conversation.wait_on(now)
        return
    conversation.waiting_due_at = None
    _say(conversation, "waiting")


def finds_nobody(conversation: Conversation, hours: Hours) -> bool:
    """Whether nobody is there for what the guest is about to say, and he was not told so yet: who
    waits for an answer since the same closing was."""
    now = clock.now()
    if hours.open_at(now):
        return False
    return conversation.waiting_since is None or not hours.away_from(conversation.last_at, now)


def begin_offline(
    conversation: Conversation, first: Message, resume_url: str, *, confirmed: bool
) -> None:
    """Nobody is there: the guest is told so, and his message is kept as a request as well, which is
    `confirmed` by mail or not. No answer can be mailed to who left no address."""
    _say(conversation, "away")
    guest = conversation.guest
    if not guest.email:
        return
    conversation.keep_as_ticket()
    asked = HelpAsked(
        conversation_id=conversation.id,
        site_id=conversation.site_id,
        contact_id=guest.contact_id,
        person=guest.name,
        email=guest.email,
        text=first.body or (first.attachment and first.attachment.name) or "",
        language=guest.language,
        resume_url=resume_url,
        confirmed=confirmed,
    )
    announce(asked)


def _say(conversation: Conversation, name: str) -> None:
    """In the words of the site, if it has any for this."""
    settings = ChatSettings.find(conversation.site_id)
    languages = (conversation.guest.language, conversation.site.language)
    text = settings and settings.text(name, *languages)
    if text:
        conversation.say(text, automatic=name)
