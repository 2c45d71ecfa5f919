"""Pages: what a site has published, going back to it, and taking its configuration elsewhere."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, request, url_for
from sqlalchemy.orm import selectinload
from werkzeug.utils import secure_filename

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.campaigns.differences import differences
from app.campaigns.transfer import LARGEST, Problem, Transfer
from app.core.api import uuid_or_404
from app.core.db import db
from app.core.errors import invalid
from app.core.render import render
from app.core.request import takes_upload
from app.dashboard.history import (
    changes_between,
    history,
    number_or_404,
    revision_of,
    scheduled,
    unpublished,
)
from app.dashboard.publishing import publish_changes, roll_back
from app.sites.listing import searched
from app.sites.models import Site

blueprint = Blueprint(
    "publications", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>/publications"
)

PAGE = 20
MOST_TARGETS = 20
# A form around a document, in which each line break has become two characters.
ENVELOPE = 2 * LARGEST


@blueprint.url_value_preprocessor
def _allow_documents(endpoint: str | None, _values: Any) -> None:
    """Before anything reads the form, as the check of its token does."""
    if endpoint in ("publications.preview", "publications.create_import"):
        request.max_form_memory_size = LARGEST + ENVELOPE


@blueprint.get("")
@require(Permission.CAMPAIGNS_READ)
def index(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    before = number_or_404(request.args.get("before"), 0)
    entries, older = history(site, before=before or None, limit=PAGE)
    return render(
        "dashboard/publications/index.html",
        site=site,
        entries=entries,
        older=older,
        unpublished=unpublished(site),
        scheduled=scheduled(site),
        zone=ZoneInfo(site.time_zone),
    )


@blueprint.post("")
@require(Permission.CAMPAIGNS_WRITE)
def create(site_id: UUID) -> Any:
    """Publish what was changed in published campaigns, all of it as one revision."""
    site = get_or_404(Site, site_id)
    revision = publish_changes(site)
    db.session.commit()
    done = "All changes are published. Open pages follow within seconds."
    flash(done if revision else "There was nothing to publish.", "success" if revision else "info")
    return redirect(_page(site))


@blueprint.get("/comparison")
@require(Permission.CAMPAIGNS_READ)
def compare(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    last = site.revision_number or 0
    after = revision_of(site, number_or_404(request.args.get("to"), last))
    before = revision_of(
        site, number_or_404(request.args.get("from"), max(1, min(after.number, last) - 1))
    )
    changes = changes_between(before.content, after.content)
    return render(
        "dashboard/publications/compare.html",
        site=site,
        before=before,
        after=after,
        changes=changes,
    )


@blueprint.get("/rollbacks")
@require(Permission.CAMPAIGNS_WRITE)
def confirm(site_id: UUID) -> Any:
    """The question before rolling back, with what it would change."""
    site = get_or_404(Site, site_id)
    last = site.revision_number or 0
    then = revision_of(site, number_or_404(request.args.get("number"), max(1, last - 1)))
    changes = changes_between(revision_of(site, last).content, then.content)
    return render("dashboard/publications/rollback.html", site=site, revision=then, changes=changes)


@blueprint.post("/rollbacks")
@require(Permission.CAMPAIGNS_WRITE)
def create_rollback(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    number = number_or_404(request.form.get("number"), 0)
    if not number:
        raise invalid("number", "Choose the revision to go back to.")
    roll_back(site, revision_of(site, number))
    db.session.commit()
    flash(f"Revision {number} is published again. Open pages follow within seconds.", "success")
    return redirect(_page(site))


@blueprint.get("/export")
@require(Permission.CAMPAIGNS_READ)
def export(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    text = json.dumps(Transfer.of(site).document(), ensure_ascii=False, indent=1)
    name = secure_filename(f"{site.name}.candor.json").lower() or "site.candor.json"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(text, mimetype="application/json", headers=headers)


@blueprint.get("/imports")
@require(Permission.CAMPAIGNS_WRITE)
def new_import(site_id: UUID) -> Any:
    return _import_page(get_or_404(Site, site_id), "", [])


@blueprint.post("/previews")
@require(Permission.CAMPAIGNS_WRITE)
@takes_upload(LARGEST + ENVELOPE)
def preview(site_id: UUID) -> Any:
    """What a document would bring. Nothing is kept: the page carries it to the next step."""
    site, text = get_or_404(Site, site_id), _sent_text()
    transfer = _read(text)
    if transfer.problems:
        return _import_page(site, text, transfer.problems, 422)
    return render("dashboard/publications/preview.html", text=text, **_arrival(transfer, site))


@blueprint.post("/imports")
@require(Permission.CAMPAIGNS_WRITE)
@takes_upload(LARGEST + ENVELOPE)
def create_import(site_id: UUID) -> Any:
    site, text = get_or_404(Site, site_id), _sent_text()
    transfer = _read(text)
    if transfer.problems:
        return _import_page(site, text, transfer.problems, 422)
    return _bring(transfer, site)


@blueprint.get("/copies")
@require(Permission.CAMPAIGNS_WRITE)
def new_copy(site_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    chosen, query = request.args.get("target"), searched()
    if chosen:
        return _copy_preview(site, get_or_404(Site, uuid_or_404(chosen)))
    return _copy_page(site, query)


@blueprint.post("/copies")
@require(Permission.CAMPAIGNS_WRITE)
def create_copy(site_id: UUID) -> Any:
    site, chosen = get_or_404(Site, site_id), request.form.get("target")
    if not chosen:
        return _copy_page(site, "", "Choose the site to copy to.", 422)
    target, transfer = get_or_404(Site, uuid_or_404(chosen)), Transfer.of(site)
    if transfer.problems:
        return _copy_preview(site, target, 422)
    return _bring(transfer, target)


def targets(site: Site, query: str) -> list[Site]:
    """Other sites of the organization whose name, client or domain contains `query`."""
    found = Site.matching(query).where(Site.id != site.id).options(selectinload(Site.domains))
    return list(db.session.scalars(found.limit(MOST_TARGETS)))


def _bring(transfer: Transfer, site: Site) -> Any:
    drafts = transfer.bring_into(site, settings=_takes_settings())
    db.session.commit()
    count = "One draft is" if len(drafts) == 1 else f"{len(drafts)} drafts are"
    flash(f"{count} ready on {site.name}. Publish them when they are right.", "success")
    return redirect(_page(site))


def _takes_settings() -> bool:
    return "settings" in request.form and current_member.may(Permission.SITES_WRITE)


def _arrival(transfer: Transfer, site: Site) -> dict[str, Any]:
    """What the preview shows of a transfer to `site`."""
    names = transfer.names_in(site)
    changes = differences({"settings": site.settings}, {"settings": transfer.settings})
    rows = list(zip(transfer.campaigns, names, strict=True))
    return {"site": site, "rows": rows, "settings": changes, "problems": transfer.problems}


def _sent_text() -> str:
    """A document that was pasted or uploaded."""
    upload = request.files.get("file")
    if upload and upload.filename:
        return upload.read(LARGEST + 1).decode("utf-8-sig", errors="replace")
    return request.form.get("text", "").replace("\r\n", "\n")


def _read(text: str) -> Transfer:
    if not text.strip():
        nothing = "Choose a file or paste the text of one."
        return Transfer(problems=[Problem("", nothing)])
    return Transfer.read(text)


def _import_page(site: Site, text: str, problems: list[Problem], status: int = 200) -> Any:
    return render(
        "dashboard/publications/import.html", status, site=site, text=text, problems=problems
    )


def _copy_page(site: Site, query: str, error: str = "", status: int = 200) -> Any:
    return render(
        "dashboard/publications/copy.html",
        status,
        block="targets",
        site=site,
        query=query,
        error=error,
        targets=targets(site, query),
        most=MOST_TARGETS,
    )


def _copy_preview(site: Site, target: Site, status: int = 200) -> Any:
    return render(
        "dashboard/publications/preview.html",
        status,
        source=site,
        **_arrival(Transfer.of(site), target),
    )


def _page(site: Site) -> str:
    slug = current_organization.slug
    return url_for("publications.index", organization=slug, site_id=site.id)
