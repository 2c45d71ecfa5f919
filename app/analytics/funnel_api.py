"""REST: funnels, and how far visitors get along them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.analytics.counting import count_funnel, split_of
from app.analytics.funnels import Result
from app.analytics.models import Funnel, Goal, TooMany
from app.analytics.schemas import Asked, QuestionQuery
from app.analytics.steps import MOST, Step, StepError, read_steps, read_window, step_of
from app.core.api import ListQuery, Page, Schema, parsed_uuid, writes
from app.core.errors import bad_query, invalid
from app.core.forms import clean_line
from app.sites.models import Site

blueprint = APIBlueprint("funnels_api", __name__, url_prefix="/api/v1", tag="Analytics")


class StepIn(Schema):
    """`kind` page: `match` is a pattern such as `/blog/*`. event: `match` is its name, and `having`
    may ask for a property, `plan=pro` or `plan=*`. property: `match` is that, of any event. order:
    neither. goal: `goal_id`, whatever that goal looks for."""

    kind: str = Field(max_length=20)
    match: str | None = Field(None, max_length=1000)
    having: str | None = Field(None, max_length=1000)
    goal_id: UUID | None = None


class FunnelChanges(Schema):
    """What is left out stays. `steps`: two to eight, in their order. `window`: seconds from the
    first step, 60 to 7,776,000 (90 days). On different days only visitors who agreed to be known
    again can do several steps."""

    name: str | None = Field(None, min_length=1, max_length=80)
    steps: list[StepIn] | None = Field(None, max_length=100)
    window: int | None = None

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    def checked_steps(self) -> list[Step] | None:
        if self.steps is None:
            return None
        said = [each.model_dump(exclude_none=True) for each in self.steps]
        return _valid(lambda: read_steps(said))

    def checked_window(self) -> int | None:
        if self.window is None:
            return None
        if self.window % 60:
            raise invalid("window", "Whole minutes, in seconds.")
        return _valid(lambda: read_window(self.window // 60))  # type: ignore[operator]


class FunnelIn(FunnelChanges):
    site_id: UUID
    name: str = Field(min_length=1, max_length=80)
    steps: list[StepIn] = Field(max_length=100)
    window: int = 86_400


class FunnelOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    steps: list[dict[str, str]]
    window: int
    created_at: datetime

    @classmethod
    def of(cls, row: Funnel) -> FunnelOut:
        return cls(
            id=row.id,
            site_id=row.site_id,
            name=row.name,
            steps=row.kept_steps,
            window=row.window,
            created_at=row.created_at,
        )


class Funnels(Page[FunnelOut]):
    pass


class FunnelsQuery(ListQuery):
    """`?site_id=` only that site's."""

    site_id: UUID | None = None


class ExitOut(Schema):
    page: str
    visitors: int


class ReachOut(Schema):
    """`visitors` got so far: `rate` of the first step's, `rate_from_before` of the step before's.
    `lost` of them went no further; `exits` are the pages with which the visits of those ended, the
    most frequent. `median`: milliseconds that half of them took from the step before. `revenue`:
    what those who got so far earned from their first step to the end of their window."""

    step: str
    visitors: int
    rate: float | None
    rate_from_before: float | None
    lost: int
    exits: list[ExitOut]
    median: float | None
    revenue: int


class PartOut(Schema):
    """Of those who began in a visit with this `value`: visitors and revenue of each step."""

    value: str
    visitors: list[int]
    revenue: list[int]


class FunnelAnswer(Asked):
    """`people` of those at the first step had agreed to be known again. `parts` with `?split=`.
    `hidden`: events that may have been one of the steps, whose page or property was not among the
    thousand most frequent of its day, so that nobody knows."""

    window: int
    people: int
    hidden: int
    data: list[ReachOut]
    parts: list[PartOut]


class FunnelQuery(QuestionQuery):
    """Of a saved funnel, `?funnel_id=`, or of steps: `?step=page:/pricing*`,
    `step=event:signup:plan=pro`, `step=property:plan=pro`, `step=order` or `step=goal:<id>`, two to
    eight of them in their order, and `?window=` seconds from the first (default 86400). `?split=` a
    dimension of visits, such as channel."""

    funnel_id: str | None = Field(None, max_length=60)
    step: str | None = None
    window: str | None = Field(None, max_length=20)
    split: str | None = Field(None, max_length=20)


