"""REST: journeys, retention and attribution."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.analytics.attribution import BY, Row, attribution
from app.analytics.journey_views import asked_depth, asked_direction, asked_start, start_of
from app.analytics.journeys import journeys
from app.analytics.questions import asked_filters
from app.analytics.retention import FEWEST, MOST, UNITS, retention
from app.analytics.rollups import as_of
from app.analytics.schemas import Asked, QuestionQuery
from app.core.api import Schema
from app.core.errors import bad_query
from app.sites.models import Site
from app.tracking.queries import moment

blueprint = APIBlueprint("paths_api", __name__, url_prefix="/api/v1/analytics", tag="Analytics")


class JourneysQuery(QuestionQuery):
    """`?start=page:/pricing` or `event:signup`, default where visits begin. `?direction=` forwards
    or backwards: then from what was chosen, or where visits end, to what came before. `?depth=`
    pages of a path, 2 to 5, default 4."""

    start: str | None = None
    direction: str | None = Field(None, max_length=20)
    depth: str | None = Field(None, max_length=20)


class PathOut(Schema):
    """Pages away from the start. `.` is the end of a visit (its beginning, going backwards), `!`
    the event that was asked for, a blank all pages that are too rare to be told apart."""

    pages: list[str]
    sessions: int


class NodeOut(Schema):
    page: str
    sessions: int


class LinkOut(Schema):
    """From a page of `column` (from 0) to one of the next."""

    column: int
    start: str
    end: str
    sessions: int


class JourneysOut(Asked):
    """`sessions` visits in all. `data`: the most frequent paths, of `different` ones. `columns` and
    `links`: the same visits step by step."""

    sessions: int
    different: int
    data: list[PathOut]
    columns: list[list[NodeOut]]
    links: list[LinkOut]


class RetentionQuery(BaseModel):
    """`?unit=` day, week or month; `?number=` of them up to today, 2 to 24. `?f=` filters by the
    first visit of a person."""

    site_id: UUID
    unit: str = Field("week", max_length=20)
    number: int | None = Field(None, ge=FEWEST, le=MOST)
    f: str | None = None


class CohortOut(Schema):
    """`returned`: of those who first came in the day, week or month that began on `begins`, how
    many were there in it, in the next one, and so on. The last number is of one that is not
    over."""

    begins: date
    size: int
    returned: list[int]


class RetentionOut(Schema):
    """Of visitors who agreed to be known again, and only of them: `people`, whose were `visits` of
    `all_visits`, each of those that match the filters. By the site's own clock."""

    site_id: UUID
    unit: str
    zone: str
    as_of: datetime
    people: int
    visits: int
    all_visits: int
    data: list[CohortOut]


class AttributionQuery(QuestionQuery):
    """`?by=` channel (default), referrer, utm_source, utm_medium, utm_campaign, entry_page or
    country. Filters are about the visit of the order."""

    by: str | None = Field(None, max_length=20)


class CreditsOut(Schema):
    """By each model, in minor units."""

    first: int
    last: int
    linear: int
    time_decay: int
    position: int


class AttributionRow(Schema):
    """`orders`: in how many such visits had a part, so one can stand in several rows."""

    value: str
    revenue: CreditsOut
    orders: int

    @classmethod
    def of(cls, row: Row) -> AttributionRow:
        return cls(value=row.value, revenue=CreditsOut(**row.revenue), orders=row.orders)


class UnjoinedOut(Schema):
    revenue: int
    orders: int


class AttributionOut(Asked):
    """Orders less refunds, and amounts told by servers. `unjoined` are those of which no visit is
    known. By each model the rows and `unjoined` add up to `revenue`."""

    by: str
    revenue: int
    unjoined: UnjoinedOut
    data: list[AttributionRow]


@blueprint.get("/journeys")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(JourneysQuery, location="query")
@blueprint.output(JourneysOut)
def count_journeys(query_data: JourneysQuery) -> Any:
    question, start = query_data.question(), start_of(asked_start())
    asked = (question.site, question.period, question.filters)
    found = journeys(*asked, start, asked_direction(), asked_depth())
    return JourneysOut(
        **Asked.said(question),
        sessions=found.sessions,
        different=found.different,
        data=[PathOut.of(each) for each in found.paths],
        columns=[[NodeOut.of(each) for each in column] for column in found.columns],
        links=[LinkOut.of(each) for each in found.links],
    )


@blueprint.get("/retention")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(RetentionQuery, location="query")
@blueprint.output(RetentionOut)
def count_retention(query_data: RetentionQuery) -> Any:
    site, unit = get_or_404(Site, query_data.site_id), query_data.unit
    if unit not in UNITS:
        raise bad_query("unit", f"One of {', '.join(UNITS)}.")
    found = retention(site, unit, query_data.number or UNITS[unit], asked_filters(site))
    return RetentionOut(
        site_id=site.id,
        unit=unit,
        zone=site.time_zone,
        as_of=moment(as_of(site)),
        people=found.people,
        visits=found.visits,
        all_visits=found.of,
        data=[CohortOut.of(each) for each in found.cohorts],
    )


@blueprint.get("/attribution")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(AttributionQuery, location="query")
@blueprint.output(AttributionOut)
def count_attribution(query_data: AttributionQuery) -> Any:
    question, by = query_data.question(), query_data.by or BY[0]
    if by not in BY:
        raise bad_query("by", f"One of {', '.join(BY)}.")
    found = attribution(question.site, question.period, by, question.filters)
    return AttributionOut(
        **Asked.said(question),
        by=by,
        revenue=found.revenue,
        unjoined=UnjoinedOut(revenue=found.unjoined.revenue["last"], orders=found.unjoined.orders),
        data=[AttributionRow.of(each) for each in found.rows if each.orders],
    )
