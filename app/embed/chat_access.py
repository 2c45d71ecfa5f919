"""The way into the chat: which site a page belongs to, and which conversation is its guest's."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from flask import g, request

from app.chat.models import ChatSettings, Conversation
from app.chat.queries import site_key_of_conversation
from app.core import tenancy
from app.core.api import uuid_or_404
from app.core.errors import ApiError, not_found
from app.core.ratelimit import address
from app.embed.calls import language_of
from app.embed.chat_limits import addresses, readers
from app.embed.chat_texts import words_for
from app.embed.guests import Proof, bearer, conversation_of, proof_of
from app.embed.published import active_site, check_origin
from app.sites.queries import PublishedSite


def enter(site: PublishedSite) -> PublishedSite:
    """Into the organization of the site, for a page that the site runs on."""
    check_origin(site)
    g.page_is_known = True
    g.site = site
    tenancy.enter(site.organization_id)
    return site


def enter_in_measure(key: str) -> PublishedSite:
    """By a site's key, as often as one address may."""
    site = enter(active_site(key))
    addresses.demand(address())
    return site


class Way(NamedTuple):
    """To a conversation, for somebody whom its site knows. He is told what is wrong with what he
    says, which is read before anything is locked."""

    site: PublishedSite
    conversation_id: UUID
    proof: Proof

    def conversation(self, *, writing: bool = False) -> Conversation:
        """404 for what is not his. `writing`: locked until the commit."""
        if writing:
            Conversation.lock(self.conversation_id)
        return conversation_of(self.site, self.conversation_id, self.proof)


def own_conversation(identifier: str) -> Conversation:
    """The conversation of whoever asks; 404 for what is not his."""
    return way_to(identifier).conversation()


def way_to(identifier: str) -> Way:
    """Into the organization of a conversation; 404 for whoever is nobody on its site."""
    readers.demand(address())
    known = uuid_or_404(identifier)
    site_key = site_key_of_conversation(known)
    if site_key is None:
        raise not_found()
    site = active_site(site_key)
    # Before anything is said of its site: whoever is nobody there is not told that it exists.
    proof = proof_of(site, bearer())
    if proof is None:
        raise not_found()
    return Way(enter(site), known, proof)


def check_on(site: PublishedSite) -> None:
    """Published with the site: known without asking."""
    if not site.content.get("chat"):
        raise no_chat(site)


def settings_of(site: PublishedSite) -> ChatSettings:
    """As they are: a page that has heard of a change asks once, maybe a process that has not."""
    settings = ChatSettings.find(site.id)
    if settings is None or not settings.on:
        raise no_chat(site)
    return settings


def no_chat(site: PublishedSite) -> ApiError:
    """In the words of a panel that may have been left open."""
    languages = (request.args.get("language"), language_of(request.environ), site.language)
    return ApiError(404, "no_chat", words_for(*languages)["off"])
