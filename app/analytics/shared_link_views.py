"""Where members make and revoke shared links."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.filters import read_filters
from app.analytics.models import Refused, Segment, SharedLink
from app.analytics.pages import answer_page, show_page
from app.analytics.questions import Question
from app.analytics.report_forms import SharedLinkForm
from app.core.db import db
from app.core.letters import public_url
from app.core.render import render
from app.sites.listing import choose_site

INDEX = "analytics/shared_links/index.html"

blueprint = Blueprint("shared_links", __name__, url_prefix="/o/<organization>/analytics/links")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page(INDEX, lambda question: _index(question, _fresh(question)))


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
    # The answer itself shows it: the address is kept nowhere, not even in a cookie.
    return answer_page(
        INDEX,
        site,
        lambda question: _index(question, _fresh(question)),
        choice=choose_site(str(site.id)),
        made=link,
        address=public_url("shared.show", token=token),
    )


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
    if choice.chosen is None:
        return render(INDEX, 422, choice=choice)
    return answer_page(
        INDEX, choice.chosen, lambda question: _index(question, form), status=422, choice=choice
    )


def _fresh(question: Question) -> SharedLinkForm:
    """With the filters of the page that it came from."""
    filters = [str(each) for each in question.filters]
    return SharedLinkForm(formdata=None, site=question.site.id, f=filters)


def _index(question: Question, form: SharedLinkForm) -> dict[str, Any]:
    return {
        "form": form,
        "links": SharedLink.of(question.site),
        "segments": Segment.of(question.site),
        "fixed": [] if form.f.errors else read_filters(form.f.data or ()),
    }
