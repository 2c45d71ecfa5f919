"""How long the questions of analytics take, over a month of one site, and what their answers weigh.

The ceiling of each is the liveness answer of the same process.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import requests
from sqlalchemy import func, select

from app.accounts.models import ApiKey
from app.accounts.queries import organization_id_of
from app.analytics.models import DayRollup
from app.analytics.rollups import rebuild
from app.config import Settings
from app.core import clock, tenancy
from app.core.db import db
from app.dashboard.demo_data import EMAIL, PASSWORD, SLUG
from app.dashboard.demo_events import AT_ONCE, Month, stages
from app.sites.models import Site
from app.tracking.models import Event
from app.tracking.store import store
from app.wiring import create_app
from bench.ingest import database
from bench.rows import row
from bench.stage import call, stage

EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
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
    "top pages by visitors": ("/o/{slug}/analytics/values/page?site={site}", 30, 60),
}
ASKED = 20


def analytics() -> Iterator[dict[str, Any]]:
    for kind in os.environ.get("BENCH_DATABASES", "sqlite,postgres").split(","):
        yield from _of(kind)


def _of(kind: str) -> Iterator[dict[str, Any]]:
    with database(kind) as environ, stage(**environ) as on:
        call(on.program.environ, "demo", "--events", "1")
        app = create_app(Settings.from_environment(on.program.environ))
        with app.app_context(), tenancy.scope(organization_id_of(SLUG)):  # type: ignore[arg-type]
            site = _fill()
            began = time.monotonic()
            rebuild(site)
            took = time.monotonic() - began
            number = db.session.scalar(select(func.count()).select_from(Event)) or 1
            weight = db.session.scalar(select(func.sum(func.length(DayRollup.data)))) or 0
            _key, secret = ApiKey.issue("Bench", ["analytics:read"])
            db.session.commit()
            places = {"slug": SLUG, "site": site.id}
        yield row(
            f"{kind}: adding up {number:,} events", number / took, "events/s", at_least=10_000
        )
        yield row(f"{kind}: rollups, bytes an event", weight / number, "bytes", 60)
        session = _signed_in(on.program.url)
        session.headers["Authorization"] = f"Bearer {secret}"
        floor = statistics.median(_times(session, f"{on.program.url}/health/live"))
        for name, (path, small, large) in TARGETS.items():
            taken = _times(session, on.program.url + path.format(**places))
            target = small if number < 5_000_000 else large
            value = taken[int(len(taken) * 0.95)]
            yield row(f"{kind}, {number:,} events: {name}, p95", value, "ms", target, ceiling=floor)


def _fill() -> Site:
    """EVENTS of a month on the shop."""
    shop = stages()[0]
    until = int(clock.now().timestamp() * 1000)
    for batch in Month(shop, EVENTS, until, Random(1)).batches(AT_ONCE):
        store(db.session.connection(), batch)
        db.session.commit()
    return db.session.scalars(select(Site).filter_by(number=shop.site_number)).one()


def _signed_in(url: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/sign-in", timeout=5).text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}
    session.post(f"{url}/sign-in", data=form, timeout=5).raise_for_status()
    return session


def _times(session: requests.Session, address: str) -> list[float]:
    """Milliseconds, sorted; the first answers warm the caches up."""
    taken = []
    for _ in range(ASKED + 2):
        started = time.perf_counter()
        answer = session.get(address, timeout=60)
        taken.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (address, answer.status_code, answer.text[-300:])
    return sorted(taken[2:])
