"""How far long work is, for the page that waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from redis import RedisError

from app.core import bus
from app.core.tenancy import current_organization_id

TOLD_FOR = 3600  # seconds


class Progress:
    """Of the organization in scope, by an id that the page chose; None: nobody waits. Kept in Redis
    for an hour; what cannot be told there is not told."""

    def __init__(self, identifier: UUID | None) -> None:
        self._key = _key(identifier) if identifier else None
        self._total = self._done = 0

    @classmethod
    def of(cls, identifier: UUID) -> dict[str, Any] | None:
        with suppress(RedisError):
            told = bus.redis().get(_key(identifier))
            return json.loads(told) if told else None
        return None

    def expect(self, total: int) -> None:
        self._total = total
        self._tell()

    def passed(self, number: int) -> None:
        self._done += number
        self._tell()

    def until_end(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield from pieces
        self._tell(ended=True, whole=True)

    def stop(self) -> None:
        """It ended before all was done."""
        self._tell(ended=True)

    def _tell(self, ended: bool = False, whole: bool = False) -> None:
        if self._key is not None:
            said = {"done": self._done, "total": self._total, "ended": ended, "whole": whole}
            with suppress(RedisError):
                bus.redis().set(self._key, json.dumps(said), ex=TOLD_FOR)


def _key(identifier: UUID) -> str:
    return f"candor:progress:{current_organization_id()}:{identifier}"
