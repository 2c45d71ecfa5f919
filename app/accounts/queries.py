"""What must be known before there is a tenant. Told by the system connection in plain values."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from flask import current_app
from sqlalchemy import select

from app.accounts.models import ApiKey, Invitation, Member, Organization
from app.accounts.models.invitation import with_token
from app.accounts.permissions import Role
from app.config import Settings
from app.core import clock
from app.core.crypto import fingerprint
from app.core.db import system


class Membership(NamedTuple):
    organization_id: UUID
    slug: str
    name: str
    role: str
    demo: bool


def organization_id_of(slug: str) -> UUID | None:
    with system() as connection:
        return connection.scalar(select(Organization.id).where(Organization.slug == slug))


def organization_id_of_key(secret: str) -> UUID | None:
    with system() as connection:
        found = select(ApiKey.organization_id).where(ApiKey.digest == fingerprint(secret))
        return connection.scalar(found)


def organization_id_of_invitation(token: str) -> UUID | None:
    with system() as connection:
        return connection.scalar(select(Invitation.organization_id).where(with_token(token)))


def memberships(user_id: UUID) -> list[Membership]:
    """The organizations of a user, by name. A user sees his own memberships everywhere."""
    statement = (
        select(
            Organization.id, Organization.slug, Organization.name, Member.role, Organization.demo
        )
        .join(Member, Member.organization_id == Organization.id)
        .where(Member.user_id == user_id, Member.suspended_at.is_(None))
        .order_by(Organization.name)
    )
    with system() as connection:
        return [Membership(*row) for row in connection.execute(statement)]


def any_organization() -> bool:
    with system() as connection:
        return connection.scalar(select(Organization.id).limit(1)) is not None


def owned_by_somebody() -> bool:
    """Whether there is an organization besides the demo; if not, the next to sign up owns this."""
    with system() as connection:
        return connection.scalar(select(Organization.id).filter_by(demo=False).limit(1)) is not None


def demo_exists() -> bool:
    with system() as connection:
        return connection.scalar(select(Organization.id).filter_by(demo=True).limit(1)) is not None


def sign_up_is_open() -> bool:
    """To the first owner always; to others as the setting SIGN_UP says."""
    settings: Settings = current_app.extensions["candor_settings"]
    return settings.sign_up == "open" or not owned_by_somebody()


def may_found(mine: list[Membership]) -> bool:
    """Whether somebody may found another organization: where sign-up is closed, who owns one."""
    settings: Settings = current_app.extensions["candor_settings"]
    owner = any(each.role == Role.OWNER and not each.demo for each in mine)
    return settings.sign_up == "open" or owner


def organizations_to_delete() -> list[UUID]:
    with system() as connection:
        due = select(Organization.id).where(Organization.deletion_at <= clock.now())
        return list(connection.scalars(due))
