from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, delete
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.mailed import Mailed
from app.accounts.models.user import User, email_index
from app.core.crypto import Sealed
from app.core.db import Base, db


class EmailVerification(Mailed, Base):
    """A link that shows that mail to an address reaches a user: his own, or the one he wants."""

    __tablename__ = "email_verifications"
    __table_args__ = (
        Index("ix_email_verifications_user_id", "user_id"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    lifetime: ClassVar[timedelta] = timedelta(days=2)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    user: Mapped[User] = relationship()

    @property
    def changes_address(self) -> bool:
        return email_index(self.email or "") != self.user.email_index

    def verify(self) -> bool:
        """Whether the address now is the user's. Not if the link was used, or if the address has
        got another account meanwhile."""
        user, email = self.user, self.email or ""
        other = User.by_email(email)
        if not self.use() or (other is not None and other.id != user.id):
            return False
        if other is None:
            user.change_email(email)
        user.verify_email()
        return True

    @classmethod
    def withdraw_all(cls, user: User) -> None:
        db.session.execute(delete(cls).where(cls.user_id == user.id))
