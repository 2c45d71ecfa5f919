"""Tickets: the list, one of them, and what becomes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.support.forms import WORDS, TicketForm
from app.support.models import STATES, Ticket

SHOWN = 100

blueprint = Blueprint("tickets", __name__, url_prefix="/o/<organization>/tickets")


@blueprint.get("")
@require(Permission.CHAT_READ)
def index() -> Any:
    state = request.args.get("state", "open")
    state = state if state in STATES else "open"
    before = parsed_uuid(request.args.get("before", ""))
    found = _of_state(state, before)
    return render(
        "support/tickets/index.html",
        state=state,
        words=WORDS,
        tickets=found[:SHOWN],
        older=found[SHOWN - 1].id if len(found) > SHOWN else None,
        before=before,
    )


def _of_state(state: str, before: UUID | None) -> list[Ticket]:
    """The newest of them, or those below one; and one more than is shown, if there is."""
    options = (selectinload(Ticket.site), selectinload(Ticket.assignee).selectinload(Member.user))
    found = select(Ticket).filter_by(state=state).order_by(Ticket.id.desc()).options(*options)
    if before is not None:
        found = found.where(Ticket.id < before)
    return list(db.session.scalars(found.limit(SHOWN + 1)))


@blueprint.get("/of-conversation/<uuid:conversation_id>")
@require(Permission.CHAT_READ)
def of_conversation(conversation_id: UUID) -> Any:
    """The ticket that a conversation is: what it has of it is its own id."""
    ticket = db.session.scalars(select(Ticket).filter_by(conversation_id=conversation_id)).first()
    if ticket is None:
        raise not_found()
    return _page(ticket, TicketForm.of(ticket))


@blueprint.get("/<uuid:ticket_id>")
@require(Permission.CHAT_READ)
def show(ticket_id: UUID) -> Any:
    ticket = get_or_404(Ticket, ticket_id)
    return _page(ticket, TicketForm.of(ticket))


@blueprint.post("/<uuid:ticket_id>")
@require(Permission.CHAT_REPLY)
def update(ticket_id: UUID) -> Any:
    Ticket.lock()
    ticket, form = get_or_404(Ticket, ticket_id), TicketForm()
    if not form.validate():
        return _page(ticket, form, 422)
    if form.seen.data and form.seen.data != ticket.version:
        flash("Somebody has changed it meanwhile. This is how it stands now.", "error")
        return _page(ticket, TicketForm.of(ticket), 422)
    ticket.change(state=form.state.data, priority=form.priority.data, assignee=form.chosen)
    db.session.commit()
    flash("Saved.", "success")
    slug = current_organization.slug
    return redirect(url_for("tickets.show", organization=slug, ticket_id=ticket.id))


def _page(ticket: Ticket, form: TicketForm, status: int = 200) -> Any:
    return render("support/tickets/show.html", status, ticket=ticket, form=form, words=WORDS)
