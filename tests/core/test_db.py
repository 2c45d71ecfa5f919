"""Locks by name, and connections that die."""

from __future__ import annotations

import time

import psycopg
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core.db import IDLE, db, exclusive
from app.sites.models import Site
from tests.conftest import database, disconnect
from tests.tracking.posting import event, post

postgres = pytest.mark.skipif(database() != "postgres", reason="SQLite has neither")


def test_a_lock_that_is_held_already_forgets_nothing(app, inside, acme):
    with inside(acme):
        exclusive("a")
        site = db.session.get_one(Site, acme.site_id)
        exclusive("a")
        assert not inspect(site).expired
        exclusive("b")
        assert inspect(site).expired


def test_a_lock_ends_with_its_transaction(app, inside, acme):
    with inside(acme):
        exclusive("a")
        db.session.commit()
        site = db.session.get_one(Site, acme.site_id)
        exclusive("a")
        assert inspect(site).expired


def test_a_fault_of_the_database_does_not_tell_what_was_to_be_stored(app, inside, acme):
    """It is logged as it says itself."""
    with inside(acme), pytest.raises(DBAPIError) as fault:
        db.session.execute(text("INSERT INTO nothing VALUES (:secret)"), {"secret": "hunter2"})
    assert "INSERT INTO nothing" in str(fault.value) and "hunter2" not in str(fault.value)


@postgres
def test_a_lock_ends_with_the_savepoint_it_was_taken_in(app, inside, acme):
    with inside(acme):
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            exclusive("a")
            raise ZeroDivisionError
        assert _locks() == 0
        exclusive("a")
        assert _locks() == 1


def _locks() -> int:
    found = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    return db.session.execute(text(found)).scalar_one()


@pytest.fixture
def cut(app, environ):
    """Ends all connections of the program, as a restart of the database does."""

    def end() -> None:
        with psycopg.connect(environ["DATABASE_URL"]) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    yield end
    disconnect(app)


@postgres
def test_a_connection_that_died_while_it_was_idle_is_nobodys_trouble(app, inside, acme, cut):
    with inside(acme):
        assert db.session.query(Site).count() == 1
    cut()
    time.sleep(IDLE + 0.1)
    with inside(acme):
        assert db.session.query(Site).count() == 1


@postgres
def test_one_that_died_a_moment_ago_fails_once_and_takes_the_others_along(
    app, inside, acme, cut, monkeypatch
):
    monkeypatch.setattr("app.core.db.IDLE", 60.0)
    with inside(acme):
        assert db.session.query(Site).count() == 1
    cut()
    with inside(acme), pytest.raises(OperationalError):
        db.session.query(Site).count()
    with inside(acme):
        assert db.session.query(Site).count() == 1


@postgres
def test_the_writer_of_events_goes_on_with_another_connection(app, acme, cut):
    assert post(app.test_client(), acme).status_code == 202
    cut()
    assert post(app.test_client(), acme, event(acme)).status_code == 202
