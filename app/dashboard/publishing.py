"""A revision is a snapshot of a site's settings, its chat's and its published campaigns, composed
here, above the features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import select

from app.campaigns.models import Campaign, CampaignPublished, PublicationChanged
from app.chat.announcements import ChatSettingsChanged
from app.chat.models import ChatSettings
from app.core.announce import Announcement, announce, subscribe
from app.core.db import db, exclusive
from app.sites.models import Revision, Site, SiteAnnouncement

# Whether what campaigns announce waits for one revision of all of it.
_gathering: ContextVar[bool] = ContextVar("gathering", default=False)


@subscribe(PublicationChanged)
def follow_campaign(changed: PublicationChanged) -> None:
    if not _gathering.get():
        publish(changed.campaign.site, _cause(changed))


@subscribe(SiteAnnouncement)
def follow_site(changed: SiteAnnouncement) -> None:
    """Open pages follow a change of the site's own settings as well."""
    publish(changed.site, {"action": changed.name})


@subscribe(ChatSettingsChanged)
def follow_chat(changed: ChatSettingsChanged) -> None:
    publish(changed.site, {"action": changed.name})


def _cause(changed: PublicationChanged) -> dict[str, Any]:
    cause = {"action": changed.name, "name": changed.campaign.name}
    scheduled = isinstance(changed, CampaignPublished) and changed.scheduled
    return {**cause, "scheduled": True} if scheduled else cause


def publish(site: Site, cause: dict[str, Any]) -> Revision:
    return site.publish(lambda: content_of(site), cause)


def publish_changes(site: Site) -> Revision | None:
    """Publish what was changed in all published campaigns, as one revision. None: nothing was."""
    changed = [each for each in locked_campaigns(site) if each.has_unpublished_changes]
    if not changed:
        return None
    with _one_revision():
        for campaign in changed:
            campaign.publish()
    return publish(site, {"action": "changes.published", "campaigns": len(changed)})


def roll_back(site: Site, revision: Revision) -> Revision:
    """Publish what an older revision kept as a new one, and set settings, chat and campaigns back
    to it. Campaigns published since are paused, deleted ones come back."""
    kept = {UUID(each["id"]): each for each in campaigns_in(revision.content)}
    current = {campaign.id: campaign for campaign in locked_campaigns(site)}
    with _one_revision():
        for campaign in current.values():
            if campaign.id not in kept:
                campaign.pause()
    for identifier, snapshot in kept.items():
        if identifier in current:
            current[identifier].restore(snapshot)
        else:
            Campaign.revive(site, snapshot)
    site.restore(revision.content.get("settings") or {})
    _restore_chat(site, revision.content)
    published = publish(site, {"action": "revision.restored", "number": revision.number})
    announce(RevisionRestored(revision=published, number=revision.number))
    return published


def _restore_chat(site: Site, content: dict[str, Any]) -> None:
    """A revision of long ago kept nothing of it; one of a site that had no chat yet says so."""
    if "chat_settings" not in content:
        return
    kept = content["chat_settings"]
    settings = ChatSettings.find(site.id) if kept is None else ChatSettings.of(site.id)
    if settings is not None:
        settings.restore(kept or {"on": False})


def locked_campaigns(site: Site) -> list[Campaign]:
    """A site's campaigns as they are once nobody else can publish or change them."""
    exclusive(f"publication/{site.id}")
    found = select(Campaign).filter_by(site_id=site.id).order_by(Campaign.id)
    return list(db.session.scalars(found.with_for_update()))


def content_of(site: Site) -> dict[str, Any]:
    """What the next revision of a site would keep."""
    settings = ChatSettings.find(site.id)
    chat = settings and settings.snapshot()
    content = {
        "settings": site.settings,
        "chat_settings": settings and settings.kept,
        "campaigns": published_campaigns(site),
    }
    # What pages are told of it, while it is on.
    return {**content, "chat": chat} if chat else content


def published_campaigns(site: Site) -> list[dict[str, Any]]:
    found = (
        select(Campaign)
        .filter_by(site_id=site.id, status="published")
        .order_by(Campaign.published_at, Campaign.id)
    )
    return [campaign.snapshot() for campaign in db.session.scalars(found)]


def campaigns_in(content: dict[str, Any]) -> list[dict[str, Any]]:
    return content.get("campaigns") or []


@contextmanager
def _one_revision() -> Iterator[None]:
    before = _gathering.set(True)
    try:
        yield
    finally:
        _gathering.reset(before)


@dataclass(frozen=True, kw_only=True)
class RevisionRestored(Announcement):
    """A site went back to what an older revision, `number`, had published."""

    name: ClassVar[str] = "revision.restored"
    revision: Revision
    number: int

    def details(self) -> dict[str, Any]:
        return {
            "site_id": str(self.revision.site_id),
            "number": self.revision.number,
            "restored": self.number,
        }
