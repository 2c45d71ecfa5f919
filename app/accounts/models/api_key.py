from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models.member import (
    Member,
    MemberRoleChanged,
    MembershipError,
    MemberShutOut,
    hold_members,
)
from app.accounts.permissions import ALLOWED, Permission, Role
from app.core import clock
from app.core.announce import Announcement, announce, subscribe
from app.core.crypto import fingerprint
from app.core.db import Base, Guid, db
from app.core.ids import secret_token
from app.core.tenancy import Tenant, current_organization_id

PREFIX = "cnd_"
EVERYTHING = "*"


class ApiKey(Tenant, Base):
    """A program's way in: scoped, kept as a digest, shown once."""

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("ix_api_keys_digest", "digest", unique=True),
        {"info": {"system": ("SELECT",)}},
    )

    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    hint: Mapped[str] = mapped_column(String(12))
    scopes: Mapped[list[Any]]
    # The user whose doing it is, also when he made it with another key of his. None: the
    # command line's, or older than this column.
    maker_id: Mapped[UUID | None] = mapped_column(Guid)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @classmethod
    def issue(
        cls, name: str, scopes: list[str], *, maker_id: UUID | None = None
    ) -> tuple[ApiKey, str]:
        """A key and its secret, which cannot be had again. Raises MembershipError for a maker who
        may not do all of that any more: his keys were revoked, and none comes after."""
        if maker_id is not None:
            _demand_maker(maker_id, scopes)
        secret = PREFIX + secret_token()
        key = cls(name=name, digest=fingerprint(secret), hint=f"{secret[:8]}…", scopes=scopes)
        key.maker_id = maker_id
        db.session.add(key)
        db.session.flush()
        announce(ApiKeyIssued(key=key))
        return key, secret

    @classmethod
    def made_by(cls, member: Member) -> list[ApiKey]:
        """Those that still open something."""
        found = select(cls).filter_by(maker_id=member.user_id, revoked_at=None).order_by(cls.id)
        return list(db.session.scalars(found))

    def revoke(self) -> None:
        if self.revoked_at is None:
            self.revoked_at = clock.now()
            announce(ApiKeyRevoked(key=self))

    def may(self, permission: Permission) -> bool:
        return EVERYTHING in self.scopes or permission.value in self.scopes

    def may_grant(self, scopes: list[str]) -> bool:
        """Nobody gives more than he has."""
        return EVERYTHING in self.scopes or set(scopes) <= set(self.scopes)

    def may_give(self, role: Role | str) -> bool:
        """A role is what it allows: a key gives one, or acts on somebody with it, if it may do
        all of that itself."""
        return self.may_grant([permission.value for permission in ALLOWED[Role(role)]])

    def is_within(self, role: Role | str) -> bool:
        """Whether somebody with this role may do all that the key may."""
        return _are_within(self.scopes, role)


def _demand_maker(maker_id: UUID, scopes: list[str]) -> None:
    hold_members(current_organization_id())
    maker = Member.of(maker_id)
    if maker is None or not _are_within(scopes, maker.role):
        raise MembershipError("You may not make such a key any more.")


def _are_within(scopes: list[str], role: Role | str) -> bool:
    allowed = ALLOWED[Role(role)]
    needed = list(Permission) if EVERYTHING in scopes else scopes
    return all(scope in allowed for scope in needed)


@subscribe(MemberShutOut)
def withdraw_all(left: MemberShutOut) -> None:
    """Who is shut out leaves no program behind that goes on in his place."""
    for key in ApiKey.made_by(left.member):
        key.revoke()


@subscribe(MemberRoleChanged)
def withdraw_stronger(changed: MemberRoleChanged) -> None:
    """Nobody keeps by a key what his role no longer includes."""
    for key in ApiKey.made_by(changed.member):
        if not key.is_within(changed.member.role):
            key.revoke()


@dataclass(frozen=True, kw_only=True)
class ApiKeyIssued(Announcement):
    name: ClassVar[str] = "api_key.issued"
    key: ApiKey

    def details(self) -> dict[str, Any]:
        return {"scopes": self.key.scopes}


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Announcement):
    name: ClassVar[str] = "api_key.revoked"
    key: ApiKey
