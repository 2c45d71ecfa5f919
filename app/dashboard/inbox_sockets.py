"""/o/<slug>/ws/inbox: what happens in the conversations of an organization, told to its agents as
the HTML that their pages show. A gap in `data-seq` is read again from the inbox itself."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, current_app, g, render_template
from flask_sock import Sock
from simple_websocket import Server
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wsproto.frame_protocol import FrameProtocol

from app.accounts.access import current_member
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.chat import presence
from app.chat.announcements import ConversationAnnouncement, MessageAdded
from app.chat.models import Conversation, Message
from app.core import bus, strict_json, tenancy
from app.core.announce import subscribe
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.ids import uuid7
from app.dashboard import member_sockets
from app.embed.chat_frames import INBOX, tell_guest_now
from app.embed.hub import RESTART, Connection

blueprint = Blueprint("inbox_sockets", __name__)
sock = Sock()

TELL_EVERY = 20.0  # seconds between two tellings of who is there


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
    bus.tell(channel, told)


@dataclass(eq=False)
class Desk:
    """The open inbox of one agent: whether he takes new conversations, and what he looks at."""

    connection: Connection
    organization_id: UUID
    member_id: UUID
    name: str
    id: str = field(default_factory=lambda: uuid7().hex)
    away: bool = False
    looking: str | None = None

    @property
    def presence_name(self) -> str:
        return presence.desk_name(self.member_id, self.id)

    def frame(self, kind: str, **values: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "author": "agent",
            "member": str(self.member_id),
            "name": self.name,
            "desk": self.id,
            **values,
        }


class Desks:
    """The open inboxes of this process, by organization."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._organizations: dict[str, set[Desk]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    @property
    def number(self) -> int:
        return sum(map(len, self._organizations.values()))

    def add(self, desk: Desk) -> None:
        self._organizations[desk.organization_id.hex].add(desk)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="desks")
            self._thread.start()

    def remove(self, desk: Desk) -> None:
        desks = self._organizations[desk.organization_id.hex]
        desks.discard(desk)
        if not desks:
            del self._organizations[desk.organization_id.hex]
        look(desk, None)
        leave(desk)

    def hear(self, channel: str, frame: Any) -> None:
        """Bus listener. After a gap everybody reads again."""
        if frame is None or channel == bus.MISSED:
            self._send(self._all(), {"type": "resync"})
        elif channel.startswith(INBOX):
            organization_id = channel.removeprefix(INBOX)
            desks = list(self._organizations.get(organization_id, ()))
            if desks:
                self._send(desks, self._with_html(UUID(organization_id), frame))
                self._answer(desks, frame)

    def _with_html(self, organization_id: UUID, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["type"] != "message":
            return frame
        with self._app.test_request_context(), tenancy.scope(organization_id):
            html = html_of(UUID(frame["message"]))
        return {**frame, "html": html} if html else {**frame, "type": "change"}

    def _answer(self, desks: list[Desk], frame: dict[str, Any]) -> None:
        """Whoever looks at the same tells so, once, to the one who came."""
        if frame["type"] != "looking" or not frame.get("came"):
            return
        for desk in desks:
            if desk.looking == frame["conversation"] and desk.id != frame["desk"]:
                tell_desks(desk, "looking", conversation=desk.looking)

    def _send(self, desks: list[Desk], frame: dict[str, Any]) -> None:
        data = text_frame(frame["html"] if "html" in frame else json.dumps(frame))
        for desk in desks:
            desk.connection.offer(data)

    def close_all(self) -> None:
        for desk in self._all():
            desk.connection.close(RESTART)

    def _all(self) -> list[Desk]:
        return [each for desks in list(self._organizations.values()) for each in desks]

    def _run(self) -> None:
        """Says again and again who is there: what is not said any more is forgotten. And to each
        inbox that it is still listened to: a page learns of no other sign that its network went."""
        while True:
            time.sleep(TELL_EVERY)
            with self._app.app_context():
                self._send(self._all(), {"type": "here"})
                note_desks(self._all())
                for desk in self._all():
                    if desk.looking:
                        tell_desks(desk, "looking", conversation=desk.looking)


def note_desks(desks: list[Desk]) -> None:
    """Redis may be away: then nobody is known to be there, and all else goes on."""
    there: dict[UUID, list[str]] = defaultdict(list)
    for desk in desks:
        if not desk.away:
            there[desk.organization_id].append(desk.presence_name)
    if there:
        bus.missable(lambda: presence.note(there))


def leave(desk: Desk) -> None:
    bus.missable(lambda: presence.forget(desk.organization_id, desk.presence_name))


def look(desk: Desk, conversation: str | None) -> None:
    """He looks at this conversation from now on, and no longer at the one before."""
    before, desk.looking = desk.looking, conversation
    if before and before != conversation:
        tell_desks(desk, "left", conversation=before)
    if conversation:
        tell_desks(desk, "looking", conversation=conversation, came=True)


def tell_desks(desk: Desk, kind: str, **values: Any) -> None:
    """At once: nothing of it is kept."""
    channel, frame = f"{INBOX}{desk.organization_id.hex}", desk.frame(kind, **values)
    bus.missable(lambda: bus.publish(channel, frame))


def text_frame(text: str) -> bytes:
    return bytes(FrameProtocol(client=False, extensions=[]).send_data(text, fin=True))


def html_of(message_id: UUID) -> str | None:
    """With all that is shown of it in one reading: each message is drawn for whoever is there."""
    found = (
        select(Message, Conversation)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.id == message_id)
        .options(
            joinedload(Conversation.guest),
            joinedload(Message.attachment),
            joinedload(Message.member).joinedload(Member.user),
        )
    )
    row = db.session.execute(found).first()
    if row is None:
        return None
    message, conversation = row
    return render_template(
        "chat/inbox/_broadcast.html",
        message=message,
        conversation=conversation,
        names=names_in(message),
    )


def names_in(message: Message) -> dict[str, str]:
    """Of the members whom it tells of, by id."""
    told = message.details or {}
    named = [parsed_uuid(str(told[each])) for each in ("member_id", "to") if told.get(each)]
    ids = [each for each in named if each]
    if not ids:
        return {}
    found = select(Member).where(Member.id.in_(ids))
    return {str(each.id): each.user.name or "" for each in db.session.scalars(found)}


def desks() -> Desks:
    return current_app.extensions["candor_desks"]


@blueprint.before_request
def guard() -> None:
    member_sockets.check(Permission.CHAT_READ, desks().number)


@sock.route("/o/<organization>/ws/inbox", bp=blueprint)
def inbox_socket(ws: Server, organization: str) -> None:
    desk = Desk(
        Connection(ws), g.organization.id, current_member.id, current_member.user.name or ""
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
