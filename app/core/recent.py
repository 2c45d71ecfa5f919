"""Who was there lately: sorted sets in Redis, by when each was last heard of. As with all counts
that live there alone, they are unknown while it is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from redis import RedisError

from app.core import clock
from app.core.bus import PREFIX, redis

log = structlog.get_logger()


def note(
    seen: Mapping[str, dict[str, int]], window: int, left: Mapping[str, set[str]] | None = None
) -> None:
    """For each key, members and when they were heard of, in milliseconds since 1970. Who is
    silent for `window` milliseconds is forgotten, and who `left` before that. Raises RedisError."""
    with redis().pipeline(transaction=False) as pipeline:
        for key, members in seen.items():
            name = f"{PREFIX}recent:{key}"
            gone = (left or {}).get(key)
            if gone:
                pipeline.zrem(name, *gone)
            pipeline.zadd(name, dict[Any, Any](members), gt=True)
            pipeline.zremrangebyscore(name, 0, clock.milliseconds() - window)
            pipeline.expire(name, window // 1000 + 1)
        pipeline.execute()


def forget(key: str, *members: str) -> None:
    """Who said that he leaves. Raises RedisError."""
    redis().zrem(f"{PREFIX}recent:{key}", *members)


def count(key: str, window: int) -> int | None:
    """How many were heard of within the last `window` milliseconds; None while nobody knows."""
    try:
        return redis().zcount(f"{PREFIX}recent:{key}", clock.milliseconds() - window, "+inf")
    except (RedisError, OSError) as error:
        log.warning("recent_unread", error=str(error))
        return None


def members(key: str, window: int) -> list[str]:
    """Who was heard of within the last `window` milliseconds; nobody while nobody knows."""
    try:
        name, since = f"{PREFIX}recent:{key}", clock.milliseconds() - window
        return [each.decode() for each in redis().zrangebyscore(name, since, "+inf")]
    except (RedisError, OSError) as error:
        log.warning("recent_unread", error=str(error))
        return []