@blueprint.get("/funnels")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(FunnelsQuery, location="query")
@blueprint.output(Funnels)
def list_funnels(query_data: FunnelsQuery) -> Any:
    found = select(Funnel)
    if query_data.site_id:
        found = found.filter_by(site_id=get_or_404(Site, query_data.site_id).id)
    return Funnels.read(found, Funnel, query_data, FunnelOut.of)


@blueprint.post("/funnels")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(FunnelIn)
@blueprint.output(FunnelOut, status_code=201)
@writes
def create_funnel(json_data: FunnelIn) -> Any:
    site = get_or_404(Site, json_data.site_id)
    steps, window = json_data.checked_steps() or [], json_data.checked_window() or 0
    return FunnelOut.of(_valid(lambda: Funnel.create(site, json_data.name, steps, window)))


@blueprint.get("/funnels/<uuid:funnel_id>")
@authorized(Permission.ANALYTICS_READ)
@blueprint.output(FunnelOut)
def get_funnel(funnel_id: UUID) -> Any:
    return FunnelOut.of(get_or_404(Funnel, funnel_id))


@blueprint.patch("/funnels/<uuid:funnel_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(FunnelChanges)
@blueprint.output(FunnelOut)
@writes
def change_funnel(funnel_id: UUID, json_data: FunnelChanges) -> Any:
    Goal.lock(get_or_404(Funnel, funnel_id).site_id)
    # What is left out stays as it is by now.
    funnel = get_or_404(Funnel, funnel_id)
    steps = json_data.checked_steps() or funnel.steps
    window = json_data.checked_window() or funnel.window
    _valid(lambda: funnel.change(json_data.name or funnel.name, steps, window))
    return FunnelOut.of(funnel)


@blueprint.delete("/funnels/<uuid:funnel_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_funnel(funnel_id: UUID) -> Any:
    get_or_404(Funnel, funnel_id).remove()


@blueprint.get("/analytics/funnels")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(FunnelQuery, location="query")
@blueprint.output(FunnelAnswer)
def count(query_data: FunnelQuery) -> Any:
    question = query_data.question()
    steps, window = _asked(question.site, query_data)
    split = split_of(query_data.split)
    try:
        counted = count_funnel(question, steps, window, split)
    except StepError as error:
        raise bad_query("step", str(error)) from error
    return FunnelAnswer(
        **Asked.said(question),
        window=window,
        people=counted.result.people,
        hidden=counted.result.hidden,
        data=_reached(counted.result, [str(each) for each in counted.wanted]),
        parts=[PartOut.of(each) for each in counted.result.parts],
    )


def _asked(site: Site, query: FunnelQuery) -> tuple[list[Step], int]:
    """The steps and the window, of a saved funnel or as they stand in the address."""
    if query.funnel_id is not None:
        identifier = parsed_uuid(query.funnel_id)
        if identifier is None:
            raise bad_query("funnel_id", "This is no id.")
        funnel = get_or_404(Funnel, identifier)
        if funnel.site_id != site.id:
            raise bad_query("funnel_id", "This funnel is another site's.")
        return funnel.steps, funnel.window
    try:
        steps = read_steps(request.args.getlist("step")[: MOST + 1], step_of)
    except StepError as error:
        raise bad_query("step", str(error)) from error
    return steps, _window(query.window or "86400")


def _window(text: str) -> int:
    try:
        if not text.isascii() or not text.isdigit() or int(text) % 60:
            raise StepError("window", "Whole minutes, in seconds.")
        return read_window(int(text) // 60)
    except StepError as error:
        raise bad_query("window", str(error)) from error


def _reached(result: Result, steps: list[str]) -> list[ReachOut]:
    entered = result.steps[0].visitors
    before = [entered, *(each.visitors for each in result.steps)]
    return [
        ReachOut(
            step=step,
            visitors=each.visitors,
            rate=each.visitors / entered if entered else None,
            rate_from_before=each.visitors / came if came else None,
            lost=each.lost,
            exits=[ExitOut(page=page, visitors=number) for page, number in each.exits],
            median=each.median,
            revenue=each.revenue,
        )
        for step, each, came in zip(steps, result.steps, before, strict=False)
    ]


def _valid(verb: Callable[[], Any]) -> Any:
    try:
        return verb()
    except StepError as error:
        raise invalid(error.field, str(error)) from error
    except TooMany as error:
        raise invalid("site_id", str(error)) from error
