"""The one file that knows dialects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import JSON, Insert, Table, TextClause, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

# A JSON value: jsonb on Postgres, text on SQLite.
Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def advisory_lock(key: str) -> TextClause:
    """Postgres' transaction-long lock on a name."""
    return text("SELECT pg_advisory_xact_lock(:number)").bindparams(number=_number(key))


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)


@contextmanager
def named_lock(connection: Connection, key: str) -> Iterator[None]:
    """A lock on a name over several transactions. On SQLite there is one machine: no-op."""
    if connection.dialect.name != "postgresql":
        yield
        return
    number = _number(key)
    connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
    connection.commit()
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})


def take_time(session: Session) -> None:
    """Let the statements of this transaction take as long as they need, as no request may."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = 0"))


def insert(on: Session | Connection, table: type[Any] | Table) -> Any:
    """The dialect's INSERT, which has on_conflict_do_nothing / do_update on both databases."""
    bind = on.get_bind() if isinstance(on, Session) else on
    dialect = postgresql if bind.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def insert_once(session: Session, model: type[Any], values: dict[str, Any]) -> bool:
    """Insert unless a unique key says it is there; answers whether it is new."""
    statement: Insert = insert(session, model).values(**values).on_conflict_do_nothing()
    return session.execute(statement.returning(model.id)).first() is not None
