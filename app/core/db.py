"""The database: one session for requests, a system connection for what precedes a tenant, and
a reader for reports. SQLite's traps are cured in `core/sqlite.py`, tenancy in `core/tenancy.py`.
"""

from __future__ import annotations

import datetime
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import RedisError
from sqlalchemy import DateTime, LargeBinary, MetaData, event, types
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from app.config import Settings
from app.core import sql, sqlite

log = structlog.get_logger()
G = TypeVar("G", bound=Callable[[], None])

APP_ROLE = "candor_app"
SYSTEM_ROLE = "candor_system"
STATEMENT_TIMEOUT = "15s"
CONNECT_TIMEOUT = 3  # seconds: a request must answer 503 soon when the database is gone
IDLE = 1.0  # seconds after which a connection may have died unnoticed

# As text, where there is no type of its own for it.
COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Guid(types.TypeDecorator[uuid.UUID]):
    """A UUID: native on Postgres, 16 bytes on SQLite."""

    impl = LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(LargeBinary(16))

    # Not by process_…, which go through two more functions: each event has a dozen of these.
    def bind_processor(self, dialect: Dialect) -> Any:
        return None if dialect.name == "postgresql" else _as_bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return None if dialect.name == "postgresql" else _as_uuid


def _as_bytes(value: uuid.UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def _as_uuid(value: bytes | None) -> uuid.UUID | None:
    return None if value is None else uuid.UUID(int=int.from_bytes(value))


class Moment(types.TypeDecorator[datetime.datetime]):
    """An aware UTC datetime. SQLite stores it without a zone; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(datetime.UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {
        uuid.UUID: Guid,
        datetime.datetime: Moment,
        dict[str, Any]: sql.Document,
        list[Any]: sql.Document,
    }


# Models derive from Base directly; the extension keeps the session and its life.
db = SQLAlchemy()
migrate = Migrate(compare_type=True, render_as_batch=False)


def init_app(app: Flask, settings: Settings) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings, APP_ROLE)
    db.init_app(app)
    migrate.init_app(app, db, directory="migrations")
    reader_url = settings.replica_url or settings.database_url
    app.extensions["candor_system"] = create_engine(settings, SYSTEM_ROLE)
    app.extensions["candor_reader"] = create_engine(settings, APP_ROLE, reader_url, reader=True)
    app.extensions["candor_bulk"] = create_engine(settings, APP_ROLE, bulk=True)
    with app.app_context():
        _prepare_connections(db.engine)


def create_engine(
    settings: Settings,
    role: str | None,
    url: str | None = None,
    reader: bool = False,
    bulk: bool = False,
) -> Engine:
    """An engine under `role` (Postgres; None keeps the login's own, which migrates). `bulk` is for
    one writer that never asks whether its connection still lives."""
    address = url or settings.database_url
    options = engine_options(settings, role, reader)
    if bulk:
        options |= {"pool_size": 1, "max_overflow": 1}
    engine = sqlalchemy_engine(address, **options)
    _prepare_connections(engine, reader, asks=not bulk)
    if reader and not settings.sqlite:
        sql.heed_in_binary(engine)
    return engine


def engine_options(settings: Settings, role: str | None, reader: bool = False) -> dict[str, Any]:
    if settings.sqlite:
        factory = sqlite.ReaderConnection if reader else sqlite.GatedConnection
        arguments: dict[str, Any] = {
            "factory": factory,
            "check_same_thread": False,
            "isolation_level": None,
        }
        return {
            "connect_args": arguments,
            "pool_size": 20,
            "max_overflow": 30,
            "json_serializer": COMPACT,
            "hide_parameters": True,
        }
    options = f"-c statement_timeout={STATEMENT_TIMEOUT} -c timezone=UTC"
    if role:
        options += f" -c role={role}"
    if reader:
        options += " -c default_transaction_read_only=on"
    return {
        "connect_args": {"options": options, "connect_timeout": CONNECT_TIMEOUT},
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": CONNECT_TIMEOUT,
        # A fault is logged with its statement: what was to be stored stays out of it.
        "hide_parameters": True,
    }


def _prepare_connections(engine: Engine, reader: bool = False, asks: bool = True) -> None:
    if engine.dialect.name != "sqlite":
        if asks:
            _ask_idle_connections(engine)
        return
    pragmas = (*sqlite.PRAGMAS, "PRAGMA query_only = ON") if reader else sqlite.PRAGMAS

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        sqlite.prepare(connection, pragmas)


def _ask_idle_connections(engine: Engine) -> None:
    """Before it is used, a connection that was idle is asked whether it still lives. To ask one of
    a moment ago, as the pool would, is a tenth of what a short request costs."""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", time.monotonic()) < IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


@contextmanager
def system() -> Iterator[Connection]:
    """A short transaction that belongs to no tenant, for what precedes one and for sweeps.

    On Postgres it runs as candor_system and sees only the tables whose `info["system"]` says so.
    """
    with current_app.extensions["candor_system"].begin() as connection:
        yield connection


@contextmanager
def reading(*, newest: bool = False) -> Iterator[Session]:
    """A session for reports: read-only, under the caller's tenant, off the event loop on SQLite,
    on the replica where there is one, unless what was just committed must be among the rows."""
    lags = current_app.extensions["candor_settings"].replica_url is not None
    engine = db.engine if newest and lags else current_app.extensions["candor_reader"]
    with Session(engine) as session:
        yield session


def exclusive(key: str) -> None:
    """Serialise read-modify-write under `key` until the transaction ends, on both databases.

    Forgets what the session has read: it was read before the others were locked out. A second time
    in a transaction it does nothing, so whoever knows early what he will change asks early.
    """
    held = db.session.info.setdefault("exclusive", set())
    if key in held:
        return
    db.session.flush()
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.begin_write()  # type: ignore[union-attr]
    else:
        sql.lock_until_end(connection, key)
    db.session.expire_all()
    held.add(key)


def release() -> None:
    """Give back the connection of a transaction that has only read, before something outside is
    waited for. Rows that were read are read again when they are next looked at."""
    db.session.rollback()


def after_commit(action: Callable[[], None]) -> None:
    """Do `action` once the current transaction is on disk; forget it on rollback.

    For nudges over the network (publish, enqueue): they may fail, a sweep makes up for them.
    """
    db.session.info.setdefault("after_commit", []).append(action)


def gathered(kind: Callable[[], G]) -> G:
    """The one action of this kind that waits for the commit; a new one if there is none."""
    waiting = db.session.info.setdefault("after_commit", [])
    for action in waiting:
        if type(action) is kind:
            return action
    made = kind()
    waiting.append(made)
    return made


@event.listens_for(Session, "after_commit")
def _run_after_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    for action in session.info.pop("after_commit", ()):
        try:
            action()
        except (RedisError, OSError) as error:
            log.warning("nudge_lost", error=str(error))
        except Exception:
            log.exception("after_commit_failed")


@event.listens_for(Session, "after_transaction_end")
def _forget_exclusive(session: Session, transaction: SessionTransaction) -> None:
    """Also at the end of a savepoint: what was locked in it is free once it is rolled back."""
    if transaction.parent is None or transaction.nested:
        session.info.pop("exclusive", None)


@event.listens_for(Session, "after_rollback")
def _forget_after_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop("after_commit", None)


def unavailable(error: BaseException) -> bool:
    """Whether a database error means "try again later" (busy, gone, disk full), so 503."""
    if isinstance(error, OperationalError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
