"""How long the questions of analytics take, over a month of one site, and what their answers weigh:
at BENCH_EVENTS (a million) and at BENCH_TIMES (ten; 1 leaves that out) as many, on BENCH_DATABASES.

The ceiling of each is the liveness answer of the same process.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import requests
from sqlalchemy import func, select

from app.accounts.models import ApiKey
from app.accounts.queries import organization_id_of
from app.analytics.chunks import Day, read_days
from app.analytics.days import packed
from app.analytics.models import DayRollup
from app.analytics.periods import Period, local_day
from app.analytics.rollups import rebuild
from app.analytics.sums import NOBODY
from app.config import Settings
from app.core import clock, tenancy
from app.core.db import db
from app.dashboard.demo_data import EMAIL, PASSWORD, SLUG
from app.dashboard.demo_events import AT_ONCE, Month, stages
from app.sites.models import Site
from app.tracking.models import Event
from app.tracking.store import store
from app.wiring import create_app
from bench.asking import p95, signed_in, times
from bench.ingest import database
from bench.rows import row
from bench.stage import call, stage

EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
TIMES = int(os.environ.get("BENCH_TIMES", "10"))
# Milliseconds at a million events, and at ten.
TARGETS = {
    "whole dashboard": ("/o/{slug}/analytics?site={site}", 150, 300),
    "whole dashboard, two filters": (
        "/o/{slug}/analytics?site={site}&f=device:is:mobile&f=country:is_not:FR",
        300,
        1500,
    ),
    "three-step funnel": (
        "/api/v1/analytics/funnels?site_id={site}&step=page:/&step=event:cart_add&step=order",
        300,
        3000,
    ),
    # As long as a funnel, which is what it is for each campaign.
    "campaign reports": ("/o/{slug}/analytics/campaigns?site={site}", 300, 3000),
    "top pages by visitors": ("/o/{slug}/analytics/values/page?site={site}", 30, 60),
}


def analytics() -> Iterator[dict[str, Any]]:
    for kind in os.environ.get("BENCH_DATABASES", "sqlite,postgres").split(","):
        yield from _of(kind)


def _of(kind: str) -> Iterator[dict[str, Any]]:
    with database(kind) as environ, stage(**environ) as on:
        call(on.program.environ, "demo", "--events", "1")
        app = create_app(Settings.from_environment(on.program.environ))
        with app.app_context(), tenancy.scope(organization_id_of(SLUG)):  # type: ignore[arg-type]
            site = _fill()
            _key, secret = ApiKey.issue("Bench", ["analytics:read"])
            db.session.commit()
            places = {"slug": SLUG, "site": site.id}
            session = signed_in(on.program.url, EMAIL, PASSWORD)
            session.headers["Authorization"] = f"Bearer {secret}"
            yield from _added_up(kind, site)
            yield from _asked(kind, session, on.program.url, places, 0)
            if TIMES > 1:
                copy(site)
                yield from _asked(kind, session, on.program.url, places, 1)


def _added_up(kind: str, site: Site) -> Iterator[dict[str, Any]]:
    began = time.monotonic()
    rebuild(site)
    took = time.monotonic() - began
    number = db.session.scalar(select(func.count()).select_from(Event)) or 1
    weight = db.session.scalar(select(func.sum(func.length(DayRollup.data)))) or 0
    db.session.commit()
    yield row(f"{kind}: adding up {number:,} events", number / took, "events/s", at_least=10_000)
    yield row(f"{kind}: rollups, bytes an event", weight / number, "bytes", 60)


def _asked(
    kind: str, session: requests.Session, url: str, places: dict[str, Any], size: int
) -> Iterator[dict[str, Any]]:
    """`size`: 0 or 1, the place of the target."""
    floor = statistics.median(times(session, f"{url}/health/live"))
    for name, (path, *targets) in TARGETS.items():
        taken = times(session, url + path.format(**places))
        value = p95(taken)
        events = EVENTS * (TIMES if size else 1)
        name = f"{kind}, {events:,} events: {name}, p95"
        yield row(name, value, "ms", targets[size], ceiling=floor)


def _fill() -> Site:
    """EVENTS of a month on the shop."""
    shop = stages()[0]
    until = int(clock.now().timestamp() * 1000)
    for batch in Month(shop, EVENTS, until, Random(1)).batches(AT_ONCE):
        store(db.session.connection(), batch)
        db.session.commit()
    return db.session.scalars(select(Site).filter_by(number=shop.site_number)).one()


def copy(site: Site) -> None:
    """Each day as if TIMES as many had been there and done the same at the same time. Of the packed
    days alone, since no question reads the raw rows: to store and add up ten million of these takes
    most of an hour."""
    last = local_day(int(clock.now().timestamp() * 1000), ZoneInfo(site.time_zone))
    period = Period(last - timedelta(days=40), last, ZoneInfo(site.time_zone))
    for day in read_days(site, period):
        for part, data in packed(*_multiplied(day), day.words, day.begins).items():
            rows = db.session.query(DayRollup).filter_by(
                site_number=site.number, day=day.day, part=part
            )
            rows.update({"data": data})
        db.session.commit()


def _multiplied(day: Day) -> tuple[dict[str, Any], dict[str, Any]]:
    """Visits one time after the other; events in the order in which they happened."""
    visits, people = len(day.sessions["start"]), len(day.sessions["visitor_key"])
    times = np.arange(TIMES, dtype=np.uint32)
    sessions = {name: np.tile(each, TIMES) for name, each in day.sessions.items()}
    moved = sessions["visitor"] + np.repeat(times * people, visits)
    sessions["visitor"] = np.where(sessions["visitor"] == NOBODY, NOBODY, moved).astype(np.uint32)
    sessions["visitor_key"] += np.repeat(times, people)
    events = {name: np.repeat(each, TIMES) for name, each in day.events.items()}
    events["session"] += np.tile(times * visits, len(day.events["session"]))
    for name in ("property_event", "campaign_event", "earning_event"):
        events[name] = events[name] * TIMES + np.tile(times, len(day.events[name]))
    return sessions, events
