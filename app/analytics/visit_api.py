"""REST: the visits of a site one by one, and what happened in one of them."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.analytics.days import value_word, values_of
from app.analytics.schemas import Asked, QuestionQuery
from app.analytics.visit_list import Place, list_visits
from app.core.api import ListQuery, Schema
from app.core.errors import ApiError, not_found
from app.sites.models import Site
from app.tracking.api import EventOut, SiteQuery
from app.tracking.models import Session
from app.tracking.queries import events_of_session, moment, session_of

MOMENT = 8  # bytes of a cursor, before the id's

blueprint = APIBlueprint("visits_api", __name__, url_prefix="/api/v1/analytics", tag="Analytics")


class SessionsQuery(QuestionQuery, ListQuery):
    pass


class SessionOut(Schema):
    """One visit. `duration` in milliseconds from its first event to its last, `events` of every
    name, page views among them. `bounced`: it saw one page at most. `recognised`: the visitor
    agreed to be known again. All else are the values of the breakdown's dimensions, by which
    filters know them, and "" for what is not known: a page without host and query, `referrer` the
    host that led here, a region or city with its country."""

    id: UUID
    started_at: datetime
    last_at: datetime
    duration: int
    page_views: int
    events: int
    bounced: bool
    recognised: bool
    entry_page: str
    exit_page: str
    channel: str
    referrer: str
    utm_source: str
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str
    country: str
    region: str
    city: str
    device: str
    browser: str
    system: str
    language: str

    @classmethod
    def of(cls, row: Session) -> SessionOut:
        return cls.model_validate(cls.said(row))

    @classmethod
    def said(cls, row: Session) -> dict[str, Any]:
        return {
            "id": row.id,
            "started_at": moment(row.started_at),
            "last_at": moment(row.last_at),
            "duration": row.last_at - row.started_at,
            "page_views": row.page_views,
            "events": row.events,
            "bounced": row.page_views <= 1,
            "recognised": row.person,
            **{name: value_word(value) for name, value in values_of(row).items()},
        }


class SessionsOut(Asked):
    """Visits that began in the period and match the filters, the newest first; `total` in all.
    `next_cursor` is null on the last page."""

    data: list[SessionOut]
    total: int
    next_cursor: str | None


class SessionTimeline(SessionOut):
    """`timeline`: its first 500 events, in the order in which they happened."""

    timeline: list[EventOut]


@blueprint.get("/sessions")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(SessionsQuery, location="query")
@blueprint.output(SessionsOut)
def list_sessions(query_data: SessionsQuery) -> Any:
    """Visits as they are added up: the newest are there after `as_of`. Those that reached a goal
    are asked for with `f=goal:is:<its name>`."""
    question = query_data.question()
    found = list_visits(
        question.site,
        question.period,
        question.filters,
        limit=query_data.limit,
        after=_place(query_data.cursor) if query_data.cursor else None,
    )
    return SessionsOut(
        **Asked.said(question),
        data=[SessionOut.of(each) for each in found.sessions],
        total=found.total,
        next_cursor=_cursor(found.last) if found.last else None,
    )


@blueprint.get("/sessions/<uuid:session_id>")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(SiteQuery, location="query")
@blueprint.output(SessionTimeline)
def get_session(session_id: UUID, query_data: SiteQuery) -> Any:
    """As it is stored at this moment, also one that is still going on."""
    site = get_or_404(Site, query_data.site_id)
    session = session_of(site.number, session_id)
    if session is None:
        raise not_found()
    events = events_of_session(site.number, session_id)
    timeline = [EventOut.of(each) for each in events]
    return SessionTimeline(**SessionOut.said(session), timeline=timeline)


def _cursor(place: Place) -> str:
    packed = place.began.to_bytes(MOMENT, "big") + place.id.bytes
    return base64.urlsafe_b64encode(packed).decode()


def _place(cursor: str) -> Place:
    """Raises 400 for a cursor that this program did not make."""
    try:
        packed = base64.urlsafe_b64decode(cursor)
        return Place(int.from_bytes(packed[:MOMENT], "big"), UUID(bytes=packed[MOMENT:]))
    except ValueError as error:
        raise ApiError(400, "bad_cursor", "This cursor is not one of ours.") from error
