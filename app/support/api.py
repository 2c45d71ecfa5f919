"""REST: tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import Select, select

from app.accounts.access import answering_member, authorized, get_or_404
from app.accounts.models import Member
from app.accounts.models.user import EmailError, normal_email
from app.accounts.permissions import Permission
from app.contacts.models import Contact
from app.core.api import FilterQuery, Page, Readable, Schema, writes
from app.core.forms import clean_line
from app.sites.models import Site
from app.support.models import Ticket

LONGEST_TEXT = 8000
LONGEST_NAME = 120

State = Literal["open", "in_progress", "resolved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]

blueprint = APIBlueprint("tickets_api", __name__, url_prefix="/api/v1/tickets", tag="Support")


class TicketOut(Schema):
    """`number` is what people call it, counted within the organization. `conversation_id`: where it
    was asked, and where a reply to it is written."""

    id: UUID
    number: int
    site_id: UUID
    conversation_id: UUID | None
    contact_id: UUID | None
    assignee_id: UUID | None
    state: State
    priority: Priority
    subject: str
    person: str | None
    email: str
    created_at: datetime
    changed_at: datetime


class TicketInFull(TicketOut):
    text: str


class Tickets(Page[TicketOut]):
    pass


class TicketsQuery(FilterQuery):
    """`?assignee=` is the id of a member or `none`."""

    site_id: UUID | None = None
    state: State | None = None
    priority: Priority | None = None
    assignee: UUID | Literal["none"] | None = None


class TicketIn(Schema):
    """What somebody asks for; its first line is the subject. He is a contact from then on."""

    site_id: UUID
    email: str = Field(max_length=254)
    person: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    text: Readable = Field(min_length=1, max_length=LONGEST_TEXT)
    priority: Priority = "normal"
    assignee_id: UUID | None = None

    @field_validator("person", "email", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("email")
    @classmethod
    def an_address(cls, text: str) -> str:
        try:
            return normal_email(text)
        except EmailError as error:
            raise ValueError(str(error)) from error


class TicketChanges(Schema):
    """What is left out stays. `assignee_id` null: nobody's."""

    state: State | None = None
    priority: Priority | None = None
    assignee_id: UUID | None = None

    def make(self, ticket: Ticket) -> None:
        assignee = ticket.assignee
        if "assignee_id" in self.model_fields_set:
            assignee = answering_member(self.assignee_id)
        state, priority = self.state or ticket.state, self.priority or ticket.priority
        ticket.change(state=state, priority=priority, assignee=assignee)


@blueprint.get("")
@authorized(Permission.CHAT_READ)
@blueprint.input(TicketsQuery, location="query")
@blueprint.output(Tickets)
def list_tickets(query_data: TicketsQuery) -> Any:
    return Tickets.read(_wanted(query_data), Ticket, query_data, TicketOut.of)


@blueprint.post("")
@authorized(Permission.CHAT_REPLY)
@blueprint.input(TicketIn)
@blueprint.output(TicketInFull, status_code=201)
@writes
def create_ticket(json_data: TicketIn) -> Any:
    """Nobody is mailed about it."""
    site, assignee = get_or_404(Site, json_data.site_id), answering_member(json_data.assignee_id)
    contact, _ = Contact.with_email(json_data.email, json_data.person)
    given = json_data.model_dump(include={"text", "email", "person", "priority"})
    ticket, _ = Ticket.open(site.id, **given, contact_id=contact.id, assignee=assignee)
    return TicketInFull.of(ticket)


@blueprint.get("/<uuid:ticket_id>")
@authorized(Permission.CHAT_READ)
@blueprint.output(TicketInFull)
def get_ticket(ticket_id: UUID) -> Any:
    return TicketInFull.of(get_or_404(Ticket, ticket_id))


@blueprint.patch("/<uuid:ticket_id>")
@authorized(Permission.CHAT_REPLY)
@blueprint.input(TicketChanges)
@blueprint.output(TicketInFull)
@writes
def change_ticket(ticket_id: UUID, json_data: TicketChanges) -> Any:
    ticket = get_or_404(Ticket, ticket_id)
    json_data.make(ticket)
    return TicketInFull.of(ticket)


def _wanted(query: TicketsQuery) -> Select[Any]:
    exact = query.model_dump(include={"state", "priority"}, exclude_none=True)
    found = select(Ticket).filter_by(**exact)
    if query.site_id:
        found = found.filter_by(site_id=get_or_404(Site, query.site_id).id)
    if query.assignee == "none":
        return found.filter_by(assignee_id=None)
    if query.assignee:
        found = found.filter_by(assignee_id=get_or_404(Member, query.assignee).id)
    return found
