"""Canned replies: answers that are given often, typed as `/shortcut`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.chat.forms import CannedReplyForm
from app.chat.models import CannedReply, CannedReplyError
from app.core.db import db
from app.core.render import render

blueprint = Blueprint(
    "canned_replies", __name__, url_prefix="/o/<organization>/inbox/canned-replies"
)


@blueprint.get("")
@require(Permission.CHAT_READ)
def index() -> Any:
    return render("chat/canned_replies/index.html", replies=CannedReply.all())


@blueprint.get("/new")
@require(Permission.CHAT_REPLY)
def new() -> Any:
    return _form(CannedReplyForm(formdata=None))


@blueprint.post("")
@require(Permission.CHAT_REPLY)
def create() -> Any:
    form = CannedReplyForm()
    if not form.validate():
        return _form(form, status=422)
    try:
        reply = CannedReply.create(form.shortcut.data, form.body.data)
    except CannedReplyError as error:
        form.shortcut.errors = [str(error)]
        return _form(form, status=422)
    db.session.commit()
    flash(f"Type /{reply.shortcut} in a conversation.", "success")
    return redirect(_url())


@blueprint.get("/<uuid:reply_id>/edit")
@require(Permission.CHAT_REPLY)
def edit(reply_id: UUID) -> Any:
    reply = get_or_404(CannedReply, reply_id)
    return _form(CannedReplyForm(obj=reply), reply)


@blueprint.post("/<uuid:reply_id>")
@require(Permission.CHAT_REPLY)
def update(reply_id: UUID) -> Any:
    reply, form = get_or_404(CannedReply, reply_id), CannedReplyForm()
    if not form.validate():
        return _form(form, reply, 422)
    try:
        reply.change(form.shortcut.data, form.body.data)
    except CannedReplyError as error:
        form.shortcut.errors = [str(error)]
        return _form(form, reply, 422)
    db.session.commit()
    return redirect(_url())


@blueprint.post("/<uuid:reply_id>/deletion")
@require(Permission.CHAT_REPLY)
def delete(reply_id: UUID) -> Any:
    reply = get_or_404(CannedReply, reply_id)
    reply.remove()
    db.session.commit()
    flash("Deleted. What was sent with it stays.", "success")
    return redirect(_url())


def _form(form: CannedReplyForm, reply: CannedReply | None = None, status: int = 200) -> Any:
    return render("chat/canned_replies/form.html", status, form=form, reply=reply)


def _url() -> str:
    return url_for("canned_replies.index", organization=current_organization.slug)
