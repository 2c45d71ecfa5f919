"""A proxy that does to HTTP and WebSockets what bad networks do: it drops requests and answers,
and loses, repeats and swaps the frames of a server."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

WAIT = 30.0
LEFT_OUT = (b"connection:", b"accept-encoding:")


class RoughProxy:
    """Between pages and the program on 127.0.0.1. `calm` lets all through."""

    def __init__(self, upstream: str, seed: int = 1) -> None:
        self._name = upstream.encode()
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._random = random.Random(seed)
        self.calm = True
        self.down = False
        self.done = {
            "requests dropped": 0,
            "answers dropped": 0,
            "lost": 0,
            "repeated": 0,
            "swapped": 0,
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Every connection ends without a word."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(WAIT)
        self._open.add(client)
        try:
            while (request := _request(client)) and not self.down:
                if b"\r\nupgrade: websocket" in request.lower():
                    self._relay(client, request)
                    return
                if not self._pass_on(client, request):
                    return
        except OSError:
            pass
        finally:
            self._open.discard(client)
            client.close()

    def _pass_on(self, client: socket.socket, request: bytes) -> bool:
        """One request and its answer. Rough only to what writes: pages themselves must load."""
        rough = not self.calm and b"/widget/v1/conversations" in request.split(b"\r\n", 1)[0]
        if rough and self._happens(0.25, "requests dropped"):
            return False
        with socket.create_connection(self._upstream, timeout=WAIT) as server:
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [each for each in head.split(b"\r\n") if not each.lower().startswith(LEFT_OUT)]
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            answer = b"".join(_chunks(server))
        if rough and self._happens(0.25, "answers dropped"):
            return False
        # What names the program names the proxy instead; both are of one length.
        client.sendall(answer.replace(self._name, self.url.encode()))
        return False

    def _relay(self, client: socket.socket, request: bytes) -> None:
        with socket.create_connection(self._upstream) as server:
            self._open.add(server)
            server.sendall(request)
            client.sendall(_head(server))
            client.settimeout(None)
            back = threading.Thread(target=_copy, args=(client, server), daemon=True)
            back.start()
            try:
                self._frames(server, client)
            finally:
                self._open.discard(server)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def _frames(self, server: socket.socket, client: socket.socket) -> None:
        held: bytes | None = None
        while True:
            opcode, frame = _frame(server)
            chat = opcode == 1 and any(
                kind in frame for kind in (b'"message"', b'"status"', b"message__")
            )
            if self.calm or not chat:
                client.sendall(frame)
                continue
            if self._happens(0.25, "lost"):
                continue
            if held is None and self._happens(0.25, "swapped"):
                held = frame
                continue
            times = 2 if self._happens(0.25, "repeated") else 1
            client.sendall(frame * times)
            if held is not None:
                client.sendall(held)
                held = None

    def _happens(self, share: float, what: str) -> bool:
        if self._random.random() >= share:
            return False
        self.done[what] += 1
        return True


@contextmanager
def rough_proxy(upstream: str, seed: int = 1) -> Iterator[RoughProxy]:
    proxy = RoughProxy(upstream, seed)
    try:
        yield proxy
    finally:
        proxy.close()


def _request(client: socket.socket) -> bytes:
    """One whole request; nothing at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    while len(body) < size:
        part = client.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


def _head(server: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = server.recv(1)
        if not part:
            raise ConnectionError
        data += part
    return data


def _chunks(server: socket.socket) -> Iterator[bytes]:
    while part := server.recv(65536):
        yield part


def _copy(origin: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := origin.recv(65536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _frame(server: socket.socket) -> tuple[int, bytes]:
    """One frame of a server, which is not masked, as it came."""
    head = _exactly(server, 2)
    size, more = head[1] & 0x7F, b""
    if size == 126:
        more = _exactly(server, 2)
        (size,) = struct.unpack("!H", more)
    elif size == 127:
        more = _exactly(server, 8)
        (size,) = struct.unpack("!Q", more)
    return head[0] & 0x0F, head + more + _exactly(server, size)


def _exactly(server: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = server.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data
