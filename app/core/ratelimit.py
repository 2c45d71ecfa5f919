"""Limits: by Redis where they must hold across processes (sign-in), in the process elsewhere."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import lru_cache
from ipaddress import ip_address

from flask import Flask, request
from flask_limiter import Limiter

from app.core.errors import ApiError
from app.core.redis_client import impatience


def address() -> str:
    """Whom a limit counts: the IPv4 address, or the /64 of an IPv6 one."""
    return counted_address(request.remote_addr or "unknown")


@lru_cache(4096)
def counted_address(text: str) -> str:
    try:
        parsed = ip_address(text)
    except ValueError:
        return text
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else ":".join(parsed.exploded.split(":")[:4]) + "::/64"
    return text


# Not swallowing Redis' errors: when it is down, sign-in is closed rather than unlimited.
limiter = Limiter(address, swallow_errors=False, default_limits=[])


class Buckets:
    """Token buckets by key in this process: `rate` a second, `burst` at once."""

    def __init__(self, rate: float, burst: int, size: int = 20_000) -> None:
        self._rate, self._burst, self._size = rate, burst, size
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, number: int = 1) -> bool:
        """Whether that many more are allowed now; then they are taken."""
        return self._take(key, number, 0)

    def charge(self, key: str, number: int = 1) -> bool:
        """Whether that many more are allowed now; they are taken in any case, on credit of at most
        a whole bucket. Whoever stays too fast is refused all the time, and not now and then."""
        return self._take(key, number, self._burst)

    def _take(self, key: str, number: int, credit: int) -> bool:
        moment = time.monotonic()
        tokens, before = self._buckets.pop(key, (float(self._burst), moment))
        tokens = min(self._burst, tokens + (moment - before) * self._rate)
        allowed = tokens >= number
        left = tokens - number if allowed or credit else tokens
        self._buckets[key] = (max(left, -credit), moment)
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        return allowed

    def reset(self) -> None:
        self._buckets.clear()

    def demand(self, key: str) -> None:
        """Raise 429 with Retry-After when nothing is left."""
        if not self.take(key):
            seconds = str(max(1, round(1 / self._rate)))
            message = "Too many requests. Please slow down."
            raise ApiError(429, "rate_limited", message, {}, {"Retry-After": seconds})


def init_app(app: Flask, redis_url: str) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = redis_url
    if redis_url.startswith("unix://"):
        app.config["RATELIMIT_STORAGE_URI"] = "redis+" + redis_url
    app.config["RATELIMIT_STORAGE_OPTIONS"] = impatience()
    app.config["RATELIMIT_HEADERS_ENABLED"] = False
    limiter.init_app(app)
    # A limited view asks by itself. Asking before every request as well, for the many that have
    # no such limit, cost a sixth of a loader's answer.
    app.before_request_funcs[None].remove(limiter._check_request_limit)
