"""Somebody asks for help where nobody can answer at once: told to whatever keeps such requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from app.core.announce import Announcement


@dataclass(frozen=True, kw_only=True)
class HelpAsked(Announcement):
    """By whom, in his words. `conversation_id` is where it was written; `resume_url` leads the one
    who wrote back there, and is for him alone."""

    name: ClassVar[str] = "help.asked"
    audited: ClassVar[bool] = False
    conversation_id: UUID
    site_id: UUID
    contact_id: UUID | None
    person: str | None
    email: str
    text: str
    language: str | None
    resume_url: str
    # Whether he is to be mailed that it has arrived.
    confirmed: bool
