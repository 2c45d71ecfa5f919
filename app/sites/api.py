"""REST: sites."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy.orm import selectinload

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Page, Schema, writes
from app.core.forms import clean_line
from app.core.languages import LANGUAGES
from app.sites.domains import MOST_DOMAINS, normal_domain
from app.sites.listing import LONGEST_SEARCH
from app.sites.models import SMALLEST_K, Site
from app.sites.parameters import MOST_OWN, STANDARD, kept_parameters

blueprint = APIBlueprint("sites_api", __name__, url_prefix="/api/v1/sites", tag="Sites")


Parameter = Annotated[str, Field(max_length=40)]


class SiteIn(Schema):
    """`domain` is a host name, or `*.shop.example` for each host below shop.example. More can be
    set afterwards."""

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
        return normal_domain(text)


class SiteChanges(Schema):
    """What is left out stays. `domains` and `parameters` replace all of them.

    `mode` says what is known of a visitor before he consented: anonymous visits, or in `strict`
    nothing. `parameters` are those of a page's address that are kept: some of
    utm_source, utm_medium, utm_campaign, utm_term, utm_content, gclid, fbclid and msclkid, and up
    to ten others."""

    name: str | None = Field(None, min_length=1, max_length=120)
    client_name: str | None = Field(None, max_length=120)
    domains: list[str] | None = Field(None, min_length=1, max_length=MOST_DOMAINS)
    active: bool | None = None
    time_zone: str | None = Field(None, max_length=60)
    language: str | None = Field(None, max_length=12)
    person_style: Literal["first_name", "initial", "someone"] | None = None
    k: int | None = Field(None, ge=SMALLEST_K, le=1000)
    mode: Literal["anonymous", "strict"] | None = None
    parameters: list[Parameter] | None = Field(None, max_length=len(STANDARD) + MOST_OWN)

    @field_validator("name", "client_name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("domains")
    @classmethod
    def hosts(cls, domains: list[str] | None) -> list[str] | None:
        return domains and [normal_domain(text) for text in domains]

    @field_validator("parameters")
    @classmethod
    def kept(cls, names: list[str] | None) -> list[str] | None:
        return names and kept_parameters(names)

    @field_validator("time_zone")
    @classmethod
    def zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError("a time zone is a name such as Europe/Berlin")
        return name

    @field_validator("language")
    @classmethod
    def known(cls, code: str | None) -> str | None:
        if code is not None and code not in LANGUAGES:
            raise ValueError(f"the languages are {', '.join(LANGUAGES)}")
        return code

    def settings(self) -> dict[str, Any]:
        """What Site.change takes. Only a client's name can be taken away with null."""
        values = self.model_dump(exclude_unset=True, exclude={"active"})
        named = {k: v for k, v in values.items() if v is not None}
        return {**named, **{k: v or None for k, v in values.items() if k == "client_name"}}


class SitesQuery(ListQuery):
    """`?q=` keeps those whose name, client or domains have each of its words."""

    q: str = Field("", max_length=LONGEST_SEARCH)


class SiteOut(Schema):
    id: UUID
    site_key: str
    name: str
    domain: str
    domains: list[str]
    client_name: str | None
    active: bool
    time_zone: str
    language: str
    person_style: str
    k: int
    mode: str
    parameters: list[str]
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
            time_zone=site.time_zone,
            language=site.language,
            person_style=site.person_style,
            k=site.k,
            mode=site.mode,
            parameters=site.parameters,
            revision=site.revision_number,
        )


class Sites(Page[SiteOut]):
    pass


@blueprint.get("")
@authorized(Permission.SITES_READ)
@blueprint.input(SitesQuery, location="query")
@blueprint.output(Sites)
def list_sites(query_data: SitesQuery) -> Any:
    # By age, as all lists of the API: names change while somebody pages.
    matching = Site.matching(query_data.q.replace("\x00", "")).order_by(None)
    return Sites.read(matching.options(selectinload(Site.domains)), Site, query_data, SiteOut.of)


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


@blueprint.patch("/<uuid:site_id>")
@authorized(Permission.SITES_WRITE)
@blueprint.input(SiteChanges)
@blueprint.output(SiteOut)
@writes
def change_site(site_id: UUID, json_data: SiteChanges) -> Any:
    site = get_or_404(Site, site_id)
    if settings := json_data.settings():
        site.change(**settings)
    if json_data.active is not None:
        site.activate() if json_data.active else site.deactivate()
    return SiteOut.of(site)


@blueprint.delete("/<uuid:site_id>")
@authorized(Permission.SITES_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_site(site_id: UUID) -> Any:
    """The site goes with its campaigns, sources and activities. Its snippet stays silent."""
    get_or_404(Site, site_id).remove()
