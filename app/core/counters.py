"""Numbers that are kept for a while, in Redis only and as well as that goes: while it is away they
are unknown, and what is counted then is lost."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from redis import RedisError

from app.core.bus import PREFIX, redis

log = structlog.get_logger()


def count(keys: Iterable[str], seconds: int) -> None:
    """One more of each of these. One is forgotten that many seconds after the first."""
    try:
        with redis().pipeline(transaction=False) as pipeline:
            for key in keys:
                name = f"{PREFIX}count:{key}"
                pipeline.set(name, 0, ex=seconds, nx=True).incr(name)
            pipeline.execute()
    except (RedisError, OSError) as error:
        log.warning("uncounted", error=str(error))


def counts(keys: list[str]) -> list[int] | None:
    """The numbers of these keys, in their order; None while nobody knows."""
    if not keys:
        return []
    try:
        found = redis().mget([f"{PREFIX}count:{key}" for key in keys])
    except (RedisError, OSError) as error:
        log.warning("counts_unread", error=str(error))
        return None
    return [int(number or 0) for number in found]
