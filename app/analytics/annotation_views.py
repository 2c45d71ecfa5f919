"""Pages of annotations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect

from app.accounts.access import get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.models import Annotation, Refused
from app.analytics.pages import answer_page, show_page
from app.analytics.questions import Question
from app.analytics.report_forms import AnnotationForm, NewAnnotationForm
from app.core.db import db
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

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
    question = Question.asked(form.site.site)
    try:
        Annotation.write(question.site, form.day.data, form.text.data or "")
    except Refused as error:
        form.text.errors = [str(error)]
        return _refused(form)
    db.session.commit()
    flash("It is in the curve from now on.", "success")
    return redirect(question.address(".index"))


@blueprint.get("/<uuid:annotation_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(annotation_id: UUID) -> Any:
    annotation = get_or_404(Annotation, annotation_id)
    return _edit(annotation, AnnotationForm(obj=annotation))


@blueprint.post("/<uuid:annotation_id>")
@require(Permission.ANALYTICS_WRITE)
def update(annotation_id: UUID) -> Any:
    annotation, form = get_or_404(Annotation, annotation_id), AnnotationForm()
    if not form.validate():
        return _edit(annotation, form, 422)
    question = _asked(annotation)
    annotation.change(form.day.data, form.text.data or "")
    db.session.commit()
    flash("Saved.", "success")
    return redirect(question.address(".index"))


@blueprint.post("/<uuid:annotation_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(annotation_id: UUID) -> Any:
    annotation = get_or_404(Annotation, annotation_id)
    question = _asked(annotation)
    annotation.remove()
    db.session.commit()
    flash("The annotation is deleted.", "success")
    return redirect(question.address(".index"))


def _refused(form: NewAnnotationForm) -> Any:
    choice = choose_site(form.site.data)
    if choice.chosen is None:
        return render(INDEX, 422, choice=choice)
    return answer_page(
        INDEX, choice.chosen, lambda question: _index(question, form), status=422, choice=choice
    )


def _index(question: Question, form: NewAnnotationForm) -> dict[str, Any]:
    return {"annotations": Annotation.of(question.site), "form": form}


def _edit(annotation: Annotation, form: AnnotationForm, status: int = 200) -> Any:
    return render(
        "analytics/annotations/edit.html",
        status,
        annotation=annotation,
        form=form,
        question=_asked(annotation),
    )


def _asked(annotation: Annotation) -> Question:
    """The question of the page that it was changed from."""
    return Question.asked(db.session.get_one(Site, annotation.site_id))
