"""REST: conversations, what is said in them, and how they stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, Field, field_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from app.accounts.access import answering_member, authorized, get_or_404
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.chat.inbox import labels_of
from app.chat.models import CLOSED, OPEN, SNOOZED, Conversation, ConversationLabel, Guest, Label
from app.chat.models.label import MOST_LABELS
from app.chat.models.message import LONGEST, Message
from app.core import clock
from app.core.api import FilterQuery, Readable, Schema, page, writes
from app.core.db import db
from app.core.errors import bad_query, invalid, not_found
from app.sites.models import Site

MOST_READ = 200  # messages of one answer
LONGEST_SNOOZE = timedelta(days=366)

State = Literal["open", "snoozed", "closed"]

blueprint = APIBlueprint(
    "conversations_api", __name__, url_prefix="/api/v1/conversations", tag="Chat"
)


class GuestOut(Schema):
    """Who writes. `verified`: the site's own server vouched for him, and the address, if there is
    one, is by the word of the site as well; else it is what he says."""

    id: UUID
    contact_id: UUID | None
    name: str | None
    email: str | None
    verified: bool
    country: str | None
    city: str | None
    language: str | None

    @classmethod
    def of(cls, guest: Guest) -> GuestOut:
        said = super().of(guest)
        said.verified = guest.verified and not guest.claims_email
        return said


class ConversationOut(Schema):
    """`state` is open, snoozed (until `snoozed_until` or until the visitor writes) or closed.
    `waiting_since`: since when the visitor waits for an answer. `last_seq` counts its messages."""

    id: UUID
    site_id: UUID
    state: State
    snoozed_until: datetime | None
    assignee_id: UUID | None
    labels: list[str]
    guest: GuestOut
    page: dict[str, Any]
    utm: dict[str, Any]
    excerpt: str | None
    last_author: Literal["visitor", "agent", "system"] | None
    unread: bool
    rating: int | None
    comment: str | None
    last_seq: int
    opened_at: datetime
    last_at: datetime
    waiting_since: datetime | None
    first_reply_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, conversation: Conversation, labels: list[Label] | None = None) -> ConversationOut:
        if labels is None:
            labels = labels_of([conversation.id]).get(conversation.id, [])
        other = {"labels", "guest", "messages", "more"}
        alike = {name: getattr(conversation, name) for name in cls.model_fields.keys() - other}
        named = [label.name for label in labels]
        return cls(**alike, labels=named, guest=GuestOut.of(conversation.guest))


class Conversations(Schema):
    """Those that were begun last first. `next_cursor` is null on the last page."""

    data: list[ConversationOut]
    next_cursor: str | None


class ConversationsQuery(FilterQuery):
    """`?assignee=` is the id of a member or `none`, `?label=` the name of a label."""

    site_id: UUID | None = None
    state: State | None = None
    assignee: UUID | Literal["none"] | None = None
    label: str | None = Field(None, max_length=60)


class FileOut(Schema):
    """`url` opens it for whoever has it."""

    url: str
    name: str


class MessageOut(Schema):
    """`kind`: text, file, note (for agents alone) or event (what happened, in `details`). An agent
    without `member_id` is a program with an API key."""

    id: UUID
    seq: int
    author: Literal["visitor", "agent", "system"]
    member_id: UUID | None
    kind: Literal["text", "file", "note", "event"]
    body: str | None
    details: dict[str, Any] | None
    file: FileOut | None
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> MessageOut:
        file = message.attachment
        alike = {name: getattr(message, name) for name in cls.model_fields.keys() - {"file"}}
        return cls(**alike, file=FileOut(url=file.url, name=file.name or "") if file else None)


class MessagesQuery(BaseModel):
    """Messages after this `seq`, at most 200."""

    after: int = Field(0, ge=0, lt=10**9)


class ConversationInFull(ConversationOut):
    """`more`: there are messages after the last of these."""

    messages: list[MessageOut]
    more: bool

    @classmethod
    def read(cls, conversation: Conversation, after: int) -> ConversationInFull:
        found = conversation.messages(after=after, public=False, most=MOST_READ)
        return cls(
            **ConversationOut.of(conversation).model_dump(),
            messages=[MessageOut.of(each) for each in found],
            more=bool(found) and found[-1].seq < conversation.last_seq,
        )


class MessageIn(Schema):
    """A reply to the visitor, in the name of the organization; with `note` for its agents alone."""

    body: Readable = Field(min_length=1, max_length=LONGEST)
    note: bool = False


class ConversationChanges(Schema):
    """What is left out stays. `snoozed_until` goes with the state `snoozed`. `assignee_id` null:
    nobody's. `labels`: these and no others, by name."""

    state: State | None = None
    snoozed_until: AwareDatetime | None = None
    assignee_id: UUID | None = None
    labels: list[str] | None = Field(None, max_length=MOST_LABELS)

    @field_validator("snoozed_until")
    @classmethod
    def ahead(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and not timedelta() < moment - clock.now() < LONGEST_SNOOZE:
            raise ValueError("is not within the coming year")
        return moment

    def make(self, conversation: Conversation) -> None:
        """All of them, as a program's doing: no member did it."""
        if (self.state == SNOOZED) != (self.snoozed_until is not None):
            raise invalid("snoozed_until", "It goes with the state snoozed, and that with it.")
        if self.labels is not None:
            conversation.label(_labels_named(self.labels))
        if "assignee_id" in self.model_fields_set:
            conversation.assign(answering_member(self.assignee_id))
        if self.state == OPEN:
            conversation.reopen()
            conversation.wake()
        elif self.state == CLOSED:
            conversation.close(by=None)
        elif self.snoozed_until is not None:
            conversation.snooze(self.snoozed_until)


@blueprint.get("")
@authorized(Permission.CHAT_READ)
@blueprint.input(ConversationsQuery, location="query")
@blueprint.output(Conversations)
def list_conversations(query_data: ConversationsQuery) -> Any:
    rows, cursor = page(_wanted(query_data), Conversation, query_data)
    labels = labels_of([each.id for each in rows])
    data = [ConversationOut.of(each, labels.get(each.id, [])) for each in rows]
    return Conversations(data=data, next_cursor=cursor)


@blueprint.get("/<uuid:conversation_id>")
@authorized(Permission.CHAT_READ)
@blueprint.input(MessagesQuery, location="query")
@blueprint.output(ConversationInFull)
def get_conversation(conversation_id: UUID, query_data: MessagesQuery) -> Any:
    """With its messages, in their order."""
    return ConversationInFull.read(_opened(conversation_id), query_data.after)


@blueprint.patch("/<uuid:conversation_id>")
@authorized(Permission.CHAT_REPLY)
@blueprint.input(ConversationChanges)
@blueprint.output(ConversationOut)
@writes
def change_conversation(conversation_id: UUID, json_data: ConversationChanges) -> Any:
    conversation = _opened(conversation_id)
    json_data.make(conversation)
    return ConversationOut.of(conversation)


@blueprint.post("/<uuid:conversation_id>/messages")
@authorized(Permission.CHAT_REPLY)
@blueprint.input(MessageIn)
@blueprint.output(MessageOut, status_code=201)
@writes
def write_message(conversation_id: UUID, json_data: MessageIn) -> Any:
    """A reply opens what is closed or snoozed.

    Visitors see it at once, and get it by mail if they do not read it."""
    conversation = _opened(conversation_id)
    say = conversation.note if json_data.note else conversation.reply
    return MessageOut.of(say(None, json_data.body))


def _wanted(query: ConversationsQuery) -> Select[Any]:
    found = select(Conversation).where(Conversation.opened_at.is_not(None))
    found = found.options(selectinload(Conversation.guest))
    if query.site_id:
        found = found.filter_by(site_id=get_or_404(Site, query.site_id).id)
    if query.state:
        found = found.filter_by(state=query.state)
    if query.assignee == "none":
        found = found.filter_by(assignee_id=None)
    elif query.assignee:
        found = found.filter_by(assignee_id=get_or_404(Member, query.assignee).id)
    if query.label:
        of_label = select(ConversationLabel.conversation_id).filter_by(label_id=_asked(query.label))
        found = found.where(Conversation.id.in_(of_label))
    return found


def _asked(name: str) -> UUID:
    label = db.session.scalars(select(Label).filter_by(folded=name.casefold())).first()
    if label is None:
        raise bad_query("label", "There is no label of this name.")
    return label.id


def _labels_named(names: list[str]) -> list[Label]:
    found = {label.folded: label for label in Label.all()}
    unknown = [name for name in names if name.casefold() not in found]
    if unknown:
        raise invalid("labels", f"There is no label {unknown[0][:60]}.")
    return [found[name.casefold()] for name in names]


def _opened(conversation_id: UUID) -> Conversation:
    """One that has begun: before that it is nothing to agents."""
    conversation = get_or_404(Conversation, conversation_id)
    if conversation.opened_at is None:
        raise not_found()
    return conversation
