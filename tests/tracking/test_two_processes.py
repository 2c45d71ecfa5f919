"""Two web processes with a committer each: what one visitor sends to both is one visit."""

from __future__ import annotations

import http.client
import json
import threading

import psutil
import pytest
from sqlalchemy import select

from app.core.db import db
from app.core.ids import uuid7
from app.tracking.models import Session, Visitor
from tests.tracking.posting import AGENT, PATH, event
from tests.tracking.sums import sessions, sums_of_events

CONNECTIONS, ROUNDS = 16, 6


@pytest.fixture(autouse=True)
def both(program, eventually):
    """The second is forked a moment after the first one serves."""
    master = psutil.Process(program.processes["web"].pid)
    eventually(lambda: len(master.children()), lambda number: number == 2)


def test_a_visitor_who_is_served_by_both_at_once_has_one_session(program, acme, inside):
    browser = Browser(program, acme)
    browser.send_rounds()
    assert browser.statuses == {202}
    assert browser.workers_with_connections == 2
    with inside(acme):
        [(events, page_views, *_)] = sessions().values()
        assert events == page_views == CONNECTIONS * ROUNDS
        assert sessions() == sums_of_events()
        assert len(db.session.scalars(select(Visitor)).all()) == 1


def test_an_event_that_reaches_both_at_once_is_stored_once(program, acme, inside):
    browser = Browser(program, acme)
    browser.same_id = str(uuid7())
    browser.send_rounds()
    assert browser.statuses == {202}
    assert sum(browser.accepted) == 1
    with inside(acme):
        assert [events for events, *_ in sessions().values()] == [1]
        assert db.session.scalars(select(Session)).one().events == 1


class Browser:
    """One visitor who holds many connections, and sends on all of them at the same moment."""

    def __init__(self, program, tenant):
        self._program, self._tenant = program, tenant
        self._together = threading.Barrier(CONNECTIONS)
        self.same_id = None
        self.statuses: set[int] = set()
        self.accepted: list[int] = []
        self.workers_with_connections = 0

    def send_rounds(self):
        threads = [threading.Thread(target=self._send_all) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._program.port, timeout=20)
        connection.connect()
        if self._together.wait(20) == 0:
            self.workers_with_connections = self._count_workers()
        for _ in range(ROUNDS):
            self._together.wait(20)
            self._send(connection)
        connection.close()

    def _send(self, connection):
        sent = event(self._tenant, **({"id": self.same_id} if self.same_id else {}))
        body = json.dumps({"site": self._tenant.site_key, "events": [sent]})
        headers = {"Origin": f"https://{self._tenant.domain}", "User-Agent": AGENT}
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        self.statuses.add(answer.status)
        self.accepted.append(told.get("accepted", 0))

    def _count_workers(self):
        master = psutil.Process(self._program.processes["web"].pid)
        return len(master.children())
