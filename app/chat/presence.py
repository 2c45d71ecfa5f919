"""Which agents are there: those who have an inbox open and have not set themselves away.

In Redis, so never asked inside a transaction that writes; while Redis is away nobody is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.core import clock, recent

WINDOW = 60 * 1000  # milliseconds for which an agent is there after he was last heard of
BETWEEN = "/"  # a member's id and that of one of his inboxes


def note(desks: dict[UUID, list[str]]) -> None:
    """By organization, the open inboxes as `desk_name` calls them. Raises RedisError."""
    now = clock.milliseconds()
    recent.note({_key(each): dict.fromkeys(names, now) for each, names in desks.items()}, WINDOW)


def forget(organization_id: UUID, name: str) -> None:
    """An inbox was closed, or its agent is away. Raises RedisError."""
    recent.forget(_key(organization_id), name)


def present(organization_id: UUID) -> set[UUID]:
    """The members who are there."""
    return _members(recent.members(_key(organization_id), WINDOW))


def desk_name(member_id: UUID, desk: str) -> str:
    return f"{member_id}{BETWEEN}{desk}"


def _members(names: Iterable[str]) -> set[UUID]:
    return {UUID(name.partition(BETWEEN)[0]) for name in names}


def _key(organization_id: UUID) -> str:
    return f"agents:{organization_id.hex}"
