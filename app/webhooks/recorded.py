"""Events that endpoints name are told in batches, some seconds after they were stored.

Ingest does nothing for it. Each transaction that stores events moves the mark of their quarter of
an hour; a periodic job looks through the quarters whose mark has moved since, and writes a delivery
of what was not told yet together with the fact that it is. So whatever dies in between, an event
that was acknowledged is told, and what is sent again has the `webhook-id` it had.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import and_, delete, func, or_, select

from app.core import clock, tenancy
from app.core.batches import batched
from app.core.db import db, exclusive, reading, system
from app.sites.models import Site
from app.tracking.announcements import EventsRecorded
from app.tracking.checks import OLDEST
from app.tracking.models import BucketMark, Event
from app.tracking.models.rollup import BUCKET
from app.tracking.queries import sessions_by_id
from app.webhooks.models import Delivery, Endpoint, ToldEvents
from app.webhooks.models.delivery import payload_of
from app.webhooks.outbox import nudge

BATCH = 100  # events of one delivery
LARGEST = 256 * 1024  # bytes of one; a single event has a tenth of it at most
AT_ONCE = 1000  # events of one transaction
SLICE = 1.0  # seconds of a worker's turn: what comes in must not wait for it
SHARE = 10  # of the time that looking through a quarter may take: one in ten
MOST_DUE = 500  # quarters of a turn
LATER = 60_000  # milliseconds, after which what broke is tried again
RECENT = 4 * BUCKET  # milliseconds: where nearly all that comes belongs

log = structlog.get_logger()


class Due(NamedTuple):
    """A quarter of an hour of a site in which something may be new to an endpoint."""

    organization_id: UUID
    endpoint_id: UUID
    site_id: UUID
    bucket: int


def tell_recorded() -> None:
    """What happened within the last hour."""
    _tell(clock.milliseconds() - RECENT, clock.milliseconds() + BUCKET)


def tell_late() -> None:
    """What came later than that: pages that had no network, servers that tell of yesterday."""
    now = clock.milliseconds()
    _tell(now - OLDEST - BUCKET, now - RECENT)


def forget_told() -> None:
    """Of quarters to which nothing can come any more."""
    oldest = clock.milliseconds() - OLDEST - 2 * BUCKET
    with system() as connection:
        connection.execute(delete(ToldEvents).where(ToldEvents.bucket < oldest))


def _tell(begins: int, ends: int) -> None:
    until = time.monotonic() + SLICE
    for due in _due(begins, ends):
        with tenancy.scope(due.organization_id):
            _tell_surely(due, until)
        if time.monotonic() >= until:
            return


def _tell_surely(due: Due, until: float) -> None:
    """One that breaks holds up no other: it comes again behind them."""
    try:
        while _tell_some(due) and time.monotonic() < until:
            pass
    except Exception:
        log.exception("recorded_not_told", endpoint_id=str(due.endpoint_id), bucket=due.bucket)
        db.session.rollback()
        _put_off(due)


def _put_off(due: Due) -> None:
    exclusive(f"told_events/{due.endpoint_id}/{due.site_id}")
    quarter = ToldEvents.of(due.endpoint_id, due.site_id, due.bucket)
    if quarter is None and db.session.get(Endpoint, due.endpoint_id) is not None:
        quarter = ToldEvents.begin(due.endpoint_id, due.site_id, due.bucket)
    if quarter is not None:
        quarter.ready_at = clock.milliseconds() + LATER
        db.session.commit()


def _due(begins: int, ends: int) -> Sequence[Due]:
    """Those that were not looked at for the longest first."""
    told, mark = ToldEvents, BucketMark
    theirs = and_(
        Site.organization_id == Endpoint.organization_id,
        or_(Endpoint.site_id.is_(None), Endpoint.site_id == Site.id),
    )
    known = and_(
        told.endpoint_id == Endpoint.id, told.site_id == Site.id, told.bucket == mark.bucket
    )
    moved = and_(told.seq < mark.dirty_seq, told.ready_at <= clock.milliseconds())
    found = (
        select(Endpoint.organization_id, Endpoint.id, Site.id, mark.bucket)
        .select_from(Endpoint)
        .join(Site, theirs)
        .join(mark, mark.site_number == Site.number)
        .outerjoin(told, known)
        .where(
            Endpoint.disabled_at.is_(None),
            mark.bucket >= begins - begins % BUCKET,
            mark.bucket < ends,
            mark.bucket > Endpoint.events_since - BUCKET,
            or_(told.id.is_(None), moved),
        )
        .order_by(func.coalesce(told.ready_at, 0), mark.bucket)
        .limit(MOST_DUE)
    )
    with system() as connection:
        return [Due(*row) for row in connection.execute(found)]


def _tell_some(due: Due) -> bool:
    """One transaction of it. Whether there is more."""
    endpoint, site = db.session.get(Endpoint, due.endpoint_id), db.session.get(Site, due.site_id)
    if endpoint is None or site is None or not endpoint.event_names:
        return False
    began = time.monotonic()
    # Before the events are: what comes meanwhile moves it again.
    seq = _seq(site.number, due.bucket)
    ids = _ids(site.number, due.bucket, endpoint.event_names)
    took = int((time.monotonic() - began) * 1000)
    seen = ToldEvents.of(due.endpoint_id, due.site_id, due.bucket)
    untold = seen.untold(ids) if seen else ids
    some = untold[:AT_ONCE]
    payloads = list(_payloads(site, some))
    whole = len(untold) == len(some)
    ready_at = clock.milliseconds() + SHARE * took
    _write(due, seen.told if seen else None, some, payloads, seq=seq if whole else 0, at=ready_at)
    return not whole


def _write(
    due: Due, told: bytes | None, ids: list[UUID], payloads: list[bytes], *, seq: int, at: int
) -> None:
    """What is told, and that it is: unless somebody else has told of this quarter meanwhile."""
    exclusive(f"told_events/{due.endpoint_id}/{due.site_id}")
    endpoint = db.session.get(Endpoint, due.endpoint_id)
    quarter = ToldEvents.of(due.endpoint_id, due.site_id, due.bucket)
    if endpoint is None or endpoint.disabled_at is not None or told != (quarter and quarter.told):
        db.session.rollback()
        return
    quarter = quarter or ToldEvents.begin(due.endpoint_id, due.site_id, due.bucket)
    for payload in payloads:
        Delivery.write(endpoint, EventsRecorded.name, payload)
        nudge(endpoint)
    quarter.tell(ids, seq=seq, ready_at=at)
    db.session.commit()


def _seq(site_number: int, bucket: int) -> int:
    found = select(BucketMark.dirty_seq).filter_by(site_number=site_number, bucket=bucket)
    with reading(newest=True) as reader:
        return reader.scalar(found) or 0


def _ids(site_number: int, bucket: int, since: dict[str, Any]) -> list[UUID]:
    """The events of a quarter that are to be told, in the order in which they happened."""
    found = (
        select(Event.id, Event.name, Event.at)
        .where(
            Event.site_number == site_number,
            Event.at >= bucket,
            Event.at < bucket + BUCKET,
            Event.name.in_(list(since)),
        )
        .order_by(Event.at, Event.id)
    )
    with reading(newest=True) as reader:
        return [row.id for row in reader.execute(found) if row.at >= since[row.name]]


def _payloads(site: Site, ids: list[UUID]) -> Iterator[bytes]:
    places = {identifier: place for place, identifier in enumerate(ids)}
    for wanted in batched(ids, BATCH):
        found = select(Event).where(Event.site_number == site.number, Event.id.in_(wanted))
        with reading(newest=True) as reader:
            events = sorted(reader.scalars(found), key=lambda event: places[event.id])
            visits = sessions_by_id(reader, site.number, (each.session_id for each in events))
        if events:
            yield from _small_enough(EventsRecorded(site=site, events=events, sessions=visits))


def _small_enough(told: EventsRecorded) -> Iterator[bytes]:
    """As one payload, or halved until each has few enough bytes."""
    payload = payload_of(told.name, told.public_data())
    half = len(told.events) // 2
    if len(payload) <= LARGEST or not half:
        yield payload
        return
    for events in (told.events[:half], told.events[half:]):
        yield from _small_enough(replace(told, events=events))
