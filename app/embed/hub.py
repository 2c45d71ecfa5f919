"""The open visitor sockets of this process, and how a frame reaches them.

Each socket has a bounded outbox that its own greenlet empties, so one that does not read delays
nobody: when its outbox is full it is closed with 1013 and heals itself by polling.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import structlog
from simple_websocket import Server
from wsproto.events import Ping
from wsproto.frame_protocol import FrameProtocol

from app.core.bus import MISSED
from app.core.metrics import FRAMES, SLOW_SOCKETS, SOCKETS

SHARE = 10  # one address has a tenth of the sockets
OUTBOX = 64  # frames
PER_SECOND, BURST = 20, 60  # frames that one socket may send
PING_EVERY = 25.0  # seconds
BATCH = 50  # pings at once
JOIN_WITHIN = 10.0  # seconds for the first frame, looked at with the pings
LAST_WORDS = 5.0  # seconds a socket has to take its close frame
GUEST = "guest:"  # and the id of one, names the channel of what he is told
VISITOR = "visitor:"  # and site key and hash, that of commands to one visitor
GOING_AWAY, TRY_AGAIN, RESTART, POLICY = 1001, 1013, 1012, 1008

log = structlog.get_logger()


def wire(frame: dict[str, Any]) -> bytes:
    """A frame as it goes over the wire: the same bytes for every socket, so made once."""
    text = json.dumps(frame, separators=(",", ":"))
    return bytes(FrameProtocol(client=False, extensions=[]).send_data(text, fin=True))


class Connection:
    """One socket. Everything is sent by the greenlet that serves it."""

    __slots__ = (
        "ws",
        "site_id",
        "visitor",
        "guest_id",
        "outbox",
        "closing",
        "unanswered",
        "opened_at",
        "typed_at",
        "room",
        "address",
    )

    def __init__(self, ws: Server, room: int = OUTBOX, address: str | None = None) -> None:
        self.ws = ws
        self.room = room  # frames that may wait
        self.address = address  # whose share it is counted in, if any
        self.site_id: str | None = None
        self.visitor: tuple[str, str] | None = None  # site key and hash, once joined
        self.guest_id: str | None = None  # who writes in the chat, once he has
        self.outbox: deque[bytes | type[Ping]] = deque()
        self.closing: int | None = None
        self.unanswered = 0
        self.opened_at = time.monotonic()
        self.typed_at = 0.0

    def offer(self, data: bytes | type[Ping]) -> None:
        """Queue data for the socket's own greenlet; close a socket that does not keep up."""
        if self.closing is not None:
            return
        if len(self.outbox) >= self.room:
            SLOW_SOCKETS.inc()
            self.close(TRY_AGAIN)
            return
        self.outbox.append(data)
        self.ws.event.set()

    def close(self, code: int) -> None:
        """Ask the socket's greenlet to close it; make sure of it when it is stuck in a send."""
        if self.closing is None:
            self.closing = code
            self.outbox.clear()
            self.ws.event.set()
            timer = threading.Timer(LAST_WORDS, self._cut)
            timer.daemon = True
            timer.start()

    def ping(self) -> None:
        """Ask whether the other end is there; close it when it has not said so thrice."""
        self.unanswered = 0 if self.ws.pong_received else self.unanswered + 1
        if self.unanswered > 2:
            self.close(GOING_AWAY)
            return
        self.ws.pong_received = False
        self.offer(Ping)

    def empty_outbox(self) -> None:
        """Send what is queued. Called by the socket's own greenlet only."""
        while self.outbox and self.closing is None:
            data = self.outbox.popleft()
            self.ws.sock.sendall(data if isinstance(data, bytes) else self.ws.ws.send(Ping()))

    def _cut(self) -> None:
        if self.ws.connected:
            self.ws.connected = False
            try:
                self.ws.sock.shutdown(2)
            except OSError:
                pass
            self.ws.event.set()


class Progress:
    """Which change numbers of a site this process has heard of, all up to one and some ahead."""

    __slots__ = ("upto", "ahead", "seen")

    def __init__(self, upto: int) -> None:
        self.upto = self.seen = upto
        self.ahead: set[int] = set()

    def hear(self, number: int) -> None:
        self.ahead.add(number)
        while self.upto + 1 in self.ahead:
            self.upto += 1
            self.ahead.discard(self.upto)

    def missed(self, number: int) -> bool:
        """Whether what was there a round ago has still not been heard of. Then it counts as heard:
        whoever listens is told to read again. `number` is the newest now."""
        late = self.upto < self.seen
        if late:
            self.upto = self.seen
        self.ahead = {each for each in self.ahead if each > self.upto}
        self.hear(self.upto)
        self.seen = number
        return late


class Allowance:
    """How much one socket may say: PER_SECOND, and BURST at once."""

    def __init__(self) -> None:
        self._left, self._counted = float(BURST), time.monotonic()

    def take(self) -> bool:
        moment = time.monotonic()
        self._left = min(BURST, self._left + (moment - self._counted) * PER_SECOND) - 1
        self._counted = moment
        return self._left >= 0


