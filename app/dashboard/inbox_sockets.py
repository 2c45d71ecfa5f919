"""/o/<slug>/ws/inbox: what happens in the conversations of an organization, told to its agents as
the HTML that their pages show. A gap in `data-seq` is read again from the inbox itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g
from flask_sock import Sock
from simple_websocket import Server

from app.accounts.access import current_member
from app.accounts.permissions import Permission
from app.chat.announcements import ConversationAnnouncement, ConversationsLetGo, MessageAdded
from app.chat.models import Conversation
from app.core import bus, strict_json, tenancy
from app.core.announce import subscribe
from app.core.api import parsed_uuid
from app.core.db import db
from app.dashboard import member_sockets
from app.dashboard.desks import OUTBOX, RESYNC, Desk, Desks, leave, look, note_desks, tell_desks
from app.embed.chat_frames import INBOX, tell_guest_now
from app.embed.hub import Connection

blueprint = Blueprint("inbox_sockets", __name__)
sock = Sock()


@subscribe(MessageAdded)
def tell_message(added: MessageAdded) -> None:
    _tell(added.conversation, {"type": "message", "message": str(added.message.id)})


@subscribe(ConversationAnnouncement)
def tell_change(changed: ConversationAnnouncement) -> None:
    if not isinstance(changed, MessageAdded):
        _tell(changed.conversation, {"type": "change"})


@subscribe(ConversationsLetGo)
def tell_to_read_again(let_go: ConversationsLetGo) -> None:
    bus.tell(f"{INBOX}{let_go.member.organization_id.hex}", RESYNC)


def _tell(conversation: Conversation, frame: dict[str, Any]) -> None:
    channel = f"{INBOX}{conversation.organization_id.hex}"
    told = {**frame, "conversation": str(conversation.id)}
    bus.tell(channel, told)


def desks() -> Desks:
    return current_app.extensions["candor_desks"]


@blueprint.before_request
def guard() -> None:
    member_sockets.check(Permission.CHAT_READ, desks().number)


@sock.route("/o/<organization>/ws/inbox", bp=blueprint)
def inbox_socket(ws: Server, organization: str) -> None:
    desk = Desk(
        Connection(ws, OUTBOX), g.organization.id, current_member.id, current_member.user.name or ""
    )
    db.session.remove()
    desks().add(desk)
    note_desks([desk])
    try:
        member_sockets.serve(desk.connection, Permission.CHAT_READ, lambda text: hear(desk, text))
    finally:
        desks().remove(desk)


def hear(desk: Desk, text: str | bytes) -> None:
    """`typing` and `looking` name a conversation; `here` says whether the agent is `away`. What is
    anything else is nothing."""
    try:
        frame = strict_json.loads(text)
    except strict_json.BadJSON:
        return
    kind = frame.get("type") if isinstance(frame, dict) else None
    if kind == "here":
        _be_here(desk, away=frame.get("away") is True)
    elif kind == "looking" and frame.get("conversation") is None:
        look(desk, None)
    elif kind in ("typing", "looking"):
        _hear_of(desk, frame)


def _be_here(desk: Desk, *, away: bool) -> None:
    desk.away = away
    if away:
        leave(desk)
    else:
        note_desks([desk])


def _hear_of(desk: Desk, frame: dict[str, Any]) -> None:
    named = frame.get("conversation")
    identifier = parsed_uuid(named) if isinstance(named, str) else None
    if identifier is None:
        return
    try:
        with tenancy.scope(desk.organization_id):
            found = db.session.get(Conversation, identifier)
            if found is None:
                return
            guest_id, conversation = found.guest_id, str(found.id)
    finally:
        db.session.remove()
    if frame["type"] == "looking":
        look(desk, conversation)
    else:
        _tell_typing(desk, conversation, guest_id, note=frame.get("note") is True)


def _tell_typing(desk: Desk, conversation: str, guest_id: UUID, *, note: bool) -> None:
    tell_desks(desk, "typing", conversation=conversation, note=note)
    if not note:
        told = {"type": "typing", "conversation": conversation, "author": "agent"}
        first_name = desk.name.split()[0] if desk.name else None
        data = {**told, "name": first_name}
        bus.missable(lambda: tell_guest_now(guest_id, {"type": "typing", "data": data}))
