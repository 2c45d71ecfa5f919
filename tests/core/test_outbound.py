"""The guard at the way out, against a server that misbehaves in every way it can."""

from __future__ import annotations

import dataclasses
import datetime
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

from app.config import Settings
from app.core import outbound
from app.core.outbound import Blocked, Failed, check_url, public, send
from tests.services import ROOT, free_port

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

REFUSED_ADDRESSES = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
    "fd20:ce::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.215.14",
    "::127.0.0.1", "2002:7f00:1::", "2002:5db8:d70e::1", "2001:0:7f00:1::1", "2001:db8::1",
    "2001:10::1", "3fff::1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1",
    "64:ff9b:1::5db8:d70e", "100::1", "5f00::1",
]  # fmt: skip
PUBLIC_ADDRESSES = [
    PUBLIC, PUBLIC_V6, "172.32.0.1", "100.128.0.1", "11.0.0.1", "223.255.255.255",
    "64:ff9b::5db8:d70e", "2001:4860:4860::8888",
]  # fmt: skip
REFUSED_URLS = [
    "http://0x7f.1/", "http://0x7f000001/", "http://2130706433/", "http://017700000001/",
    "http://127.1/", "http://0/", "http://127.0.0.1./", "http://localhost./", "http://0177.0.0.1/",
    "http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://%31%32%37.0.0.1/",
    "http://0x/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://example.0x7f/",
    "http://[::1", "http://[::1]evil.example/", "http://[fe80::1%25eth0]/", "http://[::ffff:7f.1]/",
    "http://good.example@127.0.0.1/", "http://u:p@good.example/", "https://@good.example/",
    "http://good.example\\@127.0.0.1/", "http://good.example:0/", "http://good.example:65536/",
    "http://good.example:99999/", "http://good.example:25/", "http://good.example:6379/",
    "http://good.example:-1/", "http://good.example:80 /", "http://good.example:８０/",
    "http://good.example:", "http:///path", "http://", "", "good.example", "//good.example/",
    "ftp://good.example/", "file:///etc/passwd", "gopher://good.example/", "javascript:alert(1)",
    " http://good.example/", "http://good.example/a b", "http://good.example/\r\nX: y",
    "http://good.example\r\n/", "http://good.example\t/", "http://good.example/\x00",
    "http://goo\nd.example/", "http://bücher.example/", "http://ſite.example/", "http://\u212Aite.example/", "http://good..example/",
    "http://.good.example/", "http://-good.example/", "http://good.example./", "http://a,b.example/",
    "http://" + "a" * 64 + ".example/", "http://" + "a." * 130 + "example/",
    "http://good.example/" + "a" * 2048,
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.from_environment(
        {
            "CANDOR_DATA": str(tmp_path_factory.mktemp("outbound")),
            "SECRET_KEY": "0123456789abcdef" * 3,
            "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        }
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """An application that knows its settings and nothing else: the guard needs no more."""
    app = Flask(__name__)
    app.extensions["candor_settings"] = settings
    with app.app_context():
        yield app


@pytest.fixture
def allow(app: Flask, settings: Settings) -> Callable[..., None]:
    def exempt(*entries: str) -> None:
        changed = dataclasses.replace(settings, outbound_allow=frozenset(entries))
        app.extensions["candor_settings"] = changed

    return exempt


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have the resolver answer each look-up with the next of these, the last one for ever."""

    def resolve_to(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [
                (
                    socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    (address, port, 0, 0) if ip_address(address).version == 6 else (address, port),
                )
                for address in found
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return resolve_to


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where connections went. Only this machine is really reached."""
    addresses: list[str] = []
    connect = socket.socket.connect

    def record(self: socket.socket, address: tuple[str, int]) -> None:
        addresses.append(address[0])
        if not ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError(111, "Connection refused")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", record)
    return addresses


class Server:
    """A TCP server on loopback that does with each connection whatever the test says."""

    def __init__(self, behave: Callable[[socket.socket, bytes], None]) -> None:
        self.behave = behave
        self.requests: list[bytes] = []
        self.server_name: str | None = None
        self.context: ssl.SSLContext | None = None
        self.sent = 0
        self.gone = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            request = whole_request(connection)
            self.requests.append(request)
            self.behave(connection, request)
        except OSError:
            pass
        finally:
            self.gone.set()
            connection.close()

    def stop(self) -> None:
        self.listener.close()


@pytest.fixture
def serve(allow: Callable[..., None]) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(behave: Callable[[socket.socket, bytes], None] | bytes) -> Server:
        server = Server(saying(behave) if isinstance(behave, bytes) else behave)
        started.append(server)
        allow(*(f"127.0.0.1:{each.port}" for each in started))
        return server

    yield start
    for server in started:
        server.stop()


def whole_request(connection: socket.socket) -> bytes:
    """Head and body, which arrive in pieces; of a large body only its beginning."""
    request = connection.recv(65536)
    length = re.search(rb"Content-Length: (\d{1,4})\r\n", request)
    while length and len(request.partition(b"\r\n\r\n")[2]) < int(length[1]):
        request += connection.recv(65536)
    return request


def saying(answer: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda connection, _request: connection.sendall(answer)


def answering(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


# --- What an ordinary server sees and answers ---------------------------------------------------


def test_a_request_arrives_whole_and_its_answer_comes_back(serve):
    server = serve(answering("200 OK", b"thanks", "X-Odd: 1", "X-Odd: 2"))
    answer = send("POST", f"{server.url}/hook?a=1#part", {"X-Id": "7"}, b'{"a": 1}')
    assert (answer.status, answer.body) == (200, b"thanks")
    assert answer.headers["x-odd"] == "1, 2"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=1 HTTP/1.1"
    assert {"User-Agent: Candor", "Connection: close", "X-Id: 7", "Content-Length: 8"} <= set(lines)
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert body == b'{"a": 1}'


@pytest.mark.parametrize("status", ["204 No Content", "410 Gone", "429 Slow", "500 Oh", "503 No"])
def test_any_status_is_an_answer(serve, status):
    server = serve(answering(status, b"", "Retry-After: 7"))
    answer = send("POST", server.url)
    assert answer.status == int(status[:3])
    assert answer.headers["retry-after"] == "7"


def test_a_large_body_is_sent_whole(serve):
    received = bytearray()

    def count(connection: socket.socket, request: bytes) -> None:
        received.extend(request)
        while not received.endswith(b"END"):
            time.sleep(0.001)
            received.extend(connection.recv(65536))
        connection.sendall(answering("200 OK"))

    server = serve(count)
    assert send("POST", server.url, body=b"x" * 3_000_000 + b"END").status == 200
    assert received.count(b"x") == 3_000_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(serve, status):
    inner = serve(answering("200 OK", b"secret"))
    outer = serve(answering(f"{status} Moved", b"", f"Location: {inner.url}/"))
    answer = send("GET", outer.url)
    assert answer.status == status
    assert answer.body == b""
    assert inner.requests == []


def test_a_proxy_from_the_environment_is_not_asked(serve, monkeypatch):
    proxy = serve(answering("200 OK", b"proxy"))
    server = serve(answering("200 OK", b"server"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert send("GET", server.url).body == b"server"
    assert proxy.requests == []


# --- Servers that misbehave ---------------------------------------------------------------------


def endless(
    prefix: bytes, piece: bytes, pause: float = 0.0
) -> Callable[[socket.socket, bytes], None]:
    def go_on(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(prefix)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return go_on


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "prefix, piece",
    [
        (OK + b"\r\n", b"x" * 65536),
        (OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 65536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
)
def test_an_endless_body_is_cut_and_the_connection_closed(serve, prefix, piece):
    server = serve(endless(prefix, piece))
    with ending_within(3):
        answer = send("GET", server.url)
        assert answer.body == b"x" * 65536
        assert server.gone.wait(2), "the connection was left open"


@pytest.mark.parametrize(
    "prefix, piece",
    [
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536),
        (OK, b"X-Header: " + b"x" * 60000 + b"\r\n"),
        (b"", b"x" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n0;" + b"x" * 60000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n" * 1000),
    ],
    ids=["negative chunk", "headers", "status line", "interim", "chunk extension", "trailers"],
)
def test_an_endless_frame_fails_soon_in_little_memory(serve, prefix, piece):
    server = serve(endless(prefix, piece))
    with ending_within(3), pytest.raises(Failed):
        send("GET", server.url)
    assert server.gone.wait(2)


@pytest.mark.parametrize(
    "prefix, piece",
    [
        (b"", b"H"),
        (OK, b"X: y\r\n"),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (OK + b"\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b""),
    ],
    ids=["status line", "headers", "body", "unmeasured body", "chunks", "silence"],
)
def test_a_drip_and_a_hang_end_at_the_deadline(serve, prefix, piece):
    server = serve(endless(prefix, piece, pause=0.05))
    with ending_within(1.5), pytest.raises(Failed, match="within 0.5 seconds"):
        send("GET", server.url, timeout=0.5)


def test_a_server_that_does_not_read_ends_at_the_deadline(allow):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = listener.getsockname()[1]
        allow(f"127.0.0.1:{port}")
        with ending_within(1.5), pytest.raises(Failed, match="within 0.5"):
            send("POST", f"http://127.0.0.1:{port}", body=b"x" * 50_000_000, timeout=0.5)


def test_a_handshake_that_drips_ends_at_the_deadline(serve):
    # A TLS record that announces 16 KB of server hello and never gets there.
    server = serve(endless(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00", pause=0.05))
    with ending_within(1.5), pytest.raises(Failed, match="within 0.5"):
        send("GET", server.url.replace("http:", "https:"), timeout=0.5)


def test_a_reset_fails(serve):
    def reset(connection: socket.socket, _request: bytes) -> None:
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )

    with pytest.raises(Failed, match="reset"):
        send("GET", serve(reset).url)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"X: y\r\n" * 200 + b"\r\n",
        b"\xff\xfe\x00\x00",
    ],
)
def test_what_is_no_whole_http_answer_fails(serve, answer):
    with pytest.raises(Failed):
        send("GET", serve(answer).url)


def test_a_closed_port_fails(allow):
    port = free_port()
    allow(f"127.0.0.1:{port}")
    with pytest.raises(Failed, match="refused"):
        send("GET", f"http://127.0.0.1:{port}/")


def test_dead_dns_fails_and_is_refused_at_saving(app, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Failed, match="cannot be resolved"):
        send("GET", "https://gone.example/")
    with pytest.raises(Blocked, match="cannot be found"):
        check_url("https://gone.example/")


def test_a_resolver_that_hangs_ends_at_the_deadline(app, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    with ending_within(1.5), pytest.raises(Failed, match="within 0.3"):
        send("GET", "https://slow.example/", timeout=0.3)


def test_the_next_address_is_tried_when_one_is_dead(serve, names, dialled, allow):
    server = serve(answering("200 OK", b"second"))
    allow(f"two.example:{server.port}")
    names([PUBLIC, "127.0.0.1"])
    assert send("GET", f"http://two.example:{server.port}/").body == b"second"
    assert dialled == [PUBLIC, "127.0.0.1"]


# --- What must not be reached -------------------------------------------------------------------


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_an_address_that_is_not_public_is_refused_at_saving_and_connecting(
    app, names, dialled, address
):
    assert not public(address)
    literal = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    names([address])
    for url in (literal, "http://inner.example/", "https://inner.example:8443/x"):
        with pytest.raises(Blocked):
            check_url(url)
        with pytest.raises(Blocked):
            send("GET", url)
    assert dialled == []


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_allowed(app, names, dialled, address):
    assert public(address)
    names([address])
    check_url("https://outer.example/")
    with pytest.raises(Failed):
        send("GET", "https://outer.example/")
    assert dialled == [address]


@pytest.mark.parametrize("url", REFUSED_URLS, ids=lambda url: ascii(url)[:60])
def test_an_odd_notation_is_refused_before_anybody_is_asked(app, names, dialled, url):
    asked = names([PUBLIC])
    with pytest.raises(Blocked):
        check_url(url)
    with pytest.raises(Blocked):
        send("GET", url)
    assert (asked, dialled) == ([], [])


def test_the_reason_tells_its_owner_what_to_change(app):
    with pytest.raises(Blocked, match="user name"):
        check_url("https://user:password@good.example/")
    with pytest.raises(Blocked, match="begin with https"):
        check_url("good.example/hook")
    with pytest.raises(Blocked, match="Port 25 "):
        check_url("https://good.example:25/")
    with pytest.raises(Blocked, match="public internet"):
        check_url("https://10.0.0.1/")


@pytest.mark.parametrize("entries", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"]])
def test_one_inner_address_among_public_ones_refuses_the_name(app, names, dialled, entries):
    names(entries)
    with pytest.raises(Blocked):
        check_url("https://mixed.example/")
    with pytest.raises(Blocked):
        send("GET", "https://mixed.example/")
    assert dialled == []


def test_a_name_that_changes_its_answer_gains_nothing(serve, allow, names, dialled):
    server = serve(answering("200 OK", b"secret"))
    allow()
    asked = names([PUBLIC], ["127.0.0.1"])
    with pytest.raises(Failed):
        send("GET", f"http://rebind.example:{server.port}/")
    assert asked == ["rebind.example"]
    assert dialled == [PUBLIC]
    assert server.requests == []


def test_a_name_that_was_public_at_saving_is_checked_again_at_connecting(
    serve, allow, names, dialled
):
    server = serve(answering("200 OK", b"secret"))
    allow()
    names([PUBLIC], ["127.0.0.1"])
    check_url(f"http://rebind.example:{server.port}/")
    with pytest.raises(Blocked):
        send("GET", f"http://rebind.example:{server.port}/")
    assert (dialled, server.requests) == ([], [])


def test_an_exemption_is_for_one_host_and_one_port(serve, allow, names):
    server = serve(answering("200 OK"))
    allow(f"localhost:{server.port}", f"127.0.0.1:{server.port + 1}")
    with pytest.raises(Blocked):
        send("GET", server.url)
    names(["127.0.0.1"])
    assert send("GET", f"http://LOCALHOST:{server.port}/").status == 200


def test_production_knows_no_exemption_and_no_plain_http(app, settings, names):
    production = Settings.from_environment(
        {
            "CANDOR_ENV": "production",
            "CANDOR_DATA": str(settings.data),
            "SECRET_KEY": "0123456789abcdef" * 3,
            "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
            "CANDOR_OUTBOUND_ALLOW": "127.0.0.1:8443",
        }
    )
    assert production.outbound_allow == frozenset()
    app.extensions["candor_settings"] = production
    names([PUBLIC])
    check_url("https://outer.example/")
    with pytest.raises(Blocked, match="https"):
        check_url("http://outer.example/")
    names(["127.0.0.1"])
    with pytest.raises(Blocked):
        send("GET", "https://127.0.0.1:8443/")


def test_exemptions_are_read_from_the_environment(settings):
    read = Settings.from_environment(
        {
            "CANDOR_DATA": str(settings.data),
            "SECRET_KEY": "0123456789abcdef" * 3,
            "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
            "CANDOR_OUTBOUND_ALLOW": " LocalHost:9000, [::1]:80 ,",
        }
    )
    assert read.outbound_allow == {"localhost:9000", "[::1]:80"}
    assert settings.outbound_allow == frozenset()


# --- Headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, value",
    [
        ("X-A", "a\r\nX-B: c"),
        ("X-A", "a\nb"),
        ("X-A", "a\rb"),
        ("X-A", "a\r\n b"),
        ("X-A", "a\x00"),
        ("X-A", "é"),
        ("X-A\r\nX-B", "c"),
        ("X-A: b", "c"),
        ("", "c"),
        ("Host", "other.example"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("User-Agent", "other"),
    ],
)
def test_a_header_that_would_say_more_than_it_should_is_refused(serve, name, value):
    server = serve(answering("200 OK"))
    with pytest.raises(Blocked):
        send("GET", server.url, {name: value})
    assert server.requests == []


def test_a_method_that_would_say_more_than_it_should_is_refused(serve):
    server = serve(answering("200 OK"))
    with pytest.raises(Blocked):
        send("GET / HTTP/1.1\r\nX: y", server.url)
    assert server.requests == []


# --- TLS ----------------------------------------------------------------------------------------


def self_signed(name: str, folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    def add(path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        outbound._tls.cache_clear()

    outbound._tls.cache_clear()
    yield add
    outbound._tls.cache_clear()


@pytest.fixture
def secure(serve, allow, names, tmp_path) -> Callable[[str, str], tuple[Server, Path]]:
    """A TLS server for `called` whose certificate is good for `certified`."""

    def start(called: str, certified: str) -> tuple[Server, Path]:
        server = serve(answering("200 OK", b"private"))
        path, server.context = self_signed(certified, tmp_path)

        def remember(_socket: object, name: str, _context: object) -> None:
            server.server_name = name

        server.context.sni_callback = remember
        allow(f"{called}:{server.port}")
        names(["127.0.0.1"])
        return server, path

    return start


def test_a_certificate_that_nobody_vouches_for_is_refused(secure, trust):
    server, _path = secure("good.example", "good.example")
    with pytest.raises(Failed, match="self-signed"):
        send("POST", f"https://good.example:{server.port}/", body=b"secret")
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(secure, trust):
    server, path = secure("good.example", "evil.example")
    trust(path)
    with pytest.raises(Failed, match="[Hh]ostname mismatch"):
        send("POST", f"https://good.example:{server.port}/", body=b"secret")
    assert server.requests == []


def test_the_name_is_asked_for_and_verified_though_an_address_is_dialled(secure, trust):
    server, path = secure("good.example", "good.example")
    trust(path)
    answer = send("GET", f"https://good.example:{server.port}/")
    assert (answer.status, answer.body) == (200, b"private")
    assert server.server_name == "good.example"


def test_an_endless_body_over_tls_is_cut(secure, trust):
    server, path = secure("good.example", "good.example")
    server.behave = endless(OK + b"\r\n", b"x" * 65536)
    trust(path)
    with ending_within(3):
        assert len(send("GET", f"https://good.example:{server.port}/").body) == 65536
    assert server.gone.wait(2)


# --- Under gevent -------------------------------------------------------------------------------

UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import dataclasses, os, sys, time, gevent, gevent.socket
from flask import Flask
from app.config import Settings
from app.core.outbound import Failed, send

app = Flask("outbound")
app.extensions["candor_settings"] = Settings.from_environment()
stalls, last = [], [time.monotonic()]

def tick():
    while True:
        gevent.sleep(0.005)
        stalls.append(time.monotonic() - last[0])
        last[0] = time.monotonic()

def ask(url):
    with app.app_context():
        try:
            return send("GET", url, timeout=0.8).body.decode()
        except Failed as error:
            return str(error)

with app.app_context():
    # The first use loads the machine's certificates, which takes its time once.
    import app.core.outbound as outbound
    outbound._tls()
ticker = gevent.spawn(tick)
asked = [gevent.spawn(ask, url) for url in sys.argv[1:] for _ in range(5)]
gevent.joinall(asked)
print(max(stalls))
print(*[greenlet.value for greenlet in asked], sep="\\n")
"""


def test_under_gevent_nothing_stops_the_loop(serve, settings):
    quick = serve(answering("200 OK", b"quick"))
    hang = serve(endless(b"", b"", pause=0.1))
    drip = serve(endless(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00", pause=0.05))
    urls = [quick.url, hang.url, drip.url.replace("http:", "https:")]
    allowed = ",".join(f"127.0.0.1:{server.port}" for server in (quick, hang, drip))
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT, *urls],
        env={
            "PATH": "",
            "CANDOR_DATA": str(settings.data),
            "CANDOR_OUTBOUND_ALLOW": allowed,
            "SECRET_KEY": "0123456789abcdef" * 3,
            "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    stall, *results = done.stdout.splitlines()
    assert results[:5] == ["quick"] * 5, done.stderr
    assert all("within 0.8 seconds" in result for result in results[5:])
    assert len(results) == 15
    assert float(stall) < 0.4
