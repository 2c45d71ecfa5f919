"""Mail of the chat, to its guests: replies that they have not read, and what was said."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app

from app.chat import tokens
from app.chat.models import Conversation, Message
from app.chat.models.message import AGENT, EVENT, VISITOR
from app.core.letters import one_line, write
from app.core.mail import send
from app.sites.parameters import STANDARD

LONGEST_TRANSCRIPT = 500  # messages, the newest


def replies(conversation: Conversation) -> None:
    """What was not read on the page is mailed, each once, with a link that leads back."""
    unread = conversation.unread_replies()
    email = conversation.guest.email
    conversation.mailed_seq, conversation.mail_due_at = conversation.last_public_seq, None
    if not unread or not email:
        return
    letter = write(
        "chat_replies",
        link=resume_url(conversation),
        site=one_line(conversation.site.name),
        replies=[_said(each) for each in unread],
    )
    send(email, *letter)


def transcript(conversation: Conversation, email: str) -> None:
    """All of it, to whoever asked for it."""
    last = conversation.last_seq + 1
    messages = conversation.messages(before=last, public=True, most=LONGEST_TRANSCRIPT)
    letter = write(
        "chat_transcript",
        site=one_line(conversation.site.name),
        began_at=conversation.opened_at or conversation.created_at,
        lines=[(_who(each), _said(each)) for each in messages if each.kind != EVENT],
    )
    send(email, *letter)


def resume_url(conversation: Conversation) -> str:
    """The page on which it was written, with what makes another device the guest's. In the
    fragment, which no server and no log sees."""
    token = tokens.issue(tokens.RESUME, conversation.site_id, conversation.guest_id)
    return f"{_page(conversation)}#candor-chat={token}"


def _page(conversation: Conversation) -> str:
    """Never a page elsewhere, whatever the browser said."""
    url = conversation.page.get("url") or ""
    if conversation.site.runs_on(urlsplit(url).hostname or ""):
        return _without_campaign(url)
    hosts = [host for host in conversation.site.hosts if not host.startswith("*.")]
    own = current_app.extensions["candor_settings"].url
    return f"https://{hosts[0]}/" if hosts else own


def _without_campaign(url: str) -> str:
    """Whoever comes back by mail does not come from the advertisement again."""
    parts = urlsplit(url)
    # To the letter: also what has no value.
    kept = [each for each in parts.query.split("&") if each.partition("=")[0] not in STANDARD]
    return parts._replace(query="&".join(kept), fragment="").geturl()


def _who(message: Message) -> str:
    if message.author == VISITOR:
        return "You"
    return message.author_name or "We" if message.author == AGENT else "We"


def _said(message: Message) -> str:
    file = message.attachment
    parts = [message.body, f"{file.name}: {file.url}" if file else None]
    return "\n".join(filter(None, parts))
