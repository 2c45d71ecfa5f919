"""Where members make and revoke shared links."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.filters import read_filters
from app.analytics.models import Refused, Segment, SharedLink
from app.analytics.pages import shown
from app.analytics.report_forms import SharedLinkForm
from app.core.db import db
from app.core.letters import public_url
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

blueprint = Blueprint("shared_links", __name__, url_prefix="/o/<organization>/analytics/links")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    choice = choose_site()
    if choice.chosen is None:
        return render("analytics/shared_links/index.html", block="picker", choice=choice)
    filters = [str(each) for each in read_filters(request.args.getlist("f"))]
    form = SharedLinkForm(formdata=None, site=choice.chosen.id, f=filters)
    return _index(choice.chosen, form, choice=choice)


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = SharedLinkForm()
    if not form.validate():
        return _refused(form)
    site = form.site.site
    try:
        link, token = SharedLink.issue(site, **form.wanted(site))
    except Refused as error:
        form[error.field].errors = [str(error)]
        return _refused(form)
    db.session.commit()
    fresh = SharedLinkForm(formdata=None, site=site.id)
    return _index(site, fresh, made=link, address=public_url("shared.show", token=token))


@blueprint.post("/<uuid:link_id>/revocation")
@require(Permission.ANALYTICS_WRITE)
def revoke(link_id: UUID) -> Any:
    link = get_or_404(SharedLink, link_id)
    link.revoke()
    db.session.commit()
    flash(f"“{link.name}” is revoked. Its address leads nowhere from now on.", "success")
    address = url_for("shared_links.index", organization=current_organization.slug)
    return redirect(f"{address}?site={link.site_id}")


def _refused(form: SharedLinkForm) -> Any:
    choice = choose_site(form.site.data)
    return _index(choice.chosen, form, 422, choice=choice)


def _index(site: Site | None, form: SharedLinkForm, status: int = 200, **values: Any) -> Any:
    return render(
        "analytics/shared_links/index.html",
        status,
        site=site,
        form=form,
        links=SharedLink.of(site) if site else [],
        segments=Segment.of(site) if site else [],
        fixed=read_filters(form.f.data or ()) if not form.f.errors else [],
        **shown(),
        **values,
    )
