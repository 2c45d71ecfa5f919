"""What many requests ask for and few change, kept in the process until somebody says otherwise.

A change publishes the key on the bus; a time to live bounds the error when the bus is down.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from prometheus_client import Counter

V = TypeVar("V")

LOOKUPS = Counter("candor_cache_lookups_total", "Cache look-ups", ["cache", "outcome"])


class Cache(Generic[V]):
    """At most `size` values by key, each for at most `seconds`. The oldest goes first."""

    def __init__(self, name: str, *, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._values: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0
        self._uncounted = 0
        self._hits, self._misses = LOOKUPS.labels(name, "hit"), LOOKUPS.labels(name, "miss")

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The kept value, or a new one by `make()`. What `make` raises is not kept."""
        found = self._values.get(key)
        if found is not None and found[0] > time.monotonic():
            self._count_hit()
            return found[1]
        self._misses.inc()
        before = self._forgotten
        value = make()
        # What was forgotten meanwhile may be what `make` read: used once, not kept.
        if self._forgotten == before:
            self.put(key, value)
        return value

    def _count_hit(self) -> None:
        """By the hundred: the counter costs more than the look-up."""
        self._uncounted += 1
        if self._uncounted == 100:
            self._uncounted = 0
            self._hits.inc(100)

    def put(self, key: Hashable, value: V) -> None:
        with self._lock:
            self._values[key] = (time.monotonic() + self._seconds, value)
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        self._forgotten += 1
        self._values.pop(key, None)

    def clear(self) -> None:
        self._forgotten += 1
        self._values.clear()
