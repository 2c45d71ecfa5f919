"""Work of a worker that waits for other people's machines: on threads, beside the jobs.

Whoever is to be waited for takes turns, by his key. One whose last turn went well may have several
at once. The others, those that failed and those that nobody knows yet, have one each and share a
part of the threads: however many of them do not answer, the rest goes on, and so do the jobs.

A turn is a nudge like a job: what it does must be found in rows again if it is lost.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import structlog
from flask import Flask

from app.core import tenancy
from app.core.jobs import worker_app

THREADS = 80
UNPROVEN = 64  # of them for those whose last turn did not go well
EACH = 4  # at once for one whose last turn did

log = structlog.get_logger()


class _Turn(NamedTuple):
    app: Flask
    organization_id: UUID
    key: UUID
    proven: bool


class Turns:
    """`take(key, proven)` is a turn, inside the application and the tenant; it says whether it went
    well, or None where there was nothing to do. It commits by itself."""

    def __init__(
        self,
        take: Callable[[UUID, bool], bool | None],
        threads: int = THREADS,
        unproven: int = UNPROVEN,
        each: int = EACH,
    ) -> None:
        self._take = take
        self._threads, self._unproven, self._each = threads, unproven, each
        self._changed = threading.Condition()
        self._waiting: dict[UUID, tuple[Flask, UUID]] = {}
        self._running: Counter[UUID] = Counter()
        self._running_unproven = 0
        self._proven: set[UUID] = set()
        self.stopping = False
        _all.append(self)

    def wake(self, organization_id: UUID, key: UUID) -> None:
        """Give `key` a turn as soon as there is a thread for it. Who waits already waits once."""
        with self._changed:
            if self.stopping:
                return
            self._waiting.setdefault(key, (worker_app(), organization_id))
            self._begin()

    def finish(self, seconds: float, *, stop: bool) -> bool:
        """Wait until no turn runs; with `stop` none begins any more. Whether it came to that."""
        with self._changed:
            self.stopping = stop
            if stop:
                self._waiting.clear()
            return self._changed.wait_for(
                lambda: not self._waiting and not self._running.total(), seconds
            )

    def _begin(self) -> None:
        for key in list(self._waiting):
            if self._has_room(key):
                app, organization_id = self._waiting.pop(key)
                turn = _Turn(app, organization_id, key, key in self._proven)
                self._running[key] += 1
                self._running_unproven += not turn.proven
                threading.Thread(target=self._run, args=(turn,), daemon=True, name="turn").start()

    def _has_room(self, key: UUID) -> bool:
        if self._running.total() >= self._threads:
            return False
        if key in self._proven:
            return self._running[key] < self._each
        return not self._running[key] and self._running_unproven < self._unproven

    def _run(self, turn: _Turn) -> None:
        went_well: bool | None = False
        try:
            with turn.app.app_context(), tenancy.scope(turn.organization_id):
                went_well = self._take(turn.key, turn.proven)
        except Exception:
            log.exception("turn_broke", key=str(turn.key))
        finally:
            self._end(turn, went_well)

    def _end(self, turn: _Turn, went_well: bool | None) -> None:
        with self._changed:
            self._running[turn.key] -= 1
            if not self._running[turn.key]:
                del self._running[turn.key]
            self._running_unproven -= not turn.proven
            if went_well:
                self._proven.add(turn.key)
            elif went_well is False:
                self._proven.discard(turn.key)
            self._begin()
            self._changed.notify_all()


_all: list[Turns] = []


def finish_all(seconds: float, *, stop: bool) -> None:
    for turns in _all:
        turns.finish(seconds, stop=stop)
