"""A revision is a site's published campaigns in one snapshot, composed here, above the features."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.campaigns.models import Campaign, PublicationChanged
from app.core.announce import subscribe
from app.core.db import db, exclusive
from app.sites.models import Revision, Site, SiteCreated


@subscribe(PublicationChanged)
def follow_campaign(changed: PublicationChanged) -> None:
    publish(changed.campaign.site)


@subscribe(SiteCreated)
def follow_site(changed: SiteCreated) -> None:
    """Open pages follow a change of the site's own settings (SiteChanged) as well."""
    publish(changed.site)


def publish(site: Site) -> Revision:
    exclusive(f"publish:{site.id}")
    return site.publish({"campaigns": published_campaigns(site)})


def published_campaigns(site: Site) -> list[dict[str, Any]]:
    found = (
        select(Campaign)
        .filter_by(site_id=site.id, status="published")
        .order_by(Campaign.published_at, Campaign.id)
    )
    return [campaign.snapshot() for campaign in db.session.scalars(found)]
