"""CannedReply: an answer that is given often, typed as `/shortcut`."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.chat.announcements import CannedReplyChanged
from app.core import clock
from app.core.announce import announce
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, current_organization_id

MOST_REPLIES = 200
LONGEST_SHORTCUT = 30
LONGEST_BODY = 4000
VARIABLE = re.compile(r"\{\{(name|agent|site)\}\}")
GAP = re.compile(r" +([,!.?])")


class CannedReplyError(ValueError):
    """A canned reply cannot be made so; the message says why, for a person."""


class CannedReply(Tenant, Base):
    """`body` may name `{{name}}` (of the visitor), `{{agent}}` and `{{site}}`."""

    __tablename__ = "canned_replies"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "shortcut"),
    )

    shortcut: Mapped[str] = mapped_column(String(LONGEST_SHORTCUT))
    body: Mapped[str] = mapped_column(String(LONGEST_BODY))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def create(cls, shortcut: str, body: str) -> CannedReply:
        """Raises CannedReplyError for a shortcut that is taken and for one too many."""
        exclusive(f"canned_replies/{current_organization_id()}")
        if (db.session.scalar(select(func.count(cls.id))) or 0) >= MOST_REPLIES:
            raise CannedReplyError(f"There can be at most {MOST_REPLIES}. Delete one first.")
        reply = cls(shortcut="", body="")
        reply._take(shortcut, body)
        db.session.add(reply)
        db.session.flush()
        announce(CannedReplyChanged(reply=reply, change="created"))
        return reply

    @classmethod
    def all(cls) -> list[CannedReply]:
        return list(db.session.scalars(select(cls).order_by(cls.shortcut)))

    def change(self, shortcut: str, body: str) -> None:
        """Raises CannedReplyError for a shortcut that is taken."""
        exclusive(f"canned_replies/{current_organization_id()}")
        self._take(shortcut, body)
        db.session.flush()
        announce(CannedReplyChanged(reply=self, change="changed"))

    def remove(self) -> None:
        announce(CannedReplyChanged(reply=self, change="removed"))
        db.session.delete(self)
        db.session.flush()

    def _take(self, shortcut: str, body: str) -> None:
        taken = select(CannedReply.id).where(
            CannedReply.shortcut == shortcut, CannedReply.id != self.id
        )
        if db.session.scalars(taken).first():
            raise CannedReplyError("There is a reply with this shortcut already.")
        self.shortcut, self.body = shortcut, body

    def filled(self, *, name: str, agent: str, site: str) -> str:
        """Plain replacement in one pass: nothing of it is ever evaluated. An unknown name leaves
        no gap before the comma."""
        words = {"name": name, "agent": agent, "site": site}
        text = VARIABLE.sub(lambda found: words[found[1]], self.body)
        return text if name else GAP.sub(r"\1", text)
