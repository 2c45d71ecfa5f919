"""What the inbox shows: the list, and a conversation with what is known of its guest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import select

from app.accounts.access import current_member
from app.accounts.models import Member
from app.accounts.permissions import Permission, allows
from app.chat.inbox import (
    LONGEST_SEARCH,
    VIEWS,
    Filter,
    Listing,
    counts,
    labels_of,
    list_conversations,
)
from app.chat.models import Conversation, Label
from app.chat.models.message import Message
from app.commerce.models import Order
from app.core.api import parsed_uuid
from app.core.crypto import blind_index
from app.core.db import db
from app.tracking.models import Event, Session

MESSAGES = 60  # shown at first
EVENTS = 30
ORDERS = 5
PAGE_VIEW = "page_view"


def wanted() -> Filter:
    """What `?view=`, `?site=`, `?label=`, `?q=` and `?before=` ask for."""
    view = request.args.get("view", "all")
    return Filter(
        view=view if view in VIEWS else "all",
        site_id=parsed_uuid(request.args.get("site", "")),
        label_id=parsed_uuid(request.args.get("label", "")),
        text=request.args.get("q", "").replace("\x00", "")[:LONGEST_SEARCH].strip(),
        before=parsed_uuid(request.args.get("before", "")),
    )


def list_values() -> dict[str, Any]:
    asked = wanted()
    listing: Listing = list_conversations(asked, current_member)
    return {
        "filter": asked,
        "listing": listing,
        "counts": counts(current_member),
        "labels": Label.all(),
    }


def agents() -> list[Member]:
    """Members who may answer."""
    members = db.session.scalars(select(Member).filter_by(suspended_at=None).order_by(Member.id))
    return [each for each in members if allows(each.role, Permission.CHAT_REPLY)]


@dataclass(frozen=True)
class Shown:
    """A conversation as its page shows it, with the visitor beside it."""

    conversation: Conversation
    messages: list[Message]
    labels: list[Label]
    session: Session | None
    visited: list[Event]
    orders: list[Order]
    others: list[Conversation]

    @property
    def more(self) -> bool:
        """Whether there are older messages than those that are shown."""
        return bool(self.messages) and self.messages[0].seq > 1

    @property
    def visited_at(self) -> datetime | None:
        return self.conversation.guest.last_seen_at


def shown(conversation: Conversation) -> Shown:
    guest = conversation.guest
    last = conversation.last_seq + 1
    return Shown(
        conversation=conversation,
        messages=conversation.messages(before=last, public=False, most=MESSAGES),
        labels=labels_of([conversation.id]).get(conversation.id, []),
        session=_session(conversation),
        visited=_visited(conversation),
        orders=_orders(guest.email if guest.verified else None, conversation),
        others=[each for each in Conversation.of_guest(guest, 6) if each.id != conversation.id],
    )


def _session(conversation: Conversation) -> Session | None:
    identifier = conversation.guest.session_id or conversation.session_id
    if identifier is None:
        return None
    found = select(Session).filter_by(site_number=conversation.site.number, id=identifier)
    return db.session.scalars(found).first()


def _visited(conversation: Conversation) -> list[Event]:
    """The pages of the visit, the newest first."""
    identifier = conversation.guest.session_id or conversation.session_id
    if identifier is None:
        return []
    number = conversation.site.number
    found = select(Event).filter_by(site_number=number, session_id=identifier, name=PAGE_VIEW)
    return list(db.session.scalars(found.order_by(Event.at.desc()).limit(EVENTS)))


def _orders(email: str | None, conversation: Conversation) -> list[Order]:
    """Of somebody the site vouched for alone: an address that is merely claimed shows nothing."""
    index = person_index(email, conversation.organization_id)
    if index is None:
        return []
    found = select(Order).filter_by(site_id=conversation.site_id, customer_index=index)
    return list(db.session.scalars(found.order_by(Order.occurred_at.desc()).limit(ORDERS)))


def person_index(email: str | None, organization_id: Any) -> bytes | None:
    return blind_index(email, purpose="person.email", tenant=organization_id)
