"""How long the questions of analytics take, over a month of one site, and what their answers weigh:
at BENCH_EVENTS (a million) and at BENCH_TIMES (ten; 1 leaves that out) as many, on BENCH_DATABASES.

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
from sqlalchemy import func, select, text

from app.accounts.models import ApiKey
from app.accounts.queries import organization_id_of
from app.analytics.models import DayRollup
from app.analytics.rollups import rebuild
from app.config import Settings
from app.core import clock, tenancy
from app.core.db import db
from app.core.sql import take_time
from app.dashboard.demo_data import EMAIL, PASSWORD, SLUG
from app.dashboard.demo_events import AT_ONCE, Month, stages
from app.sites.models import Site
from app.tracking.models import Event, Session
from app.tracking.store import store
from app.wiring import create_app
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
    "top pages by visitors": ("/o/{slug}/analytics/values/page?site={site}", 30, 60),
}
ASKED = 60


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
            session = _signed_in(on.program.url)
            session.headers["Authorization"] = f"Bearer {secret}"
            yield from _added_up(kind, site)
            yield from _asked(kind, session, on.program.url, places, 0)
            if TIMES > 1:
                copy(kind, site)
                yield from _added_up(kind, site)
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
    floor = statistics.median(_times(session, f"{url}/health/live"))
    for name, (path, *targets) in TARGETS.items():
        taken = _times(session, url + path.format(**places))
        value = taken[int(len(taken) * 0.95)]
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


# What is text of an id or of bytes, and back.
CASTS = {
    "sqlite": ("hex({})", "unhex({})", "hex({})", "unhex({})"),
    "postgres": (
        "replace(cast({} as text), '-', '')",
        "cast({} as uuid)",
        "encode({}, 'hex')",
        "decode({}, 'hex')",
    ),
}
VERSIONS = "89abcdef1"  # of an id, in place of 7: copies of one are told apart by it


def copy(kind: str, site: Site) -> None:
    """All visits of a site, TIMES as often, by others at the same time: in minutes, where the event
    store would take an hour. An order stays one."""
    from_id, to_id, from_bytes, to_bytes = CASTS[kind]
    for number, version in enumerate(VERSIONS[: TIMES - 1], 1):
        if kind == "sqlite":  # which has it since 3.41
            driver: Any = db.session.connection().connection.dbapi_connection
            driver.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        for model, renamed in ((Session, ("id",)), (Event, ("id", "session_id"))):
            table: Any = model.__table__
            values = {each.name: each.name for each in table.columns}
            for name in renamed:
                text_of = from_id.format(name)
                digits = f"substr({text_of}, 1, 12) || '{version}' || substr({text_of}, 14)"
                values[name] = f"CASE WHEN {name} IS NULL THEN NULL ELSE {to_id.format(digits)} END"
            if "visitor" in values:
                digits = from_bytes.format("visitor")
                turned = f"substr({digits}, {number + 1}) || substr({digits}, 1, {number})"
                values["visitor"] = to_bytes.format(turned)
            if "order_id" in values:
                values["order_id"] = "NULL"
            own = f"substr({from_id.format('id')}, 13, 1) = '7'"
            take_time(db.session())
            db.session.execute(
                text(
                    f"INSERT INTO {table.name} ({', '.join(values)})"  # noqa: S608
                    f" SELECT {', '.join(values.values())} FROM {table.name}"
                    f" WHERE site_number = :site AND {own}"
                ),
                {"site": site.number},
            )
        db.session.commit()


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
