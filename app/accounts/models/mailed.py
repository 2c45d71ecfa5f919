from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import LargeBinary, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.crypto import fingerprint
from app.core.db import db, system
from app.core.ids import secret_token, uuid7


class Mailed:
    """Mixin of what somebody proves with a link from a mail: kept as a digest, for a while, and
    gone when it is used. Belongs to nobody's organization."""

    lifetime: ClassVar[timedelta]

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-3)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True, sort_order=-2)
    expires_at: Mapped[datetime] = mapped_column(index=True, sort_order=-1)

    def __init__(self, **values: Any) -> None:
        # Sealed columns are bound to the row, so a row knows who it is from the start.
        self.id = uuid7()
        for name, value in values.items():
            setattr(self, name, value)

    @classmethod
    def issue(cls, **values: Any) -> str:
        """Answers the token, which is written nowhere but into the mail."""
        token = secret_token()
        moment = clock.now() + cls.lifetime
        db.session.add(cls(token_digest=fingerprint(token), expires_at=moment, **values))
        return token

    @classmethod
    def by_token(cls, token: str | None) -> Self | None:
        """The row that is still good, or None."""
        found = select(cls).where(cls.token_digest == fingerprint(token or ""))
        return db.session.scalars(found.where(cls.expires_at > clock.now())).one_or_none()

    def use(self) -> bool:
        """Take it; of several that try at once one succeeds."""
        kind = type(self)
        taken = delete(kind).where(kind.id == self.id).returning(kind.id)
        options = {"synchronize_session": False}
        return db.session.execute(taken, execution_options=options).first() is not None


def forget_mailed() -> None:
    """Delete what was never used and is no longer good."""
    with system() as connection:
        for kind in Mailed.__subclasses__():
            table: Any = kind.__table__  # type: ignore[attr-defined]
            connection.execute(delete(table).where(table.c.expires_at < clock.now()))
