"""Deleting a site: what goes with it is of several features."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import func, select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.models import Archive
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.render import render
from app.proof.models import Activity
from app.sites.models import Site
from app.sources.models import BUILT_IN, Source

blueprint = Blueprint("removal", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>")


@blueprint.get("/removal")
@require(Permission.SITES_WRITE)
def ask(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    return render("sites/removal.html", site=site, belongings=belongings(site))


@blueprint.post("/removal")
@require(Permission.SITES_WRITE)
def remove(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    site.remove()
    db.session.commit()
    flash(f"{site.name} is deleted. Everything leaves its pages within seconds.", "success")
    return redirect(url_for("sites.index", organization=current_organization.slug))


def belongings(site: Site) -> dict[str, int]:
    """What would be gone, by its name for one of it."""
    campaigns = select(func.count(Campaign.id)).where(Campaign.site_id == site.id)
    sources = select(func.count(Source.id)).where(Source.site_id == site.id)
    activities = select(func.count(Activity.id)).where(Activity.site_id == site.id)
    counted = {
        "campaign": campaigns,
        "source": sources.where(Source.kind.not_in(BUILT_IN)),
        "activity": activities,
        "archive": select(func.count(Archive.id)).where(Archive.site_id == site.id),
    }
    return {name: db.session.scalar(each) or 0 for name, each in counted.items()}
