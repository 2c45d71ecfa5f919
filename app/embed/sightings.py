"""Where snippets are loaded: noted in memory while a request is answered, written by a thread.

A first sighting is written at once, further ones at most once a minute for each site and host.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from flask import Flask, current_app, request
from sqlalchemy import delete, func, select
from sqlalchemy.engine import Connection

from app.core import clock, sql
from app.core.db import system
from app.core.ids import uuid7
from app.sites.domains import host_of
from app.sites.models import Sighting, Site
from app.sites.queries import PublishedSite

EVERY = 60.0  # seconds
PAUSE = 1.0  # seconds between two writes
ROUND = 3600.0  # seconds after which a process forgets what it has noted
REMEMBERED = 50_000  # sites and hosts of a process
# Hosts kept of a site, by whether they are among its domains: anybody can name one.
MOST = {True: 100, False: 20}

log = structlog.get_logger()


class Place(NamedTuple):
    site_id: UUID
    host: str


class Seen(NamedTuple):
    organization_id: UUID
    allowed: bool
    at: datetime


class Lookout:
    """What this process has seen, and what of it is still to be written."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._noted: dict[Place, float] = {}
        self._hosts: dict[tuple[UUID, bool], int] = defaultdict(int)
        self._round_ends = 0.0
        self._waiting: dict[Place, Seen] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, site: PublishedSite, host: str) -> None:
        """Costs a look into a dictionary, but for the first of a minute."""
        place, moment = Place(site.id, host), time.monotonic()
        noted = self._noted.get(place)
        if noted is not None and moment - noted < EVERY:
            return
        allowed = site.runs_on(host)
        # Whatever somebody makes up, a domain that is named in full is always noted.
        known = noted is not None or host in site.hosts
        if not known and not self._has_room(site.id, allowed, moment):
            return
        self._noted[place] = moment
        self._waiting[place] = Seen(site.organization_id, allowed, clock.now())
        self._start()
        self._wake.set()

    def _has_room(self, site_id: UUID, allowed: bool, moment: float) -> bool:
        if moment > self._round_ends or len(self._noted) > REMEMBERED:
            self._noted.clear()
            self._hosts.clear()
            self._round_ends = moment + ROUND
        self._hosts[site_id, allowed] += 1
        return self._hosts[site_id, allowed] <= MOST[allowed]

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="sightings")
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            seen, self._waiting = self._waiting, {}
            try:
                with self._app.app_context(), system() as connection:
                    write(connection, seen)
            except Exception as error:
                log.warning("sightings_lost", error=repr(error)[:300])
                for place in seen:
                    self._noted.pop(place, None)
            time.sleep(PAUSE)


def write(connection: Connection, seen: dict[Place, Seen]) -> None:
    """In the order of the keys, so that two processes cannot wait for each other."""
    places = sorted(seen)
    known = set(
        connection.scalars(select(Site.id).where(Site.id.in_({place.site_id for place in places})))
    )
    rows = [_row(place, seen[place]) for place in places if place.site_id in known]
    if not rows:
        return
    statement = sql.insert(connection, Sighting)
    newest = {
        "allowed": statement.excluded.allowed,
        "last_seen_at": statement.excluded.last_seen_at,
    }
    unique = ["organization_id", "site_id", "host"]
    connection.execute(statement.on_conflict_do_update(index_elements=unique, set_=newest), rows)
    for site_id, allowed in {(row["site_id"], row["allowed"]) for row in rows}:
        _forget_oldest(connection, site_id, allowed)


def _row(place: Place, seen: Seen) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "organization_id": seen.organization_id,
        **place._asdict(),
        "allowed": seen.allowed,
        "first_seen_at": seen.at,
        "last_seen_at": seen.at,
    }


def _forget_oldest(connection: Connection, site_id: UUID, allowed: bool) -> None:
    table: Any = Sighting.__table__
    of_its_kind = (table.c.site_id == site_id, table.c.allowed.is_(allowed))
    newest = select(table.c.id).where(*of_its_kind).order_by(table.c.last_seen_at.desc())
    count = connection.scalar(select(func.count()).where(*of_its_kind)) or 0
    if count > MOST[allowed]:
        kept = newest.limit(MOST[allowed])
        connection.execute(delete(table).where(*of_its_kind, table.c.id.not_in(kept)))


def note(site: PublishedSite | None, host: str | None) -> None:
    if site is not None and host is not None:
        current_app.extensions["candor_lookout"].note(site, host)


def referring_host() -> str | None:
    """The host of the page that asks for the snippet, as its browser says."""
    page = request.headers.get("Referer")
    return _host_of_origin("/".join(page.split("/", 3)[:3])) if page else None


@lru_cache(4096)
def _host_of_origin(origin: str) -> str | None:
    return host_of(origin)
