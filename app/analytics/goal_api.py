"""REST: goals, and how often they were reached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.analytics.conversions import conversions_of
from app.analytics.matches import Match, MatchError, read_match
from app.analytics.models import Goal, TooMany
from app.analytics.schemas import Asked, QuestionQuery
from app.core.api import ListQuery, Page, Schema, writes
from app.core.errors import invalid
from app.core.forms import clean_line
from app.sites.models import Site

blueprint = APIBlueprint("goals_api", __name__, url_prefix="/api/v1", tag="Analytics")

Kind = Literal["page", "event", "order"]


class GoalChanges(Schema):
    """What is left out stays. `kind` page: `match` is a pattern such as `/thanks` or `/blog/*`.
    `kind` event: `match` is its name, and `having` may ask for a property, `plan=pro` or `plan=*`.
    `kind` order: neither."""

    name: str | None = Field(None, min_length=1, max_length=80)
    kind: Kind | None = None
    match: str | None = Field(None, max_length=1000)
    having: str | None = Field(None, max_length=1000)

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)


class GoalIn(GoalChanges):
    site_id: UUID
    name: str = Field(min_length=1, max_length=80)
    kind: Kind


class GoalOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    kind: str
    match: str
    having: str
    created_at: datetime


class Goals(Page[GoalOut]):
    pass


class GoalsQuery(ListQuery):
    """`?site_id=` only that site's."""

    site_id: UUID | None = None


class ReachedOut(Schema):
    """`conversions`: how often, also by visitors who asked not to be followed. `sessions`: visits
    in which it was; `rate` is their share of all visits. `visitors`: added up by the day, null
    where days are cut by another clock than the site's. `revenue`: what those events earned.
    `hidden`: events that may have reached it besides, whose page or property was not among the
    thousand most frequent of its day, so that nobody knows."""

    conversions: int
    sessions: int
    visitors: int | None
    rate: float | None
    revenue: int
    hidden: int


class GoalReached(ReachedOut):
    goal: UUID
    name: str


class ConversionRates(Asked):
    """`total` counts an event once, however many goals it reaches; `sessions` are all visits."""

    sessions: int
    total: ReachedOut
    data: list[GoalReached]


@blueprint.get("/goals")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(GoalsQuery, location="query")
@blueprint.output(Goals)
def list_goals(query_data: GoalsQuery) -> Any:
    found = select(Goal)
    if query_data.site_id:
        found = found.filter_by(site_id=get_or_404(Site, query_data.site_id).id)
    return Goals.read(found, Goal, query_data, GoalOut.of)


@blueprint.post("/goals")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(GoalIn)
@blueprint.output(GoalOut, status_code=201)
@writes
def create_goal(json_data: GoalIn) -> Any:
    """It also counts what happened before it was made."""
    site = get_or_404(Site, json_data.site_id)
    wanted = _wanted(json_data.kind, json_data.match, json_data.having)
    return GoalOut.of(_allowed(lambda: Goal.create(site, json_data.name, wanted)))


@blueprint.get("/goals/<uuid:goal_id>")
@authorized(Permission.ANALYTICS_READ)
@blueprint.output(GoalOut)
def get_goal(goal_id: UUID) -> Any:
    return GoalOut.of(get_or_404(Goal, goal_id))


@blueprint.patch("/goals/<uuid:goal_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(GoalChanges)
@blueprint.output(GoalOut)
@writes
def change_goal(goal_id: UUID, json_data: GoalChanges) -> Any:
    """With another `kind`, what the goal looked for before is left aside."""
    Goal.lock(get_or_404(Goal, goal_id).site_id)
    # What is left out stays as it is by now.
    goal = get_or_404(Goal, goal_id)
    kept = json_data.kind in (None, goal.kind)
    said = {
        name: value if value is not None else getattr(goal, name) if kept else ""
        for name, value in (("match", json_data.match), ("having", json_data.having))
    }
    goal.change(json_data.name or goal.name, _wanted(json_data.kind or goal.kind, **said))
    return GoalOut.of(goal)


@blueprint.delete("/goals/<uuid:goal_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_goal(goal_id: UUID) -> Any:
    get_or_404(Goal, goal_id).remove()


@blueprint.get("/analytics/conversion-rates")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(QuestionQuery, location="query")
@blueprint.output(ConversionRates)
def conversion_rates(query_data: QuestionQuery) -> Any:
    question = query_data.question()
    counted = conversions_of(question.site, question.period, question.filters)
    return ConversionRates(
        **Asked.said(question),
        sessions=counted.total.of,
        total=ReachedOut.of(counted.total),
        data=[
            GoalReached(goal=goal.id, name=goal.name, **ReachedOut.of(reached).model_dump())
            for goal, reached in counted.by_goal
        ],
    )


def _wanted(kind: str, match: str | None, having: str | None) -> Match:
    try:
        return read_match(kind, match, having)
    except MatchError as error:
        raise invalid(error.field, str(error)) from error


def _allowed(verb: Callable[[], Goal]) -> Goal:
    try:
        return verb()
    except TooMany as error:
        raise invalid("site_id", str(error)) from error
