"""REST: contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.models.user import EmailError, normal_email
from app.accounts.permissions import Permission
from app.contacts.models import Contact, ContactError
from app.core.api import FilterQuery, Page, Schema, writes
from app.core.errors import ApiError, invalid
from app.core.forms import clean_line

LONGEST_NAME = 120
LONGEST_EMAIL = 254

blueprint = APIBlueprint("contacts_api", __name__, url_prefix="/api/v1/contacts", tag="Contacts")


class ContactChanges(Schema):
    """What is left out stays. A name of null is taken away; an address can only be changed."""

    name: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    email: str | None = Field(None, max_length=LONGEST_EMAIL)

    @field_validator("name", "email", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("email")
    @classmethod
    def an_address(cls, text: str | None) -> str:
        try:
            return normal_email(text or "")
        except EmailError as error:
            raise ValueError(str(error)) from error

    def given(self) -> dict[str, Any]:
        return self.model_dump(include=self.model_fields_set)


class ContactIn(ContactChanges):
    email: str = Field(max_length=LONGEST_EMAIL)


class ContactOut(Schema):
    """A person who told who he is, in a chat, a form or by the word of a site. Without an address
    a site vouched for its user."""

    id: UUID
    name: str | None
    email: str | None
    created_at: datetime
    last_seen_at: datetime


class Contacts(Page[ContactOut]):
    pass


class ContactsQuery(FilterQuery):
    """`?email=` whoever has exactly this address: addresses are encrypted, parts of them are not
    found."""

    email: str | None = Field(None, max_length=LONGEST_EMAIL)


@blueprint.get("")
@authorized(Permission.CONTACTS_READ)
@blueprint.input(ContactsQuery, location="query")
@blueprint.output(Contacts)
def list_contacts(query_data: ContactsQuery) -> Any:
    found = select(Contact)
    if query_data.email is not None:
        found = found.filter_by(email_index=Contact.index_of(query_data.email))
    return Contacts.read(found, Contact, query_data, ContactOut.of)


@blueprint.post("")
@authorized(Permission.CONTACTS_WRITE)
@blueprint.input(ContactIn)
@blueprint.output(ContactOut, status_code=201)
@writes
def create_contact(json_data: ContactIn) -> Any:
    """409 if somebody has this address already; `details.id` says who."""
    contact, new = Contact.create(json_data.email, json_data.name)
    if not new:
        message = "There is a contact with this address already."
        raise ApiError(409, "taken", message, {"id": str(contact.id)})
    return ContactOut.of(contact)


@blueprint.get("/<uuid:contact_id>")
@authorized(Permission.CONTACTS_READ)
@blueprint.output(ContactOut)
def get_contact(contact_id: UUID) -> Any:
    return ContactOut.of(get_or_404(Contact, contact_id))


@blueprint.patch("/<uuid:contact_id>")
@authorized(Permission.CONTACTS_WRITE)
@blueprint.input(ContactChanges)
@blueprint.output(ContactOut)
@writes
def change_contact(contact_id: UUID, json_data: ContactChanges) -> Any:
    """422 for an address that another contact has."""
    contact, changes = get_or_404(Contact, contact_id), json_data.given()
    try:
        if changes:
            contact.change(**changes)
    except ContactError as error:
        raise invalid("email", str(error)) from error
    return ContactOut.of(contact)
