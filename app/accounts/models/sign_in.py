from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import ua_parser
from sqlalchemy import ForeignKey, Index, LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.accounts.models.user import User
from app.core import clock
from app.core.crypto import fingerprint
from app.core.db import Base, db, system
from app.core.ids import secret_token, uuid7

IDLE = timedelta(days=14)
ABSOLUTE = timedelta(days=60)
TOUCH_EVERY = timedelta(minutes=5)


class SignIn(Base):
    """One browser in which a user is signed in. The cookie holds the token, the row its digest."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        Index("ix_sign_ins_user_id", "user_id"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    device: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime] = mapped_column(default=clock.now)
    user: Mapped[User] = relationship()

    @classmethod
    def open(cls, user: User, device: str) -> str:
        """Sign a user in; answers the token, which is stored nowhere but in the cookie."""
        token = secret_token()
        sign_in = cls(id=uuid7(), user_id=user.id, token_digest=fingerprint(token))
        sign_in.device = "".join(c for c in device if c.isprintable())[:300]
        db.session.add(sign_in)
        user.last_sign_in_at = clock.now()
        return token

    @classmethod
    def close_all(cls, user: User) -> None:
        """Sign a user out everywhere."""
        db.session.execute(delete(cls).where(cls.user_id == user.id))

    @classmethod
    def of(cls, user: User) -> list[SignIn]:
        """Those that are still good, the one used last first."""
        found = select(cls).filter_by(user_id=user.id).order_by(cls.last_used_at.desc())
        return [each for each in db.session.scalars(found) if each.good]

    @classmethod
    def by_token(cls, token: str) -> SignIn | None:
        """The sign-in that is still good, or None."""
        found = select(cls).filter_by(token_digest=fingerprint(token))
        sign_in = db.session.scalars(found.options(joinedload(cls.user))).one_or_none()
        return sign_in if sign_in and sign_in.good else None

    @property
    def good(self) -> bool:
        moment = clock.now()
        return moment - self.last_used_at < IDLE and moment - self.created_at < ABSOLUTE

    @property
    def device_name(self) -> str:
        """The browser and its system in plain words."""
        agent = ua_parser.parse(self.device)
        browser = agent.user_agent.family if agent.user_agent else "Unknown browser"
        return f"{browser} on {agent.os.family}" if agent.os else browser

    def touch(self) -> bool:
        """Remember the use, not more often than every five minutes. True if it was written."""
        if clock.now() - self.last_used_at < TOUCH_EVERY:
            return False
        self.last_used_at = clock.now()
        return True

    def close(self) -> None:
        db.session.delete(self)


def forget_sign_ins() -> None:
    table = SignIn.__table__
    moment = clock.now()
    old = (table.c.last_used_at < moment - IDLE) | (table.c.created_at < moment - ABSOLUTE)
    with system() as connection:
        connection.execute(delete(table).where(old))  # type: ignore[arg-type]
