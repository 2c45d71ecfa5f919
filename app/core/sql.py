"""The one file that knows dialects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Insert, Table, TextClause, bindparam, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.sqlite import writing_cursor

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


class ManyRows:
    """One statement that puts many rows into a table, made once and used for any number of them.

    `conflict` adds what is to happen to a row that is there already (on_conflict_…). The text
    of the statement is the same for one row and for a thousand, so a database prepares it once:
    on Postgres it takes an array of each column, on SQLite it runs once for each row.
    """

    def __init__(
        self,
        table: Any,
        columns: Sequence[str],
        conflict: Callable[[Any], Any],
        returning: Sequence[str] = (),
    ) -> None:
        self._table, self._columns, self._returning = table, tuple(columns), tuple(returning)
        self._conflict = conflict
        self._prepared: dict[str, Any] = {}

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """`rows` are values in the order of the columns. Answers the returned columns of those
        rows that were written, in no particular order."""
        if not rows:
            return []
        if connection.dialect.name == "postgresql":
            return self._by_arrays(connection, rows)
        return self._one_by_one(connection, rows)

    def _by_arrays(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        statement = self._prepared.get("postgresql")
        if statement is None:
            statement = self._prepared["postgresql"] = self._from_arrays()
        values = dict(zip(self._columns, map(list, zip(*rows, strict=True)), strict=True))
        result = connection.execute(statement, values)
        return list(result) if self._returning else []

    def _from_arrays(self) -> Any:
        arrays = [
            func.unnest(bindparam(name, type_=postgresql.ARRAY(self._table.c[name].type)))
            for name in self._columns
        ]
        made = postgresql.insert(self._table).from_select(self._columns, select(*arrays))
        return self._finish(made)

    def _one_by_one(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        prepared = self._prepared.get("sqlite")
        if prepared is None:
            prepared = self._prepared["sqlite"] = _Compiled(
                self._finish(sqlite.insert(self._table).values(self._placeholders())),
                connection.dialect,
                [self._table.c[name] for name in self._columns],
                [self._table.c[name] for name in self._returning],
            )
        return prepared.run(connection, rows)

    def _placeholders(self) -> dict[str, Any]:
        return {name: bindparam(name, type_=self._table.c[name].type) for name in self._columns}

    def _finish(self, statement: Any) -> Any:
        statement = self._conflict(statement)
        if not self._returning:
            return statement
        return statement.returning(*(self._table.c[name] for name in self._returning))


class _Compiled:
    """A statement as the driver takes it: what SQLAlchemy adds to each execution is a multiple of
    what SQLite needs for one small row."""

    def __init__(
        self, statement: Any, dialect: Dialect, given: list[Any], returned: list[Any]
    ) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        places = {each.name: place for place, each in enumerate(given)}
        ordered = [given[places[name]] for name in compiled.positiontup]
        self._order = itemgetter(*(places[each.name] for each in ordered))
        self._to_driver = _conversions(
            each.type.dialect_impl(dialect).bind_processor(dialect) for each in ordered
        )
        self._from_driver = _conversions(
            each.type.dialect_impl(dialect).result_processor(dialect, None) for each in returned
        )
        self._returns = bool(returned)

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        cursor = writing_cursor(connection.connection.dbapi_connection)  # type: ignore[arg-type]
        values = [_converted(self._to_driver, list(self._order(row))) for row in rows]
        try:
            if not self._returns:
                cursor.executemany(self._text, values)
                return []
            written = (
                row for each in values for row in cursor.execute(self._text, each).fetchall()
            )
            return [_converted(self._from_driver, list(row)) for row in written]
        except connection.dialect.loaded_dbapi.Error as error:
            # As SQLAlchemy would tell it: whoever catches errors knows only its kinds.
            raise DBAPIError.instance(
                self._text, None, error, connection.dialect.loaded_dbapi.Error
            ) from error
        finally:
            cursor.close()


Conversions = list[tuple[int, Callable[[Any], Any]]]


def _conversions(processors: Iterable[Callable[[Any], Any] | None]) -> Conversions:
    """Of those columns that the driver does not take or give as they are."""
    return [(place, each) for place, each in enumerate(processors) if each is not None]


def _converted(conversions: Conversions, values: list[Any]) -> list[Any]:
    for place, convert in conversions:
        if values[place] is not None:
            values[place] = convert(values[place])
    return values
