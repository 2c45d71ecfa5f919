"""Pages of sites. What a page of a site shows of the features above is put together in
`app/dashboard`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select
from sqlalchemy.orm import defer

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.errors import invalid
from app.core.languages import LANGUAGES
from app.core.render import render
from app.sites.domains import DomainError
from app.sites.forms import DomainForm, SiteForm, SiteSettingsForm
from app.sites.installation import Installation
from app.sites.listing import list_sites
from app.sites.models import Revision, Site
from app.sites.snippet import snippet

blueprint = Blueprint("sites", __name__, url_prefix="/o/<organization>/sites")

SHOWN_REVISIONS = 5


@blueprint.get("")
@require(Permission.SITES_READ)
def index() -> Any:
    return render("sites/index.html", listing=list_sites())


@blueprint.get("/new")
@require(Permission.SITES_WRITE)
def new() -> Any:
    return render("sites/new.html", form=_new_form())


@blueprint.post("")
@require(Permission.SITES_WRITE)
def create() -> Any:
    form = _new_form()
    if not form.validate():
        return render("sites/new.html", 422, form=form)
    site = Site.create(**form.settings())
    db.session.commit()
    flash(f"{site.name} is ready. Put its snippet into the page.", "success")
    return redirect(_page(site, "installation.show"))


@blueprint.get("/<uuid:site_id>")
@require(Permission.SITES_READ)
def show(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    newest = select(Revision).filter_by(site_id=site.id).order_by(Revision.number.desc())
    shown = newest.options(defer(Revision.content)).limit(SHOWN_REVISIONS)
    revisions = db.session.scalars(shown).all()
    return render(
        "sites/show.html",
        site=site,
        snippet=snippet(site),
        installation=Installation.of(site),
        revisions=revisions,
        languages=LANGUAGES,
    )


@blueprint.get("/<uuid:site_id>/edit")
@require(Permission.SITES_WRITE)
def edit(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    return render("sites/edit.html", site=site, form=SiteSettingsForm.of(site))


@blueprint.post("/<uuid:site_id>")
@require(Permission.SITES_WRITE)
def update(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    form = SiteSettingsForm(obj=site)
    if not form.validate():
        return render("sites/edit.html", 422, site=site, form=form)
    site.change(**form.settings())
    db.session.commit()
    flash("Saved. Open pages follow within seconds.", "success")
    return redirect(_page(site))


@blueprint.post("/<uuid:site_id>/domains")
@require(Permission.SITES_WRITE)
def add_domain(site_id: UUID) -> Any:
    site, form = get_or_404(Site, site_id), DomainForm()
    if not form.validate():
        raise invalid("host", form.errors["host"][0])
    try:
        site.add_domain(form.host.data or "")
    except DomainError as error:
        raise invalid("host", str(error)) from error
    db.session.commit()
    flash(f"The snippet runs on {form.host.data} from now on.", "success")
    return redirect(_page(site))


@blueprint.post("/<uuid:site_id>/activation")
@require(Permission.SITES_WRITE)
def activate(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    site.activate()
    db.session.commit()
    flash(f"{site.name} is on. Pages show what is published from their next load.", "success")
    return redirect(_page(site))


@blueprint.post("/<uuid:site_id>/deactivation")
@require(Permission.SITES_WRITE)
def deactivate(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    site.deactivate()
    db.session.commit()
    flash(f"{site.name} is off. Everything leaves its pages within seconds.", "success")
    return redirect(_page(site))


def _page(site: Site, endpoint: str = "sites.show") -> str:
    return url_for(endpoint, organization=current_organization.slug, site_id=site.id)


def _new_form() -> SiteForm:
    """Begins with what the organization says of itself."""
    own = current_organization
    return SiteForm(time_zone=own.time_zone, language=own.language)
