"""Pages of a site's events: what was stored of them and what was refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.api import ListQuery
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.sites.models import Site
from app.tracking.checks import NAME
from app.tracking.lines import lines_of
from app.tracking.quarantine import restore
from app.tracking.queries import drops_of, events_of, latest_names, moment, quarantine_of

PAGE = 50
SPANS = {1: "24 hours", 7: "7 days", 30: "30 days"}  # of the page of drops, by days

blueprint = Blueprint("tracking", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>")


@blueprint.get("/events")
@require(Permission.ANALYTICS_READ)
def events(site_id: UUID) -> Any:
    site, name = get_or_404(Site, site_id), request.args.get("name", "").strip()
    query = ListQuery(limit=PAGE, cursor=request.args.get("cursor"))
    possible = not name or NAME.fullmatch(name)
    found, older = events_of(site.number, query, name) if possible else ([], None)
    return render(
        "tracking/events.html",
        block="list",
        site=site,
        lines=lines_of(site, found),
        older=older,
        name=name,
        names=latest_names(site.number),
        dropped=0 if found else drops_of(site.number, days=1).total,
    )


@blueprint.get("/drops")
@require(Permission.ANALYTICS_READ)
def drops(site_id: UUID) -> Any:
    site, asked = get_or_404(Site, site_id), request.args.get("days", type=int)
    days = asked if asked in SPANS else 1
    quarantine = quarantine_of(site.number, days)
    return render(
        "tracking/drops.html",
        site=site,
        drops=drops_of(site.number, days),
        quarantine=quarantine,
        bots=[(each, number, moment(each.at)) for each, number in quarantine.newest],
        spans=SPANS,
        limits=current_app.extensions["candor_settings"],
    )


@blueprint.post("/quarantine/<uuid:suspect_id>/restoration")
@require(Permission.ANALYTICS_WRITE)
def restore_events(site_id: UUID, suspect_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    number = restore(site, suspect_id)
    if not number:
        raise not_found()
    db.session.commit()
    flash(f"{number:,} {'event was' if number == 1 else 'events were'} given back.", "success")
    slug = current_organization.slug
    return redirect(url_for("tracking.drops", organization=slug, site_id=site.id))