class Hub:
    """All sockets of this process, by site."""

    def __init__(self, cap: int, read_numbers: Callable[[list[str]], dict[str, int]]) -> None:
        self.cap = cap
        self._read_numbers = read_numbers
        self._progress: dict[str, Progress] = {}
        self.connections: set[Connection] = set()
        self._addresses: Counter[str | None] = Counter()
        self._sites: dict[str, set[Connection]] = {}
        self._guests: dict[str, set[Connection]] = {}
        self._ticker: threading.Thread | None = None

    def has_room(self, address: str | None) -> bool:
        """For one more socket. An address has a share of them; None has no limit but the cap."""
        if len(self.connections) >= self.cap:
            return False
        return address is None or self._addresses[address] < max(1, self.cap // SHARE)

    def add(self, connection: Connection) -> None:
        self.connections.add(connection)
        self._addresses[connection.address] += 1
        SOCKETS.inc()
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, daemon=True, name="pings")
            self._ticker.start()

    def join(self, connection: Connection, site_id: str) -> None:
        self._leave_site(connection)
        connection.site_id = site_id
        self._sites.setdefault(site_id, set()).add(connection)

    def follow_guest(self, connection: Connection, guest_id: str | None) -> None:
        """From now on this socket hears what is said to that guest, and to no other."""
        self._leave_guest(connection)
        connection.guest_id = guest_id
        if guest_id is not None:
            self._guests.setdefault(guest_id, set()).add(connection)

    def follow(self, site_id: str, cursor: int) -> None:
        """The first socket of a site has read everything up to `cursor`; listen from there."""
        self._progress.setdefault(site_id, Progress(cursor))

    def remove(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.discard(connection)
            self._forget_address(connection.address)
            SOCKETS.dec()
        self._leave_site(connection)
        self._leave_guest(connection)

    def _forget_address(self, address: str | None) -> None:
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    def _leave_site(self, connection: Connection) -> None:
        members = self._sites.get(connection.site_id or "")
        if members is not None:
            members.discard(connection)
            if not members:
                del self._sites[connection.site_id or ""]
                self._progress.pop(connection.site_id or "", None)

    def _leave_guest(self, connection: Connection) -> None:
        members = self._guests.get(connection.guest_id or "")
        if members is not None:
            members.discard(connection)
            if not members:
                del self._guests[connection.guest_id or ""]

    def hear(self, channel: str, frame: dict[str, Any] | None) -> None:
        """Bus listener. After a gap everybody re-reads from his own cursor; where one process may
        not have told something, those do who chat: the others are told by their change numbers."""
        if frame is None:
            self._send(self.connections, {"type": "resync"})
        elif channel == MISSED:
            self._send([each for each in self.connections if each.guest_id], {"type": "resync"})
        elif channel.startswith(GUEST):
            self._send(self._guests.get(channel.removeprefix(GUEST), ()), frame)
        elif channel.startswith(VISITOR):
            self._command(channel.removeprefix(VISITOR), frame)
        elif channel.startswith("site:"):
            site_id = channel.removeprefix("site:")
            members = self._sites.get(site_id, ())
            if site_id in self._progress and "cursor" in frame:
                self._progress[site_id].hear(frame["cursor"])
            if frame["type"] != "change":
                self._send(members, {k: v for k, v in frame.items() if k != "key"})

    def _command(self, named: str, frame: dict[str, Any]) -> None:
        """To the pages of one visitor, by what tracking or the chat calls him."""
        key, _, visitor = named.partition("/")
        meant = [
            each
            for each in self.connections
            if each.visitor is not None
            and each.visitor[0] == key
            and visitor in (each.visitor[1], each.guest_id)
        ]
        self._send(meant, frame)

    def has_pages(self, site_id: str) -> bool:
        return site_id in self._sites

    def tell(self, site_id: str, frame: dict[str, Any]) -> None:
        """To the open pages of a site in this process."""
        self._send(self._sites.get(site_id, ()), frame)

    def _send(self, connections: Any, frame: dict[str, Any]) -> None:
        data = wire(frame)
        for connection in tuple(connections):
            connection.offer(data)
        FRAMES.labels(frame["type"]).inc(len(connections))

    def close_all(self, code: int = RESTART) -> None:
        for connection in tuple(self.connections):
            connection.close(code)

    def _tick(self) -> None:
        """Every 25 seconds: ping everybody, spread over the time so that no burst disturbs, and
        look whether a site has changed without our having heard of it."""
        while True:
            started = time.monotonic()
            for number, connection in enumerate(tuple(self.connections), start=1):
                self._ping(connection)
                if number % BATCH == 0:
                    time.sleep(PING_EVERY * BATCH / self.cap)
            self._make_up()
            time.sleep(max(1.0, started + PING_EVERY - time.monotonic()))

    def _ping(self, connection: Connection) -> None:
        if connection.site_id is None and time.monotonic() - connection.opened_at > JOIN_WITHIN:
            connection.close(POLICY)
            return
        connection.ping()

    def _make_up(self) -> None:
        """A frame may be lost for good, between a commit and its publishing: then read again."""
        try:
            numbers = self._read_numbers(list(self._progress))
        except Exception:
            log.exception("change_numbers_unread")
            return
        for site_id in list(self._progress):
            # No number: the site was deleted, and its pages may not have heard of it.
            number = numbers.get(site_id)
            if number is None or self._progress[site_id].missed(number):
                self._send(self._sites.get(site_id, ()), {"type": "resync"})
