"""REST: campaigns."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, ValidationError, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.campaigns.formats import FORMATS
from app.campaigns.models import Campaign
from app.core.api import ListQuery, Page, Schema, writes
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.sites.models import Site

blueprint = APIBlueprint("campaigns_api", __name__, url_prefix="/api/v1/campaigns", tag="Campaigns")


class CampaignIn(Schema):
    """`content` is what its format knows: `template` for recent_activity, `message` for notice."""

    site_id: UUID
    name: str = Field(min_length=1, max_length=120)
    format: str = Field(max_length=40)
    content: dict[str, Any] = Field(default_factory=dict)
    triggers: dict[str, Any] = Field(default_factory=dict)
    rules: dict[str, Any] = Field(default_factory=dict, max_length=0)
    channel: Literal["web"] = "web"
    status: Literal["draft", "published"] = "draft"

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("format")
    @classmethod
    def known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"the formats are {', '.join(FORMATS)}")
        return name


class CampaignOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    format: str
    renderer: str
    status: str
    content: dict[str, Any]
    triggers: dict[str, Any]


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
    campaign = _draft(site, json_data)
    if json_data.status == "published":
        campaign.publish()
    return CampaignOut.of(campaign)


@blueprint.get("/<uuid:campaign_id>")
@authorized(Permission.CAMPAIGNS_READ)
@blueprint.output(CampaignOut)
def get_campaign(campaign_id: UUID) -> Any:
    return CampaignOut.of(get_or_404(Campaign, campaign_id))


def _draft(site: Site, values: CampaignIn) -> Campaign:
    try:
        return Campaign.draft(
            site,
            name=values.name,
            format=values.format,
            content=values.content,
            triggers=values.triggers,
        )
    except ValidationError as error:
        fields = {
            ".".join(map(str, each["loc"])) or "content": [each["msg"]] for each in error.errors()
        }
        raise ApiError(422, "invalid", "A field is not valid.", fields) from error
