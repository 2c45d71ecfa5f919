"""An answer to events goes past gunicorn's way of sending, and looks as if it had not."""

from __future__ import annotations

import http.client
import json

import pytest

from app.core.headers import BARE
from tests.tracking.posting import AGENT, PATH, event


@pytest.fixture
def post(program, acme):
    """Post events on one connection and read the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=10)

    def run(*events, **headers):
        body = json.dumps({"site": acme.site_key, "events": list(events)})
        origin = {"Origin": f"https://{acme.domain}", "User-Agent": AGENT}
        connection.request("POST", PATH, body, {**origin, **headers})
        answer = connection.getresponse()
        return answer, json.loads(answer.read()), connection

    yield run
    connection.close()


def test_a_connection_serves_one_answer_after_the_other(post, acme):
    _, first, connection = post(event(acme))
    used = connection.sock
    answer, refused, _ = post(*[event(acme)] * 51)
    assert (answer.status, refused["error"]["code"]) == (413, "too_large")
    answer, last, _ = post(event(acme))
    assert connection.sock is used
    assert answer.status == 202
    assert first["accepted"] == last["accepted"] == 1


def test_an_answer_has_all_headers_once(post, acme):
    answer, _, _ = post(event(acme))
    names = [name.lower() for name, _ in answer.getheaders()]
    assert len(names) == len(set(names))
    assert {name: answer.getheader(name) for name in BARE} == BARE
    usual = {"server", "date", "connection", "content-length", "x-request-id", "cache-control"}
    assert usual | {"access-control-allow-origin", "vary"} <= set(names)
    assert answer.getheader("Content-Type") == "application/json"


def test_who_wants_the_connection_closed_gets_it_closed(post, acme):
    answer, told, connection = post(event(acme), Connection="close")
    assert (answer.status, told["accepted"]) == (202, 1)
    assert answer.getheader("Connection") == "close"
    assert connection.sock is None  # http.client has seen the end


@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS"])
def test_other_methods_leave_the_connection_usable(post, program, acme, method):
    _, _, connection = post(event(acme))
    connection.request(method, PATH)
    assert connection.getresponse().read() == b"" or method == "GET"
    answer, _, _ = post(event(acme))
    assert answer.status == 202
