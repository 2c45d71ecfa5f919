"""Whoever sends slowly takes nothing from the others: neither a lock nor a connection."""

from __future__ import annotations

import socket
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

# More than there are connections to a database.
MANY = 30


@pytest.fixture
def drip(program):
    """Requests whose bodies were begun and do not end."""

    @contextmanager
    def open_many(number, method, path, headers):
        host = urlsplit(program.url)
        sockets = []
        for _ in range(number):
            opened = socket.create_connection((host.hostname, host.port), timeout=5)
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host.netloc}", "Content-Length: 500"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            opened.sendall(("\r\n".join(lines) + "\r\n\r\n{").encode())
            sockets.append(opened)
        time.sleep(1)
        try:
            yield
        finally:
            for opened in sockets:
                opened.close()

    return open_many


@pytest.fixture
def page(program, acme, chatting):
    """A page of the program: `page("POST", "conversations", said)`."""
    headers = {"Origin": f"https://{acme.domain}"}

    def call(method, path, said=None, token=None):
        sent = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        url = f"{program.url}/widget/v1/{path}"
        with closing(requests.request(method, url, json=said, headers=sent, timeout=20)) as answer:
            return answer

    call.headers = headers
    return call


def begin(page, acme):
    said = {"site": acme.site_key, "client_id": str(uuid4()), "body": "Hello"}
    return page("POST", "conversations", said)


@pytest.mark.parametrize(
    "method, noun",
    [("POST", "messages"), ("PUT", "rating"), ("PUT", "reading"), ("PUT", "closure")],
)
def test_a_guest_who_sends_slowly_keeps_nobody_waiting(page, acme, drip, method, noun):
    begun = begin(page, acme)
    assert begun.status_code == 201, begun.text
    slow = {**page.headers, "Authorization": f"Bearer {begun.json()['token']}"}
    path = f"/widget/v1/conversations/{begun.json()['id']}/{noun}"
    with drip(MANY, method, path, slow):
        before = time.monotonic()
        assert begin(page, acme).status_code == 201
        assert time.monotonic() - before < 3


def test_a_webhook_that_is_sent_slowly_keeps_nobody_waiting(page, acme, drip):
    with drip(MANY, "POST", f"/hooks/{acme.source_id}", {"Content-Type": "application/json"}):
        before = time.monotonic()
        assert begin(page, acme).status_code == 201
        assert time.monotonic() - before < 3


@pytest.mark.parametrize("method, noun", [("POST", "activities"), ("GET", "conversations")])
def test_a_program_that_sends_slowly_keeps_nobody_waiting(page, acme, drip, method, noun):
    with drip(MANY, method, f"/api/v1/{noun}", acme.bearer):
        before = time.monotonic()
        assert begin(page, acme).status_code == 201
        assert time.monotonic() - before < 3
