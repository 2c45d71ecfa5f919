"""REST: what visits add up to. Times are ISO 8601, durations milliseconds, money minor units of the
organization's currency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from app.accounts.access import authorized
from app.accounts.permissions import Permission
from app.analytics.answers import Answer, Totals, ask
from app.analytics.comparing import Before
from app.analytics.conversions import Reached, ask_with_conversions
from app.analytics.curves import intervals
from app.analytics.dimensions import DIMENSIONS
from app.analytics.questions import Question
from app.analytics.schemas import Asked, QuestionQuery
from app.analytics.sums import METRICS
from app.core.api import Schema
from app.core.errors import bad_query

blueprint = APIBlueprint("analytics_api", __name__, url_prefix="/api/v1", tag="Analytics")


class OverviewQuery(QuestionQuery):
    """`?compare=off` leaves out the period before."""

    compare: str | None = Field(None, pattern="^off$")


class SeriesQuery(QuestionQuery):
    """`?interval=` hour, day, week or month, as far as the period can be drawn in it."""

    interval: str | None = None


class BreakdownQuery(QuestionQuery):
    """`?dimension=` one of page (default), entry_page, exit_page, channel, referrer, …; `?by=`
    what the first has most of; `?search=` only values that contain it."""

    dimension: str = "page"
    by: str | None = None
    search: str = Field("", max_length=100)
    limit: int = Field(20, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=1_000_000)


class TotalsOut(Schema):
    """`visitors` is a sum of daily visitors, null where days are cut by another clock than the
    site's. `duration` of all visits together, in milliseconds; `revenue` in minor units."""

    visitors: int | None
    sessions: int
    page_views: int
    bounces: int
    duration: int
    events: int
    orders: int
    revenue: int


class ConversionsOut(Schema):
    """How often goals were reached, and in how many visits."""

    conversions: int
    sessions: int

    @classmethod
    def of(cls, reached: Reached) -> ConversionsOut:
        return cls(conversions=reached.conversions, sessions=reached.sessions)


class OverviewOut(Asked):
    """`before` is the period of the same length just before, of a period that is not over yet up
    to the same time of its last day."""

    totals: TotalsOut
    before: TotalsOut | None
    conversions: ConversionsOut


class PointOut(Schema):
    """`at` is local: a day, or an hour with its offset from UTC. Who comes in two hours is one
    of the `visitors` of both, so hours do not add up to the day."""

    at: str
    totals: TotalsOut


class SeriesOut(Asked):
    interval: str
    data: list[PointOut]


class RowOut(Schema):
    """`value` is "" for what is not known."""

    value: str
    totals: TotalsOut


class BreakdownOut(Asked):
    """`total` values in all; `other` is what was too rare to be kept apart. Of a page only
    visitors, sessions and page views are counted, of an event or a property only visitors,
    sessions, events, orders and revenue: what is not counted of it is 0."""

    dimension: str
    data: list[RowOut]
    total: int
    other: TotalsOut | None


@blueprint.get("/analytics/overview")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(OverviewQuery, location="query")
@blueprint.output(OverviewOut)
def overview(query_data: OverviewQuery) -> Any:
    question = query_data.question()
    asked = question.site, question.period, question.filters
    answer, conversions = ask_with_conversions(*asked)
    before = None if query_data.compare else Before.of(*asked).totals
    return OverviewOut(
        **Asked.said(question),
        totals=TotalsOut.of(answer.totals),
        before=_totals(before),
        conversions=ConversionsOut.of(conversions.total),
    )


@blueprint.get("/analytics/timeseries")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(SeriesQuery, location="query")
@blueprint.output(SeriesOut)
def timeseries(query_data: SeriesQuery) -> Any:
    question = query_data.question()
    possible = intervals(question.period.length)
    interval = query_data.interval or possible[0]
    if interval not in possible:
        raise bad_query("interval", f"One of {', '.join(possible)} for so many days.")
    points = _ask(question).series(interval)
    data = [PointOut(at=each.at, totals=TotalsOut.of(each.totals)) for each in points]
    return SeriesOut(**Asked.said(question), interval=interval, data=data)


@blueprint.get("/analytics/breakdown")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(BreakdownQuery, location="query")
@blueprint.output(BreakdownOut)
def breakdown(query_data: BreakdownQuery) -> Any:
    question, dimension, by = query_data.question(), query_data.dimension, query_data.by
    if dimension not in DIMENSIONS:
        raise bad_query("dimension", f"One of {', '.join(DIMENSIONS)}.")
    if by is not None and by not in METRICS:
        raise bad_query("by", f"One of {', '.join(METRICS)}.")
    wanted = query_data.model_dump(include={"by", "search", "limit", "offset"})
    found = _ask(question, dimensions=(dimension,)).breakdown(dimension, **wanted)
    return BreakdownOut(
        **Asked.said(question),
        dimension=dimension,
        data=[RowOut(value=each.value, totals=TotalsOut.of(each.totals)) for each in found.rows],
        total=found.total,
        other=_totals(found.other),
    )


def _ask(question: Question, dimensions: Sequence[str] = ()) -> Answer:
    return ask(question.site, question.period, question.filters, dimensions)


def _totals(totals: Totals | None) -> TotalsOut | None:
    return None if totals is None else TotalsOut.of(totals)
