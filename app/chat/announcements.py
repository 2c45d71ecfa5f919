"""What happens in the chat, as it is announced: to the audit log, to open pages, to webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from app.core import clock
from app.core.announce import Announcement
from app.core.public import PublicAnnouncement

if TYPE_CHECKING:
    from app.accounts.models import Member
    from app.chat.models.conversation import Conversation
    from app.chat.models.guest import Guest, Surroundings
    from app.chat.models.message import Message

ID = "0197a3f2-5c1e-7d40-9b1a-2f6c8e4d7a10"
VISIT: dict[str, Any] = {
    "site_id": ID,
    "session_id": ID,
    "utm": {"source": "newsletter", "campaign": "spring"},
    "page": {"host": "shop.example", "url": "https://shop.example/cart", "referrer": None},
    "visitor": {
        "id": "7f1c9f0c6f0b4a51a3f4a9e4b7a1d2c3",
        "ip_masked": "203.0.113.0",
        "user_agent": "Mozilla/5.0",
        "country": "NL",
    },
}
EXAMPLE = {"conversation_id": ID, **VISIT}
NULLABLE = frozenset(
    {"session_id", "page.host", "page.url", "page.referrer", "visitor.ip_masked", "visitor.country"}
)
FREE = frozenset({"utm"})


@dataclass(frozen=True, kw_only=True)
class ConversationAnnouncement(PublicAnnouncement):
    """Of whatever changes what agents see of a conversation."""

    audited: ClassVar[bool] = False
    since: ClassVar[str] = "0.1.0"
    nullable: ClassVar[frozenset[str]] = NULLABLE
    free: ClassVar[frozenset[str]] = FREE
    conversation: Conversation

    def public_site_id(self) -> UUID | None:
        return self.conversation.site_id

    def public_data(self) -> dict[str, Any]:
        conversation = self.conversation
        return {
            "conversation_id": str(conversation.id),
            "site_id": str(conversation.site_id),
            "session_id": str(conversation.session_id) if conversation.session_id else None,
            "utm": conversation.utm,
            "page": page_of(conversation.page),
            "visitor": visitor_of(conversation.guest),
        }


@dataclass(frozen=True, kw_only=True)
class ConversationOpened(ConversationAnnouncement):
    name: ClassVar[str] = "conversation.opened"
    about: ClassVar[str] = "A visitor wrote the first message of a conversation."
    example: ClassVar[dict[str, Any]] = {**EXAMPLE, "message": "Do you ship to Norway?"}
    nullable: ClassVar[frozenset[str]] = NULLABLE | {"message"}
    message: Message

    def public_data(self) -> dict[str, Any]:
        return {**super().public_data(), "message": self.message.body}


@dataclass(frozen=True, kw_only=True)
class ConversationClosed(ConversationAnnouncement):
    name: ClassVar[str] = "conversation.closed"
    about: ClassVar[str] = "A conversation was closed by an agent or by the visitor."
    example: ClassVar[dict[str, Any]] = EXAMPLE


@dataclass(frozen=True, kw_only=True)
class MessageAdded(ConversationAnnouncement):
    """Any message: also notes and events, which are told to nobody outside."""

    name: ClassVar[str] = "message.added"
    message: Message


@dataclass(frozen=True, kw_only=True)
class MessageWritten(MessageAdded):
    """Something was said to the other side. `seq` counts the messages of a conversation."""

    name: ClassVar[str] = "conversation.message"
    about: ClassVar[str] = "The visitor, an agent or the site itself said something."
    example: ClassVar[dict[str, Any]] = {
        **EXAMPLE,
        "message_id": ID,
        "seq": 3,
        "author": "visitor",
        "body": "Do you ship to Norway?",
        "file": {"url": "https://candor.example/widget/v1/files/…", "name": "cart.webp"},
        "at": "2026-01-02T03:04:05.678Z",
    }
    nullable: ClassVar[frozenset[str]] = NULLABLE | {"body", "file"}
    free: ClassVar[frozenset[str]] = FREE | {"file"}

    def public_data(self) -> dict[str, Any]:
        message = self.message
        return {
            **super().public_data(),
            "message_id": str(message.id),
            "seq": message.seq,
            "author": message.author,
            "body": message.body,
            "file": message.attachment.public() if message.attachment else None,
            "at": clock.iso(message.created_at),
        }


@dataclass(frozen=True, kw_only=True)
class ConversationChanged(ConversationAnnouncement):
    """How it stands among the others."""

    name: ClassVar[str] = "conversation.changed"


@dataclass(frozen=True, kw_only=True)
class ConversationReopened(ConversationChanged):
    name: ClassVar[str] = "conversation.reopened"


@dataclass(frozen=True, kw_only=True)
class ConversationSnoozed(ConversationChanged):
    name: ClassVar[str] = "conversation.snoozed"


@dataclass(frozen=True, kw_only=True)
class ConversationAssigned(ConversationChanged):
    name: ClassVar[str] = "conversation.assigned"


@dataclass(frozen=True, kw_only=True)
class ConversationRated(ConversationChanged):
    name: ClassVar[str] = "conversation.rated"


@dataclass(frozen=True, kw_only=True)
class ConversationSeen(ConversationChanged):
    """One side has read further."""

    name: ClassVar[str] = "conversation.seen"


@dataclass(frozen=True, kw_only=True)
class ConversationsLetGo(Announcement):
    """All that were a member's are nobody's. That he is gone is what the audit log says."""

    name: ClassVar[str] = "conversations.let_go"
    audited: ClassVar[bool] = False
    member: Member


@dataclass(frozen=True, kw_only=True)
class LeadCaptured(PublicAnnouncement):
    """Somebody said in the chat who he is, and was not known before."""

    name: ClassVar[str] = "lead.captured"
    audited: ClassVar[bool] = False
    about: ClassVar[str] = "A visitor told us who he is for the first time."
    since: ClassVar[str] = "0.1.0"
    example: ClassVar[dict[str, Any]] = {
        **VISIT,
        "contact": {"id": ID, "name": "Ada", "email": "ada@example.com"},
    }
    nullable: ClassVar[frozenset[str]] = NULLABLE | {"contact.name", "contact.email"}
    free: ClassVar[frozenset[str]] = FREE
    guest: Guest
    page: dict[str, Any]
    utm: dict[str, Any]

    def public_site_id(self) -> UUID | None:
        return self.guest.site_id

    def public_data(self) -> dict[str, Any]:
        guest = self.guest
        return {
            "site_id": str(guest.site_id),
            "session_id": str(guest.session_id) if guest.session_id else None,
            "utm": self.utm,
            "page": page_of(self.page),
            "visitor": visitor_of(guest),
            "contact": {"id": str(guest.contact_id), "name": guest.name, "email": guest.email},
        }


@dataclass(frozen=True, kw_only=True)
class VisitorIdentified(PublicAnnouncement):
    """The site's own server said which of its users somebody is."""

    name: ClassVar[str] = "visitor.identified"
    audited: ClassVar[bool] = False
    about: ClassVar[str] = "A site vouched for one of its users in the chat."
    since: ClassVar[str] = "0.1.0"
    example: ClassVar[dict[str, Any]] = {
        "site_id": ID,
        "user_id": "user-7",
        "visitor": VISIT["visitor"],
        "contact": {"id": ID, "name": "Ada", "email": "ada@example.com"},
    }
    nullable: ClassVar[frozenset[str]] = frozenset(
        {"visitor.ip_masked", "visitor.country", "contact.name", "contact.email"}
    )
    guest: Guest
    user_id: str

    def public_site_id(self) -> UUID | None:
        return self.guest.site_id

    def public_data(self) -> dict[str, Any]:
        guest = self.guest
        return {
            "site_id": str(guest.site_id),
            "user_id": self.user_id,
            "visitor": visitor_of(guest),
            "contact": {"id": str(guest.contact_id), "name": guest.name, "email": guest.told_email},
        }


