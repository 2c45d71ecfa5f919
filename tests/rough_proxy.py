"""A proxy that does to HTTP and WebSockets what bad networks do: it drops requests and answers,
sends requests twice, loses, repeats and swaps the frames of a server, or swallows everything."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

WAIT = 30.0
LEFT_OUT = (b"connection:", b"accept-encoding:")
# What is the chat's: pages themselves must load.
CALLS = (b"/widget/v1/conversations", b"/widget/v1/chat/")
FRAMES = (b'"message"', b'"status"', b'"change"', b"message__")


class RoughProxy:
    """Between pages and the program on 127.0.0.1. `calm` lets all through; `silent` nothing, and
    says so to nobody: the server's side of each socket is gone, the page's stays open."""

    def __init__(self, upstream: str, seed: int = 1) -> None:
        self._name = upstream.encode()
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._random = random.Random(seed)
        self.calm = True
        self.silent = False
        self.done = {
            "requests dropped": 0,
            "answers dropped": 0,
            "requests doubled": 0,
            "lost": 0,
            "repeated": 0,
            "swapped": 0,
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._servers: set[socket.socket] = set()
        self._given_up: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Every connection ends without a word."""
        for each in [*self._open, *self._servers]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def hush(self) -> None:
        """From now on nothing gets through, and the server has given its sockets up. Once `silent`
        is False again, a page learns that of a socket when it says something over it."""
        self.silent = True
        self._given_up |= self._servers
        for each in list(self._servers):
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
            while request := _request(client):
                if self._swallows(client):
                    return
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

    def _swallows(self, client: socket.socket) -> bool:
        """Whether it came while nothing gets through: then it waits for what never comes."""
        if not self.silent:
            return False
        while self.silent:
            time.sleep(0.05)
        return True

    def _pass_on(self, client: socket.socket, request: bytes) -> bool:
        """One request and its answer."""
        rough = not self.calm and _is_call(request)
        if rough and self._happens(0.25, "requests dropped"):
            return False
        answers = self._asked(
            request, 2 if rough and self._happens(0.15, "requests doubled") else 1
        )
        if rough and self._happens(0.25, "answers dropped"):
            return False
        # What names the program names the proxy instead; both are of one length.
        client.sendall(answers[-1].replace(self._name, self.url.encode()))
        return False

    def _asked(self, request: bytes, times: int) -> list[bytes]:
        """The answers, in the order in which they came."""
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [each for each in head.split(b"\r\n") if not each.lower().startswith(LEFT_OUT)]
        whole = b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body
        answers: list[bytes] = []

        def ask() -> None:
            with socket.create_connection(self._upstream, timeout=WAIT) as server:
                server.sendall(whole)
                answers.append(b"".join(_chunks(server)))

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(times)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(WAIT)
        if not answers:
            raise ConnectionError
        return answers

    def _relay(self, client: socket.socket, request: bytes) -> None:
        with socket.create_connection(self._upstream) as server:
            self._servers.add(server)
            server.sendall(request)
            client.sendall(_head(server))
            client.settimeout(None)
            back = threading.Thread(target=self._copy, args=(client, server), daemon=True)
            back.start()
            try:
                with suppress(OSError):
                    self._frames(server, client)
                if server in self._given_up:
                    back.join()
            finally:
                self._servers.discard(server)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def _copy(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while part := client.recv(65536):
                if not self.silent:
                    server.sendall(part)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _frames(self, server: socket.socket, client: socket.socket) -> None:
        held: bytes | None = None
        while True:
            opcode, frame = _frame(server)
            chat = opcode == 1 and any(kind in frame for kind in FRAMES)
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


def _is_call(request: bytes) -> bool:
    """Of the chat, by the widget or by the script of the inbox, and no page of its own."""
    head = request.partition(b"\r\n\r\n")[0].lower()
    line = head.partition(b"\r\n")[0]
    if b"/inbox" in line:
        return b"\r\nhx-request:" in head or line.startswith(b"put ")
    return any(each in line for each in CALLS)


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
