"""Rows that show when somebody edits, deletes, reorders or cuts them: audit and receipts.

Each row keeps HMAC(row salt, canonical content) as its digest and a seal over the seal before it.
Erasure deletes a row's salt and content, never the row. The head is moved last, in before_commit,
so that two transactions queue for microseconds only. Heads also go to an append-only file outside
the database, where a cut tail shows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from flask import current_app
from sqlalchemy import BigInteger, LargeBinary, String, UniqueConstraint, event, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core import clock, sql
from app.core.crypto import keyring
from app.core.db import Base, db
from app.core.tenancy import Tenant

START = bytes(32)
SALT_BYTES = 16


class ChainHead(Tenant, Base):
    """The last number and seal of one chain of one organization."""

    __tablename__ = "chain_heads"
    __table_args__ = (UniqueConstraint("organization_id", "chain"),)

    chain: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class Chained(Tenant):
    """Mixin of a chained row. Subclasses name their chain and say what their content is."""

    chain: ClassVar[str]

    number: Mapped[int] = mapped_column(BigInteger)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    seal: Mapped[bytes] = mapped_column(LargeBinary)

    def content(self) -> dict[str, Any]:
        """What the chain vouches for: JSON values only."""
        raise NotImplementedError

    def erase_content(self) -> None:
        """Clear the content columns. The chain stays whole without them."""
        raise NotImplementedError

    def erase(self) -> None:
        self.salt = None
        self.erase_content()

    def computed_digest(self) -> bytes:
        assert self.salt is not None
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return hmac.digest(self.salt, canonical.encode(), hashlib.sha256)


def append(row: Chained) -> None:
    """Put a row at the end of its chain when the current transaction commits."""
    db.session.info.setdefault("chained", []).append(row)


@event.listens_for(Session, "before_commit")
def _link(session: Session) -> None:
    if session.in_nested_transaction():
        return
    waiting: list[Chained] = session.info.pop("chained", [])
    if not waiting:
        return
    session.flush()
    # Sorted, so that two transactions which touch the same chains cannot wait for each other.
    chains: dict[tuple[bytes, str], list[Chained]] = {}
    for row in waiting:
        chains.setdefault((row.organization_id.bytes, row.chain), []).append(row)
    for (organization, chain), rows in sorted(chains.items(), key=lambda item: item[0]):
        _extend(session, UUID(bytes=organization), chain, rows)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop("chained", None)


def _extend(session: Session, organization_id: UUID, chain: str, rows: list[Chained]) -> None:
    last, seal = _advance_head(session, organization_id, chain, len(rows))
    for number, row in enumerate(rows, start=last - len(rows) + 1):
        row.number, row.salt = number, os.urandom(SALT_BYTES)
        row.digest = row.computed_digest()
        row.seal = seal = next_seal(seal, number, row.digest, organization_id, chain)
    session.add_all(rows)
    session.flush()
    session.execute(
        update(ChainHead)
        .where(ChainHead.chain == chain, ChainHead.organization_id == organization_id)
        .values(seal=seal)
    )
    record = {
        "organization": str(organization_id),
        "chain": chain,
        "number": last,
        "seal": seal.hex(),
        "at": clock.iso(clock.now()),
    }
    session.info.setdefault("after_commit", []).append(lambda: _note_head(record))


def _advance_head(
    session: Session, organization_id: UUID, chain: str, count: int
) -> tuple[int, bytes]:
    """Lock the head by moving its number; answers the new number and the old seal."""
    head = {
        "id": UUID(bytes=os.urandom(16)),
        "organization_id": organization_id,
        "chain": chain,
        "number": 0,
        "seal": START,
    }
    session.execute(sql.insert(session, ChainHead).values(**head).on_conflict_do_nothing())
    moved = (
        update(ChainHead)
        .where(ChainHead.organization_id == organization_id, ChainHead.chain == chain)
        .values(number=ChainHead.number + count)
        .returning(ChainHead.number, ChainHead.seal)
        .execution_options(synchronize_session=False)
    )
    number, seal = session.execute(moved).one()
    return number, seal


def next_seal(
    before: bytes, number: int, digest: bytes, organization_id: UUID, chain: str
) -> bytes:
    key = keyring().derive(f"chain/{chain}/{organization_id}")
    return hmac.digest(key, before + number.to_bytes(8, "big") + digest, hashlib.sha256)


def _note_head(record: dict[str, Any]) -> None:
    path: Path = current_app.extensions["candor_settings"].chain_heads
    line = json.dumps(record) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@dataclass(frozen=True)
class Break:
    """The first bad entry of a chain: its number and what is wrong with it."""

    chain: str
    number: int
    reason: str


def verify(model: type[Chained], organization_id: UUID) -> Break | None:
    """Walk one organization's chain, oldest first; None when it is whole.

    What is appended meanwhile is newer than the heads read at the beginning and does no harm.
    """
    found = select(ChainHead).where(ChainHead.chain == model.chain)
    head = db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()
    told = max(_noted_heads(model.chain, organization_id), default=0)
    last, known = (head.number, head.seal) if head else (0, START)
    seal, expected = START, 0
    rows = select(model).where(model.number <= last).order_by(model.number)
    for row in db.session.scalars(rows).yield_per(500):
        expected += 1
        if row.number != expected:
            return Break(model.chain, expected, "missing or out of order")
        if row.salt is not None and not hmac.compare_digest(row.computed_digest(), row.digest):
            return Break(model.chain, expected, "content was edited")
        seal = next_seal(seal, row.number, row.digest, organization_id, model.chain)
        if not hmac.compare_digest(seal, row.seal):
            return Break(model.chain, expected, "seal does not match")
    if expected < max(last, told) or seal != known:
        return Break(model.chain, expected + 1, "the tail was cut")
    return None


def _noted_heads(chain: str, organization_id: UUID) -> Iterator[int]:
    path: Path = current_app.extensions["candor_settings"].chain_heads
    if not path.exists():
        return
    with path.open() as lines:
        for line in lines:
            record = json.loads(line)
            if record["chain"] == chain and record["organization"] == str(organization_id):
                yield record["number"]
