"""The revisions of a site as they are told: who made each, why, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts.models import ApiKey, Member
from app.campaigns.differences import Change, campaign_differences, differences
from app.campaigns.formats import FORMATS
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.errors import not_found
from app.dashboard.chat_differences import chat_changes
from app.sites.models import Revision, Site

LONGEST_NUMBER = 9  # digits, so that every database can be asked for it
CAUSES = {
    "campaign.published": "{name} published",
    "campaign.paused": "{name} paused",
    "publication.changed": "{name} deleted",
    "changes.published": "All changes published",
    "revision.restored": "Rolled back to revision {number}",
    "site.created": "Site added",
    "site.changed": "Site changed",
    "site.activated": "Snippet turned on",
    "site.deactivated": "Snippet turned off",
    "chat_settings.changed": "Chat settings changed",
}


@dataclass(frozen=True)
class Entry:
    """One revision. `author` is empty where nobody was noted, `restored` the revision that it
    went back to."""

    number: int
    created_at: datetime
    author: str
    cause: str
    restored: int | None
    published: bool
    changes: list[Change]


def history(site: Site, *, before: int | None = None, limit: int) -> tuple[list[Entry], int | None]:
    """One page, newest first, and where the next one goes on. Reads the contents of that page's
    revisions and of the one before them."""
    found = select(Revision).filter_by(site_id=site.id).order_by(Revision.number.desc())
    if before is not None:
        found = found.where(Revision.number < before)
    rows = list(db.session.scalars(found.limit(limit + 1)))
    contents: list[dict[str, Any]] = [*(row.content for row in rows), {}]
    shown, authors = rows[:limit], _authors(rows[:limit])
    entries = [_entry(site, row, authors, contents[place + 1]) for place, row in enumerate(shown)]
    return entries, shown[-1].number if len(rows) > limit else None


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """From one revision's content to another's, the chat's settings first."""
    return [*chat_changes(before, after), *differences(before, after)]


def revision_of(site: Site, number: int) -> Revision:
    """Raises 404 for one that the site does not have."""
    found = select(Revision).filter_by(site_id=site.id, number=number)
    revision = db.session.scalars(found).one_or_none()
    if revision is None:
        raise not_found()
    return revision


def number_or_404(text: str | None, default: int) -> int:
    """A revision's number from an address."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise not_found()
    return int(text)


def unpublished(site: Site) -> list[Change]:
    """What publishing all changes would change, by campaign."""
    found = select(Campaign).filter_by(site_id=site.id, status="published").order_by(Campaign.name)
    changed = [each for each in db.session.scalars(found) if each.has_unpublished_changes]
    changes = [
        Change(
            "changed",
            campaign.name,
            str(campaign.id),
            FORMATS[campaign.format].label,
            campaign_differences(campaign.snapshot(), campaign.snapshot() | campaign.drafted),
        )
        for campaign in changed
    ]
    return [change for change in changes if change.details]


def scheduled(site: Site) -> list[Campaign]:
    found = select(Campaign).filter_by(site_id=site.id).where(Campaign.publish_at.is_not(None))
    return list(db.session.scalars(found.order_by(Campaign.publish_at)))


def _entry(
    site: Site, revision: Revision, authors: dict[UUID, str], before: dict[str, Any]
) -> Entry:
    cause = revision.cause or {}
    return Entry(
        number=revision.number,
        created_at=revision.created_at,
        author=_author(revision, authors),
        cause=_cause(cause),
        restored=cause.get("number") if cause.get("action") == "revision.restored" else None,
        published=revision.number == site.revision_number,
        changes=changes_between(before, revision.content),
    )


def _cause(cause: dict[str, Any]) -> str:
    words = CAUSES.get(cause.get("action", ""), "").format_map({"name": "", "number": "", **cause})
    return f"{words} as scheduled" if cause.get("scheduled") else words


def _author(revision: Revision, names: dict[UUID, str]) -> str:
    if revision.author_id is None:
        return "Candor" if revision.author_kind == "system" else ""
    known = names.get(revision.author_id)
    if revision.author_kind == "api_key":
        return f"API key {known}" if known else "An API key"
    return known or "A former member"


def _authors(revisions: Iterable[Revision]) -> dict[UUID, str]:
    ids = {each.author_id for each in revisions if each.author_id}
    if not ids:
        return {}
    members = select(Member).where(Member.id.in_(ids)).options(joinedload(Member.user))
    keys = select(ApiKey).where(ApiKey.id.in_(ids))
    return {
        **{member.id: member.user.name or "A member" for member in db.session.scalars(members)},
        **{key.id: key.name for key in db.session.scalars(keys)},
    }
