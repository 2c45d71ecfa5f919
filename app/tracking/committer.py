"""One writer for all requests of a process: it stores everything that waits in one transaction and
only then wakes the requests, so what is acknowledged is stored."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from flask import Flask
from sqlalchemy import select

from app.core import tenancy
from app.core.db import db, unavailable
from app.core.errors import ApiError
from app.core.metrics import EVENTS, EVENTS_BATCH, EVENTS_WAITING
from app.core.sql import ManyRows
from app.sites.models import Site
from app.sites.queries import PublishedSite
from app.tracking.arrivals import Arrival, Key, key_of
from app.tracking.checks import Verdict
from app.tracking.devices import legible
from app.tracking.models import Drop, Quarantined
from app.tracking.models.event import HOUR
from app.tracking.store import store

MOST_WAITING = 5000  # events of this process
MOST_AT_ONCE = 1000  # events in one transaction
GATHER = 0.001  # seconds: what arrives meanwhile shares the commit
PATIENCE = 15.0  # seconds that a request waits for its events to be stored
DROPS_EVERY = 1.0  # seconds between two writes of nothing but counts
RETRY_AFTER = "2"  # seconds

log = structlog.get_logger()


@dataclass(frozen=True)
class Suspect:
    """An event of a bot."""

    arrival: Arrival
    reason: str
    user_agent: str


@dataclass(eq=False)
class Parcel:
    """What one request brings, and what became of it."""

    arrivals: list[Arrival]
    suspects: list[Suspect] = field(default_factory=list)
    new: set[Key] = field(default_factory=set)
    # Those whose site was deleted while they waited.
    lost: list[Arrival] = field(default_factory=list)
    sessions: dict[Key, UUID] = field(default_factory=dict)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def __len__(self) -> int:
        return len(self.arrivals) + len(self.suspects)

    def put(self, verdict: Verdict, bot: str | None, user_agent: str) -> None:
        """What is to be stored of a judged event: it, or that a bot did it, or nothing."""
        if verdict.arrival is None:
            return
        if verdict.reason is None:
            self.arrivals.append(verdict.arrival)
        else:
            self.suspects.append(Suspect(verdict.arrival, bot or "", legible(user_agent)))


Stored = Callable[[list[Arrival]], None]
DropKey = tuple[UUID, int, int, str]  # organization, site number, hour, reason


class Committer:
    """The queue of a process and the thread that empties it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._waiting: list[Parcel] = []
        self._count = 0
        self._drops: dict[DropKey, int] = defaultdict(int)
        self._drops_written = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Stored] = []

    def listen(self, listener: Stored) -> None:
        """Have `listener(new events)` called after each commit. It must not wait for anything."""
        self._listeners.append(listener)

    def submit(self, parcel: Parcel) -> None:
        """Return when everything in the parcel is stored.

        Raises ApiError 503 when there is no room, and whatever storing raised.
        """
        if self._count + len(parcel) > MOST_WAITING:
            raise _busy()
        self._waiting.append(parcel)
        self._count += len(parcel)
        self._start()
        self._wake.set()
        if not parcel.done.wait(PATIENCE):
            message = "This takes too long; please send it again with the same ids."
            raise ApiError(503, "busy", message, {}, {"Retry-After": RETRY_AFTER})
        if parcel.error is not None:
            raise parcel.error

    def count_drop(self, site: PublishedSite, reason: str, number: int = 1) -> None:
        """Have a drop counted within about a second."""
        hour = int(time.time()) // HOUR * HOUR
        self._drops[site.organization_id, site.number, hour, reason] += number
        self._start()
        self._wake.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="committer")
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(GATHER)
            self._wake.clear()
            try:
                with self._app.app_context():
                    while self._waiting:
                        self._commit_parcels(self._take())
                    self._commit_drops()
            except Exception:
                # The only writer of this process must not die.
                log.exception("committer_fault")

    def _take(self) -> list[Parcel]:
        taken: list[Parcel] = []
        count = 0
        for parcel in self._waiting:
            if taken and count + len(parcel) > MOST_AT_ONCE:
                break
            taken.append(parcel)
            count += len(parcel)
        del self._waiting[: len(taken)]
        self._count -= count
        EVENTS_WAITING.set(self._count)
        return taken

    def _commit_parcels(self, parcels: list[Parcel]) -> None:
        drops = self._take_drops()
        try:
            fresh = _commit(parcels, drops)
        except Exception as error:
            self._commit_apart(parcels, error)
            # Where storage is away, to try it at once for the counts only keeps events waiting.
            if unavailable(error):
                self._keep_drops(drops)
            else:
                self._store_drops(drops)
        else:
            self._finish(parcels, fresh)

    def _commit_apart(self, parcels: list[Parcel], error: Exception) -> None:
        """One by one, so that what cannot be stored takes nothing else with it."""
        if unavailable(error):
            log.warning("events_not_stored", error=repr(error)[:300])
            for parcel in parcels:
                parcel.error = error
                parcel.done.set()
            return
        for parcel in parcels:
            try:
                _without_lost_sites(parcel)
                fresh = _commit([parcel], {})
            except Exception as own:
                log.warning("events_not_stored", error=repr(own)[:300])
                parcel.error = own
                parcel.done.set()
            else:
                self._finish([parcel], fresh)

    def _finish(self, parcels: list[Parcel], fresh: list[Arrival]) -> None:
        for parcel in parcels:
            parcel.done.set()
        EVENTS.inc(len(fresh))
        EVENTS_BATCH.observe(len(fresh))
        for listener in self._listeners:
            try:
                listener(fresh)
            except Exception:
                log.exception("stored_listener_failed")

    def _take_drops(self) -> dict[DropKey, int]:
        taken, self._drops = self._drops, defaultdict(int)
        self._drops_written = time.monotonic()
        return taken

    def _commit_drops(self) -> None:
        """Once a second, however many there are. Events do not wait for it, and take them along."""
        if not self._drops:
            return
        due = self._drops_written + DROPS_EVERY - time.monotonic()
        if due > 0 and self._wake.wait(due):
            return
        self._store_drops(self._take_drops())

    def _store_drops(self, drops: dict[DropKey, int]) -> None:
        if not drops:
            return
        try:
            _commit([], drops)
        except Exception as error:
            log.warning("drops_not_counted", error=repr(error)[:300])
            # Those of a site that was deleted meanwhile cannot be stored at all.
            if unavailable(error):
                self._keep_drops(drops)

    def _keep_drops(self, drops: dict[DropKey, int]) -> None:
        for key, number in drops.items():
            self._drops[key] += number


