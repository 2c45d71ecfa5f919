"""Labels: the words by which agents sort conversations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.chat.forms import ColourForm, LabelForm
from app.chat.inbox import label_counts
from app.chat.models import Label, LabelError
from app.core.db import db
from app.core.render import render

blueprint = Blueprint("labels", __name__, url_prefix="/o/<organization>/inbox/labels")


@blueprint.get("")
@require(Permission.CHAT_READ)
def index() -> Any:
    return _page(LabelForm(formdata=None))


@blueprint.post("")
@require(Permission.CHAT_REPLY)
def create() -> Any:
    form = LabelForm()
    if not form.validate():
        return _page(form, 422)
    try:
        Label.create(form.name.data, form.colour.data)
    except LabelError as error:
        form.name.errors = [str(error)]
        return _page(form, 422)
    db.session.commit()
    return redirect(_url())


@blueprint.post("/<uuid:label_id>")
@require(Permission.CHAT_REPLY)
def update(label_id: UUID) -> Any:
    label, form = get_or_404(Label, label_id), ColourForm()
    if not form.validate():
        flash("Choose one of the colours.", "error")
        return _page(LabelForm(formdata=None), 422)
    label.change(form.colour.data)
    db.session.commit()
    return redirect(_url())


@blueprint.post("/<uuid:label_id>/deletion")
@require(Permission.CHAT_REPLY)
def delete(label_id: UUID) -> Any:
    label = get_or_404(Label, label_id)
    name = label.name
    label.remove()
    db.session.commit()
    flash(f"The label {name} is gone. Its conversations stay.", "success")
    return redirect(_url())


def _page(form: LabelForm, status: int = 200) -> Any:
    values: dict[str, Any] = {"labels": Label.all(), "counts": label_counts(), "form": form}
    return render("chat/labels/index.html", status, **values)


def _url() -> str:
    return url_for("labels.index", organization=current_organization.slug)
