"""Answers that may help at once, before anybody is bothered: whatever keeps such answers says here
how they are found, whatever is asked looks for them here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog

MOST = 3

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A page that may answer the question; `excerpt` is plain text."""

    title: str
    url: str
    excerpt: str = ""

    def public(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


Finder = Callable[[UUID, str], list[Suggestion]]

_finders: list[Finder] = []


def finds_suggestions(finder: Finder) -> Finder:
    """Registers a function of a site's id and of what somebody asks there, the best answer first.
    It is called inside the tenant, before anything is written, and only reads."""
    _finders.append(finder)
    return finder


def suggestions_for(site_id: UUID, text: str) -> list[Suggestion] | None:
    """None where nobody has any to make. A finder that fails keeps no question from being asked."""
    if not _finders:
        return None
    found: list[Suggestion] = []
    for finder in _finders:
        try:
            found += finder(site_id, text)
        except Exception:
            log.exception("suggestions_fault")
    return found[:MOST]
