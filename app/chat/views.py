"""The inbox: what agents read and write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, request, url_for

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.chat.forms import AssignmentForm, LabelsForm, MessageForm, SnoozeForm
from app.chat.models import Conversation, ConversationLabel
from app.chat.models.message import Message
from app.chat.pages import agents, list_values, shown
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render

PAGE = "chat/inbox/show.html"

blueprint = Blueprint("inbox", __name__, url_prefix="/o/<organization>/inbox")


@blueprint.get("")
@require(Permission.CHAT_READ)
def index() -> Any:
    return render(PAGE, block="list", **list_values(), shown=None)


@blueprint.get("/<uuid:conversation_id>")
@require(Permission.CHAT_READ)
def show(conversation_id: UUID) -> Any:
    return _page(_opened(conversation_id), MessageForm(formdata=None))


@blueprint.get("/<uuid:conversation_id>/messages")
@require(Permission.CHAT_READ)
def messages(conversation_id: UUID) -> Any:
    """Those after `?after=`, or a page of those below `?before=`: what a socket has missed."""
    conversation = _opened(conversation_id)
    found = conversation.messages(**_range(), public=False)
    return render("chat/inbox/_messages.html", conversation=conversation, messages=found)


@blueprint.post("/<uuid:conversation_id>/messages")
@require(Permission.CHAT_REPLY)
def write(conversation_id: UUID) -> Any:
    """A reply, or with `note` something for the other agents."""
    conversation, form = _opened(conversation_id), MessageForm()
    if not form.validate():
        return _page(conversation, form, 422)
    say = conversation.note if form.note.data else conversation.reply
    message = say(current_member, form.body.data, form.client_id.data or None)
    db.session.commit()
    return _written(conversation, message)


@blueprint.put("/<uuid:conversation_id>/reading")
@require(Permission.CHAT_READ)
def read(conversation_id: UUID) -> Any:
    """An agent has seen it up to `seq`."""
    conversation = _opened(conversation_id)
    conversation.read_by_agents(request.form.get("seq", 0, int))
    db.session.commit()
    return "", 204


@blueprint.post("/<uuid:conversation_id>/closure")
@require(Permission.CHAT_REPLY)
def close(conversation_id: UUID) -> Any:
    conversation = _opened(conversation_id)
    conversation.close(by=current_member)
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/reopening")
@require(Permission.CHAT_REPLY)
def reopen(conversation_id: UUID) -> Any:
    """What was closed or snoozed is open again."""
    conversation = _opened(conversation_id)
    conversation.reopen(by=current_member)
    conversation.wake()
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/assignment")
@require(Permission.CHAT_REPLY)
def assign(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), AssignmentForm()
    if not form.validate():
        return _page(conversation, MessageForm(formdata=None), 422)
    conversation.assign(form.chosen)
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/snooze")
@require(Permission.CHAT_REPLY)
def snooze(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), SnoozeForm()
    if not form.validate():
        return _page(conversation, MessageForm(formdata=None), 422)
    conversation.snooze(form.moment)
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/labels")
@require(Permission.CHAT_REPLY)
def label(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), LabelsForm()
    if not form.validate():
        return _page(conversation, MessageForm(formdata=None), 422)
    ConversationLabel.put(conversation.id, form.chosen)
    return _changed(conversation)


def _opened(conversation_id: UUID) -> Conversation:
    """One that has begun: before that it is nothing to agents."""
    conversation = get_or_404(Conversation, conversation_id)
    if conversation.opened_at is None:
        raise not_found()
    return conversation


def _range() -> dict[str, Any]:
    before = request.args.get("before", type=int)
    return {"before": before} if before else {"after": max(0, request.args.get("after", 0, int))}


def _page(conversation: Conversation, form: MessageForm, status: int = 200) -> Any:
    values = {"shown": shown(conversation), "form": form, "agents": agents()}
    values["snoozes"] = SnoozeForm(formdata=None)
    return render(PAGE, status, block="conversation", **list_values(), **values)


def _written(conversation: Conversation, message: Message) -> Any:
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(_url_of(conversation))
    return render("chat/inbox/_written.html", 201, conversation=conversation, message=message)


def _changed(conversation: Conversation) -> Any:
    db.session.commit()
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(_url_of(conversation))
    return _page(conversation, MessageForm(formdata=None))


def _url_of(conversation: Conversation) -> str:
    return url_for(
        "inbox.show", organization=current_organization.slug, conversation_id=conversation.id
    )
