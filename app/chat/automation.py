"""What a site says by itself, and whether somebody is there to answer."""

from __future__ import annotations

from typing import Any

from app.chat.models.settings import ChatSettings
from app.core import clock


def availability_of(settings: ChatSettings, zone: str) -> dict[str, Any]:
    """`open`: whether it is within the hours; else `back_at`, when somebody is there again."""
    hours, now = settings.hours(zone), clock.now()
    if hours.open_at(now):
        return {"open": True, "back_at": None}
    opening = hours.next_opening(now)
    return {"open": False, "back_at": clock.iso(opening) if opening else None}


def greet(settings: ChatSettings, language: str, asked: str | None) -> dict[str, Any]:
    """The site's words for a panel, in the visitor's language or in its own."""
    names = ("title", "greeting", "away")
    return {name: settings.text(name, asked, language) for name in names}
