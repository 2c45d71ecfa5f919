"""REST: what a site has published, publishing and going back, and its configuration as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import BaseModel, Field

from app.accounts.access import authorized, current_key, get_or_404
from app.accounts.permissions import Permission
from app.campaigns.differences import Change
from app.campaigns.transfer import Configuration, Transfer
from app.core.api import ListQuery, Page, Schema, writes
from app.core.db import release
from app.core.errors import ApiError
from app.dashboard.history import LONGEST_NUMBER, Entry, history, revision_of
from app.dashboard.publishing import publish_changes, roll_back
from app.sites.models import Site

blueprint = APIBlueprint(
    "publications_api",
    __name__,
    url_prefix="/api/v1/sites/<uuid:site_id>",
    tag="Sites",
)


class ChangeOut(Schema):
    """What a revision changed in one campaign; without `campaign_id`: in the settings of the site
    or of its chat."""

    campaign_id: str | None
    name: str
    change: str
    words: list[str]

    @classmethod
    def of(cls, change: Change) -> ChangeOut:
        return cls(
            campaign_id=change.campaign, name=change.name, change=change.kind, words=change.words
        )


class RevisionOut(Schema):
    """`cause` and `author` are for people to read; `changes` are against the revision before."""

    number: int
    created_at: datetime
    author: str
    cause: str
    published: bool
    changes: list[ChangeOut]

    @classmethod
    def of(cls, entry: Entry) -> RevisionOut:
        return cls(
            number=entry.number,
            created_at=entry.created_at,
            author=entry.author,
            cause=entry.cause,
            published=entry.published,
            changes=[ChangeOut.of(change) for change in entry.changes],
        )


class Revisions(Page[RevisionOut]):
    pass


class PublicationIn(Schema):
    """With `revision`: go back to it. Without: publish what was changed in published campaigns."""

    revision: int | None = Field(None, ge=1, lt=10**LONGEST_NUMBER)


class ImportQuery(BaseModel):
    """`?settings=true` takes over the site's settings as well."""

    settings: bool = False


class DraftOut(Schema):
    id: UUID
    name: str
    format: str


class ImportOut(Schema):
    """The drafts that an import has made."""

    campaigns: list[DraftOut]


@blueprint.get("/revisions")
@authorized(Permission.CAMPAIGNS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Revisions)
def list_revisions(site_id: UUID, query_data: ListQuery) -> Any:
    site = get_or_404(Site, site_id)
    entries, older = history(site, before=_before(query_data.cursor), limit=query_data.limit)
    return Revisions(
        data=[RevisionOut.of(entry) for entry in entries], next_cursor=str(older) if older else None
    )


@blueprint.post("/publication")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.input(PublicationIn)
@blueprint.output(RevisionOut)
@writes
def publish(site_id: UUID, json_data: PublicationIn) -> Any:
    """Answers the revision that is published now."""
    site = get_or_404(Site, site_id)
    if json_data.revision is None:
        publish_changes(site)
    else:
        _roll_back(site, json_data.revision)
    return RevisionOut.of(history(site, limit=1)[0][0])


@blueprint.get("/configuration")
@authorized(Permission.CAMPAIGNS_READ)
@blueprint.output(Configuration)
def export_configuration(site_id: UUID) -> Any:
    """The settings and all campaigns as a document that another site can import."""
    return Transfer.of(get_or_404(Site, site_id)).document()


@blueprint.post("/configuration")
@authorized(Permission.CAMPAIGNS_WRITE)
@blueprint.input(ImportQuery, location="query")
@blueprint.input(Configuration)
@blueprint.output(ImportOut, status_code=201)
def import_configuration(site_id: UUID, query_data: ImportQuery, json_data: Configuration) -> Any:
    """Make drafts of all campaigns of a document, or of none."""
    get_or_404(Site, site_id)
    if query_data.settings:
        _demand_sites_write()
    # Before anything is written, with nothing of the database held: pictures are written anew.
    release()
    transfer = Transfer.check(json_data.model_dump())
    if transfer.problems:
        fields = {each.path: [each.message] for each in transfer.problems}
        raise ApiError(422, "invalid", "A field is not valid.", fields)
    return _bring(site_id, transfer, settings=query_data.settings)


@writes
def _bring(site_id: UUID, transfer: Transfer, *, settings: bool) -> Any:
    drafts = transfer.bring_into(get_or_404(Site, site_id), settings=settings)
    return ImportOut(campaigns=[DraftOut.of(draft) for draft in drafts])


def _roll_back(site: Site, number: int) -> None:
    revision = revision_of(site, number)
    if {**site.settings, **revision.content.get("settings", {})} != site.settings:
        _demand_sites_write()
    roll_back(site, revision)


def _demand_sites_write() -> None:
    """A site's settings are changed by keys that may change sites."""
    if not current_key.may(Permission.SITES_WRITE):
        scope = Permission.SITES_WRITE.value
        message = f"Changing the settings as well needs the scope {scope}."
        raise ApiError(403, "forbidden", message, {"scope": scope})


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= LONGEST_NUMBER):
        raise ApiError(400, "bad_cursor", "This cursor is not one of ours.")
    return int(cursor)
