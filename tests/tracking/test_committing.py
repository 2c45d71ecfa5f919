"""One writer for all requests of a process: what happens while it cannot write."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from app.core.db import create_engine, db
from app.tracking import committer
from app.tracking.models import Event, Session
from tests.tracking.posting import event, post

POSTS, EVENTS = 6, 40


@pytest.fixture
def nothing_can_be_written(app):
    """Somebody else is writing; what he does (`with … as do: do(sql)`) is committed at the end."""

    @contextmanager
    def hold():
        engine = create_engine(app.extensions["candor_settings"], role=None)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE visitors, events IN EXCLUSIVE MODE"))
                yield lambda sql: connection.execute(text(sql))
                connection.commit()
            else:
                # Past the gate of this process, at which the committer has to wait as well.
                own = connection.connection.dbapi_connection
                plain = sqlite3.Cursor(own)
                plain.execute("BEGIN IMMEDIATE")
                yield plain.execute
                plain.execute("COMMIT")
        engine.dispose()

    return hold


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_what_finds_no_room_is_told_to_come_again_and_nothing_of_it_is_stored(
    app, acme, inside, monkeypatch, nothing_can_be_written
):
    monkeypatch.setattr(committer, "MOST_WAITING", 2 * EVENTS)
    assert post(app.test_client(), acme).status_code == 202
    answers = []

    def send(number):
        events = [event(acme) for _ in range(EVENTS)]
        answers.append(post(app.test_client(), acme, *events, address=f"198.51.100.{number}"))

    with nothing_can_be_written():
        threads = [threading.Thread(target=send, args=(number,)) for number in range(POSTS)]
        for thread in threads:
            thread.start()
        wait_until(lambda: answers)
        assert {each.status_code for each in answers} == {503}
    for thread in threads:
        thread.join(30)
    refused = [each for each in answers if each.status_code == 503]
    stored = [each for each in answers if each.status_code == 202]
    assert len(refused) + len(stored) == POSTS and stored
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    assert {each.json["error"]["code"] for each in refused} == {"busy"}
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 1 + len(stored) * EVENTS


def test_a_site_that_is_deleted_meanwhile_takes_nothing_of_others_with_it(
    app, acme, umbrella, inside, nothing_can_be_written
):
    """The events of both sites wait for the same transaction."""
    for tenant in (acme, umbrella):
        assert post(app.test_client(), tenant).status_code == 202
    with ThreadPoolExecutor(6) as pool:
        with nothing_can_be_written() as do:
            posts = [
                pool.submit(post, app.test_client(), tenant) for tenant in (acme, umbrella) * 3
            ]
            wait_until(lambda: app.wsgi_app._under_way == 6)
            do(f"DELETE FROM sites WHERE key = '{acme.site_key}'")
        answers = [each.result() for each in posts]
    assert {each.status_code for each in answers} == {202}
    assert [each.json["accepted"] for each in answers] == [0, 1] * 3
    with inside(acme):
        assert db.session.scalars(select(Event.id)).all() == []
        assert db.session.scalars(select(Session.id)).all() == []
    with inside(umbrella):
        assert len(db.session.scalars(select(Event.id)).all()) == 4


def test_events_do_not_wait_for_drops_to_be_counted(app, acme, monkeypatch):
    assert post(app.test_client(), acme).status_code == 202
    monkeypatch.setattr(committer, "DROPS_EVERY", 3600)
    for _ in range(3):
        assert post(app.test_client(), acme, event(acme, name="Not a name")).json["dropped"]
        assert post(app.test_client(), acme).json["accepted"] == 1
