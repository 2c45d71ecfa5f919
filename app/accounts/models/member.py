from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.user import User
from app.accounts.permissions import Permission, Role, allows
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.tenancy import Tenant


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

    @classmethod
    def join(cls, user: User, role: Role) -> Member:
        member = cls(user_id=user.id, role=role.value)
        db.session.add(member)
        db.session.flush()
        announce(MemberJoined(member=member))
        return member

    @classmethod
    def of(cls, user: User) -> Member | None:
        """The user's active membership of the organization in scope."""
        found = select(cls).filter_by(user_id=user.id, suspended_at=None)
        return db.session.scalars(found).one_or_none()

    def may(self, permission: Permission) -> bool:
        return allows(self.role, permission)


@dataclass(frozen=True, kw_only=True)
class MemberJoined(Announcement):
    name: ClassVar[str] = "member.joined"
    member: Member

    def details(self) -> dict[str, Any]:
        return {"role": self.member.role}
