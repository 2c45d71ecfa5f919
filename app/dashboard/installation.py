"""The snippet of a site: how to put it in, whether it is in, and what to do next."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request
from sqlalchemy import select

from app.accounts.access import get_or_404, require
from app.accounts.permissions import Permission
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.render import render
from app.sites.installation import Installation
from app.sites.models import Site
from app.sites.snippet import STUB, policy, snippet

blueprint = Blueprint("installation", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>")


@blueprint.get("/snippet")
@require(Permission.SITES_READ)
def show(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    return render(
        "sites/snippet.html",
        site=site,
        snippet=snippet(site),
        stub=STUB,
        policy=policy(),
        installation=Installation.of(site),
        steps=_steps(site),
    )


@blueprint.get("/installation")
@require(Permission.SITES_READ)
def check(site_id: UUID) -> Any:
    """The part of a page that asks again until the snippet was seen; `?steps=` for those too."""
    site = get_or_404(Site, site_id)
    steps = _steps(site) if request.args.get("steps") else None
    found = Installation.of(site)
    return render(
        "sites/installation.html", block="check", site=site, installation=found, steps=steps
    )


def _steps(site: Site) -> dict[str, bool]:
    """Which steps with campaigns were taken for this site."""
    statuses = select(Campaign.status).filter_by(site_id=site.id).distinct()
    found = set(db.session.scalars(statuses))
    return {"chosen": bool(found), "published": "published" in found}
