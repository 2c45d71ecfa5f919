"""Pages of archives, beside the setting for how long raw rows are kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, send_file, url_for
from sqlalchemy import func, select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.models import Archive, Refused, RollupRun
from app.core.api import ListQuery, page
from app.core.db import db
from app.core.errors import ApiError
from app.core.render import render
from app.sites.models import Site

PAGE = 30

blueprint = Blueprint("archives", __name__, url_prefix="/o/<organization>/settings/archives")


@blueprint.get("")
@require(Permission.ORGANIZATION_WRITE)
def index() -> Any:
    query = ListQuery(limit=PAGE, cursor=request.args.get("cursor"))
    archives, older = page(select(Archive), Archive, query)
    return render(
        "analytics/archives/index.html",
        archives=archives,
        older=older,
        size=db.session.scalar(select(func.sum(Archive.size))),
        problems=_problems(),
    )


@blueprint.get("/<uuid:archive_id>")
@require(Permission.ORGANIZATION_WRITE)
def show(archive_id: UUID) -> Any:
    archive = get_or_404(Archive, archive_id)
    return render("analytics/archives/show.html", archive=archive, here=archive.path.exists())


@blueprint.post("/<uuid:archive_id>/file")
@require(Permission.ORGANIZATION_WRITE)
def download(archive_id: UUID) -> Any:
    """A POST, since taking personal data out is written down in the audit log."""
    archive = get_or_404(Archive, archive_id)
    try:
        response = send_file(
            archive.path, "application/gzip", as_attachment=True, download_name=archive.filename
        )
    except OSError as error:
        message = "The file of this archive is not on this machine."
        raise ApiError(404, "not_found", message) from error
    response.headers["Cache-Control"] = "no-store"
    archive.download()
    db.session.commit()
    return response


@blueprint.post("/<uuid:archive_id>/deletion")
@require(Permission.ORGANIZATION_WRITE)
def delete(archive_id: UUID) -> Any:
    archive = get_or_404(Archive, archive_id)
    try:
        archive.remove()
    except Refused as error:
        raise ApiError(409, "conflict", str(error)) from error
    db.session.commit()
    flash("The archive is deleted.", "success")
    return redirect(url_for("archives.index", organization=current_organization.slug))


def _problems() -> list[Any]:
    """The sites whose rows could not be written, and why; none once nothing is to be."""
    if not (current_organization.keeps_archives and current_organization.events_kept_days):
        return []
    found = (
        select(Site.name, RollupRun.archive_problem)
        .join(RollupRun, RollupRun.site_number == Site.number)
        .where(RollupRun.archive_problem.is_not(None))
    )
    return list(db.session.execute(found.order_by(Site.search_text)))
