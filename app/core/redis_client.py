"""How every part of the program talks to Redis: quickly or not at all."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT = 2.0  # seconds for one command: nothing on a request's path waits longer


def connect(url: str, **options: Any) -> Redis:
    """A client that gives up quickly: what Redis does is never needed to keep a promise."""
    timeouts = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    return Redis.from_url(url, **{**timeouts, **options}, retry=Retry(NoBackoff(), 0))
