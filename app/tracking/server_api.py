"""REST: events told by a server. The twin of what pages send, for what happens where no page is
open: a server may name its own visitor, address and time."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import current_app
from pydantic import Field, IPvAnyAddress

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core import clock
from app.core.api import LIMITED, Schema
from app.core.errors import ApiError, not_found
from app.core.ids import uuid7
from app.core.ratelimit import Buckets, counted_address
from app.sites.models import Site
from app.sites.queries import PublishedSite, published_site
from app.tracking.arrivals import Who
from app.tracking.bots import bot_reason
from app.tracking.checks import OLDEST, Sender, judge
from app.tracking.committer import Committer, Parcel
from app.tracking.devices import device_of
from app.tracking.identity import addressed_visitor, named_visitor
from app.tracking.places import NOWHERE, masked, place_of

MOST_EVENTS = 500
LATER = {"Retry-After": "2"}

blueprint = APIBlueprint("server_events_api", __name__, url_prefix="/api/v1/events", tag="Tracking")


class ValueIn(Schema):
    """`amount` in minor units: 2935 with USD is 29.35 dollars."""

    amount: int = Field(ge=-(2**53), le=2**53)
    currency: str = Field(pattern="^[A-Za-z]{3}$")


class EventIn(Schema):
    """Something a visitor did. The same `id` twice is one event.

    `id` is a UUIDv7 made within the last week; without one a new one is made, and a repeat counts
    again. `at` is milliseconds since 1970, within the last week, and now if it is missing.
    `visitor` is your own name for somebody who agreed to be known again: only a hash is kept.
    Without it, `address` and `user_agent` make the visitor of that day, as on a page, and without
    those the event has no visitor and no session. The address is looked up for the country and
    not kept. `props` holds up to 30 plain values; an event about an order carries the order's
    `external_id` as `order_id` in it."""

    id: UUID | None = None
    name: str = Field(pattern="^[a-z][a-z0-9_]{0,63}$")
    url: str = Field(min_length=1, max_length=2000)
    at: int | None = Field(None, ge=0, le=2**53)
    referrer: str | None = Field(None, max_length=2000)
    title: str | None = Field(None, max_length=1000)
    props: dict[str, str | int | float | bool | None] | None = Field(None, max_length=30)
    value: ValueIn | None = None
    campaign: UUID | None = None
    experiment: dict[str, str] | None = Field(None, max_length=20)
    visitor: str | None = Field(None, min_length=1, max_length=200)
    address: IPvAnyAddress | None = None
    user_agent: str | None = Field(None, max_length=1000)


class EventsIn(Schema):
    site_id: UUID
    events: list[EventIn] = Field(max_length=MOST_EVENTS)


class DroppedOut(Schema):
    """`reason` is one of: invalid, bot, time, properties, site."""

    id: str | None
    reason: str


class EventsOut(Schema):
    """Answered once everything accepted is stored."""

    accepted: int
    duplicates: int
    dropped: list[DroppedOut]


@blueprint.post("")
@authorized(Permission.EVENTS_WRITE)
@blueprint.input(EventsIn)
@blueprint.output(EventsOut, status_code=202)
@blueprint.doc(responses=LIMITED)
def create_events(json_data: EventsIn) -> Any:
    site = _published(get_or_404(Site, json_data.site_id).key)
    if not _rates().take(site.key, len(json_data.events)):
        message = "Too many events at once; please send them again."
        raise ApiError(429, "rate_limited", message, {}, LATER)
    return store_events(site, json_data.events)


def store_events(site: PublishedSite, events: list[EventIn]) -> EventsOut:
    """Store what a server tells. Returns after the commit."""
    committer: Committer = current_app.extensions["candor_committer"]
    parcel, dropped = Parcel([]), []
    for event in events:
        sender = _sender(site, event)
        verdict = judge(sender, _raw(event))
        if verdict.reason:
            committer.count_drop(site, verdict.reason)
            dropped.append(DroppedOut(id=verdict.id, reason=verdict.reason))
        parcel.put(verdict, sender.bot, event.user_agent or "")
    if len(parcel):
        committer.submit(parcel)
    dropped += [DroppedOut(id=str(each.id), reason="site") for each in parcel.lost]
    return EventsOut(
        accepted=len(parcel.new),
        duplicates=len(parcel.arrivals) - len(parcel.new),
        dropped=dropped,
    )


def _published(key: str) -> PublishedSite:
    site = published_site(key)
    if site is None or not site.active:
        raise not_found()
    return site


@cache
def _rates() -> Buckets:
    rate = current_app.extensions["candor_settings"].events_per_site
    return Buckets(rate=rate, burst=rate * 10)


def _raw(event: EventIn) -> dict[str, Any]:
    """As a page would send it."""
    raw = event.model_dump(mode="json", exclude={"visitor", "address", "user_agent"})
    raw = {name: value for name, value in raw.items() if value is not None}
    return {"id": str(uuid7()), **raw}


def _sender(site: PublishedSite, event: EventIn) -> Sender:
    now = clock.milliseconds()
    address = str(event.address) if event.address else None
    user_agent = event.user_agent or ""
    return Sender(
        site=site,
        now=now,
        who=_who(site, event, now),
        device=device_of(user_agent),
        place=place_of(address) if address else NOWHERE,
        language=None,
        masked_address=masked(address) if address else None,
        bot=bot_reason(user_agent) if user_agent else None,
        by_api=True,
    )


def _who(site: PublishedSite, event: EventIn, now: int) -> Who | None:
    if event.visitor:
        return named_visitor(site, event.visitor)
    at = min(event.at or now, now)
    # Who was there longer ago than an event may be needs no name, nor a salt for that day.
    if event.address is None or not event.user_agent or at < now - OLDEST:
        return None
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return addressed_visitor(site, counted_address(str(event.address)), event.user_agent, moment)
