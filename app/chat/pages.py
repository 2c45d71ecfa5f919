"""What the inbox shows: the list, and a conversation with what is known of its guest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request
from sqlalchemy import or_, select

from app.accounts.access import current_member, current_organization
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.chat import presence
from app.chat.inbox import (
    LONGEST_SEARCH,
    VIEWS,
    Filter,
    Listing,
    counts,
    labels_of,
    list_conversations,
)
from app.chat.models import ChatSettings, Conversation, Label
from app.chat.models.message import Message
from app.commerce.models import Order
from app.core.api import parsed_uuid
from app.core.countries import country_name
from app.core.crypto import blind_index
from app.core.db import db
from app.proof.models import Activity
from app.sites.models import Site
from app.tracking.lines import Line, lines_of
from app.tracking.models import Session
from app.tracking.queries import events_of_session, session_of
from app.tracking.words import path_of, source_words

MESSAGES = 60  # shown at first
AROUND_A_HIT = 10  # messages before one that was found
MOST = 400  # from there on
EVENTS = 40
ORDERS = 5
SITES = 50  # offered to choose from


def wanted() -> Filter:
    """What `?view=`, `?site=`, `?label=`, `?q=`, `?before=` and `?below=` ask for."""
    view = request.args.get("view", "all")
    return Filter(
        view=view if view in VIEWS else "all",
        site_id=parsed_uuid(request.args.get("site", "")),
        label_id=parsed_uuid(request.args.get("label", "")),
        text=request.args.get("q", "").replace("\x00", "")[:LONGEST_SEARCH].strip(),
        before=parsed_uuid(request.args.get("before", "")),
        below=parsed_uuid(request.args.get("below", "")),
    )


def list_values() -> dict[str, Any]:
    asked = wanted()
    listing: Listing = list_conversations(asked, current_member)
    return {
        "filter": asked,
        "listing": listing,
        "counts": counts(asked, current_member),
        "labels": Label.all(),
        "sites": chatting_sites(),
        "chats": bool(listing.conversations) or ChatSettings.any_on(),
    }


def chatting_sites() -> list[Site]:
    """The sites whose chat is on, or was used."""
    on = select(ChatSettings.id).where(ChatSettings.site_id == Site.id, ChatSettings.on)
    used = select(Conversation.id).where(Conversation.site_id == Site.id)
    found = select(Site).where(or_(on.exists(), used.exists()))
    return list(db.session.scalars(found.order_by(Site.search_text, Site.id).limit(SITES)))


def agents() -> list[Member]:
    """Members who may answer."""
    return Member.who_may(Permission.CHAT_REPLY)


@dataclass(frozen=True)
class Shown:
    """A conversation as its page shows it, with the visitor beside it."""

    conversation: Conversation
    messages: list[Message]
    labels: list[Label]
    session: Session | None
    visited: list[Line]
    orders: list[Order]
    activities: list[Activity]
    others: list[Conversation]
    agents: list[Member]
    here: set[UUID]

    @property
    def more(self) -> bool:
        """Whether there are older messages than those that are shown."""
        return bool(self.messages) and self.messages[0].seq > 1

    @property
    def origin(self) -> str | None:
        return source_words(self.session) if self.session else None

    @property
    def page(self) -> str | None:
        """Where he is: the last page of his visit, else where he wrote."""
        url = self.session.exit_url if self.session else self.conversation.page.get("url")
        return path_of(url) if url else None

    @property
    def place(self) -> str:
        guest = self.conversation.guest
        return ", ".join(each for each in (guest.city, country_name(guest.country)) if each)

    @property
    def names(self) -> dict[str, str]:
        """Of the agents, by id: who did what is told by them."""
        return {str(each.id): each.user.name or "" for each in self.agents}


def shown(conversation: Conversation) -> Shown:
    here = presence.present(current_organization.id)
    guest = conversation.guest
    session = _session(conversation)
    index = person_index(guest.told_email, conversation.organization_id)
    return Shown(
        conversation=conversation,
        messages=_messages(conversation),
        labels=labels_of([conversation.id]).get(conversation.id, []),
        session=session,
        visited=_visited(conversation.site, session),
        orders=_newest(Order, Order.customer_index, index, conversation),
        activities=_newest(Activity, Activity.person_index, index, conversation),
        others=[each for each in Conversation.of_guest(guest, 6) if each.id != conversation.id],
        agents=agents(),
        here=here,
    )


def _messages(conversation: Conversation) -> list[Message]:
    """The newest, or with `?seq=` those from a little before that one."""
    seq = request.args.get("seq", 0, int)
    if 0 < seq <= conversation.last_seq - MESSAGES:
        return conversation.messages(after=max(0, seq - AROUND_A_HIT), public=False, most=MOST)
    return conversation.messages(before=conversation.last_seq + 1, public=False, most=MESSAGES)


def _session(conversation: Conversation) -> Session | None:
    identifier = conversation.guest.session_id or conversation.session_id
    return session_of(conversation.site.number, identifier) if identifier else None


def _visited(site: Site, session: Session | None) -> list[Line]:
    """What happened in the visit, the newest first; without what only measures."""
    if session is None:
        return []
    events = [
        each
        for each in events_of_session(site.number, session.id)
        if each.name not in ("engagement", "web_vitals")
    ]
    return lines_of(site, reversed(events[-EVENTS:]), {session.id: session})


def _newest(model: Any, column: Any, index: bytes | None, conversation: Conversation) -> list[Any]:
    """By an address that the site told alone: one that is merely claimed shows nothing."""
    if index is None:
        return []
    found = select(model).where(column == index, model.site_id == conversation.site_id)
    return list(db.session.scalars(found.order_by(model.occurred_at.desc()).limit(ORDERS)))


def person_index(email: str | None, organization_id: UUID) -> bytes | None:
    return blind_index(email, purpose="person.email", tenant=organization_id)
