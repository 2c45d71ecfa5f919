"""How far something is that takes a while, for whoever waits for it: in Redis only, and unknown
while that is away."""

from __future__ import annotations

import json
from typing import Any

import structlog
from redis import RedisError

from app.core.bus import PREFIX, redis

TOLD_FOR = 3600  # seconds

log = structlog.get_logger()


def tell(key: str, said: dict[str, Any]) -> None:
    try:
        redis().set(f"{PREFIX}progress:{key}", json.dumps(said), ex=TOLD_FOR)
    except (RedisError, OSError) as error:
        log.warning("progress_untold", error=str(error))


def told(key: str) -> dict[str, Any] | None:
    """What was told last; None if nothing was, or nobody knows."""
    try:
        found = redis().get(f"{PREFIX}progress:{key}")
    except (RedisError, OSError) as error:
        log.warning("progress_unread", error=str(error))
        return None
    return json.loads(found) if found else None
