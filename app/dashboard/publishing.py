"""A revision is a site's published campaigns in one snapshot, composed here, above the features."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.campaigns.models import Campaign, PublicationChanged
from app.core.announce import subscribe
from app.core.db import db
from app.sites.models import Revision, Site, SiteAnnouncement


@subscribe(PublicationChanged)
def follow_campaign(changed: PublicationChanged) -> None:
    publish(changed.campaign.site)


@subscribe(SiteAnnouncement)
def follow_site(changed: SiteAnnouncement) -> None:
    """Open pages follow a change of the site's own settings as well."""
    publish(changed.site)


def publish(site: Site) -> Revision:
    return site.publish(lambda: {"campaigns": published_campaigns(site)})


def published_campaigns(site: Site) -> list[dict[str, Any]]:
    found = (
        select(Campaign)
        .filter_by(site_id=site.id, status="published")
        .order_by(Campaign.published_at, Campaign.id)
    )
    return [campaign.snapshot() for campaign in db.session.scalars(found)]
