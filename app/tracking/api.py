"""REST: events, what was refused of them, and what is happening now."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from app.accounts.access import authorized, current_key, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Schema
from app.sites.models import Site
from app.tracking.checks import NAME, REASONS
from app.tracking.live_queries import live_of
from app.tracking.models import Event
from app.tracking.queries import drops_of, events_of, moment

blueprint = APIBlueprint("events_api", __name__, url_prefix="/api/v1", tag="Tracking")


class ValueOut(Schema):
    """`amount` in minor units: 2935 with USD is 29.35 dollars."""

    amount: int
    currency: str

    @classmethod
    def of(cls, row: Event) -> ValueOut:
        return cls.model_validate({"amount": row.amount, "currency": row.currency})


class EventOut(Schema):
    """Something a visitor did. `session_id` is null for a visitor who asked not to be followed.
    `by_api`: told by a server with an API key, not by a browser. `props` are empty for a key
    without the scope activities:read: anything may stand there, such as an order's number."""

    id: UUID
    name: str
    url: str
    title: str | None
    referrer: str | None
    session_id: UUID | None
    at: datetime
    props: dict[str, Any]
    value: ValueOut | None
    campaign: UUID | None
    by_api: bool

    @classmethod
    def of(cls, row: Event) -> EventOut:
        told = row.amount is not None and row.currency is not None
        return cls(
            id=row.id,
            name=row.name,
            url=row.url,
            title=row.title,
            referrer=row.referrer,
            session_id=row.session_id,
            at=moment(row.at),
            props=(row.props or {}) if current_key.may(Permission.ACTIVITIES_READ) else {},
            value=ValueOut.of(row) if told else None,
            campaign=row.campaign_id,
            by_api=row.by_api,
        )


class Events(Schema):
    """Newest first by id. `next_cursor` is null on the last page."""

    data: list[EventOut]
    next_cursor: str | None


class EventsQuery(ListQuery):
    """`?name=` only events that are called so."""

    site_id: UUID
    name: str | None = Field(None, pattern=f"^{NAME.pattern}$")


class SiteQuery(BaseModel):
    site_id: UUID


class DropsQuery(SiteQuery):
    """`?days=` 1 to 90, default 1: the last 24 hours."""

    days: int = Field(1, ge=1, le=90)


class DropOut(Schema):
    """How many events were refused for a reason, and what that means."""

    reason: str
    count: int
    meaning: str


class DropsOut(Schema):
    data: list[DropOut]
    total: int
    days: int


class CountedOut(Schema):
    label: str
    visitors: int


class LiveVisitors(Schema):
    """`visitors` were heard of within five minutes; the lists count them, most first. `events` are
    the newest."""

    visitors: int
    as_of: datetime
    pages: list[CountedOut]
    countries: list[CountedOut]
    devices: list[CountedOut]
    sources: list[CountedOut]
    events: list[EventOut]


@blueprint.get("/events")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(EventsQuery, location="query")
@blueprint.output(Events)
def list_events(query_data: EventsQuery) -> Any:
    site = get_or_404(Site, query_data.site_id)
    rows, cursor = events_of(site.number, query_data, query_data.name)
    return Events(data=[EventOut.of(row) for row in rows], next_cursor=cursor)


@blueprint.get("/events/drops")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(DropsQuery, location="query")
@blueprint.output(DropsOut)
def list_drops(query_data: DropsQuery) -> Any:
    drops = drops_of(get_or_404(Site, query_data.site_id).number, query_data.days)
    counted = [
        DropOut(
            reason=reason, count=count, meaning=REASONS[reason].meaning if reason in REASONS else ""
        )
        for reason, count in drops.by_reason.items()
    ]
    return DropsOut(data=counted, total=drops.total, days=drops.days)


@blueprint.get("/analytics/live-visitors")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(SiteQuery, location="query")
@blueprint.output(LiveVisitors)
def live_visitors(query_data: SiteQuery) -> Any:
    live = live_of(get_or_404(Site, query_data.site_id).number)
    return LiveVisitors(
        visitors=live.visitors,
        as_of=live.as_of,
        pages=[CountedOut.of(each) for each in live.pages],
        countries=[CountedOut.of(each) for each in live.countries],
        devices=[CountedOut.of(each) for each in live.devices],
        sources=[CountedOut.of(each) for each in live.sources],
        events=[EventOut.of(each) for each in live.events],
    )
