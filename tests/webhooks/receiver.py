"""A receiver of webhooks on loopback that does with each request whatever it is told."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

Behaviour = Callable[[socket.socket, "Received"], None]


class Received:
    """A request as it came in."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin1").split("\r\n")
        self.line = lines[0]
        pairs = (line.partition(": ") for line in lines[1:])
        self.headers = {name.lower(): value for name, _, value in pairs}

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answering(status: str = "200 OK", body: bytes = b"", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    answer = "\r\n".join(lines).encode() + body
    return lambda connection, _received: connection.sendall(answer)


def hanging(connection: socket.socket, _received: Received) -> None:
    """Says nothing, until the other side has had enough."""
    connection.settimeout(60)
    connection.recv(1)


def resetting(connection: socket.socket, _received: Received) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def endless(connection: socket.socket, _received: Received) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b"x" * 65536)


class Receiver:
    def __init__(self, behave: Behaviour | None = None) -> None:
        self.behave = behave or answering()
        self.received: list[Received] = []
        self.arrived = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}/hook"
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    def wait(self, number: int, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while len(self.received) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.received) >= number, len(self.received)

    def stop(self) -> None:
        self.listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                received = Received(_whole(connection))
                self.received.append(received)
                self.arrived.set()
                self.behave(connection, received)
            except OSError:
                pass


def _whole(connection: socket.socket) -> bytes:
    """Raises ConnectionError if the sender is gone before all of it is here."""
    request = b""
    while (missing := _missing(request)) > 0:
        came = connection.recv(max(missing, 65536))
        if not came:
            raise ConnectionError("cut short")
        request += came
    return request


def _missing(request: bytes) -> int:
    """How many bytes there are to come, at least."""
    head, ended, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return (int(length[1]) if length else 0) - len(body) if ended else 1