@dataclass(frozen=True, kw_only=True)
class PanelAnnouncement(PublicAnnouncement):
    """Of the panel on a page, or of the outside chat in its place. `guest` is None until somebody
    has written."""

    audited: ClassVar[bool] = False
    since: ClassVar[str] = "0.1.0"
    nullable: ClassVar[frozenset[str]] = NULLABLE | {"visitor.id"}
    free: ClassVar[frozenset[str]] = FREE
    site_id: UUID
    around: Surroundings
    guest: Guest | None

    def public_site_id(self) -> UUID | None:
        return self.site_id

    def public_data(self) -> dict[str, Any]:
        around = self.around
        identifier = around.visitor or (self.guest.id.bytes if self.guest else None)
        return {
            "site_id": str(self.site_id),
            "session_id": str(around.session_id) if around.session_id else None,
            "utm": around.utm,
            "page": page_of(around.page),
            "visitor": {
                "id": identifier.hex() if identifier else None,
                "ip_masked": around.masked_address,
                "user_agent": around.user_agent,
                "country": around.country,
            },
        }


@dataclass(frozen=True, kw_only=True)
class ChatOpened(PanelAnnouncement):
    name: ClassVar[str] = "chat.opened"
    about: ClassVar[str] = "A visitor opened the chat, ours or an outside one."
    example: ClassVar[dict[str, Any]] = VISIT


@dataclass(frozen=True, kw_only=True)
class ChatClosed(PanelAnnouncement):
    name: ClassVar[str] = "chat.closed"
    about: ClassVar[str] = "A visitor closed the chat."
    example: ClassVar[dict[str, Any]] = VISIT


@dataclass(frozen=True, kw_only=True)
class ChatSettingsChanged(Announcement):
    name: ClassVar[str] = "chat_settings.changed"
    site: Any

    def details(self) -> dict[str, Any]:
        return {"name": self.site.name}


def page_of(page: dict[str, Any]) -> dict[str, Any]:
    url = page.get("url")
    host = urlsplit(url).hostname if url else None
    return {"host": host, "url": url, "referrer": page.get("referrer")}


def visitor_of(guest: Guest) -> dict[str, Any]:
    """`id` is what commands name."""
    return {
        "id": (guest.visitor or guest.id.bytes).hex(),
        "ip_masked": guest.masked_address,
        "user_agent": guest.user_agent or "",
        "country": guest.country,
    }


@dataclass(frozen=True, kw_only=True)
class LabelAnnouncement(Announcement):
    label: Any

    def details(self) -> dict[str, Any]:
        return {"name": self.label.name}


@dataclass(frozen=True, kw_only=True)
class LabelCreated(LabelAnnouncement):
    name: ClassVar[str] = "label.created"


@dataclass(frozen=True, kw_only=True)
class LabelChanged(LabelAnnouncement):
    name: ClassVar[str] = "label.changed"


@dataclass(frozen=True, kw_only=True)
class LabelRemoved(LabelAnnouncement):
    name: ClassVar[str] = "label.removed"


@dataclass(frozen=True, kw_only=True)
class CannedReplyChanged(Announcement):
    """`change` is created, changed or removed."""

    name: ClassVar[str] = "canned_reply.changed"
    reply: Any
    change: str

    def details(self) -> dict[str, Any]:
        return {"shortcut": self.reply.shortcut, "change": self.change}
