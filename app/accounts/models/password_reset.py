from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, delete
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.mailed import Mailed
from app.accounts.models.user import CredentialsChanged, User, hash_password
from app.core.announce import subscribe
from app.core.db import Base, db


class PasswordReset(Mailed, Base):
    """A link with which somebody who forgot his password sets another."""

    __tablename__ = "password_resets"
    __table_args__ = (
        Index("ix_password_resets_user_id", "user_id"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    lifetime: ClassVar[timedelta] = timedelta(hours=1)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user: Mapped[User] = relationship()

    def complete(self, password: str) -> User | None:
        """The user, with his new password; None if the link was used. Raises PasswordError."""
        user, password_hash = self.user, hash_password(password)
        if not self.use():
            return None
        # The link reached him by mail, which is what a verification would show.
        user.verify_email()
        user.change_password_hash(password_hash)
        return user

    @classmethod
    def withdraw_all(cls, user: User) -> None:
        db.session.execute(delete(cls).where(cls.user_id == user.id))


@subscribe(CredentialsChanged)
def withdraw(changed: CredentialsChanged) -> None:
    """A link that was mailed before must not undo the change."""
    PasswordReset.withdraw_all(changed.user)
