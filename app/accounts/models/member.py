from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship, selectinload

from app.accounts.models.organization import Organization
from app.accounts.models.user import User
from app.accounts.permissions import Permission, Role, allows, at_most
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant

MayGive = Callable[[Role | str], bool]


class MembershipError(ValueError):
    """Something that must not be done to a member; the message says why, for a person."""


class Member(Tenant, Base):
    """A user's role in an organization."""

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("organization_id", "user_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_members_user_id", "user_id"),
        {"info": {"system": ("SELECT",)}},
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(10))
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    user: Mapped[User] = relationship()
    organization: Mapped[Organization] = relationship(viewonly=True)

    @classmethod
    def join(cls, user: User, role: Role) -> Member:
        db.session.flush()
        member = cls(user_id=user.id, role=role.value)
        db.session.add(member)
        db.session.flush()
        announce(MemberJoined(member=member))
        return member

    @classmethod
    def of(cls, user_id: UUID) -> Member | None:
        """The user's active membership of the organization in scope, read together with both."""
        found = select(cls).filter_by(user_id=user_id, suspended_at=None)
        together = found.options(joinedload(cls.user), joinedload(cls.organization))
        return db.session.scalars(together).one_or_none()

    @classmethod
    def who_may(cls, permission: Permission) -> list[Member]:
        """The active members with this permission, the longest there first."""
        active = select(cls).filter_by(suspended_at=None).options(selectinload(cls.user))
        members = db.session.scalars(active.order_by(cls.id))
        return [member for member in members if member.may(permission)]

    def may(self, permission: Permission) -> bool:
        return allows(self.role, permission)

    def may_give(self, role: Role | str) -> bool:
        """Nobody grants above his own role, or acts on somebody above it."""
        return Role(role) in at_most(self.role)

    def may_invite(self, role: Role | str) -> bool:
        """Whether an invitation with this role could be his."""
        return self.may(Permission.MEMBERS_WRITE) and self.may_give(role)

    # The verbs below raise MembershipError; `by` says which roles the one who acts may give.

    def change_role(self, role: Role, *, by: MayGive) -> None:
        self._hold()
        _demand(by(role) and by(self.role), "You cannot give or change a role above your own.")
        if role is not Role.OWNER:
            self._keep_an_owner()
        before, self.role = self.role, role.value
        if before != self.role:
            announce(MemberRoleChanged(member=self, before=before))

    def suspend(self, *, by: MayGive) -> None:
        self._hold()
        _demand(by(self.role), "You cannot suspend somebody above your own role.")
        self._keep_an_owner()
        if self.suspended_at is None:
            self.suspended_at = clock.now()
            announce(MemberSuspended(member=self))

    def resume(self, *, by: MayGive) -> None:
        self._hold()
        _demand(by(self.role), "You cannot bring back somebody above your own role.")
        if self.suspended_at is not None:
            self.suspended_at = None
            announce(MemberResumed(member=self))

    def remove(self, *, by: MayGive) -> None:
        self._hold()
        _demand(by(self.role), "You cannot remove somebody above your own role.")
        self._keep_an_owner()
        announce(MemberRemoved(member=self))
        db.session.delete(self)

    def _hold(self) -> None:
        """Two owners who remove each other at once must not both succeed."""
        hold_members(self.organization_id)

    def _keep_an_owner(self) -> None:
        others = select(func.count(Member.id)).where(
            Member.id != self.id, Member.role == Role.OWNER, Member.suspended_at.is_(None)
        )
        needed = self.role == Role.OWNER and self.suspended_at is None
        _demand(
            not needed or bool(db.session.scalar(others)),
            "An organization keeps at least one owner. Make somebody else an owner first.",
        )


def hold_members(organization_id: UUID) -> None:
    """Until the transaction ends nobody else changes what the members of it may do."""
    exclusive(f"members/{organization_id}")


def _demand(met: bool, otherwise: str) -> None:
    if not met:
        raise MembershipError(otherwise)


@dataclass(frozen=True, kw_only=True)
class MemberAnnouncement(Announcement):
    member: Member

    def details(self) -> dict[str, Any]:
        return {"role": self.member.role}


@dataclass(frozen=True, kw_only=True)
class MemberJoined(MemberAnnouncement):
    name: ClassVar[str] = "member.joined"


@dataclass(frozen=True, kw_only=True)
class MemberRoleChanged(MemberAnnouncement):
    name: ClassVar[str] = "member.role_changed"
    before: str

    def details(self) -> dict[str, Any]:
        return {"before": self.before, "role": self.member.role}


@dataclass(frozen=True, kw_only=True)
class MemberShutOut(MemberAnnouncement):
    """Whichever way: the member's access ends with this transaction."""


@dataclass(frozen=True, kw_only=True)
class MemberSuspended(MemberShutOut):
    name: ClassVar[str] = "member.suspended"


@dataclass(frozen=True, kw_only=True)
class MemberResumed(MemberAnnouncement):
    name: ClassVar[str] = "member.resumed"


@dataclass(frozen=True, kw_only=True)
class MemberRemoved(MemberShutOut):
    name: ClassVar[str] = "member.removed"
