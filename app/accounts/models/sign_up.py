from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models.mailed import Mailed
from app.accounts.models.member import Member
from app.accounts.models.organization import Organization
from app.accounts.models.user import User, hash_password, normal_email
from app.accounts.permissions import Role
from app.core.crypto import Sealed
from app.core.db import Base


class SignUp(Mailed, Base):
    """Somebody who wants an account and has not yet shown that the address is his.

    Nothing else exists until then, so that signing up tells nobody who has an account. Who follows
    the link gives the password again: the address of somebody else is not taken with a password of
    one's own.
    """

    __tablename__ = "sign_ups"
    __table_args__ = ({"info": {"system": ("SELECT", "DELETE")}},)

    lifetime: ClassVar[timedelta] = timedelta(days=2)

    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    name = Sealed("name_sealed")
    organization_name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))

    @classmethod
    def request(cls, *, email: str, name: str, organization: str, password: str) -> str | None:
        """The token to mail, or None if the address has an account. Takes as long for both.

        Raises EmailError or PasswordError.
        """
        email, password_hash = normal_email(email), hash_password(password)
        if User.by_email(email) is not None:
            return None
        return cls.issue(
            email=email, name=name, organization_name=organization, password_hash=password_hash
        )

    def complete(self) -> User | None:
        """The user, owner of a new organization that is then in scope. None if the link was used
        or the address has got an account meanwhile: then nothing may be committed."""
        email, name, password_hash = self.email or "", self.name or "", self.password_hash
        Organization.found(self.organization_name)
        if not self.use() or User.by_email(email) is not None:
            return None
        user = User.create(email=email, name=name, password_hash=password_hash)
        user.verify_email()
        Member.join(user, Role.OWNER)
        return user
