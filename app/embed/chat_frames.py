"""All realtime of the chat for visitors: told once, after the commit, to each page of the guest.
Frames are news, not the record: `previous` shows a page that it has missed a message, and it reads
it from /widget/v1/conversations."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from app.chat import tokens
from app.chat.announcements import ConversationAnnouncement, MessageAdded
from app.chat.models import Conversation, Guest
from app.core import bus, tenancy
from app.core.announce import subscribe
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import ApiError
from app.embed.hub import GUEST, Connection
from app.embed.published import active_site
from app.sites.queries import PublishedSite

INBOX = "inbox:"  # and the id of an organization, names the channel of its agents
TYPING_EVERY = 1.0  # seconds between two typing frames that are passed on


@subscribe(MessageAdded)
def tell_message(added: MessageAdded) -> None:
    if added.message.is_public:
        frame = {"type": "message", "data": added.message.public()}
        tell_guest(added.conversation.guest_id, frame)


@subscribe(ConversationAnnouncement)
def tell_status(changed: ConversationAnnouncement) -> None:
    if isinstance(changed, MessageAdded) and changed.message.is_said:
        return  # the message itself says so
    frame = {"type": "status", "data": changed.conversation.status()}
    tell_guest(changed.conversation.guest_id, frame)


def tell_guest(guest_id: UUID, frame: dict[str, Any]) -> None:
    bus.tell(f"{GUEST}{guest_id.hex}", frame)


def tell_guest_now(guest_id: UUID, frame: dict[str, Any]) -> None:
    """At once: nothing of it is kept."""
    bus.publish(f"{GUEST}{guest_id.hex}", frame)


def tell_agents(conversation: Conversation, frame: dict[str, Any]) -> None:
    """At once: nothing of it is kept."""
    bus.publish(f"{INBOX}{conversation.organization_id.hex}", frame)


def guest_named(site: PublishedSite, text: Any) -> str | None:
    """The guest whom the chat token of a greeting names, as long as he is there."""
    identifier = tokens.read(tokens.CHAT, site.id, text)
    if identifier is None:
        return None
    with tenancy.scope(site.organization_id):
        guest = db.session.get(Guest, identifier)
        return guest.id.hex if guest and guest.site_id == site.id else None


def type_to_agents(connection: Connection, frame: dict[str, Any]) -> None:
    """The guest is writing; agents see what, too, once he sends it."""
    now = time.monotonic()
    if now - connection.typed_at < TYPING_EVERY:
        return
    connection.typed_at = now
    site = _site_of(connection)
    with tenancy.scope(site.organization_id):
        conversation = _own(connection, frame)
        told = {"type": "typing", "conversation": str(conversation.id), "author": "visitor"}
        tell_agents(conversation, told)


def read_up_to(connection: Connection, frame: dict[str, Any]) -> None:
    seq = frame.get("seq")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 10**9:
        raise ApiError(400, "bad_seq", "seq is that of a message.")
    with tenancy.scope(_site_of(connection).organization_id):
        _own(connection, frame).read_by_guest(seq)
        db.session.commit()


def _site_of(connection: Connection) -> PublishedSite:
    if connection.visitor is None or connection.guest_id is None:
        raise ApiError(400, "not_joined", "Join with a chat token before that.")
    return active_site(connection.visitor[0])


def _own(connection: Connection, frame: dict[str, Any]) -> Conversation:
    named = frame.get("conversation")
    identifier = parsed_uuid(named) if isinstance(named, str) else None
    found = db.session.get(Conversation, identifier) if identifier else None
    if found is None or found.guest_id.hex != connection.guest_id:
        raise ApiError(400, "not_yours", "There is no such conversation of yours.")
    return found
