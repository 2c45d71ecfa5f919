"""/widget/v1/ws against the real server: who may join, what arrives, and what hostile frames do."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
import requests
import websocket

from app.core.redis_client import connect as connect_redis
from app.tracking.identity import read_token
from tests.services import Program
from tests.shops import shopify, shopify_order, shopify_refund

ORIGIN = "https://shop.acme.example"


@pytest.fixture
def connect(program):
    opened = []

    def open_socket(origin=ORIGIN, **options):
        address = program.url.replace("http", "ws") + "/widget/v1/ws"
        ws = websocket.create_connection(address, origin=origin, timeout=5, **options)
        opened.append(ws)
        return ws

    yield open_socket
    for ws in opened:
        ws.close()


@pytest.fixture
def join(connect, acme):
    def joined(visitor=None):
        ws = connect()
        ws.send(json.dumps({"type": "join_widget", "site": acme.site_key, "visitor": visitor}))
        return ws, json.loads(ws.recv())

    return joined


@pytest.fixture
def publish(program, acme):
    answer = requests.post(
        f"{program.url}/api/v1/campaigns",
        headers=acme.bearer,
        timeout=5,
        json={
            "site_id": str(acme.site_id),
            "name": "Recent",
            "format": "recent_activity",
            "status": "published",
        },
    )
    assert answer.status_code == 201


def hook(program, acme, topic, payload):
    answer = requests.post(
        f"{program.url}/hooks/{acme.source_id}", timeout=5, **shopify(acme.secret, topic, payload)
    )
    assert answer.status_code == 200, answer.text


def test_an_order_and_its_refund_reach_every_open_page_within_a_second(
    program, acme, publish, join
):
    pages = [join() for _ in range(3)]
    assert all(frame["type"] == "joined" for _, frame in pages)
    started = time.monotonic()
    hook(program, acme, "orders/paid", shopify_order())
    frames = [json.loads(ws.recv()) for ws, _ in pages]
    assert time.monotonic() - started < 1
    assert {frame["data"]["message"] for frame in frames} == {"Ada bought Darjeeling"}
    polled = requests.get(f"{program.url}/widget/v1/notifications/{acme.site_key}", timeout=5)
    assert polled.json()["notifications"] == [frames[0]["data"]]
    hook(program, acme, "refunds/create", shopify_refund())
    for ws, _ in pages:
        assert json.loads(ws.recv())["activity"] == frames[0]["data"]["id"]


def test_a_published_change_tells_open_pages(program, acme, join):
    ws, joined = join()
    requests.post(
        f"{program.url}/api/v1/campaigns",
        headers=acme.bearer,
        timeout=5,
        json={
            "site_id": str(acme.site_id),
            "name": "Hello",
            "format": "notice",
            "content": {"message": "Open until 8"},
            "status": "published",
        },
    )
    frame = json.loads(ws.recv())
    assert frame["type"] == "config" and frame["revision"] > joined["revision"]
    assert set(frame) == {"type", "cursor", "revision"}
    config = requests.get(f"{program.url}/widget/v1/config/{acme.site_key}", timeout=5).json()
    assert config["revision"] == frame["revision"]
    assert config["campaigns"][0]["message"] == "Open until 8"


def test_a_visitor_keeps_a_good_token_and_no_other(join, acme, umbrella, app):
    _, first = join()
    token = first["visitor"]
    _, again = join(visitor=token)
    assert visitor_of(app, acme, again["visitor"]) == visitor_of(app, acme, token)
    assert visitor_of(app, umbrella, token) is None
    for bad in ("x" * 400, 7, {"a": 1}, token[:-2] + "xx"):
        _, frame = join(visitor=bad)
        assert frame["type"] == "joined"


def visitor_of(app, tenant, token):
    with app.app_context():
        return read_token(tenant.site_id, token)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None, "https://acme.example"])
def test_foreign_null_and_missing_origins_are_refused_before_the_upgrade(connect, origin):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(origin=origin, suppress_origin=origin is None)
    assert refused.value.status_code == 403


def test_an_origin_of_another_tenant_cannot_join(connect, acme, umbrella):
    ws = connect(origin="https://umbrella.example")
    ws.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
    assert json.loads(ws.recv())["code"] == "foreign_origin"
    assert closing_code(ws) == 1008


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "7",
        "null",
        '{"type": 7}',
        '{"type": "launch"}',
        '{"a": NaN}',
        "[" * 3000,
        '{"type": "join_widget"}',
        '{"type": "join_widget", "site": {"a": 1}}',
        '{"type": "join_widget", "site": "' + "0" * 32 + '"}',
        '{"type":"\\u0000"}',
    ],
)
def test_whatever_is_sent_gets_an_error_and_the_process_lives(program, acme, connect, text):
    ws = connect()
    ws.send(text)
    frame = json.loads(ws.recv())
    assert frame["type"] == "error" and frame["code"] != "internal_error"
    program.wait()


def test_binary_oversized_and_too_many_frames(program, acme, connect):
    ws = connect()
    ws.send_binary(b"\x00\xff")
    assert json.loads(ws.recv())["code"] == "not_json"
    ws = connect()
    ws.send('{"type": "' + "x" * 20_000 + '"}')
    assert closing_code(ws) == 1009
    ws = connect()
    for _ in range(1000):
        try:
            ws.send('{"type": "ping"}')
        except OSError:
            break
    assert closing_code(ws) in (1008, 1013, None)
    program.wait()


def closing_code(ws):
    """Read on until the socket is closed; the code, or None for a connection that was cut."""
    while True:
        try:
            opcode, data = ws.recv_data()
        except (OSError, websocket.WebSocketException):
            return None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return int.from_bytes(data[:2], "big")


def test_stopping_the_server_closes_sockets_with_1012(program, join):
    ws, _ = join()
    program.processes["web"].terminate()
    started = time.monotonic()
    assert closing_code(ws) == 1012
    assert time.monotonic() - started < 2
    program.processes["web"].wait(20)


def test_a_reader_that_stops_is_closed_and_the_others_miss_nothing(program, acme, join, environ):
    slow, _ = join()
    quick, _ = join()
    redis = connect_redis(environ["REDIS_URL"])
    frame = json.dumps({"type": "notification", "data": {"message": "x" * 60_000}})
    for _ in range(200):
        redis.publish(f"candor:site:{acme.site_id.hex}", frame)
        assert json.loads(quick.recv())["type"] == "notification"
    read = 0
    with contextlib.suppress(OSError, websocket.WebSocketException):
        while slow.recv_data()[0] == websocket.ABNF.OPCODE_TEXT:
            read += 1
    assert read < 200


def test_beyond_the_cap_a_socket_is_refused_at_once(app, acme, environ):
    small = Program({**environ, "CANDOR_SOCKET_CAP": "2", "WEB_CONCURRENCY": "1"})
    small.start("web")
    try:
        small.wait()
        address = small.url.replace("http", "ws") + "/widget/v1/ws"
        kept = [websocket.create_connection(address, origin=ORIGIN, timeout=5) for _ in range(2)]
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(address, origin=ORIGIN, timeout=5)
        assert refused.value.status_code == 503
        assert requests.get(f"{small.url}/w/{acme.site_key}.js", timeout=5).status_code == 200
        for ws in kept:
            ws.close()
    finally:
        small.stop()


def test_one_address_takes_a_tenth_of_the_sockets_and_leaves_the_others_theirs(
    app, acme, environ, eventually
):
    small = Program(
        {**environ, "CANDOR_SOCKET_CAP": "20", "WEB_CONCURRENCY": "1", "TRUSTED_PROXIES": "1"}
    )
    small.start("web")

    def connect(address):
        url = small.url.replace("http", "ws") + "/widget/v1/ws"
        named = {"X-Forwarded-For": address}
        return websocket.create_connection(url, origin=ORIGIN, timeout=5, header=named)

    def refused(address):
        with pytest.raises(websocket.WebSocketBadStatusException) as answer:
            connect(address)
        return answer.value.status_code

    def connected(address):
        try:
            return connect(address)
        except websocket.WebSocketBadStatusException:
            return None

    try:
        small.wait()
        kept = [connect("93.184.215.14") for _ in range(2)]
        assert refused("93.184.215.14") == refused("::ffff:93.184.215.14") == 503
        # A network of IPv6 is one, and nobody else is hindered.
        kept += [connect(f"2606:2800:21f::{number}") for number in (1, 2)]
        assert refused("2606:2800:21f::3") == 503
        # Behind an address of a private network is a proxy, and everybody behind that.
        kept += [connect("10.0.0.7") for _ in range(3)]
        kept.pop(0).close()
        kept.append(eventually(lambda: connected("93.184.215.14"), bool))
        assert refused("93.184.215.14") == 503
        for ws in kept:
            ws.close()
    finally:
        small.stop()


def test_one_address_says_so_much_through_all_its_sockets_together(app, acme, environ):
    alone = Program({**environ, "WEB_CONCURRENCY": "1", "TRUSTED_PROXIES": "1"})
    alone.start("web")
    opened = []

    def connect(address):
        url = alone.url.replace("http", "ws") + "/widget/v1/ws"
        named = {"X-Forwarded-For": address}
        opened.append(websocket.create_connection(url, origin=ORIGIN, timeout=5, header=named))
        return opened[-1]

    def joined(address):
        opened = connect(address)
        opened.send(json.dumps({"type": "join_widget", "site": acme.site_key}))
        return opened, heard(opened)["type"]

    def heard(ws):
        """What answers a frame; what is told besides is passed over."""
        while True:
            frame = json.loads(ws.recv())
            if frame["type"] in ("joined", "pong", "error"):
                return frame

    def answers(ws, number=50):
        for _ in range(number):
            ws.send(json.dumps({"type": "ping"}))
        return [heard(ws) for _ in range(number)]

    pongs, refused = [{"type": "pong"}] * 50, {"type": "error", "code": "rate_limited"}
    try:
        alone.wait()
        talkers = [joined("93.184.215.14")[0] for _ in range(30)]
        # Each of them by itself is within its measure.
        said = [answers(each) for each in talkers]
        assert said[:8] == [pongs] * 8 and refused in said[-1]
        # A page that comes now is sent away for a while, and polls.
        late, answer = joined("93.184.215.14")
        assert answer == "error" and closing_code(late) == 1013
        assert answers(joined("93.184.215.15")[0]) == pongs
        # Of a proxy that nobody named nothing is known.
        assert [answers(joined("10.0.0.7")[0]) for _ in range(20)] == [pongs] * 20
    finally:
        for ws in opened:
            ws.close()
        alone.stop()


def test_after_a_gap_on_the_bus_pages_are_told_to_read_again(program, acme, join, environ):
    ws, _ = join()
    redis = connect_redis(environ["REDIS_URL"])
    redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert json.loads(ws.recv())["type"] == "resync"
