"""What agents see at once: the conversations of a view, the newest first, and how many each has."""

from __future__ import annotations

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
from app.contacts.models import Contact
from app.core.crypto import blind_index
from app.core.db import db, reading
from app.core.tenancy import current_organization_id

VIEWS = ("mine", "unassigned", "all", "snoozed", "closed")
PAGE = 40
SEARCHED = 20_000  # messages, the newest: they are sealed, so each is opened and read
LONGEST_SEARCH = 100


@dataclass(frozen=True)
class Filter:
    """What is asked for. `before` is the id of the last conversation of the page before."""

    view: str = "all"
    site_id: UUID | None = None
    label_id: UUID | None = None
    text: str = ""
    before: UUID | None = None


@dataclass(frozen=True)
class Listing:
    """A page of conversations. `more` says whether there are older ones."""

    conversations: list[Conversation]
    labels: dict[UUID, list[Label]]
    more: bool


def list_conversations(wanted: Filter, member: Member) -> Listing:
    found = _narrowed(_of_view(wanted.view, member), wanted)
    if wanted.text:
        found = found.where(Conversation.id.in_(search(wanted.text)))
    if wanted.before:
        found = found.where(*_after(wanted.before))
    found = found.order_by(Conversation.last_at.desc(), Conversation.id.desc()).limit(PAGE + 1)
    options = (
        selectinload(Conversation.guest).selectinload(Guest.contact),
        selectinload(Conversation.site),
        selectinload(Conversation.assignee).selectinload(Member.user),
    )
    rows = list(db.session.scalars(found.options(*options)))
    shown = rows[:PAGE]
    return Listing(shown, labels_of([each.id for each in shown]), len(rows) > PAGE)


def counts(member: Member) -> dict[str, int]:
    """How many conversations the views of open ones have."""
    mine = Conversation.assignee_id == member.id
    nobody = Conversation.assignee_id.is_(None)
    counted = select(
        func.count(), func.sum(case((mine, 1), else_=0)), func.sum(case((nobody, 1), else_=0))
    ).where(Conversation.state == OPEN, Conversation.opened_at.is_not(None))
    total, own, unassigned = db.session.execute(counted.select_from(Conversation)).one()
    return {"mine": own or 0, "unassigned": unassigned or 0, "all": total}


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


def _of_view(view: str, member: Member) -> Select[Any]:
    state = view if view in (SNOOZED, CLOSED) else OPEN
    found = select(Conversation).where(
        Conversation.state == state, Conversation.opened_at.is_not(None)
    )
    if view == "mine":
        return found.where(Conversation.assignee_id == member.id)
    return found.where(Conversation.assignee_id.is_(None)) if view == "unassigned" else found


def _narrowed(found: Select[Any], wanted: Filter) -> Select[Any]:
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


def search(text: str) -> set[UUID]:
    """Conversations in which all words of `text` were said in one message, among the newest
    SEARCHED messages, or whose guest has this e-mail address. Under a scope."""
    words = text.casefold().split()
    found = {
        conversation
        for conversation, body in _bodies()
        if all(word in body.casefold() for word in words)
    }
    return found | _of_address(text)


def _bodies() -> Iterator[tuple[UUID, str]]:
    columns = (Message.id, Message.organization_id, Message.conversation_id, Message.body_sealed)
    newest = select(*columns).where(Message.body_sealed.is_not(None)).order_by(Message.id.desc())
    with reading() as session:
        rows = session.execute(newest.limit(SEARCHED)).all()
    for row in rows:
        yield row.conversation_id, Message.body.open(Message, row) or ""


def _of_address(text: str) -> set[UUID]:
    if "@" not in text:
        return set()
    tenant = current_organization_id()
    index = blind_index(text, purpose="contact.email", tenant=tenant)
    found = (
        select(Conversation.id)
        .join(Guest, Guest.id == Conversation.guest_id)
        .join(Contact, Contact.id == Guest.contact_id)
        .where(Contact.email_index == index)
    )
    return set(db.session.scalars(found))
