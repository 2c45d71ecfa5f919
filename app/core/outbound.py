"""The one way out: every HTTP request that leaves the program passes here.

Its addresses are typed by users, so each may point at what only this machine can reach. A name is
resolved once, every address it has is judged, and the connection goes to a judged address itself:
a name that changes its answer gains nothing.
"""

from __future__ import annotations

import http.client
import io
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, Queue
from typing import Any, TypeVar

from flask import current_app

from app.config import Settings

TIMEOUT = 15.0  # seconds for all of it: name, connection, request and answer
CONNECT_TIMEOUT = 5.0  # one dead address must not use up the time of the next
LONGEST_URL = 2048
LONGEST_BODY = 64 * 1024
# Head, framing and body together: http.client believes a chunk that claims to be endless.
MOST_RECEIVED = 1024 * 1024

PORTS = {"http": 80, "https": 443}
# The Fetch standard's "bad ports", Redis and memcached: they might act on a line of a request.
_BAD_PORTS = """
1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111
113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532
540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060
5061 6000 6379 6566 6665 6666 6667 6668 6669 6679 6697 10080 11211
"""
BAD_PORTS = frozenset(map(int, _BAD_PORTS.split()))

# IANA's special-purpose registry, and 168.63.129.16: Azure's metadata is on a public address.
REFUSED_V4 = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",
    )
]
# Of IPv6 only 2000::/3 is in public use; within it these are not (Teredo is in the first one).
PUBLIC_V6 = ip_network("2000::/3")
REFUSED_V6 = [
    ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
# What a network without IPv4 makes of a public IPv4 address; judged by the address inside.
TRANSLATED = ip_network("64:ff9b::/96")

# One spelling for each address: no user name, no backslash, nothing outside ASCII.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:[/?][!-~]*)?)",
    re.ASCII | re.IGNORECASE,
)
HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
OWN_HEADERS = {"host", "user-agent", "connection", "content-length", "transfer-encoding"}

T = TypeVar("T")


class Blocked(Exception):
    """A request that must not be made, now or later. The message says why, for its owner."""


class Failed(Exception):
    """A request that did not get a whole answer; a later try may. The message says why."""


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status. Header names are in lower case; the body is cut at
    64 KB."""

    status: int
    headers: dict[str, str]
    body: bytes


def check_url(url: str) -> None:
    """Raise Blocked unless `send` may go there. For saving; `send` checks again."""
    target = _Target.parse(url)
    try:
        _addresses(target, _Deadline(TIMEOUT))
    except (OSError, Failed) as error:
        raise Blocked("The host name of this address cannot be found.") from error


def check_headers(headers: dict[str, str]) -> None:
    """Raise Blocked unless `send` may send these. For saving; `send` checks again."""
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS:
            raise Blocked("A header has a name that cannot be used.")
        if not HEADER_VALUE.fullmatch(value):
            raise Blocked(f"The header {name} has a character that cannot be sent.")


def send(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    timeout: float = TIMEOUT,
) -> Answer:
    """Make one HTTP request and answer what came back, also when that is an error or a redirect.

    It ends after `timeout` seconds, whatever the other side does. Raises Blocked (never try
    again) or Failed (try again later). Call it outside of transactions.
    """
    target = _Target.parse(url)
    if not TOKEN.fullmatch(method):
        raise Blocked("The method is not an HTTP method.")
    check_headers(headers or {})
    deadline = _Deadline(timeout)
    try:
        return _exchange(target, method, headers or {}, body, deadline)
    except TimeoutError as error:
        raise Failed(f"There was no whole answer within {timeout:g} seconds.") from error
    except ssl.SSLError as error:
        detail = getattr(error, "verify_message", None) or error.reason or "no secure connection"
        raise Failed(f"TLS failed: {detail}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failed(f"The request failed: {_wording(error)}.") from error


@dataclass(frozen=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> _Target:
        """Raises Blocked for whatever is not a plain http(s) address."""
        if not url.lower().startswith(("http://", "https://")):
            raise Blocked("Only addresses that begin with https:// or http:// can be used.")
        if "@" in re.split(r"[/?#\\]", url.partition("://")[2])[0]:
            raise Blocked("The address must not carry a user name or a password.")
        found = URL.fullmatch(url.partition("#")[0])
        if found is None or len(url) > LONGEST_URL:
            raise Blocked("This is not an address of the form https://host/path.")
        scheme, path = found["scheme"].lower(), found["path"]
        if scheme != "https" and _settings().production:
            raise Blocked("Only addresses that begin with https:// can be used.")
        path = path if path.startswith("/") else f"/{path}"
        return cls(scheme, _host(found["host"]), _port(found["port"], scheme), path)

    @property
    def exempt(self) -> bool:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" in _settings().outbound_allow


def _host(text: str) -> str:
    """The host in lower case and without brackets; numbers only in their usual notation."""
    host = text.lower()
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        if NUMERIC_END.fullmatch(host):
            return str(IPv4Address(host))
    except ValueError as error:
        raise Blocked("The address of the host is not in its usual notation.") from error
    if len(host) > 253 or not HOST.fullmatch(host):
        raise Blocked("The host of this address is not a host name.")
    return host


def _port(text: str | None, scheme: str) -> int:
    port = int(text) if text else PORTS[scheme]
    if not 0 < port < 65536 or port in BAD_PORTS:
        raise Blocked(f"Port {port} cannot be used.")
    return port


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the end, more than none. Raises TimeoutError after it."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _addresses(target: _Target, deadline: _Deadline) -> list[tuple[int, Any]]:
    """Family and socket address of each place the host has; Blocked if one is not public."""
    found = _resolve(target, deadline)
    if not target.exempt and not all(public(address[0]) for _family, address in found):
        raise Blocked("The host of this address is not on the public internet.")
    return found


def _resolve(target: _Target, deadline: _Deadline) -> list[tuple[int, Any]]:
    # A thread, since getaddrinfo knows no timeout. Under gevent it is a greenlet, and cooperative.
    results: Queue[Any] = Queue()

    def ask() -> None:
        try:
            results.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            results.put(error)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        found = results.get(timeout=deadline.left())
    except Empty as error:
        raise TimeoutError from error
    if isinstance(found, Exception) or not found:
        raise Failed("The host name cannot be resolved.")
    return [(entry[0], entry[4]) for entry in found]


def public(text: str) -> bool:
    """Whether an IP address is one that anybody on the internet reaches alike."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address in TRANSLATED:
        return public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    return address in PUBLIC_V6 and not any(address in network for network in REFUSED_V6)


