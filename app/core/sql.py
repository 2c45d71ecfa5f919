"""The one file that knows dialects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    JSON,
    Insert,
    LargeBinary,
    String,
    Table,
    bindparam,
    cast,
    column,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.sqlite import writing_cursor

# A JSON value: jsonb on Postgres, text on SQLite.
Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def lock_until_end(connection: Connection, key: str) -> None:
    """Postgres' lock on a name until the transaction ends."""
    number = {"number": _number(key)}
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(number)s)", number)


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


def keep_months(connection: Connection) -> list[tuple[str, str]]:
    """Have Postgres make the partitions of the months to come and drop what is over and empty.

    Answers what was done: of each partition its name and `made`, `dropped`, `busy` (somebody held a
    lock for half a second; to be tried again) or `crowded` (its rows stay in the default one).
    """
    if connection.dialect.name != "postgresql":
        return []
    found = connection.execute(text("SELECT named, outcome FROM keep_months()"))
    return [(named, outcome) for named, outcome in found]


PARTITIONS = """
SELECT part.relname FROM pg_inherits
JOIN pg_class AS part ON part.oid = inhrelid JOIN pg_class AS whole ON whole.oid = inhparent
WHERE part.relispartition AND part.relkind = 'r' AND whole.relname = ANY(:names) ORDER BY 1
"""


def partitions(connection: Connection, tables: Iterable[str]) -> list[str]:
    """The parts of these tables, which no model names."""
    if connection.dialect.name != "postgresql":
        return []
    return list(connection.scalars(text(PARTITIONS), {"names": list(tables)}))


# Of a statement whose rows are mostly bytes: Postgres would send them as twice as much text.
IN_BINARY = {"in_binary": True}


def heed_in_binary(engine: Engine) -> None:
    """Have an engine of Postgres execute what has the option IN_BINARY so."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:
        if not context or "in_binary" not in context.execution_options:
            return None
        cursor.execute(statement, parameters, binary=True)
        return True


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
    of the statement is the same for one row and for a thousand, so that a database prepares it
    once, and it goes to the driver as it is: what SQLAlchemy adds to each execution is a multiple
    of what a small row costs.
    """

    def __init__(
        self,
        table: Any,
        columns: Sequence[str],
        conflict: Callable[[Any], Any],
        returning: Sequence[str] = (),
    ) -> None:
        self._columns = [table.c[name] for name in columns]
        self._returning = [table.c[name] for name in returning]
        self._table, self._conflict = table, conflict
        self._made: dict[str, _ByRow | _ByDocument] = {}

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """`rows` are values in the order of the columns. Answers the returned columns of those
        rows that were written, in no particular order."""
        if not rows:
            return []
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = self._make(connection.dialect)
        errors = connection.dialect.loaded_dbapi.Error
        try:
            return made.write(connection.connection.dbapi_connection, rows)
        except errors as error:
            # As SQLAlchemy would tell it: whoever catches errors knows only its kinds.
            raise DBAPIError.instance(made.text, None, error, errors) from error

    def _make(self, dialect: Dialect) -> _ByRow | _ByDocument:
        kind = _ByDocument if dialect.name == "postgresql" else _ByRow
        statement = self._conflict(kind.insert(self._table, self._columns))
        if self._returning:
            statement = statement.returning(*self._returning)
        return kind(statement.compile(dialect=dialect), self._columns, self._returning)


class _ByRow:
    """SQLite runs the statement once for each row."""

    @staticmethod
    def insert(table: Any, columns: list[Any]) -> Any:
        values = {each.name: bindparam(each.name, type_=each.type) for each in columns}
        return sqlite.insert(table).values(values)

    def __init__(self, compiled: Any, columns: list[Any], returned: list[Any]) -> None:
        self.text = str(compiled)
        dialect = compiled.dialect
        places = {each.name: place for place, each in enumerate(columns)}
        ordered = [columns[places[name]] for name in compiled.positiontup]
        self._order = itemgetter(*(places[each.name] for each in ordered))
        # Bytes are taken as they are; SQLAlchemy would wrap them.
        self._to_driver = _conversions(
            None
            if isinstance(each.type, LargeBinary)
            else each.type.dialect_impl(dialect).bind_processor(dialect)
            for each in ordered
        )
        self._from_driver = _conversions(
            each.type.dialect_impl(dialect).result_processor(dialect, None) for each in returned
        )
        self._returns = bool(returned)

    def write(self, connection: Any, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        values = [_converted(self._to_driver, list(self._order(row))) for row in rows]
        with closing(writing_cursor(connection)) as cursor:
            if not self._returns:
                cursor.executemany(self.text, values)
                return []
            answers = (cursor.execute(self.text, each).fetchall() for each in values)
            return [_converted(self._from_driver, list(row)) for rows in answers for row in rows]


class _ByDocument:
    """Postgres takes all rows as one JSON text, which costs a third of an array for each column."""

    @staticmethod
    def insert(table: Any, columns: list[Any]) -> Any:
        rows = cast(bindparam("rows", type_=String), postgresql.JSON)
        typed = (column(each.name, each.type) for each in columns)
        given = func.json_to_recordset(rows).table_valued(*typed, name="given")
        given = given.render_derived(with_types=True)
        names = [each.name for each in columns]
        read = select(*(given.c[name] for name in names))
        return postgresql.insert(table).from_select(names, read)

    def __init__(self, compiled: Any, columns: list[Any], returned: list[Any]) -> None:
        self.text = str(compiled)
        self._names = [each.name for each in columns]
        self._returns = bool(returned)

    def write(self, connection: Any, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        named = [dict(zip(self._names, row, strict=True)) for row in rows]
        document = json.dumps(named, default=_as_text, separators=(",", ":"))
        with closing(connection.cursor()) as cursor:
            cursor.execute(self.text, {"rows": document}, prepare=True)
            return cursor.fetchall() if self._returns else []


def _as_text(value: Any) -> str:
    """A UUID, or bytes as Postgres reads them."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


Conversions = list[tuple[int, Callable[[Any], Any]]]


def _conversions(processors: Iterable[Callable[[Any], Any] | None]) -> Conversions:
    """Of those columns that the driver does not take or give as they are."""
    return [(place, each) for place, each in enumerate(processors) if each is not None]


def _converted(conversions: Conversions, values: list[Any]) -> list[Any]:
    for place, convert in conversions:
        if values[place] is not None:
            values[place] = convert(values[place])
    return values
