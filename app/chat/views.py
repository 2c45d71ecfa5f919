"""The inbox: what agents read and write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.chat.files import LARGEST
from app.chat.forms import AssignmentForm, LabelsForm, MessageForm, SeenForm, SnoozeForm
from app.chat.models import CannedReply, Conversation, Label
from app.chat.models.message import Message
from app.chat.pages import agents, list_values, shown, wanted
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.core.request import takes_upload

PAGE = "chat/inbox/show.html"
MOST_READ = 100  # messages of one answer

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
    if not request.headers.get("HX-Request"):
        return _page(conversation, MessageForm(formdata=None))
    found = conversation.messages(**_range(), public=False, most=MOST_READ)
    earlier = "before" in request.args and bool(found) and found[0].seq > 1
    return render(
        "chat/inbox/_messages.html",
        conversation=conversation,
        messages=found,
        earlier=earlier,
        names=_names(),
    )


@blueprint.get("/<uuid:conversation_id>/canned-replies")
@require(Permission.CHAT_REPLY)
def canned_replies(conversation_id: UUID) -> Any:
    """All of them, filled for this conversation, as JSON: the composer chooses among them."""
    conversation = _opened(conversation_id)
    filled = {
        "name": conversation.guest.name or "",
        "agent": (current_member.user.name or "").partition(" ")[0],
        "site": conversation.site.name,
    }
    replies = [
        {"shortcut": each.shortcut, "body": each.filled(**filled)} for each in CannedReply.all()
    ]
    return {"data": replies}


@blueprint.post("/<uuid:conversation_id>/messages")
@takes_upload(LARGEST)
@require(Permission.CHAT_REPLY)
def write(conversation_id: UUID) -> Any:
    """A reply, or with `note` something for the other agents."""
    conversation, form = _opened(conversation_id), MessageForm()
    if not form.validate() or _overtaken(conversation, form):
        return _page(conversation, form, 422)
    say = conversation.note if form.note.data else conversation.reply
    message = say(current_member, form.body.data, form.client_id.data or None, form.upload)
    db.session.commit()
    return _written(conversation, message)


def _overtaken(conversation: Conversation, form: MessageForm) -> bool:
    """Whether a colleague has replied meanwhile, which the form then says."""
    if form.note.data or form.seen_seq is None:
        return False
    name = form.client_id.data or None
    other = conversation.answered_by_another(current_member, form.seen_seq, name)
    if other is None:
        return False
    who, seq = other.author_name or "A colleague", other.seq
    # Nobody waits while the page is made, for which Redis is asked.
    db.session.rollback()
    form.body.errors = [f"{who} replied meanwhile. Read it, then send yours again if it is needed."]
    form.seen.data = str(seq)
    return True


def _unseen(conversation: Conversation, form: SeenForm) -> bool:
    """Whether the visitor wrote something that the agent has not had before him, which the form
    then says: put away, it would be read by nobody."""
    if form.seen_seq is None or not conversation.heard_after(form.seen_seq):
        return False
    form.seen.errors = [f"{conversation.guest.label} wrote meanwhile. Read it first."]
    # Nobody waits while the page is made, for which Redis is asked.
    db.session.rollback()
    return True


@blueprint.put("/<uuid:conversation_id>/reading")
@require(Permission.CHAT_READ)
def read(conversation_id: UUID) -> Any:
    """An agent has seen it up to `seq`."""
    conversation = _opened(conversation_id)
    conversation.read_by_agents(_seq_in(request.form, "seq"))
    db.session.commit()
    return "", 204


@blueprint.post("/<uuid:conversation_id>/closure")
@require(Permission.CHAT_REPLY)
def close(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), SeenForm()
    if not form.validate() or _unseen(conversation, form):
        return _refused(conversation, form)
    conversation.close(by=current_member)
    return _changed(conversation, "Closed.")


@blueprint.post("/<uuid:conversation_id>/reopening")
@require(Permission.CHAT_REPLY)
def reopen(conversation_id: UUID) -> Any:
    """What was closed or snoozed is open again."""
    conversation = _opened(conversation_id)
    conversation.reopen(by=current_member)
    conversation.wake(by=current_member)
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/assignment")
@require(Permission.CHAT_REPLY)
def assign(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), AssignmentForm()
    if not form.validate():
        return _refused(conversation, form)
    conversation.assign(form.chosen, by=current_member)
    return _changed(conversation)


@blueprint.post("/<uuid:conversation_id>/snooze")
@require(Permission.CHAT_REPLY)
def snooze(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), SnoozeForm()
    if not form.validate() or _unseen(conversation, form):
        return _refused(conversation, form)
    conversation.snooze(form.moment, by=current_member)
    return _changed(conversation, f"Snoozed: {form.words}.")


@blueprint.post("/<uuid:conversation_id>/labels")
@require(Permission.CHAT_REPLY)
def label(conversation_id: UUID) -> Any:
    conversation, form = _opened(conversation_id), LabelsForm()
    if not form.validate():
        return _refused(conversation, form)
    conversation.label(form.chosen, by=current_member)
    return _changed(conversation)


def _opened(conversation_id: UUID) -> Conversation:
    """One that has begun: before that it is nothing to agents."""
    conversation = get_or_404(Conversation, conversation_id)
    if conversation.opened_at is None:
        raise not_found()
    return conversation


def _range() -> dict[str, Any]:
    before = _seq_in(request.args, "before")
    return {"before": before} if before else {"after": _seq_in(request.args, "after")}


def _seq_in(said: Any, name: str) -> int:
    """The seq of a message; 0 for what is none, also for more digits than a database knows."""
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _names() -> dict[str, str]:
    return {str(each.id): each.user.name or "" for each in agents()}


def _page(
    conversation: Conversation, form: MessageForm, status: int = 200, refused: Any = None
) -> Any:
    """The whole page, or when it is opened from the list the conversation alone."""
    alone = bool(request.headers.get("HX-Request"))
    values = {} if alone else list_values()
    values |= _talk(conversation, refused)
    return render(PAGE, status, block="conversation", form=form, **values)


def _talk(conversation: Conversation, refused: Any = None) -> dict[str, Any]:
    errors = refused.errors.values() if refused else ()
    return {
        "filter": wanted(),
        "all_labels": Label.all(),
        "shown": shown(conversation),
        "snoozes": SnoozeForm(formdata=None),
        "reasons": [reason for each in errors for reason in each],
    }


def _written(conversation: Conversation, message: Message) -> Any:
    if not request.headers.get("HX-Request"):
        return redirect(_url_of(conversation))
    return render(
        "chat/inbox/_written.html",
        201,
        conversation=conversation,
        message=message,
        names={str(current_member.id): current_member.user.name or ""},
    )


def _changed(conversation: Conversation, said: str | None = None) -> Any:
    """`said` is told with a button that takes it back."""
    db.session.commit()
    undo = _url_of(conversation, "reopen")
    if request.headers.get("HX-Request"):
        values = _talk(conversation)
        return render("chat/inbox/change.oob.html", **values, said=said, undo=undo)
    if said:
        told: Any = {"text": said, "undo": undo}
        flash(told, "success")
    return redirect(_url_of(conversation))


def _refused(conversation: Conversation, form: Any) -> Any:
    """What cannot be done so, with the reason beside it."""
    if request.headers.get("HX-Request"):
        return render("chat/inbox/change.oob.html", 422, **_talk(conversation, form))
    return _page(conversation, MessageForm(formdata=None), 422, form)


def _url_of(conversation: Conversation, endpoint: str = "show") -> str:
    return url_for(
        f"inbox.{endpoint}",
        organization=current_organization.slug,
        conversation_id=conversation.id,
        **wanted().query(),
    )
