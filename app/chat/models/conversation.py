"""Conversation: what a guest and the agents of a site say to each other, and how it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint, bindparam, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Member
from app.accounts.models.member import MemberRoleChanged, MemberShutOut
from app.accounts.permissions import Permission
from app.chat.announcements import (
    ConversationAssigned,
    ConversationChanged,
    ConversationClosed,
    ConversationOpened,
    ConversationRated,
    ConversationReopened,
    ConversationSeen,
    ConversationsLetGo,
    ConversationSnoozed,
    MessageAdded,
    MessageWritten,
)
from app.chat.files import Upload
from app.chat.models.attachment import Attachment
from app.chat.models.guest import Guest, Surroundings
from app.chat.models.label import ConversationLabel, Label
from app.chat.models.message import AGENT, EVENT, FILE, NOTE, SYSTEM, TEXT, VISITOR, Message
from app.chat.models.settings import ChatSettings
from app.core import clock
from app.core.announce import announce, subscribe
from app.core.crypto import Sealed
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

# How long a reply may stay unread before it is mailed.
UNREAD = timedelta(minutes=5)
OPEN, SNOOZED, CLOSED = "open", "snoozed", "closed"
LONGEST_EXCERPT = 140
LONGEST_COMMENT = 2000

# Made once, and for its id alone: each message asks it, and hardly any was said before.
SAID_BEFORE = select(Message.id).where(
    Message.conversation_id == bindparam("conversation"),
    Message.client_id == bindparam("client_id"),
)


class Conversation(Tenant, Base):
    """Begins with a first message: until then `opened_at` is None and no agent sees it."""

    __tablename__ = "conversations"
    __table_args__ = (
        owned_by("sites", "site_id"),
        owned_by("guests", "guest_id"),
        # Nulled before a member is removed: never may a conversation go with its agent.
        owned_by("members", "assignee_id", ondelete="NO ACTION"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "site_id", "client_id"),
        # For the inbox, newest first: all, and those of one agent.
        Index("ix_conversations_organization_id_state", "organization_id", "state", "last_at"),
        Index(
            "ix_conversations_organization_id_assignee_id",
            "organization_id",
            "assignee_id",
            "state",
            "last_at",
        ),
        Index("ix_conversations_guest_id", "guest_id"),
        Index("ix_conversations_site_id_opened_at", "site_id", "opened_at"),
        # For the sweep.
        Index("ix_conversations_snoozed_until", "snoozed_until"),
        Index("ix_conversations_mail_due_at", "mail_due_at"),
        Index("ix_conversations_waiting_due_at", "waiting_due_at"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    guest_id: Mapped[UUID]
    # The page's own name for it: asked for twice it is one conversation.
    client_id: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    assignee_id: Mapped[UUID | None]
    snoozed_until: Mapped[datetime | None]
    last_seq: Mapped[int] = mapped_column(default=0)
    last_public_seq: Mapped[int] = mapped_column(default=0)
    # How far each side has read, and what has reached the guest's page.
    guest_read_seq: Mapped[int] = mapped_column(default=0)
    guest_delivered_seq: Mapped[int] = mapped_column(default=0)
    agent_read_seq: Mapped[int] = mapped_column(default=0)
    # The last that somebody said; what happened besides counts for no reader.
    last_said_seq: Mapped[int] = mapped_column(default=0)
    # Replies that the guest has not read are mailed once; up to here they were.
    mailed_seq: Mapped[int] = mapped_column(default=0)
    mail_due_at: Mapped[datetime | None]
    excerpt_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    excerpt = Sealed("excerpt_sealed")
    last_author: Mapped[str | None] = mapped_column(String(10))
    session_id: Mapped[UUID | None]
    page: Mapped[dict[str, Any]] = mapped_column(default=dict)
    utm: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rating: Mapped[int | None]
    comment_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    comment = Sealed("comment_sealed")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    opened_at: Mapped[datetime | None]
    last_at: Mapped[datetime] = mapped_column(default=clock.now)
    # Since when the guest has waited for an answer; None: it is not our turn.
    waiting_since: Mapped[datetime | None]
    # When the site says that it has not forgotten him.
    waiting_due_at: Mapped[datetime | None]
    first_reply_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    guest: Mapped[Guest] = relationship(
        primaryjoin=lambda: foreign(Conversation.guest_id) == Guest.id, viewonly=True
    )
    site: Mapped[Site] = relationship(
        primaryjoin=lambda: foreign(Conversation.site_id) == Site.id, viewonly=True
    )
    assignee: Mapped[Member | None] = relationship(
        primaryjoin=lambda: foreign(Conversation.assignee_id) == Member.id, viewonly=True
    )

    @classmethod
    def begin(cls, guest: Guest, around: Surroundings, client_id: str | None) -> Conversation:
        conversation = cls(
            site_id=guest.site_id,
            guest_id=guest.id,
            client_id=client_id,
            session_id=around.session_id,
            page=around.page,
            utm=around.utm,
        )
        db.session.add(conversation)
        db.session.flush()
        return conversation

    @classmethod
    def of_client_id(cls, site_id: UUID, client_id: str) -> Conversation | None:
        found = select(cls).filter_by(site_id=site_id, client_id=client_id)
        return db.session.scalars(found).first()

    @classmethod
    def of_guest(cls, guest: Guest, most: int = 50) -> list[Conversation]:
        """What he has written in, the newest first."""
        found = select(cls).where(cls.guest_id == guest.id, cls.opened_at.is_not(None))
        return list(
            db.session.scalars(found.order_by(cls.last_at.desc(), cls.id.desc()).limit(most))
        )

    @classmethod
    def hand_over(cls, before: Guest, guest: Guest) -> None:
        """All that he wrote before the site said who he is goes on under his name, and only
        there."""
        his = select(cls).filter_by(guest_id=before.id)
        for conversation in list(db.session.scalars(his)):
            conversation.guest_id = guest.id
            db.session.flush()
            db.session.expire(conversation, ["guest"])
            announce(ConversationChanged(conversation=conversation))

    @staticmethod
    def lock(identifier: UUID) -> None:
        """Nobody else changes it until the commit. A second time costs nothing, so whoever is
        going to write locks before he reads."""
        exclusive(f"conversation/{identifier}")

    # Said by either side. The same client id twice is one message, whichever process hears it.

    def hear(
        self, body: str | None, client_id: str | None = None, upload: Upload | None = None
    ) -> Message:
        """The guest writes, which opens what was closed."""
        kind = FILE if upload else TEXT
        message, new = self._add(VISITOR, kind, body, client_id=client_id, upload=upload)
        if not new:
            return message
        self._wait(message)
        self.guest_read_seq = self.guest_delivered_seq = message.seq
        opening = self.opened_at is None
        if opening:
            self.opened_at = message.created_at
        self._wake()
        db.session.flush()
        if opening:
            announce(ConversationOpened(conversation=self, message=message))
        announce(MessageWritten(conversation=self, message=message))
        return message

    def reply(
        self,
        member: Member | None,
        body: str | None,
        client_id: str | None = None,
        upload: Upload | None = None,
    ) -> Message:
        """An agent writes to the guest, or with None a program of the organization does. Whoever
        answers what is nobody's takes it."""
        kind = FILE if upload else TEXT
        message, new = self._add(
            AGENT, kind, body, member=member, client_id=client_id, upload=upload
        )
        if not new:
            return message
        self._end_waiting()
        self.first_reply_at = self.first_reply_at or message.created_at
        if self.guest.email and self.mail_due_at is None:
            self.mail_due_at = message.created_at + UNREAD
        self.agent_read_seq = message.seq
        if self.assignee_id is None and member is not None:
            self.assignee_id = member.id
        self._wake()
        db.session.flush()
        announce(MessageWritten(conversation=self, message=message))
        return message

    def note(
        self,
        member: Member | None,
        body: str | None,
        client_id: str | None = None,
        upload: Upload | None = None,
    ) -> Message:
        """An agent writes to the other agents, or with None a program does."""
        message, new = self._add(
            AGENT, NOTE, body, member=member, client_id=client_id, upload=upload
        )
        db.session.flush()
        if new:
            announce(MessageAdded(conversation=self, message=message))
        return message

    def say(self, body: str, **details: Any) -> Message:
        """The site says something by itself; `details` say what made it."""
        message, _ = self._add(SYSTEM, TEXT, body, details=details or None)
        db.session.flush()
        announce(MessageWritten(conversation=self, message=message))
        return message

    def speak_first(self, body: str, **details: Any) -> Message:
        """What the site had said before the guest wrote. It is told with his answer, and to nobody
        without one."""
        message, _ = self._add(SYSTEM, TEXT, body, details=details)
        db.session.flush()
        return message

    def _record(self, event: str, **details: Any) -> None:
        """Something that happened to the conversation, told in its place among the messages."""
        message, _ = self._add(SYSTEM, EVENT, None, details={"event": event, **details})
        db.session.flush()
        announce(MessageAdded(conversation=self, message=message))

    def keep_as_ticket(self) -> None:
        """Agents are told that it is a ticket as well, which somebody else keeps."""
        self._trace("ticket", None)

    def _trace(self, event: str, by: Member | None, **details: Any) -> None:
        """Something that agents did and only agents are told."""
        told = {"event": event, **_named(by), **details}
        message, _ = self._add(SYSTEM, NOTE, None, details=told)
        announce(MessageAdded(conversation=self, message=message))

    def _add(
        self,
        author: str,
        kind: str,
        body: str | None,
        *,
        member: Member | None = None,
        client_id: str | None = None,
        upload: Upload | None = None,
        details: dict[str, Any] | None = None,
    ) -> tuple[Message, bool]:
        """The message, and whether it is new. Nobody else writes here until the commit, so numbers
        become visible in their order."""
        self.lock(self.id)
        known = self._known(client_id)
        if known is not None:
            return known, False
        attachment = Attachment.keep(self.id, upload) if upload else None
        message = Message(
            conversation_id=self.id,
            seq=self.last_seq + 1,
            previous=self.last_public_seq,
            client_id=client_id,
            author=author,
            member_id=member.id if member else None,
            kind=kind,
            details=details,
            attachment_id=attachment.id if attachment else None,
            created_at=clock.now(),
        )
        message.body = body or None
        db.session.add(message)
        self.last_seq = message.seq
        if message.is_public:
            self.last_public_seq = message.seq
        if kind in (TEXT, FILE):
            self._note_said(message, body or (attachment and attachment.name) or "")
        return message, True

    def _note_said(self, message: Message, excerpt: str) -> None:
        """The list shows who spoke last; what the site says by itself does not hide that somebody
        waits."""
        self.last_at = message.created_at
        if message.author != SYSTEM:
            self.last_author, self.last_said_seq = message.author, message.seq
            self.excerpt = excerpt[:LONGEST_EXCERPT]

    def _wait(self, message: Message) -> None:
        """The guest waits for an answer, from the first message that has none."""
        self.mail_due_at = None
        if self.waiting_since is not None:
            return
        self.waiting_since = message.created_at
        self.wait_on(message.created_at)

    def wait_on(self, since: datetime) -> None:
        """As long as the site lets somebody wait in silence from then on."""
        settings = ChatSettings.find(self.site_id)
        zone = self.site.time_zone
        self.waiting_due_at = settings.waiting_due_at(zone, since) if settings else None

    def _end_waiting(self) -> None:
        self.waiting_since = self.waiting_due_at = None

    def _known(self, client_id: str | None) -> Message | None:
        if client_id is None:
            return None
        names = {"conversation": self.id, "client_id": client_id}
        known = db.session.connection().execute(SAID_BEFORE, names).scalar()
        return db.session.get(Message, known) if known else None

    def messages(
        self, *, after: int = 0, public: bool, most: int = 200, before: int | None = None
    ) -> list[Message]:
        """In order, those after a seq; with `before` the last ones below it instead."""
        found = select(Message).filter_by(conversation_id=self.id)
        if public:
            found = found.where(Message.kind != NOTE)
        if before is not None:
            latest = found.where(Message.seq < before).order_by(Message.seq.desc()).limit(most)
            return list(reversed(list(db.session.scalars(latest))))
        found = found.where(Message.seq > after).order_by(Message.seq)
        return list(db.session.scalars(found.limit(most)))

    @property
    def first_words(self) -> Message | None:
        """What the guest began with; the site may have spoken before."""
        his = select(Message).filter_by(conversation_id=self.id, author=VISITOR)
        return db.session.scalars(his.order_by(Message.seq).limit(1)).first()

    # How far it was read. Only forwards, and never beyond what there is.

    def read_by_guest(self, seq: int) -> None:
        if self._moves("guest_read_seq", seq):
            self.guest_delivered_seq = max(self.guest_delivered_seq, self.guest_read_seq)
            if self.guest_read_seq >= self.last_public_seq:
                self.mail_due_at = None
            self._seen()

    def delivered_to_guest(self, seq: int) -> None:
        if self._moves("guest_delivered_seq", seq):
            self._seen()

    def read_by_agents(self, seq: int) -> None:
        if self._moves("agent_read_seq", seq):
            self._seen()

    def _moves(self, name: str, seq: int) -> bool:
        """Looked at once more when nobody else writes: of two that read, the one that has read
        further stays, and what was said meanwhile is not read."""
        if seq <= getattr(self, name):
            return False
        self.lock(self.id)
        seq = min(seq, self.last_seq)
        if seq <= getattr(self, name):
            return False
        setattr(self, name, seq)
        return True

    def _seen(self) -> None:
        db.session.flush()
        announce(ConversationSeen(conversation=self))

    # How it stands.

    def close(self, by: Member | None) -> None:
        """By an agent, or with None by the guest or the site itself."""
        self.lock(self.id)
        if self.state == CLOSED:
            return
        self.state, self.closed_at = CLOSED, clock.now()
        self.snoozed_until = None
        self._end_waiting()
        self._record("closed", **_named(by))
        self._done_by(by)
        announce(ConversationClosed(conversation=self))

    def reopen(self, by: Member | None = None) -> None:
        self.lock(self.id)
        if self.state == CLOSED:
            self._wake()
            if self.last_author == VISITOR:
                self.waiting_since = self.last_at
            self._record("reopened", **_named(by))
            self._done_by(by)

    def _done_by(self, member: Member | None) -> None:
        """Whoever decides what becomes of it has read it."""
        if member is not None:
            self.agent_read_seq = self.last_seq
            db.session.flush()

    def snooze(self, until: datetime, by: Member | None = None) -> None:
        """Out of sight until then, or until the guest writes. What was closed is open again."""
        self.reopen(by)
        self.state, self.snoozed_until = SNOOZED, until
        self._trace("snoozed", by, until=clock.iso(until))
        announce(ConversationSnoozed(conversation=self))

    def wake(self, by: Member | None = None) -> None:
        """What was snoozed is there again."""
        self.lock(self.id)
        if self.state == SNOOZED:
            self._wake()
            self._trace("woken", by)
            announce(ConversationChanged(conversation=self))

    def _wake(self) -> None:
        if self.state == CLOSED:
            self.closed_at = None
            announce(ConversationReopened(conversation=self))
        self.state, self.snoozed_until = OPEN, None

    def assign(self, member: Member | None, by: Member | None = None) -> None:
        """Whose it is from now on. `by` is None where the program decided."""
        self.lock(self.id)
        if self.assignee_id != (member.id if member else None):
            self.assignee_id = member.id if member else None
            self._trace("assigned", by, to=str(member.id) if member else None)
            announce(ConversationAssigned(conversation=self))

    def label(self, labels: list[Label], by: Member | None = None) -> None:
        """These labels and no others."""
        self.lock(self.id)
        added, removed = ConversationLabel.put(self.id, labels)
        if added or removed:
            self._trace("labelled", by, added=added, removed=removed)
            announce(ConversationChanged(conversation=self))

    def answered_by_another(
        self, member: Member, after: int, client_id: str | None = None
    ) -> Message | None:
        """What another agent said to the guest after a seq; nobody does until the commit. Nothing
        once the message of this client id is there: it came first."""
        self.lock(self.id)
        if self._known(client_id) is not None:
            return None
        found = select(Message).where(
            Message.conversation_id == self.id,
            Message.seq > after,
            Message.author == AGENT,
            Message.kind != NOTE,
            Message.member_id != member.id,
        )
        return db.session.scalars(found.order_by(Message.seq.desc())).first()

    def heard_after(self, seq: int) -> bool:
        """Whether the guest wrote after a seq; nobody does until the commit."""
        self.lock(self.id)
        his = select(Message.id).where(Message.seq > seq, Message.author == VISITOR)
        return db.session.scalars(his.filter_by(conversation_id=self.id)).first() is not None

    def rate(self, rating: int, comment: str | None) -> None:
        """What the guest thought of it, 1 to 5; he may change his mind. Without a comment the one
        before stays."""
        given = rating, self.comment if comment is None else comment or None
        if given == (self.rating, self.comment):
            return
        self.rating, self.comment = given
        db.session.flush()
        announce(ConversationRated(conversation=self))

    def unread_replies(self) -> list[Message]:
        """What agents said that the guest has neither read nor been mailed."""
        after = max(self.guest_read_seq, self.mailed_seq)
        found = self.messages(after=after, public=True)
        return [each for each in found if each.author == AGENT]

    @property
    def unread(self) -> bool:
        """Whether agents have something to read."""
        return self.last_author == VISITOR and self.agent_read_seq < self.last_said_seq

    @property
    def reached(self) -> str | None:
        """How far what an agent said last has come: sent, delivered or read."""
        if self.last_author != AGENT:
            return None
        if self.guest_read_seq >= self.last_said_seq:
            return "read"
        return "delivered" if self.guest_delivered_seq >= self.last_said_seq else "sent"

    @property
    def reached_words(self) -> str:
        """`reached` below the messages. What stands between, as a note, the guest has not read."""
        if self.reached is None:
            return ""
        if self.last_seq == self.last_said_seq:
            return self.reached.capitalize()
        return f"Last answer {self.reached}"

    def status(self) -> dict[str, Any]:
        """As visitors are told how it stands."""
        return {
            "conversation": str(self.id),
            "state": CLOSED if self.state == CLOSED else OPEN,
            "seq": self.last_public_seq,
            "read": self.agent_read_seq,
            "seen": self.guest_read_seq,
            "rating": self.rating,
        }


def _named(member: Member | None) -> dict[str, Any]:
    return {"member_id": str(member.id)} if member else {}


@subscribe(MemberShutOut)
def let_go(left: MemberShutOut) -> None:
    _let_go(left.member)


@subscribe(MemberRoleChanged)
def let_go_silenced(changed: MemberRoleChanged) -> None:
    if not changed.member.may(Permission.CHAT_REPLY):
        _let_go(changed.member)


def _let_go(member: Member) -> None:
    """What was a member's is nobody's once he is gone, or may not answer any more. All of it by one
    statement: a lock and a trace for each of thousands would be more than one request can bear.
    Whose it is counts for no visitor, so open inboxes alone are told, once."""
    mine = update(Conversation).where(Conversation.assignee_id == member.id)
    let_go_of: Any = db.session.execute(mine.values(assignee_id=None))
    if let_go_of.rowcount:
        announce(ConversationsLetGo(member=member))
