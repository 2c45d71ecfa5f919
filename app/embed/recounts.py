"""Numbers on open pages follow what happened: counted anew here, once a second at most."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from flask import Flask

from app.embed import published
from app.embed.hub import Hub
from app.embed.summaries import counted_summaries, counted_types
from app.sites.queries import PublishedSite

CHANNEL = "counts:"
PAUSE = 1.0  # seconds between two counts for one site
AGAIN = 5.0  # seconds until a count that failed is tried again

log = structlog.get_logger()


@dataclass
class Due:
    """What has changed at a site since its numbers were last told."""

    key: str
    cursor: int = 0
    types: set[str] = field(default_factory=set)

    def add(self, frame: dict[str, Any]) -> None:
        self.cursor = max(self.cursor, frame["cursor"] or 0)
        self.types.add(frame["counted"])


class Recounts:
    """For the sites that have pages open in this process: a change is told at once, those that
    follow it within a second are told together, and the last one always is."""

    def __init__(self, app: Flask, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._lock = threading.Lock()
        self._due: dict[str, Due] = {}
        self._busy: set[str] = set()

    def hear(self, channel: str, frame: dict[str, Any] | None) -> None:
        """Bus listener. After a gap pages read again by themselves."""
        site_id = channel.removeprefix(CHANNEL)
        if frame is None or site_id == channel or not self._hub.has_pages(site_id):
            return
        with self._lock:
            self._due.setdefault(site_id, Due(frame["key"])).add(frame)
            if site_id in self._busy:
                return
            self._busy.add(site_id)
        threading.Thread(target=self._follow, args=(site_id,), daemon=True).start()

    def _follow(self, site_id: str) -> None:
        while (due := self._next(site_id)) is not None:
            try:
                with self._app.app_context():
                    self._tell(site_id, due)
                time.sleep(PAUSE)
            except Exception:
                log.exception("recount_failed")
                self._put_back(site_id, due)
                time.sleep(AGAIN)

    def _next(self, site_id: str) -> Due | None:
        """What is due; None when there is nothing, or nobody to tell, and this thread ends."""
        with self._lock:
            due = self._due.pop(site_id, None)
            if due is None or not self._hub.has_pages(site_id):
                self._busy.discard(site_id)
                return None
            return due

    def _put_back(self, site_id: str, due: Due) -> None:
        with self._lock:
            later = self._due.setdefault(site_id, due)
            later.cursor = max(later.cursor, due.cursor)
            later.types |= due.types

    def _tell(self, site_id: str, due: Due) -> None:
        site = published.served(due.key).site
        concerned = _concerned(site, due.types) if site and site.active else set()
        if site is None or not concerned:
            return
        for campaign, summary in counted_summaries(site).items():
            if campaign in concerned:
                data = summary or {"campaign": campaign, "message": None}
                frame = {"type": "summary", "cursor": due.cursor, "data": data}
                self._hub.tell(site_id, frame)


def _concerned(site: PublishedSite, types: set[str]) -> set[str]:
    """The campaigns whose numbers are made of any of these types."""
    return {each["id"] for each in site.content["campaigns"] if counted_types(each) & types}
