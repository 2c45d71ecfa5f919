"""Pages of sites and their snippets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, url_for
from sqlalchemy import select
from sqlalchemy.orm import defer

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.render import render
from app.sites.forms import SiteForm
from app.sites.models import Revision, Site

blueprint = Blueprint("sites", __name__, url_prefix="/o/<organization>/sites")

SHOWN_REVISIONS = 5


@blueprint.get("")
@require(Permission.SITES_READ)
def index() -> Any:
    sites = db.session.scalars(select(Site).order_by(Site.name)).all()
    return render("sites/index.html", sites=sites)


@blueprint.get("/new")
@require(Permission.SITES_WRITE)
def new() -> Any:
    return render("sites/new.html", form=SiteForm())


@blueprint.post("")
@require(Permission.SITES_WRITE)
def create() -> Any:
    form = SiteForm()
    if not form.validate():
        return render("sites/new.html", 422, form=form)
    site = Site.create(**form.settings())
    db.session.commit()
    flash(f"{site.name} is ready. Copy its snippet into the page.", "success")
    return redirect(_page(site))


@blueprint.get("/<uuid:site_id>")
@require(Permission.SITES_READ)
def show(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    newest = select(Revision).filter_by(site_id=site.id).order_by(Revision.number.desc())
    shown = newest.options(defer(Revision.content)).limit(SHOWN_REVISIONS)
    revisions = db.session.scalars(shown).all()
    return render("sites/show.html", site=site, snippet=snippet(site), revisions=revisions)


@blueprint.get("/<uuid:site_id>/edit")
@require(Permission.SITES_WRITE)
def edit(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    form = SiteForm(obj=site)
    form.domains.data = "\n".join(site.hosts)
    return render("sites/edit.html", site=site, form=form)


@blueprint.post("/<uuid:site_id>")
@require(Permission.SITES_WRITE)
def update(site_id: UUID) -> Any:
    site, form = get_or_404(Site, site_id), SiteForm()
    if not form.validate():
        return render("sites/edit.html", 422, site=site, form=form)
    site.change(**form.settings())
    db.session.commit()
    flash("Saved. Open pages follow within seconds.", "success")
    return redirect(_page(site))


def _page(site: Site) -> str:
    slug = current_organization.slug
    return url_for("sites.show", organization=slug, site_id=site.id)


def snippet(site: Site) -> str:
    """The one line of HTML."""
    url = current_app.extensions["candor_settings"].url
    return f'<script async src="{url}/w/{site.key}.js"></script>'
