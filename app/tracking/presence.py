"""Who is on a site now: a sorted set of visitors in Redis for each site, by when they were last
heard of. Told after the commit by a thread of its own: nothing that is acknowledged waits for it.

While Redis is away the sessions of the database say the same, a little slower.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict

import structlog
from flask import Flask
from sqlalchemy import func, select

from app.core import bus, clock, recent
from app.core.db import reading
from app.tracking.arrivals import Arrival, Who
from app.tracking.models import Session

WINDOW = 5 * 60 * 1000  # milliseconds for which a visitor is there after his last event
PAUSE = 0.5  # seconds between two tellings
CHANNEL = "live:"

log = structlog.get_logger()


class Presence:
    """Listens to what a process stores."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._seen: dict[int, dict[str, int]] = defaultdict(dict)
        # Names that visitors had until now.
        self._left: dict[int, set[str]] = defaultdict(set)
        self._changed: set[int] = set()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, arrivals: list[Arrival]) -> None:
        for each in arrivals:
            self._changed.add(each.site_number)
            if each.who is not None:
                self._see(each.site_number, each.who, each.at)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="presence")
            self._thread.start()
        self._wake.set()

    def _see(self, site_number: int, who: Who, at: int) -> None:
        """With a new name he is one visitor still."""
        visitors, visitor = self._seen[site_number], who.visitor.hex()
        visitors[visitor] = max(at, visitors.get(visitor, 0))
        for name in who.before:
            visitors.pop(name.hex(), None)
            self._left[site_number].add(name.hex())

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            seen, self._seen = self._seen, defaultdict(dict)
            left, self._left = self._left, defaultdict(set)
            changed, self._changed = self._changed, set()
            try:
                with self._app.app_context():
                    _tell(seen, left, changed)
            except Exception as error:
                log.warning("presence_untold", error=str(error))
            time.sleep(PAUSE)


def _tell(seen: dict[int, dict[str, int]], left: dict[int, set[str]], changed: set[int]) -> None:
    gone = {_key(number): names for number, names in left.items()}
    recent.note({_key(number): visitors for number, visitors in seen.items()}, WINDOW, gone)
    for number in changed:
        bus.publish(f"{CHANNEL}{number}", {"type": "live"})


def visitors_now(site_number: int) -> int:
    """How many different visitors of the site were heard of within five minutes. Under a scope."""
    known = recent.count(_key(site_number), WINDOW)
    return _stored_visitors(site_number) if known is None else known


def _stored_visitors(site_number: int) -> int:
    since = clock.milliseconds() - WINDOW
    found = select(func.count(Session.visitor.distinct())).where(
        Session.site_number == site_number, Session.last_at > since
    )
    with reading(newest=True) as session:
        return session.scalar(found) or 0


def _key(site_number: int) -> str:
    return f"visitors:{site_number}"
