"""The way out for the person who is shown: one address an activity, and who is never shown again.

The address names the site and the activity, which are public, under a code that only Candor can
make; nothing of it is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import keyring
from app.core.db import Base, db, exclusive
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.core.tenancy import Tenant

CODE_BYTES = 16
REASON = "opted_out"


class OptOut(Tenant, Base):
    """A person who is not to be shown, known by blind index alone."""

    __tablename__ = "opt_outs"
    __table_args__ = (UniqueConstraint("organization_id", "person_index"),)

    person_index: Mapped[bytes] = mapped_column(LargeBinary(16))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def remember(cls, person_index: bytes) -> None:
        """From now on nothing of this person is shown. Twice is once."""
        opt_out = cls(id=uuid7(), person_index=person_index)
        values = {
            "id": opt_out.id,
            "organization_id": opt_out.organization_id,
            "person_index": person_index,
            "created_at": clock.now(),
        }
        if insert_once(db.session(), cls, values):
            announce(PersonOptedOut(opt_out=opt_out))


def wants_out(person_index: bytes | None) -> bool:
    """Whether this person has opted out. Waits for one who is doing so, until the transaction
    ends: between the two nothing slips through."""
    if person_index is None:
        return False
    hold(person_index)
    return is_out(person_index)


def is_out(person_index: bytes | None) -> bool:
    """Whether this person has opted out, as it stands."""
    found = select(OptOut.id).filter_by(person_index=person_index)
    return person_index is not None and db.session.scalars(found).first() is not None


def hold(*person_indexes: bytes) -> None:
    """Keep others from deciding about these people meanwhile. To be asked for before a site's
    activities are, and for several at once, so that nobody waits in a circle."""
    for index in sorted(set(person_indexes)):
        exclusive(f"person:{index.hex()}")


def count() -> int:
    """How many have opted out of this organization's pages. Who they are nobody can read."""
    return db.session.scalar(select(func.count(OptOut.id))) or 0


def token(site_id: UUID, activity_id: UUID) -> str:
    named = site_id.bytes + activity_id.bytes
    return base64.urlsafe_b64encode(named + _code(named)).decode()


def read_token(text: str) -> tuple[UUID, UUID] | None:
    """The site and the activity that a token names, or None for one that is not ours."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return None
    named, code = raw[:32], raw[32:]
    if len(raw) != 32 + CODE_BYTES or not hmac.compare_digest(code, _code(named)):
        return None
    return UUID(bytes=named[:16]), UUID(bytes=named[16:])


def _code(named: bytes) -> bytes:
    return hmac.digest(keyring().derive("opt-out"), named, hashlib.sha256)[:CODE_BYTES]


@dataclass(frozen=True, kw_only=True)
class PersonOptedOut(Announcement):
    """The audit log learns that somebody did, and not who."""

    name: ClassVar[str] = "person.opted_out"
    opt_out: Any
