"""The home page of an organization."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import select

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.render import render
from app.dashboard.queries import overview
from app.proof.models import Activity
from app.sites.models import Site
from app.sources.models import Source

LATEST = 8

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/o/<organization>/")
@require(Permission.SITES_READ)
def home() -> Any:
    latest = select(Activity).where(Activity.receipt.is_not(None)).order_by(Activity.id.desc())
    return render(
        "dashboard/home.html",
        overview=overview(),
        sites=db.session.scalars(select(Site).order_by(Site.name)).all(),
        sources=db.session.scalars(select(Source).order_by(Source.name)).all(),
        campaigns=db.session.scalars(select(Campaign).order_by(Campaign.name)).all(),
        latest=db.session.scalars(latest.limit(LATEST)).all(),
    )
