"""Pages of imports: upload, preview, confirmation, progress, report, undo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.api import ListQuery, page
from app.core.db import db
from app.core.render import render
from app.core.request import takes_upload
from app.core.spreadsheets import csv_bytes
from app.proof.forms import ColumnsForm, UploadForm
from app.proof.imports import WAITING, Import, ImportClosed
from app.proof.jobs import go_on_with_import
from app.sites.listing import choose_site
from app.sources.table import LARGEST, TARGETS, TableError

PAGE = 30
SAMPLE_ROWS = 4
SAMPLE_PROBLEMS = 20

blueprint = Blueprint("imports", __name__, url_prefix="/o/<organization>/activities/imports")


@blueprint.get("")
@require(Permission.ACTIVITIES_READ)
def index() -> Any:
    query = ListQuery(limit=PAGE, cursor=request.args.get("cursor"))
    imports, older = page(select(Import), Import, query)
    return render("proof/imports/index.html", imports=imports, older=older)


@blueprint.get("/new")
@require(Permission.ACTIVITIES_WRITE)
def new() -> Any:
    return _new(UploadForm())


@blueprint.post("")
@require(Permission.ACTIVITIES_WRITE)
@takes_upload(LARGEST)
def create() -> Any:
    form = UploadForm()
    if not form.validate():
        return _new(form, 422)
    site, name = form.site_id.site, form.file_name()
    try:
        received = Import.receive(site, name, form.content(), form.type.data)
    except TableError as error:
        form.file.errors = [str(error)]
        return _new(form, 422)
    db.session.commit()
    return redirect(_page(received))


@blueprint.get("/<uuid:import_id>")
@require(Permission.ACTIVITIES_READ)
def show(import_id: UUID) -> Any:
    return _show(get_or_404(Import, import_id))


@blueprint.post("/<uuid:import_id>/columns")
@require(Permission.ACTIVITIES_WRITE)
def describe(import_id: UUID) -> Any:
    imported = get_or_404(Import, import_id)
    form = _columns_of(imported)
    if not isinstance(form, ColumnsForm):
        return form
    imported.describe(form.columns(), form.type.data)
    db.session.commit()
    return _show(imported) if request.headers.get("HX-Request") else redirect(_page(imported))


@blueprint.post("/<uuid:import_id>/confirmation")
@require(Permission.ACTIVITIES_WRITE)
def confirm(import_id: UUID) -> Any:
    imported = get_or_404(Import, import_id)
    form = _columns_of(imported)
    if not isinstance(form, ColumnsForm):
        return form
    try:
        imported.confirm(form.columns(), form.type.data)
    except ImportClosed as error:
        return _show(imported, 422, str(error))
    go_on_with_import.enqueue(import_id=imported.id)
    db.session.commit()
    return redirect(_page(imported))


@blueprint.post("/<uuid:import_id>/report")
@require(Permission.ACTIVITIES_WRITE)
def report(import_id: UUID) -> Any:
    """A POST, since taking personal data out is written down in the audit log."""
    imported = get_or_404(Import, import_id)
    response = make_response(csv_bytes(imported.tell_report()))
    db.session.commit()
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="rows-left-out.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/<uuid:import_id>/undo")
@require(Permission.ACTIVITIES_WRITE)
def undo(import_id: UUID) -> Any:
    imported = get_or_404(Import, import_id)
    try:
        imported.undo()
    except ImportClosed as error:
        return _show(imported, 422, str(error))
    go_on_with_import.enqueue(import_id=imported.id)
    db.session.commit()
    return redirect(_page(imported))


@blueprint.post("/<uuid:import_id>/removal")
@require(Permission.ACTIVITIES_WRITE)
def discard(import_id: UUID) -> Any:
    imported = get_or_404(Import, import_id)
    try:
        imported.discard()
    except ImportClosed as error:
        return _show(imported, 422, str(error))
    db.session.commit()
    flash("The file is deleted. Nothing was imported.", "success")
    return redirect(url_for("imports.index", organization=current_organization.slug))


def _columns_of(imported: Import) -> Any:
    """The form that says what the columns mean, or the answer when that cannot be."""
    if imported.state != WAITING or imported.upload_sealed is None:
        return _show(imported, 422, "This import waits for nothing any more.")
    form = ColumnsForm.for_table(imported.table())
    if not form.validate():
        return _show(imported, 422, form=form)
    return form


def _show(imported: Import, status: int = 200, refusal: str | None = None, form: Any = None) -> Any:
    if imported.state != WAITING or imported.upload_sealed is None:
        return render(
            "proof/imports/show.html", status, block="progress", imported=imported, refusal=refusal
        )
    table = imported.table()
    reading = imported.reading(table)
    shown = form or ColumnsForm.for_table(table, imported.columns, imported.otherwise)
    return render(
        "proof/imports/preview.html",
        status,
        block="preview",
        imported=imported,
        table=table,
        reading=reading,
        form=shown,
        targets=TARGETS,
        sample=table.rows[:SAMPLE_ROWS],
        problems=reading.left_out[:SAMPLE_PROBLEMS],
        refusal=refusal,
    )


def _new(form: UploadForm, status: int = 200) -> Any:
    choice = choose_site(form.site_id.data)
    return render("proof/imports/new.html", status, block="picker", form=form, choice=choice)


def _page(imported: Import) -> str:
    slug = current_organization.slug
    return url_for("imports.show", organization=slug, import_id=imported.id)
