"""REST: campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.campaigns.content import Invalid
from app.campaigns.formats import FORMATS
from app.campaigns.models import Campaign
from app.core import clock
from app.core.api import ListQuery, Page, Schema, writes
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.sites.models import Site

blueprint = APIBlueprint("campaigns_api", __name__, url_prefix="/api/v1/campaigns", tag="Campaigns")


class DraftIn(Schema):
    """Parts of a draft. `content` is what the format knows: `template` for recent_activity,
    `message` for notice. A part that is sent replaces the one that is there; seconds throughout."""

    name: str | None = Field(None, min_length=1, max_length=120)
    content: dict[str, Any] | None = None
    triggers: dict[str, Any] | None = None
    rules: dict[str, Any] | None = None
    frequency: dict[str, Any] | None = None
    tracking: dict[str, Any] | None = None

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    def parts(self) -> dict[str, Any]:
        named = self.model_dump(include=set(DraftIn.model_fields) - {"name"})
        return {part: values for part, values in named.items() if values is not None}


class CampaignIn(DraftIn):
    """A new campaign. `publish_at` goes with the status scheduled."""

    site_id: UUID
    name: str = Field(min_length=1, max_length=120)
    format: str = Field(max_length=40)
    content: dict[str, Any] = Field(default_factory=dict)
    channel: Literal["web"] = "web"
    status: Literal["draft", "scheduled", "published"] = "draft"
    publish_at: AwareDatetime | None = None

    @field_validator("format")
    @classmethod
    def known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"the formats are {', '.join(FORMATS)}")
        return name


class StatusIn(Schema):
    """`scheduled` needs a `publish_at` ahead."""

    status: Literal["published", "paused", "scheduled"]
    publish_at: AwareDatetime | None = None


class CampaignOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    format: str
    renderer: str
    status: str
    content: dict[str, Any]
    triggers: dict[str, Any]
    rules: dict[str, Any]
    frequency: dict[str, Any]
    tracking: dict[str, Any]
    published_at: datetime | None
    publish_at: datetime | None


class Campaigns(Page[CampaignOut]):
    pass


@blueprint.get("")
@authorized(Permission.CAMPAIGNS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Campaigns)
def list_campaigns(query_data: ListQuery) -> Any:
    return Campaigns.read(select(Campaign), Campaign, query_data, CampaignOut.of)


@blueprint.post("")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.input(CampaignIn)
@blueprint.output(CampaignOut, status_code=201)
@writes
def create_campaign(json_data: CampaignIn) -> Any:
    site = get_or_404(Site, json_data.site_id)
    campaign = _valid(
        lambda: Campaign.draft(
            site, name=json_data.name, format=json_data.format, **json_data.parts()
        )
    )
    _set_status(campaign, json_data.status, json_data.publish_at)
    return CampaignOut.of(campaign)


@blueprint.get("/<uuid:campaign_id>")
@authorized(Permission.CAMPAIGNS_READ)
@blueprint.output(CampaignOut)
def get_campaign(campaign_id: UUID) -> Any:
    return CampaignOut.of(get_or_404(Campaign, campaign_id))


@blueprint.patch("/<uuid:campaign_id>")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.input(DraftIn)
@blueprint.output(CampaignOut)
@writes
def change_campaign(campaign_id: UUID, json_data: DraftIn) -> Any:
    """Change the draft. Visitors see it once it is published."""
    campaign = get_or_404(Campaign, campaign_id)
    _valid(lambda: campaign.change(name=json_data.name, **json_data.parts()))
    return CampaignOut.of(campaign)


@blueprint.put("/<uuid:campaign_id>/status")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.input(StatusIn)
@blueprint.output(CampaignOut)
@writes
def set_campaign_status(campaign_id: UUID, json_data: StatusIn) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    _set_status(campaign, json_data.status, json_data.publish_at)
    return CampaignOut.of(campaign)


@blueprint.delete("/<uuid:campaign_id>")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_campaign(campaign_id: UUID) -> Any:
    get_or_404(Campaign, campaign_id).delete()


def _set_status(campaign: Campaign, status: str, publish_at: datetime | None) -> None:
    if (status == "scheduled") != (publish_at is not None) or (
        publish_at and publish_at <= clock.now()
    ):
        message = "A scheduled campaign has a publish_at ahead, and only such a one."
        raise ApiError(422, "invalid", "A field is not valid.", {"publish_at": [message]})
    if publish_at:
        campaign.schedule(publish_at)
    elif status == "published":
        campaign.publish()
    elif status == "paused":
        campaign.pause()


def _valid(verb: Any) -> Any:
    try:
        return verb()
    except Invalid as error:
        fields = {path: [message] for path, message in error.errors.items()}
        raise ApiError(422, "invalid", "A field is not valid.", fields) from error
