"""/o/<slug>/ws/inbox: what happens in the conversations of an organization, told to its agents as
the HTML that their pages show. A gap in `data-seq` is read again from the inbox itself."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, current_app, g, render_template
from flask_sock import Sock
from simple_websocket import Server
from sqlalchemy import select
from wsproto.frame_protocol import FrameProtocol

from app.accounts.access import current_member
from app.accounts.permissions import Permission
from app.chat.announcements import ConversationAnnouncement, MessageAdded
from app.chat.models import Conversation, Message
from app.core import bus, strict_json, tenancy
from app.core.announce import subscribe
from app.core.api import parsed_uuid
from app.core.db import after_commit, db
from app.dashboard import member_sockets
from app.embed.chat_frames import INBOX, tell_agents, tell_guest_now
from app.embed.hub import RESTART, Connection

blueprint = Blueprint("inbox_sockets", __name__)
sock = Sock()


@subscribe(MessageAdded)
def tell_message(added: MessageAdded) -> None:
    _tell(added.conversation, {"type": "message", "message": str(added.message.id)})


@subscribe(ConversationAnnouncement)
def tell_change(changed: ConversationAnnouncement) -> None:
    if not isinstance(changed, MessageAdded):
        _tell(changed.conversation, {"type": "change"})


def _tell(conversation: Conversation, frame: dict[str, Any]) -> None:
    channel = f"{INBOX}{conversation.organization_id.hex}"
    told = {**frame, "conversation": str(conversation.id)}
    after_commit(lambda: bus.publish(channel, told))


class Desks:
    """The open inboxes of this process, by organization."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._organizations: dict[str, set[Connection]] = defaultdict(set)

    @property
    def number(self) -> int:
        return sum(map(len, self._organizations.values()))

    def add(self, organization_id: str, connection: Connection) -> None:
        self._organizations[organization_id].add(connection)

    def remove(self, organization_id: str, connection: Connection) -> None:
        self._organizations[organization_id].discard(connection)
        if not self._organizations[organization_id]:
            del self._organizations[organization_id]

    def hear(self, channel: str, frame: Any) -> None:
        """Bus listener. After a gap everybody reads again."""
        if frame is None:
            self._send(self._all(), {"type": "resync"})
        elif channel.startswith(INBOX):
            organization_id = channel.removeprefix(INBOX)
            members = list(self._organizations.get(organization_id, ()))
            if members:
                self._send(members, self._with_html(UUID(organization_id), frame))

    def _with_html(self, organization_id: UUID, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["type"] != "message":
            return frame
        with self._app.test_request_context(), tenancy.scope(organization_id):
            html = html_of(UUID(frame["message"]))
        return {**frame, "html": html} if html else {**frame, "type": "change"}

    def _send(self, connections: list[Connection], frame: dict[str, Any]) -> None:
        data = text_frame(frame["html"] if "html" in frame else json.dumps(frame))
        for connection in connections:
            connection.offer(data)

    def close_all(self) -> None:
        for connection in self._all():
            connection.close(RESTART)

    def _all(self) -> list[Connection]:
        return [each for members in list(self._organizations.values()) for each in members]


def text_frame(text: str) -> bytes:
    return bytes(FrameProtocol(client=False, extensions=[]).send_data(text, fin=True))


def html_of(message_id: UUID) -> str | None:
    message = db.session.scalars(select(Message).filter_by(id=message_id)).first()
    if message is None:
        return None
    conversation = db.session.get_one(Conversation, message.conversation_id)
    template = "chat/inbox/_broadcast.html"
    return render_template(template, message=message, conversation=conversation)


def desks() -> Desks:
    return current_app.extensions["candor_desks"]


@blueprint.before_request
def guard() -> None:
    member_sockets.check(Permission.CHAT_READ, desks().number)


@sock.route("/o/<organization>/ws/inbox", bp=blueprint)
def inbox_socket(ws: Server, organization: str) -> None:
    connection, organization_id = Connection(ws), g.organization.id
    agent = {"id": str(current_member.id), "name": current_member.user.name or ""}
    db.session.remove()
    desks().add(organization_id.hex, connection)
    try:
        member_sockets.serve(
            connection, Permission.CHAT_READ, lambda text: hear(organization_id, agent, text)
        )
    finally:
        desks().remove(organization_id.hex, connection)


def hear(organization_id: UUID, agent: dict[str, str], text: str | bytes) -> None:
    """`{"type": "typing", "conversation": id}`: told to the guest and to the other agents."""
    try:
        frame = strict_json.loads(text)
    except strict_json.BadJSON:
        return
    named = frame.get("conversation") if isinstance(frame, dict) else None
    identifier = parsed_uuid(named) if isinstance(named, str) else None
    if identifier is None or frame.get("type") != "typing":
        return
    try:
        with tenancy.scope(organization_id):
            found = db.session.get(Conversation, identifier)
            if found is not None:
                _tell_typing(found, agent, note=frame.get("note") is True)
    finally:
        db.session.remove()


def _tell_typing(conversation: Conversation, agent: dict[str, str], *, note: bool) -> None:
    told = {"type": "typing", "conversation": str(conversation.id), "author": "agent"}
    tell_agents(conversation, {**told, "member": agent["id"], "name": agent["name"]})
    if not note:
        first_name = agent["name"].split()[0] if agent["name"] else None
        tell_guest_now(
            conversation.guest_id, {"type": "typing", "data": {**told, "name": first_name}}
        )
