"""What is kept of a visit, said to people: its pages, where it came from."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

# Where capital letters are not only at the beginning.
CHANNELS = {"ai_assistant": "AI assistant", "sms": "SMS", "email": "E-mail"}


def path_of(url: str) -> str:
    """The page of an address: its path and route, without host and query."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"#{parts.fragment}" if parts.fragment else "")


def source_words(session: Any) -> str:
    """Where a visit comes from: what its link said, else the site that led here, else how."""
    named = session.utm_source or session.referrer_host
    channel = channel_words(session.channel)
    return f"{named} · {channel}" if named else channel


def channel_words(channel: str) -> str:
    return CHANNELS.get(channel) or channel.replace("_", " ").capitalize()
