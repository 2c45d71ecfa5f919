"""REST: sites."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Page, Schema, writes
from app.core.forms import clean_line
from app.sites.domains import normal_host
from app.sites.models import Site

blueprint = APIBlueprint("sites_api", __name__, url_prefix="/api/v1/sites", tag="Sites")


class SiteIn(Schema):
    """`domain` is a host name; more can be added on the site's page."""

    name: str = Field(min_length=1, max_length=120)
    domain: str = Field(min_length=1, max_length=300)
    client_name: str | None = Field(None, max_length=120)

    @field_validator("name", "client_name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("domain")
    @classmethod
    def host(cls, text: str) -> str:
        return normal_host(text)


class SiteOut(Schema):
    id: UUID
    site_key: str
    name: str
    domain: str
    domains: list[str]
    client_name: str | None
    active: bool
    revision: int | None

    @classmethod
    def of(cls, site: Site) -> SiteOut:
        return cls(
            id=site.id,
            site_key=site.key,
            name=site.name,
            domains=site.hosts,
            domain=next(iter(site.hosts), ""),
            client_name=site.client_name,
            active=site.active,
            revision=site.revision_number,
        )


class Sites(Page[SiteOut]):
    pass


@blueprint.get("")
@authorized(Permission.SITES_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Sites)
def list_sites(query_data: ListQuery) -> Any:
    return Sites.read(select(Site), Site, query_data, SiteOut.of)


@blueprint.post("")
@authorized(Permission.SITES_WRITE)
@blueprint.input(SiteIn)
@blueprint.output(SiteOut, status_code=201)
@writes
def create_site(json_data: SiteIn) -> Any:
    values = json_data
    return SiteOut.of(
        Site.create(name=values.name, domains=[values.domain], client_name=values.client_name)
    )


@blueprint.get("/<uuid:site_id>")
@authorized(Permission.SITES_READ)
@blueprint.output(SiteOut)
def get_site(site_id: UUID) -> Any:
    return SiteOut.of(get_or_404(Site, site_id))
