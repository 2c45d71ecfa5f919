"""What happened, told to every process at once: Redis publish and subscribe.

One subscriber per process hands each frame to local listeners. Pub/sub loses frames while Redis
is away, so afterwards each listener hears `None`: re-read from your cursor.
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

from app.core.redis_client import TIMEOUT, connect

PREFIX = "candor:"
RECONNECT = 0.5

Listener = Callable[[str, Any], None]
log = structlog.get_logger()


def redis() -> Redis:
    return current_app.extensions["candor_redis"]


def publish(channel: str, frame: dict[str, Any]) -> None:
    """Send a frame to all processes. Call it through `db.after_commit`."""
    redis().publish(PREFIX + channel, json.dumps(frame))


class Subscriber:
    """The one subscription of a process. Started by the first listener, never before the fork."""

    def __init__(self, app: Flask, url: str) -> None:
        self._app = app
        self._url = url
        self._listeners: list[Listener] = []
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        self.connected = threading.Event()

    def listen(self, listener: Listener) -> None:
        """Have `listener(channel, frame)` called for each frame; frame None means resync."""
        self._listeners.append(listener)

    def start(self) -> None:
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="bus")
                self._thread.start()

    def _run(self) -> None:
        was_connected = False
        while True:
            try:
                self._follow(resync=was_connected)
            except (RedisError, OSError) as error:
                was_connected = was_connected or self.connected.is_set()
                self.connected.clear()
                log.warning("bus_disconnected", error=str(error))
                time.sleep(RECONNECT)

    def _follow(self, resync: bool) -> None:
        # Without a read timeout a half-open connection would be silent for ever: poll and ping.
        pubsub = connect(self._url, socket_timeout=30).pubsub()
        pubsub.psubscribe(PREFIX + "*")
        pubsub.get_message(timeout=TIMEOUT)
        self.connected.set()
        if resync:
            self._tell("", None)
        while True:
            message = pubsub.get_message(timeout=20)
            if message is None:
                pubsub.ping()
            elif message["type"] == "pmessage":
                channel = message["channel"].decode().removeprefix(PREFIX)
                self._tell(channel, json.loads(message["data"]))

    def _tell(self, channel: str, frame: Any) -> None:
        for listener in self._listeners:
            try:
                with self._app.app_context():
                    listener(channel, frame)
            except Exception:
                log.exception("bus_listener_failed", channel=channel)


def subscriber() -> Subscriber:
    return current_app.extensions["candor_subscriber"]


def init_app(app: Flask, url: str) -> None:
    app.extensions["candor_redis"] = connect(url)
    app.extensions["candor_subscriber"] = Subscriber(app, url)
