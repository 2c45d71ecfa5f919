"""The home page of an organization."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts.access import current_organization, require
from app.accounts.permissions import Permission
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.render import render
from app.dashboard.queries import Overview, overview
from app.proof.models import Activity
from app.sites.models import Sighting

LATEST = 8

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/o/<organization>/")
@require(Permission.SITES_READ)
def home() -> Any:
    newest = select(Activity).where(Activity.receipt.is_not(None)).order_by(Activity.id.desc())
    latest = newest.options(joinedload(Activity.site)).limit(LATEST)
    found = overview(current_organization.time_zone)
    return render(
        "dashboard/home.html",
        overview=found,
        latest=db.session.scalars(latest).all(),
        done=_done(found),
    )


def _done(found: Overview) -> dict[str, bool]:
    """Which of the first steps are done, each told by rows."""
    published = select(Campaign.id).filter_by(status="published")
    return {
        "site": found.site_count > 0,
        "snippet": _any(select(Sighting.id).filter_by(allowed=True)),
        "source": found.source_count > 0 or _any(select(Activity.id)),
        "campaign": _any(published),
    }


def _any(found: Any) -> bool:
    return db.session.scalars(found.limit(1)).first() is not None
