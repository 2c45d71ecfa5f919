"""What a site says first in its chat: campaigns of the format chat_message."""

from __future__ import annotations

from typing import Any

from app.campaigns.formats import CHAT_MESSAGE
from app.chat.models import Conversation
from app.sites.queries import PublishedSite


def placed(campaigns: list[dict[str, Any]], chat: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Snapshots as visitors get them: what speaks in the chat stands beside its launcher, and is
    not there without one."""
    return [
        _beside(each, chat["position"]) if chat and each["format"] == CHAT_MESSAGE else each
        for each in campaigns
        if chat or each["format"] != CHAT_MESSAGE
    ]


def _beside(snapshot: dict[str, Any], position: str) -> dict[str, Any]:
    return {**snapshot, "content": {**snapshot["content"], "position": position}}


def begin_with_line(conversation: Conversation, site: PublishedSite, said: dict[str, Any]) -> None:
    """The guest answers what a campaign said: that stands before his answer. The page names the
    campaign and what it has shown; the text is the published one, and only if it is that."""
    campaign, shown = said.get("campaign"), said.get("line")
    for snapshot in site.content["campaigns"]:
        if snapshot["format"] != CHAT_MESSAGE or snapshot["id"] != campaign:
            continue
        for text in _texts(snapshot["content"]):
            if text == shown:
                conversation.speak_first(text, automatic="campaign", campaign=snapshot["id"])


def _texts(content: dict[str, Any]) -> set[str]:
    """In all its languages."""
    translated = content.get("translations", {}).values()
    return {text for text in (each.get("message") for each in [content, *translated]) if text}