def _exchange(
    target: _Target, method: str, headers: dict[str, str], body: bytes, deadline: _Deadline
) -> Answer:
    addresses = _addresses(target, deadline)
    own = {"User-Agent": "Candor", "Connection": "close"}
    with closing(_Connection(target, addresses, deadline)) as connection:
        connection.request(method, target.path, body or None, {**headers, **own})
        # Not getresponse(): with "Connection: close" it closes before the body has been read.
        response = http.client.HTTPResponse(connection.sock, method=method)
        response.begin()
        names = {name.lower() for name in response.headers}
        found = {name: response.getheader(name, "") for name in names}
        return Answer(response.status, found, response.read(LONGEST_BODY))


class _Connection(http.client.HTTPConnection):
    """To one of the judged addresses, never to whatever the name says by now."""

    def __init__(
        self, target: _Target, addresses: list[tuple[int, Any]], deadline: _Deadline
    ) -> None:
        super().__init__(target.host, target.port)
        self.default_port = PORTS[target.scheme]
        self._target, self._addresses, self._deadline = target, addresses, deadline

    def connect(self) -> None:
        wire = _Wire(_dial(self._addresses, self._deadline), self._deadline)
        self.sock = wire
        if self._target.scheme == "https":
            wire.secure(self._target.host)


def _dial(addresses: list[tuple[int, Any]], deadline: _Deadline) -> socket.socket:
    problem = OSError("no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(CONNECT_TIMEOUT, deadline.left()))
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise problem


class _Wire(io.RawIOBase):
    """A socket, plain or TLS, that gives up at a moment: a socket's own timeout starts anew with
    each byte that drips in."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        connection.setblocking(False)
        self._socket, self._deadline, self._received = connection, deadline, 0

    def secure(self, host: str) -> None:
        """Turn to TLS; the certificate has to be good for the name that was asked for."""
        self._socket = _tls().wrap_socket(
            self._socket, server_hostname=host, do_handshake_on_connect=False
        )
        self._patiently(select.POLLIN, self._socket.do_handshake)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._patiently(select.POLLOUT, self._socket.send, rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._patiently(select.POLLIN, self._socket.recv_into, buffer)
        self._received += count
        if self._received > MOST_RECEIVED:
            raise OSError("the answer is too long")
        return count

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _patiently(self, event: int, action: Callable[..., T], *arguments: Any) -> T:
        while True:
            left = self._deadline.left()
            try:
                return action(*arguments)
            # TLS may have to read in order to write, and the other way round.
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, left)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, left)
            except BlockingIOError:
                self._wait(event, left)

    def _wait(self, event: int, seconds: float) -> None:
        # poll, not select: a web process has far more than 1,024 files open.
        poll = select.poll()
        poll.register(self._socket, event)
        if not poll.poll(seconds * 1000):
            raise TimeoutError


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _wording(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error) or "the connection broke").lower()
    return "the answer is not whole, valid HTTP"


def _settings() -> Settings:
    return current_app.extensions["candor_settings"]
