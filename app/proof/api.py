"""REST: activities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core import clock
from app.core.api import ListQuery, Page, Schema, writes
from app.core.errors import invalid
from app.proof.models import Activity
from app.proof.recording import report_activity
from app.sites.models import Site
from app.sources import facts
from app.sources.models import Source

AHEAD = timedelta(minutes=5)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

blueprint = APIBlueprint("activities_api", __name__, url_prefix="/api/v1/activities", tag="Proof")


class PersonIn(Schema):
    """Never shown but for the first name, as the site chooses. Encrypted at rest."""

    first_name: str | None = Field(None, max_length=200)
    last_name: str | None = Field(None, max_length=200)
    email: str | None = Field(None, max_length=254)
    customer_id: str | None = Field(None, max_length=200)


class PlaceIn(Schema):
    """`country` is an ISO 3166-1 alpha-2 code. Shown as far as k-anonymity lets it."""

    city: str | None = Field(None, max_length=200)
    region: str | None = Field(None, max_length=200)
    country: str | None = Field(None, max_length=2)


class ProductIn(Schema):
    name: str = Field(max_length=200)
    url: str | None = Field(None, max_length=2000)
    image: str | None = Field(None, max_length=2000)


class ValueIn(Schema):
    """`amount` in minor units: 2935 with USD is 29.35 dollars."""

    amount: int = Field(ge=-(2**53), le=2**53)
    currency: str = Field(pattern="^[A-Za-z]{3}$")

    def money(self) -> facts.Money:
        return facts.Money(self.amount, self.currency.upper())


class ActivityIn(Schema):
    """A fact that may be shown as proof. The same `external_id` and `type` twice is one.

    `type` is a word of your choice. It is kept as lower-case letters, digits and underscores, at
    most 40, beginning with a letter: "E-book download" is `e_book_download`. Campaigns show the
    types they name; `purchase`, `signup`, `review`, `download`, `donation` and `booking` have
    words of their own in the program."""

    site_id: UUID
    type: str = Field(min_length=1, max_length=40)
    occurred_at: AwareDatetime | None = None
    person: PersonIn | None = None
    place: PlaceIn | None = None
    product: ProductIn | None = None
    value: ValueIn | None = None
    data: dict[str, str | int | float | bool] | None = Field(None, max_length=40)
    external_id: str | None = Field(None, min_length=1, max_length=200)

    @field_validator("type")
    @classmethod
    def known_type(cls, text: str) -> str:
        return facts.activity_type(text)

    @field_validator("occurred_at")
    @classmethod
    def sane(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and not EARLIEST <= moment <= clock.now() + AHEAD:
            raise ValueError("this is not a time at which something happened")
        return moment

    def fact(self) -> facts.ActivityReported:
        return facts.ActivityReported(
            type=self.type,
            external_id=self.external_id or str(uuid4()),
            occurred_at=self.occurred_at,
            person=facts.Person(**self.person.model_dump()) if self.person else None,
            place=facts.Place(**self.place.model_dump()) if self.place else None,
            product=facts.Product(**self.product.model_dump()) if self.product else None,
            value=self.value.money() if self.value else None,
            data=self.data or {},
        )


class ActivityOut(Schema):
    """`opt_out_url` is for the person shown, say in the shop's order mail: whoever opens it can end
    being shown, without signing in. It is null where nobody is named."""

    id: UUID
    site_id: UUID
    type: str
    strength: Literal["signed", "api", "browser", "manual"]
    receipt: str | None
    occurred_at: datetime
    retracted_at: datetime | None
    opt_out_url: str | None


class Activities(Page[ActivityOut]):
    pass


class ActivitiesQuery(ListQuery):
    site_id: UUID | None = None


@blueprint.get("")
@authorized(Permission.ACTIVITIES_READ)
@blueprint.input(ActivitiesQuery, location="query")
@blueprint.output(Activities)
def list_activities(query_data: ActivitiesQuery) -> Any:
    found = select(Activity)
    if query_data.site_id:
        found = found.filter_by(site_id=query_data.site_id)
    return Activities.read(found, Activity, query_data, ActivityOut.of)


@blueprint.post("")
@authorized(Permission.ACTIVITIES_WRITE)
@blueprint.input(ActivityIn)
@blueprint.output(ActivityOut, status_code=201)
@writes
def create_activity(json_data: ActivityIn) -> Any:
    site = get_or_404(Site, json_data.site_id)
    try:
        fact = json_data.fact()
    except facts.FactError as error:
        raise invalid("activity", str(error)) from error
    activity, _new = report_activity(Source.built_in(site, "api"), fact)
    return ActivityOut.of(activity)


@blueprint.get("/<uuid:activity_id>")
@authorized(Permission.ACTIVITIES_READ)
@blueprint.output(ActivityOut)
def get_activity(activity_id: UUID) -> Any:
    return ActivityOut.of(get_or_404(Activity, activity_id))


@blueprint.delete("/<uuid:activity_id>")
@authorized(Permission.ACTIVITIES_WRITE)
@blueprint.output({}, status_code=204)
@writes
def retract_activity(activity_id: UUID) -> Any:
    """Retract: it disappears from every page, its receipt stays and says so."""
    get_or_404(Activity, activity_id).retract("withdrawn")
