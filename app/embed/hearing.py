"""What a guest says is heard: his first words begin a conversation, the others follow."""

from __future__ import annotations

from typing import Any

from flask import g

from app.chat import letters
from app.chat.automation import begin_offline, finds_nobody
from app.chat.hours import Hours
from app.chat.models import ChatSettings, Conversation, Guest, Message, Surroundings
from app.contacts.suggestions import suggestions_for
from app.core import clock
from app.core.db import exclusive, release
from app.core.errors import ApiError
from app.embed.chat_access import settings_of
from app.embed.chat_bodies import Said, Saying, client_id_of, first_words_of, person_of
from app.embed.chat_limits import may_confirm, noted, writers
from app.embed.guests import bearer, guest_of, surroundings
from app.embed.introductions import demand_address, introduce
from app.embed.opening_lines import begin_with_line
from app.sites.queries import PublishedSite


def begin(site: PublishedSite, said: Said) -> Conversation:
    """A conversation, and with `body` its first message. Asked for twice it is one."""
    settings, around = settings_of(site), surroundings(site, said)
    saying = Saying(client_id_of(said), first_words_of(said), None)
    person, before = person_of(said), guest_of(site, bearer())
    email = person.email or (before.email if before else None)
    confirmed = bool(saying.body) and confirms(site, settings, email)
    known = _known(site, saying, around)
    guest = known.guest if known else guest_of(site, bearer()) or Guest.arrive(site.id, around)
    writers.demand(guest.id.hex)
    introduce(guest, person, around)
    demand_address(guest, settings, site)
    conversation = known or _begun(guest, around, site, said)
    if saying.body:
        hear(conversation, site, saying, confirmed=confirmed)
    return conversation


def confirms(site: PublishedSite, settings: ChatSettings, email: str | None) -> bool:
    """Whether a first message of his is confirmed by mail now. Redis is asked, so before anything
    is written."""
    if not email or settings.hours(site.time_zone).open_at(clock.now()):
        return False
    release()
    return may_confirm(email)


def _begun(guest: Guest, around: Surroundings, site: PublishedSite, said: Said) -> Conversation:
    conversation = Conversation.begin(guest, around, client_id_of(said))
    begin_with_line(conversation, site, said)
    return conversation


def suggested(site: PublishedSite, body: str | None) -> dict[str, Any]:
    """What may answer a first message, where somebody keeps such answers."""
    found = suggestions_for(site.id, body) if body else None
    return {} if found is None else {"suggestions": [each.public() for each in found]}


def hear(
    conversation: Conversation, site: PublishedSite, saying: Saying, *, confirmed: bool
) -> Message:
    """The guest writes. What he says first when nobody is there is a request besides, which is
    `confirmed` by mail or not."""
    Conversation.lock(conversation.id)
    before, nobody_there = conversation.last_seq, is_unheard(conversation, site)
    message = conversation.hear(saying.body, saying.client_id, saying.upload)
    if nobody_there and message.seq > before:
        begin_offline(conversation, message, letters.resume_url(conversation), confirmed=confirmed)
    return message


def is_unheard(conversation: Conversation, site: PublishedSite) -> bool:
    """Whether what he says now begins as a request: the first thing when nobody is there."""
    return finds_nobody(conversation, _hours(site))


def _hours(site: PublishedSite) -> Hours:
    """Asked for once in a request, since each message needs them before its lock and under it."""
    if "chat_hours" not in g:
        g.chat_hours = settings_of(site).hours(site.time_zone)
    hours: Hours = g.chat_hours
    return hours


def look_around(conversation: Conversation, site: PublishedSite, said: Said) -> None:
    """From where he writes now."""
    if noted.take(conversation.guest_id.hex):
        conversation.guest.stand_in(surroundings(site, said))


def _known(site: PublishedSite, saying: Saying, around: Surroundings) -> Conversation | None:
    """One that was begun by the same page, whose answer got lost or is still on its way. Whoever
    has no token yet is known by his visit, or where his network is another by now, by his browser
    and his words."""
    exclusive(f"beginning/{site.id}/{saying.client_id}")
    known = Conversation.of_client_id(site.id, saying.client_id)
    if known is None:
        return None
    own = guest_of(site, bearer())
    if not (known.guest_id == own.id if own else _is_same_page(known, saying.body, around)):
        raise ApiError(409, "taken", "Somebody else has begun a conversation of this name.")
    return known


def _is_same_page(known: Conversation, body: str | None, around: Surroundings) -> bool:
    """Never for one of whom the site vouches: his page has a token, and what he was handed over may
    have been begun by somebody else, who knows its name and words as well."""
    if known.guest.verified:
        return False
    if around.visitor is not None and known.guest.visitor == around.visitor:
        return True
    first = known.first_words
    return known.guest.user_agent == around.user_agent and body == (first and first.body)
