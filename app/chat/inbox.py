"""What agents see at once: the conversations of a view, the newest first, and how many each has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import selectinload

from app.accounts.models import Member
from app.chat.models import (
    CLOSED,
    OPEN,
    SNOOZED,
    Conversation,
    ConversationLabel,
    Guest,
    Label,
    Message,
)
from app.chat.models.message import VISITOR
from app.core.crypto import blind_index
from app.core.db import db, reading
from app.core.tenancy import current_organization_id

VIEWS = ("mine", "unassigned", "all", "snoozed", "closed")
PAGE = 40
SEARCHED = 20_000  # messages, the newest: they are sealed, so each is opened and read
OF_A_PERSON = 1000  # conversations, the newest
NAMES = 5_000  # guests, the newest, for the same reason
LONGEST_SEARCH = 100
PIECE = 1_000  # of them that are read at once
AT_ONCE = 50  # messages that are opened before others have their turn
AROUND = 24  # letters that are shown before a word that was found


@dataclass(frozen=True)
class Filter:
    """What is asked for. `before` is the id of the last conversation of the page before, `below`
    that of the message down to which words were looked for already."""

    view: str = "all"
    site_id: UUID | None = None
    label_id: UUID | None = None
    text: str = ""
    before: UUID | None = None
    below: UUID | None = None

    def query(self, **changed: Any) -> dict[str, Any]:
        """As an address says it; `changed` in place of what is asked now."""
        asked = {
            "view": self.view,
            "site": self.site_id,
            "label": self.label_id,
            "q": self.text or None,
            "below": self.below if self.text else None,
            **changed,
        }
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True)
class Hit:
    """The newest message of a conversation in which the words were found: its seq, and what it
    says before, at and after the first of them."""

    seq: int
    before: str
    found: str
    after: str


@dataclass(frozen=True)
class Search:
    """What was found, by conversation, in how many messages. `older` is the last that was read,
    where there are more below it; `names` how many visitors' names were, where there are more."""

    hits: dict[UUID, Hit]
    people: list[UUID]
    messages: int = 0
    older: UUID | None = None
    names: int | None = None


NO_SEARCH = Search({}, [])


@dataclass(frozen=True)
class Listing:
    """A page of conversations. `more` says whether there are older ones."""

    conversations: list[Conversation]
    labels: dict[UUID, list[Label]]
    search: Search
    more: bool

    @property
    def hits(self) -> dict[UUID, Hit]:
        return self.search.hits


def list_conversations(wanted: Filter, member: Member) -> Listing:
    searched = search(wanted.text, wanted.below) if wanted.text else NO_SEARCH
    found = _narrowed(_of_view(wanted, member), wanted)
    if wanted.text:
        found = found.where(Conversation.id.in_({*searched.hits, *searched.people}))
    if wanted.before:
        found = found.where(*_after(wanted.before))
    found = found.order_by(Conversation.last_at.desc(), Conversation.id.desc()).limit(PAGE + 1)
    options = (
        selectinload(Conversation.guest),
        selectinload(Conversation.site),
        selectinload(Conversation.assignee).selectinload(Member.user),
    )
    rows = list(db.session.scalars(found.options(*options)))
    shown = rows[:PAGE]
    return Listing(shown, labels_of([each.id for each in shown]), searched, len(rows) > PAGE)


def counts(wanted: Filter, member: Member) -> dict[str, int]:
    """How many conversations the views of open ones have, of this site and with this label; and
    how many of those of the member and of nobody have something to read."""
    mine = Conversation.assignee_id == member.id
    nobody = Conversation.assignee_id.is_(None)
    unread = and_(
        Conversation.last_author == VISITOR,
        Conversation.agent_read_seq < Conversation.last_said_seq,
    )
    counted = select(
        func.count(),
        func.sum(case((mine, 1), else_=0)),
        func.sum(case((nobody, 1), else_=0)),
        func.sum(case((unread & (mine | nobody), 1), else_=0)),
    ).where(Conversation.state == OPEN, Conversation.opened_at.is_not(None))
    row = db.session.execute(_narrowed(counted.select_from(Conversation), wanted)).one()
    total, own, unassigned, waiting = (each or 0 for each in row)
    return {"mine": own, "unassigned": unassigned, "all": total, "unread": waiting}


def labels_of(conversation_ids: list[UUID]) -> dict[UUID, list[Label]]:
    found = (
        select(ConversationLabel.conversation_id, Label)
        .join(Label, Label.id == ConversationLabel.label_id)
        .where(ConversationLabel.conversation_id.in_(conversation_ids))
        .order_by(Label.folded)
    )
    labels: dict[UUID, list[Label]] = {}
    for conversation_id, label in db.session.execute(found):
        labels.setdefault(conversation_id, []).append(label)
    return labels


def label_counts() -> dict[UUID, int]:
    """How many conversations have each label."""
    found = select(ConversationLabel.label_id, func.count()).group_by(ConversationLabel.label_id)
    return {row[0]: row[1] for row in db.session.execute(found)}


