"""Pages of annotations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.models import Annotation, Refused
from app.analytics.pages import answer_page, show_page
from app.analytics.questions import Question
from app.analytics.report_forms import AnnotationForm, NewAnnotationForm
from app.core.db import db
from app.core.render import render
from app.sites.listing import choose_site

blueprint = Blueprint("annotations", __name__, url_prefix="/o/<organization>/analytics/annotations")

INDEX = "analytics/annotations/index.html"


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page(INDEX, lambda question: _index(question, NewAnnotationForm(formdata=None)))


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = NewAnnotationForm()
    if not form.validate():
        return _refused(form)
    try:
        made = Annotation.write(form.site.site, form.day.data, form.text.data or "")
    except Refused as error:
        form.text.errors = [str(error)]
        return _refused(form)
    db.session.commit()
    flash("It is in the curve from now on.", "success")
    return redirect(_index_of(made.site_id))


@blueprint.get("/<uuid:annotation_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(annotation_id: UUID) -> Any:
    annotation = get_or_404(Annotation, annotation_id)
    form = AnnotationForm(obj=annotation)
    return render("analytics/annotations/edit.html", annotation=annotation, form=form)


@blueprint.post("/<uuid:annotation_id>")
@require(Permission.ANALYTICS_WRITE)
def update(annotation_id: UUID) -> Any:
    annotation, form = get_or_404(Annotation, annotation_id), AnnotationForm()
    if not form.validate():
        return render("analytics/annotations/edit.html", 422, annotation=annotation, form=form)
    annotation.change(form.day.data, form.text.data or "")
    db.session.commit()
    flash("Saved.", "success")
    return redirect(_index_of(annotation.site_id))


@blueprint.post("/<uuid:annotation_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(annotation_id: UUID) -> Any:
    annotation = get_or_404(Annotation, annotation_id)
    annotation.remove()
    db.session.commit()
    flash("The annotation is deleted.", "success")
    return redirect(_index_of(annotation.site_id))


def _refused(form: NewAnnotationForm) -> Any:
    choice = choose_site(form.site.data)
    if choice.chosen is None:
        return render(INDEX, 422, choice=choice)
    return answer_page(
        INDEX, choice.chosen, lambda question: _index(question, form), status=422, choice=choice
    )


def _index(question: Question, form: NewAnnotationForm) -> dict[str, Any]:
    return {"annotations": Annotation.of(question.site), "form": form}


def _index_of(site_id: UUID) -> str:
    return url_for("annotations.index", organization=current_organization.slug, site=site_id)
