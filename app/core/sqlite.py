"""SQLite under an event loop: who may write, how to wait, and reads that do not stop the loop.

Three traps, each with its cure here. A greenlet that yields while it holds SQLite's write lock
deadlocks the process, so writers first take a cooperative lock of their own. Waiting inside SQLite
for another process stops the loop, so busy_timeout is 0 and the waiting is done out here. A long
read stops the loop as well, so the reader's cursors run on native threads.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from app.core.threads import in_native_thread

T = TypeVar("T")

PATIENCE = 10.0  # seconds a writer waits before the request is told that storage is busy
PAUSE = 0.001

READS = re.compile(r"\s*(SELECT|PRAGMA|EXPLAIN|VALUES|ROLLBACK|RELEASE|BEGIN|COMMIT)\b", re.I)
COMMON_TABLE_READ = re.compile(r"\s*WITH\b(?!.*\b(INSERT|UPDATE|DELETE|REPLACE)\b)", re.I | re.S)

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 0",
    "PRAGMA cache_size = -16000",
    "PRAGMA temp_store = MEMORY",
)

# One writer at a time in this process. Patched by gevent, so that waiting for it yields.
_gate = threading.Lock()


class GatedConnection(sqlite3.Connection):
    """Begins IMMEDIATE at the first write, behind the gate; leaves the gate when it has ended."""

    holds_gate = False

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(GatedCursor)

    def begin_write(self) -> None:
        if self.in_transaction:
            return
        if not _gate.acquire(timeout=PATIENCE):
            raise sqlite3.OperationalError("database is busy")
        self.holds_gate = True
        try:
            patiently(lambda: sqlite3.Connection.execute(self, "BEGIN IMMEDIATE"))
        except BaseException:
            self._leave_gate()
            raise

    def commit(self) -> None:
        # A failed COMMIT leaves the transaction open: the gate stays held for the rollback.
        patiently(super().commit)
        self._leave_gate()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._leave_gate()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._leave_gate()

    def _leave_gate(self) -> None:
        if self.holds_gate:
            self.holds_gate = False
            _gate.release()


class GatedCursor(sqlite3.Cursor):
    connection: GatedConnection

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self._run(super().execute, sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> Any:
        return self._run(super().executemany, sql, parameters)

    def _run(self, method: Callable[[str, Any], T], sql: str, parameters: Any) -> T:
        if writes(sql):
            self.connection.begin_write()
        return patiently(lambda: method(sql, parameters))


def writing_cursor(connection: GatedConnection) -> sqlite3.Cursor:
    """A cursor of a transaction that writes, begun if need be: nothing of it has to wait any more,
    so it is a plain one."""
    connection.begin_write()
    return sqlite3.Connection.cursor(connection)


class ReaderConnection(sqlite3.Connection):
    """Its cursors execute and fetch on native threads; it cannot write (query_only)."""

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(ReaderCursor)


class ReaderCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return patiently(
            lambda: in_native_thread(super(ReaderCursor, self).execute, sql, parameters)
        )

    def fetchall(self) -> list[Any]:
        return in_native_thread(super().fetchall)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        return in_native_thread(super().fetchmany, size)

    def fetchone(self) -> Any:
        return in_native_thread(super().fetchone)


def writes(sql: str) -> bool:
    """Whether a statement needs the write lock. A SAVEPOINT does: what follows it will write."""
    return not (READS.match(sql) or COMMON_TABLE_READ.match(sql))


def patiently(action: Callable[[], T]) -> T:
    """Repeat `action` while another process holds the lock, yielding between tries."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if (
                getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY
                or time.monotonic() > deadline
            ):
                raise
            time.sleep(PAUSE)


def prepare(connection: sqlite3.Connection, pragmas: tuple[str, ...] = PRAGMAS) -> None:
    cursor = sqlite3.Cursor(connection)
    for pragma in pragmas:
        patiently(lambda pragma=pragma: cursor.execute(pragma))  # type: ignore[misc]
    cursor.close()