def _of_view(wanted: Filter, member: Member) -> Select[Any]:
    """Words are looked for in all conversations, whatever their state."""
    found = select(Conversation).where(Conversation.opened_at.is_not(None))
    if wanted.text:
        return found
    state = wanted.view if wanted.view in (SNOOZED, CLOSED) else OPEN
    found = found.where(Conversation.state == state)
    if wanted.view == "mine":
        return found.where(Conversation.assignee_id == member.id)
    return found.where(Conversation.assignee_id.is_(None)) if wanted.view == "unassigned" else found


def _narrowed(found: Any, wanted: Filter) -> Any:
    if wanted.site_id:
        found = found.where(Conversation.site_id == wanted.site_id)
    if wanted.label_id:
        labelled = select(ConversationLabel.conversation_id).filter_by(label_id=wanted.label_id)
        found = found.where(Conversation.id.in_(labelled))
    return found


def _after(before: UUID) -> tuple[Any, ...]:
    """What comes below a conversation in the list."""
    last = db.session.get(Conversation, before)
    if last is None:
        return ()
    at = Conversation.last_at
    return ((at < last.last_at) | and_(at == last.last_at, Conversation.id < last.id),)


def search(text: str, below: UUID | None = None) -> Search:
    """By conversation, the newest message that says all words of `text`, among the newest SEARCHED
    messages or the next ones below that one; and whose name or address it is. Under a scope."""
    words = text.casefold().split()
    if not words:
        return NO_SEARCH
    hits: dict[UUID, Hit] = {}
    read, last = 0, below
    for message_id, conversation_id, seq, body in _bodies(below):
        read, last = read + 1, message_id
        if conversation_id not in hits:
            folded = body.casefold()
            if all(word in folded for word in words):
                hits[conversation_id] = _hit(seq, body, words[0])
    older = last if read == SEARCHED else None
    if below is not None:
        return Search(hits, [], read, older)
    people, more_names = _of_person(text)
    return Search(hits, people, read, older, NAMES if more_names else None)


def _hit(seq: int, body: str, word: str) -> Hit:
    """Its line around the word. Where folding changes lengths, the line from its beginning."""
    at = body.casefold().find(word)
    if body[at : at + len(word)].casefold() != word:
        return Hit(seq, "", "", " ".join(body.split())[: 3 * AROUND])
    end = at + len(word)
    before = body[max(0, at - AROUND) : at]
    if len(before) < at:
        before = "…" + (before.partition(" ")[2] if " " in before else before)
    return Hit(seq, before, body[at:end], body[end : end + 3 * AROUND])


def _bodies(below: UUID | None) -> Iterator[tuple[UUID, UUID, int, str]]:
    """The newest first: id, conversation, seq, words. Opening them takes a second of one core, so
    others have their turn in between."""
    columns = (
        Message.id,
        Message.organization_id,
        Message.conversation_id,
        Message.seq,
        Message.body_sealed,
    )
    newest = select(*columns).where(Message.body_sealed.is_not(None)).order_by(Message.id.desc())
    left = SEARCHED
    while left:
        size = min(PIECE, left)
        piece = newest if below is None else newest.where(Message.id < below)
        with reading() as session:
            rows = session.execute(piece.limit(size)).all()
        for number, row in enumerate(rows):
            if number % AT_ONCE == 0:
                time.sleep(0)
            words = Message.body.open(Message, row) or ""
            yield row.id, row.conversation_id, row.seq, words
        if len(rows) < size:
            return
        below, left = rows[-1].id, left - size


def _of_person(text: str) -> tuple[list[UUID], bool]:
    """Conversations whose guest has this e-mail address, or among the newest guests this name; and
    whether there are older guests."""
    found = select(Conversation.id).join(Guest, Guest.id == Conversation.guest_id)
    found = found.order_by(Conversation.id.desc()).limit(OF_A_PERSON)
    if "@" in text:
        tenant = current_organization_id()
        index = blind_index(text, purpose="guest.email", tenant=tenant)
        return list(db.session.scalars(found.where(Guest.email_index == index))), False
    named, more = _named(text.casefold().split())
    ids = list(db.session.scalars(found.where(Guest.id.in_(named)))) if named else []
    return ids, more


def _named(words: list[str]) -> tuple[list[UUID], bool]:
    columns = (Guest.id, Guest.organization_id, Guest.name_sealed)
    newest = select(*columns).where(Guest.name_sealed.is_not(None)).order_by(Guest.id.desc())
    with reading() as session:
        rows = session.execute(newest.limit(NAMES + 1)).all()
    found = []
    for number, row in enumerate(rows[:NAMES]):
        if number % AT_ONCE == 0:
            time.sleep(0)
        name = (Guest.name.open(Guest, row) or "").casefold()
        if all(word in name for word in words):
            found.append(row.id)
    return found, len(rows) > NAMES
