"""Pages of segments: what somebody saved of his filters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.models import Refused, Segment
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.report_forms import RenameForm, SegmentForm
from app.core.db import db
from app.core.errors import invalid
from app.core.render import redirect_target

blueprint = Blueprint("segments", __name__, url_prefix="/o/<organization>/analytics/segments")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("analytics/segments/index.html", _index)


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = SegmentForm()
    if not form.validate():
        raise _refused(form)
    site = form.site.site
    try:
        segment = Segment.save(site, form.name.data or "", form.filters)
    except Refused as error:
        raise invalid(error.field, str(error)) from error
    db.session.commit()
    flash(f"“{segment.name}” is saved. Everybody here finds it under Segments.", "success")
    return redirect(redirect_target(request.form.get("next"), applied(segment)))


@blueprint.post("/<uuid:segment_id>")
@require(Permission.ANALYTICS_WRITE)
def update(segment_id: UUID) -> Any:
    segment, form = get_or_404(Segment, segment_id), RenameForm()
    if not form.validate():
        raise _refused(form)
    try:
        segment.rename(form.name.data or "")
    except Refused as error:
        raise invalid(error.field, str(error)) from error
    db.session.commit()
    flash("Renamed.", "success")
    return redirect(_index_of(segment.site_id))


@blueprint.post("/<uuid:segment_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(segment_id: UUID) -> Any:
    segment = get_or_404(Segment, segment_id)
    segment.remove()
    db.session.commit()
    flash(f"“{segment.name}” is deleted. No figure changes by that.", "success")
    return redirect(_index_of(segment.site_id))


def applied(segment: Segment, **more: Any) -> str:
    """The address of the site's figures with these filters."""
    return url_for(
        "analytics.show",
        organization=current_organization.slug,
        site=segment.site_id,
        f=[str(each) for each in segment.read],
        **{name: value for name, value in more.items() if value},
    )


def _index(question: Question) -> dict[str, Any]:
    return {"segments": Segment.of(question.site), "applied": applied}


def _refused(form: Any) -> Exception:
    field, messages = next(iter(form.errors.items()))
    return invalid(field, messages[0])


def _index_of(site_id: UUID) -> str:
    return url_for("segments.index", organization=current_organization.slug, site=site_id)
