"""What must be known before there is a tenant. Told by the system connection in plain values."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import ApiKey, Member, Organization
from app.core.crypto import fingerprint
from app.core.db import system


class Membership(NamedTuple):
    slug: str
    name: str
    role: str


def organization_id_of(slug: str) -> UUID | None:
    with system() as connection:
        return connection.scalar(select(Organization.id).where(Organization.slug == slug))


def organization_id_of_key(secret: str) -> UUID | None:
    with system() as connection:
        found = select(ApiKey.organization_id).where(ApiKey.digest == fingerprint(secret))
        return connection.scalar(found)


def memberships(user_id: UUID) -> list[Membership]:
    """The organizations of a user, by name. A user sees his own memberships everywhere."""
    statement = (
        select(Organization.slug, Organization.name, Member.role)
        .join(Member, Member.organization_id == Organization.id)
        .where(Member.user_id == user_id, Member.suspended_at.is_(None))
        .order_by(Organization.name)
    )
    with system() as connection:
        return [Membership(*row) for row in connection.execute(statement)]


def any_organization() -> bool:
    with system() as connection:
        return connection.scalar(select(Organization.id).limit(1)) is not None
