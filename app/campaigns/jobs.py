"""Campaigns that publish themselves."""

from __future__ import annotations

from sqlalchemy import select

from app.campaigns.models import Campaign
from app.core import clock, tenancy
from app.core.db import db, exclusive, system


def publish_due() -> None:
    """Publish what was scheduled for a moment that has come, each in its own transaction."""
    due = select(Campaign.organization_id, Campaign.id).where(Campaign.publish_at <= clock.now())
    with system() as connection:
        rows = connection.execute(due.order_by(Campaign.publish_at)).all()
    for organization_id, campaign_id in rows:
        with tenancy.scope(organization_id):
            exclusive(f"campaign/{campaign_id}")
            campaign = db.session.get(Campaign, campaign_id)
            # Somebody may have published it or called it off meanwhile.
            if campaign and campaign.publish_at and campaign.publish_at <= clock.now():
                campaign.publish()
                db.session.commit()
