"""How many visitors a site has now: told with each reading, and to open pages when it changes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import func, select

from app.core import clock, tenancy
from app.core.db import reading
from app.embed import published
from app.embed.hub import Hub
from app.embed.summaries import live_summaries
from app.proof.models import Activity
from app.sites.queries import PublishedSite
from app.tracking.presence import visitors_now

EVERY = 5.0  # seconds between two looks
LATELY = timedelta(hours=1)

log = structlog.get_logger()


def current_visitors(site: PublishedSite) -> int:
    with tenancy.scope(site.organization_id):
        return visitors_now(site.number)


def recent_activity(site: PublishedSite) -> int:
    """Activities of the last hour that were not taken back."""
    found = select(func.count(Activity.id)).where(
        Activity.site_id == site.id,
        Activity.occurred_at > clock.now() - LATELY,
        Activity.retracted_at.is_(None),
    )
    with tenancy.scope(site.organization_id), reading(newest=True) as session:
        return session.scalar(found) or 0


@dataclass
class Told:
    """What the open pages of a site know."""

    key: str
    visitors: int


class VisitorCounts:
    """Looks at the sites that have pages open in this process: a number falls also when nothing
    happens, since visitors leave without a word."""

    def __init__(self, app: Flask, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._sites: dict[str, Told] = {}
        self._thread: threading.Thread | None = None

    def follow(self, site: PublishedSite) -> None:
        """From its first open page on. What the number is now, a page reads by itself."""
        if site.id.hex not in self._sites:
            self._sites[site.id.hex] = Told(site.key, current_visitors(site))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="visitors")
            self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY)
            for site_id, told in list(self._sites.items()):
                try:
                    with self._app.app_context():
                        self._look(site_id, told)
                except Exception:
                    log.exception("visitors_untold")

    def _look(self, site_id: str, told: Told) -> None:
        site = published.served(told.key).site
        if site is None or not site.active or not self._hub.has_pages(site_id):
            del self._sites[site_id]
            return
        visitors = current_visitors(site)
        if visitors == told.visitors:
            return
        told.visitors = visitors
        self._hub.tell(site_id, _visitor_count(site, visitors))
        for campaign, summary in live_summaries(site).items():
            data = summary or {"campaign": campaign, "message": None}
            self._hub.tell(site_id, {"type": "summary", "data": data})


def _visitor_count(site: PublishedSite, visitors: int) -> dict[str, Any]:
    data = {"current_visitors": visitors, "recent_activity": recent_activity(site)}
    return {"type": "visitor_count", "data": data}
