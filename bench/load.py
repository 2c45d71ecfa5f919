"""Load from this machine to itself, bounded in count and time: raw sockets, so that the client
costs as little as it can of the two cores it shares with the server."""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from urllib.parse import urlsplit


def requests_per_second(
    url: str, *, seconds: float = 4.0, connections: int = 32, processes: int = 2
) -> float:
    """Keep-alive GETs of one address as fast as the answers come."""
    with get_context("spawn").Pool(processes) as pool:
        share = connections // processes
        done = pool.starmap(_hammer, [(url, seconds, share)] * processes)
    return sum(done) / seconds


def _hammer(url: str, seconds: float, connections: int) -> int:
    parts = urlsplit(url)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    address = (parts.hostname, parts.port)
    selector, done = selectors.DefaultSelector(), 0
    for _ in range(connections):
        opened = socket.create_connection(address)
        selector.register(opened, selectors.EVENT_READ, bytearray())
        opened.sendall(request)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for key, _ in selector.select(0.1):
            key.data.extend(key.fileobj.recv(65536))  # type: ignore[union-attr]
            if _whole(key.data):
                if not key.data.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(bytes(key.data[:200]))
                done += 1
                key.data.clear()
                key.fileobj.sendall(request)  # type: ignore[union-attr]
    return done


def _whole(answer: bytearray) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    lowered = head.lower()
    if b"content-length: " not in lowered:
        return answer.endswith(b"0\r\n\r\n")
    length = int(lowered.split(b"content-length: ")[1].split(b"\r\n")[0])
    return len(body) >= length


@dataclass
class Crowd:
    """Many idle sockets, held by this process."""

    url: str
    origin: str
    hello: str | None
    sockets: list[socket.socket] = field(default_factory=list)
    refused: list[tuple[int, float]] = field(default_factory=list)

    def grow(self, count: int) -> None:
        """Open sockets until there are `count` or one is refused; refusals are noted with their
        status and the seconds they took."""
        while len(self.sockets) < count:
            started = time.monotonic()
            opened, status = self._open()
            if status != 101:
                self.refused.append((status, time.monotonic() - started))
                opened.close()
                if len(self.refused) > 20:
                    return
                continue
            self.sockets.append(opened)

    def _open(self) -> tuple[socket.socket, int]:
        parts = urlsplit(self.url)
        opened = socket.create_connection((parts.hostname, parts.port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        opened.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Origin: {self.origin}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += opened.recv(4096)
        status = int(head.split(b" ", 2)[1])
        if status == 101 and self.hello:
            opened.sendall(masked(self.hello))
            frame(opened)
        return opened, status

    def broadcast_seconds(self, send: Iterator[None]) -> float:
        """Seconds from `send` until every socket has received something."""
        selector = selectors.DefaultSelector()
        for opened in self.sockets:
            opened.setblocking(False)
            selector.register(opened, selectors.EVENT_READ)
        waiting = len(self.sockets)
        started = time.monotonic()
        next(send)
        while waiting:
            events = selector.select(10)
            if not events:
                raise RuntimeError(f"{waiting} sockets received nothing")
            for key, _ in events:
                selector.unregister(key.fileobj)
                waiting -= 1
        seconds = time.monotonic() - started
        for opened in self.sockets:
            opened.recv(65536)
            opened.setblocking(True)
        return seconds

    def leave(self) -> None:
        for opened in self.sockets:
            opened.close()


def masked(text: str) -> bytes:
    """A client's text frame (RFC 6455), with a mask of zeros."""
    data = text.encode()
    if len(data) < 126:
        head = struct.pack("!BB", 0x81, 0x80 | len(data))
    else:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(data))
    return head + bytes(4) + data


def frame(opened: socket.socket) -> dict:
    """The next text frame of a server as JSON; pings are passed over."""
    while True:
        first, second = _exactly(opened, 2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", _exactly(opened, 2))
        data = _exactly(opened, size)
        if first & 0x0F == 1:
            return json.loads(data)


def _exactly(opened: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = opened.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def pss_kilobytes(pids: list[int]) -> int:
    """Proportional set size: shared pages are counted once over all who share them."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total
