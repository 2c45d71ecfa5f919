"""The open inboxes of this process: what happens in the conversations of an organization, told to
its agents as the HTML that their pages show."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, render_template
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wsproto.frame_protocol import FrameProtocol

from app.accounts.models import Member
from app.chat import presence
from app.chat.models import Conversation, Message
from app.core import bus, tenancy
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.ids import uuid7
from app.embed.chat_frames import INBOX
from app.embed.hub import RESTART, Connection

# An agent hears of every message of his organization, also while it is looked again whether he may.
OUTBOX = 512  # frames
MOST_DRAWN = 100  # messages that are read at once
TELL_EVERY = 20.0  # seconds between two tellings of who is there

log = structlog.get_logger()


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


RESYNC = {"type": "resync"}


class Desks:
    """The open inboxes of this process, by organization."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._organizations: dict[str, set[Desk]] = defaultdict(set)
        self._undrawn: deque[tuple[str, dict[str, Any]]] = deque()
        self._wake = threading.Event()
        self._started = False

    @property
    def number(self) -> int:
        return sum(map(len, self._organizations.values()))

    def add(self, desk: Desk) -> None:
        self._organizations[desk.organization_id.hex].add(desk)
        if not self._started:
            self._started = True
            for work in (self._run, self._draw):
                threading.Thread(target=work, daemon=True, name=f"desks{work.__name__}").start()

    def remove(self, desk: Desk) -> None:
        desks = self._organizations[desk.organization_id.hex]
        desks.discard(desk)
        if not desks:
            del self._organizations[desk.organization_id.hex]
        look(desk, None)
        leave(desk)

    def hear(self, channel: str, frame: Any) -> None:
        """Bus listener. After a gap everybody reads again. What must be read to be told waits for
        the thread that draws, so that a rush is read at once and holds nothing else up."""
        if frame is None or channel == bus.MISSED:
            self._send(self._all(), RESYNC)
        elif channel.startswith(INBOX):
            organization_id = channel.removeprefix(INBOX)
            if organization_id in self._organizations:
                self._undrawn.append((organization_id, frame))
                self._wake.set()

    def _draw(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._undrawn:
                for organization_id, frames in self._take().items():
                    self._tell_surely(organization_id, frames)

    def _take(self) -> dict[str, list[dict[str, Any]]]:
        """By organization, in the order in which they came."""
        taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(min(MOST_DRAWN, len(self._undrawn))):
            organization_id, frame = self._undrawn.popleft()
            taken[organization_id].append(frame)
        return taken

    def _tell_surely(self, organization_id: str, frames: list[dict[str, Any]]) -> None:
        """What could not be drawn is read again by the pages themselves."""
        desks = list(self._organizations.get(organization_id, ()))
        try:
            with self._app.test_request_context(), tenancy.scope(UUID(organization_id)):
                self._tell(desks, frames)
        except Exception:
            log.exception("inbox_not_drawn", organization=organization_id)
            self._send(desks, RESYNC)

    def _tell(self, desks: list[Desk], frames: list[dict[str, Any]]) -> None:
        drawn = draw([each["message"] for each in frames if each["type"] == "message"])
        for frame in frames:
            self._send(desks, _with_html(frame, drawn))
            self._answer(desks, frame)

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


def _with_html(frame: dict[str, Any], drawn: dict[str, str]) -> dict[str, Any]:
    if frame["type"] != "message":
        return frame
    html = drawn.get(frame["message"])
    return {**frame, "html": html} if html else {**frame, "type": "change"}


def draw(identifiers: list[str]) -> dict[str, str]:
    """The HTML of messages by their ids, with all that is shown of them in one reading: each is
    drawn once for whoever is there."""
    if not identifiers:
        return {}
    found = (
        select(Message, Conversation)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.id.in_([UUID(each) for each in identifiers]))
        .options(
            joinedload(Conversation.guest),
            joinedload(Message.attachment),
            joinedload(Message.member).joinedload(Member.user),
        )
    )
    return {str(message.id): _html_of(message, of) for message, of in db.session.execute(found)}


def _html_of(message: Message, conversation: Conversation) -> str:
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
