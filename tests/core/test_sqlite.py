"""SQLite under an event loop: nobody deadlocks, nobody stops the loop."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from app.core.sqlite import writes
from tests.services import ROOT


@pytest.fixture
def run(tmp_path):
    path = str(tmp_path / "t.db")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")

    def script(name):
        command = [sys.executable, "-m", "tests.core.loop_scripts", name, path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return script


def test_writers_that_yield_inside_their_transaction_all_get_through(run):
    assert run("yielding_writers")["done"] == 20


def test_waiting_for_another_process_does_not_stop_the_loop(run):
    told = run("writers_behind_another_process")
    assert told["done"] == 20
    assert told["stall"] < 0.5, "a second's lock elsewhere stopped the loop"


def test_a_long_read_does_not_stop_the_loop(run):
    told = run("long_reads")
    assert told["stall"] < told["seconds"] / 3


@pytest.mark.parametrize(
    ("statement", "is_write"),
    [
        ("SELECT 1", False),
        ("  select 1", False),
        ("PRAGMA foreign_keys", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("INSERT INTO t VALUES (1)", True),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", True),
        ("SAVEPOINT s", True),
        ("UPDATE t SET n = 1", True),
        ("delete from t", True),
        ("CREATE TABLE x (n)", True),
    ],
)
def test_what_takes_the_write_lock(statement, is_write):
    assert writes(statement) is is_write
