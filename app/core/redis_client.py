"""How every part of the program talks to Redis: quickly or not at all."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT = 2.0  # seconds for one command: nothing on a request's path waits longer


def impatience() -> dict[str, Any]:
    """Options of a client that gives up quickly: what Redis does is never needed to keep a
    promise. Without them redis-py waits and retries for ten seconds."""
    return {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
    }


def connect(url: str, **options: Any) -> Redis:
    return Redis.from_url(url, **{**impatience(), **options})
