"""What happened, told to every process at once: Redis publish and subscribe.

One subscriber per process hands each frame to local listeners. Pub/sub loses frames while Redis
is away, so afterwards each listener hears `None`: re-read from your cursor. A process that could
not tell something, or began in place of one that may not have come to it, says so under MISSED.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, current_app
from redis import Redis, RedisError

from app.core.db import gathered
from app.core.redis_client import TIMEOUT, connect

PREFIX = "candor:"
MISSED = "missed"
RECONNECT = 0.5
TURN = 32  # frames of a rush until the sockets get a turn to empty their outboxes
QUIET = 20.0  # seconds without a message before the connection is asked whether it lives

Listener = Callable[[str, Any], None]
log = structlog.get_logger()


def redis() -> Redis:
    return current_app.extensions["candor_redis"]


# Set while this process has something to own up to.
_untold = threading.Event()


def publish(channel: str, frame: dict[str, Any]) -> None:
    """Send a frame to all processes at once, whatever becomes of the transaction."""
    _send([(PREFIX + channel, json.dumps(frame))])


def tell(channel: str, frame: dict[str, Any]) -> None:
    """Send a frame to all processes once the transaction is on disk."""
    gathered(Told).frames.append((PREFIX + channel, json.dumps(frame)))


class Told:
    """What a transaction has to tell, in one go."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str]] = []

    def __call__(self) -> None:
        _send(self.frames)


def _send(frames: list[tuple[str, str]]) -> None:
    pipeline = redis().pipeline(transaction=False)
    for channel, frame in frames:
        pipeline.publish(channel, frame)
    try:
        pipeline.execute()
    except (RedisError, OSError):
        _untold.set()
        raise
    own_up()


def own_up() -> None:
    """Have whoever listens read again what this process did not tell, if there is anything."""
    if not _untold.is_set():
        return
    _untold.clear()
    try:
        redis().publish(PREFIX + MISSED, "{}")
    except (RedisError, OSError):
        _untold.set()
        raise


def begin() -> None:
    """This process may have come in place of one that was killed between a commit and telling."""
    _untold.set()
    missable(own_up)


def missable(tell: Callable[[], None]) -> None:
    """Do what nobody misses if it is lost: Redis may be away, and all else goes on."""
    try:
        tell()
    except (RedisError, OSError) as error:
        log.warning("bus_untold", error=str(error))


class Subscriber:
    """The one subscription of a process. A web worker starts it after the fork."""

    def __init__(self, app: Flask, url: str) -> None:
        self._app = app
        self._url = url
        self._listeners: list[Listener] = []
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        self.connected = threading.Event()

    def listen(self, listener: Listener) -> None:
        """Have `listener(channel, frame)` called for each frame; None: some were missed."""
        self._listeners.append(listener)

    def start(self) -> None:
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="bus")
                self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except (RedisError, OSError) as error:
                self.connected.clear()
                log.warning("bus_disconnected", error=str(error))
                time.sleep(RECONNECT)

    def _follow(self) -> None:
        pubsub = connect(self._url, socket_timeout=30).pubsub()
        pubsub.psubscribe(PREFIX + "*")
        pubsub.get_message(timeout=TIMEOUT)
        self.connected.set()
        # Whatever was published until now was missed.
        self._tell("", None)
        asked, heard = False, 0
        while True:
            with self._app.app_context():
                own_up()
            message = pubsub.get_message(timeout=QUIET)
            if message is not None:
                asked = False
                self._hear(message)
                heard += 1
                if heard % TURN == 0:
                    time.sleep(0)
            elif asked:
                # A half-open connection takes the ping and never answers.
                raise ConnectionError("no answer to a ping")
            else:
                pubsub.ping()
                asked = True

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] != "pmessage":
            return
        channel = message["channel"].decode().removeprefix(PREFIX)
        try:
            frame = json.loads(message["data"])
        except ValueError:
            log.warning("bus_not_json", channel=channel)
        else:
            self._tell(channel, frame)

    def _tell(self, channel: str, frame: Any) -> None:
        with self._app.app_context():
            for listener in self._listeners:
                try:
                    listener(channel, frame)
                except Exception:
                    log.exception("bus_listener_failed", channel=channel)


def init_app(app: Flask, url: str) -> None:
    app.extensions["candor_redis"] = connect(url)
    app.extensions["candor_subscriber"] = Subscriber(app, url)