def _busy() -> ApiError:
    message = "Too much at once. Nothing was stored; please send it again."
    return ApiError(503, "busy", message, {}, {"Retry-After": RETRY_AFTER})


def _commit(parcels: Sequence[Parcel], drops: dict[DropKey, int]) -> list[Arrival]:
    """One transaction, under all organizations whose rows are in it. Answers what is new."""
    arrivals = [each for parcel in parcels for each in parcel.arrivals]
    suspects = [each for parcel in parcels for each in parcel.suspects]
    owners = {each.organization_id for each in arrivals}
    owners |= {each.arrival.organization_id for each in suspects} | {key[0] for key in drops}
    with tenancy.transaction(*owners) as connection:
        stored = store(connection, arrivals)
        QUARANTINED.write(connection, _suspect_rows(suspects))
        DROPS.write(connection, _drop_rows(drops))
    unclaimed = set(stored.new)
    fresh = []
    for parcel in parcels:
        for each in parcel.arrivals:
            key = key_of(each)
            if key in stored.sessions:
                parcel.sessions[key] = stored.sessions[key]
            if key in unclaimed:
                unclaimed.remove(key)
                parcel.new.add(key)
                fresh.append(each)
    return fresh


def _without_lost_sites(parcel: Parcel) -> None:
    """A site may have been deleted since its events were looked at."""
    owners = {each.organization_id for each in parcel.arrivals}
    owners |= {each.arrival.organization_id for each in parcel.suspects}
    with tenancy.scope(*owners):
        there = set(db.session.scalars(select(Site.number)))
    parcel.lost = [each for each in parcel.arrivals if each.site_number not in there]
    parcel.arrivals = [each for each in parcel.arrivals if each.site_number in there]
    parcel.suspects = [each for each in parcel.suspects if each.arrival.site_number in there]


QUARANTINED = ManyRows(
    Quarantined.__table__,
    ("organization_id", "site_number", "id", "at", "reason", "user_agent", "record"),
    lambda insert: insert.on_conflict_do_nothing(index_elements=["site_number", "id"]),
)


def _suspect_rows(suspects: list[Suspect]) -> list[tuple[Any, ...]]:
    rows = {
        (each.arrival.site_number, each.arrival.id): (
            each.arrival.organization_id,
            each.arrival.site_number,
            each.arrival.id,
            each.arrival.at,
            each.reason,
            each.user_agent,
            _record(each.arrival),
        )
        for each in suspects
    }
    return [rows[key] for key in sorted(rows)]


def _record(arrival: Arrival) -> dict[str, Any]:
    """All of an event but whose it is and when, which columns say; empty ones are left out."""
    event = {name: getattr(arrival, name) for name in RECORDED}
    event |= arrival.circumstances._asdict()
    event["campaign_id"] = str(arrival.campaign_id) if arrival.campaign_id else None
    event["visitor"] = arrival.who.visitor.hex() if arrival.who else None
    event["person"] = True if arrival.who and arrival.who.person else None
    event["by_api"] = arrival.by_api or None
    return {name: value for name, value in event.items() if value is not None}


RECORDED = ("name", "url", "title", "props", "amount", "currency", "experiments")

DROPS = ManyRows(
    Drop.__table__,
    ("organization_id", "site_number", "hour", "reason", "count"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["site_number", "hour", "reason"],
        set_={"count": Drop.__table__.c.count + insert.excluded.count},
    ),
)


def _drop_rows(drops: dict[DropKey, int]) -> list[tuple[Any, ...]]:
    return [(*key, drops[key]) for key in sorted(drops, key=lambda each: each[1:])]
