"""Message: what was said in a conversation, in order, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.accounts.models import Member
from app.chat.models.attachment import Attachment
from app.core import clock
from app.core.crypto import Sealed
from app.core.db import Base
from app.core.tenancy import Tenant, owned_by

VISITOR, AGENT, SYSTEM = "visitor", "agent", "system"
TEXT, NOTE, FILE, EVENT = "text", "note", "file", "event"
LONGEST = 8000  # characters
LONGEST_CLIENT_ID = 64


class Message(Tenant, Base):
    """`seq` counts the messages of a conversation from 1. A note is for agents alone; `previous`
    is the seq of the message before it that visitors see too, so that they know a gap from a note.
    """

    __tablename__ = "messages"
    __table_args__ = (
        owned_by("conversations", "conversation_id"),
        owned_by("attachments", "attachment_id"),
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "conversation_id", "seq"),
        UniqueConstraint("organization_id", "conversation_id", "client_id"),
        Index("ix_messages_conversation_id_seq", "conversation_id", "seq"),
    )

    conversation_id: Mapped[UUID]
    seq: Mapped[int]
    previous: Mapped[int]
    # The sender's own name for it: the same one twice is one message.
    client_id: Mapped[str | None] = mapped_column(String(LONGEST_CLIENT_ID))
    author: Mapped[str] = mapped_column(String(10))
    # No foreign key: what was said outlives the membership of whoever said it.
    member_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(String(10), default=TEXT)
    body_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    body = Sealed("body_sealed")
    # Of an event what happened, of an automatic message which one it is.
    details: Mapped[dict[str, Any] | None]
    attachment_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    attachment: Mapped[Attachment | None] = relationship(
        primaryjoin=lambda: foreign(Message.attachment_id) == Attachment.id, viewonly=True
    )
    member: Mapped[Member | None] = relationship(
        primaryjoin=lambda: foreign(Message.member_id) == Member.id, viewonly=True
    )

    @property
    def is_public(self) -> bool:
        """Whether visitors see it."""
        return self.kind != NOTE

    @property
    def is_said(self) -> bool:
        """Whether it is something that was said, by whomever to whomever."""
        return self.kind != EVENT

    @property
    def author_name(self) -> str | None:
        """Of an agent what visitors call him."""
        return self.member.user.name.split()[0] if self.member and self.member.user.name else None

    def public(self) -> dict[str, Any]:
        """As visitors see it: of members no more than what they are called."""
        details = {k: v for k, v in (self.details or {}).items() if k != "member_id"}
        shown = {
            "id": str(self.id),
            "conversation": str(self.conversation_id),
            "seq": self.seq,
            "previous": self.previous,
            "client_id": self.client_id if self.author == VISITOR else None,
            "author": self.author,
            "name": self.author_name,
            "kind": self.kind,
            "body": self.body,
            "details": details or None,
            "file": self.attachment.public() if self.attachment else None,
            "at": clock.iso(self.created_at),
        }
        return {name: value for name, value in shown.items() if value is not None}
