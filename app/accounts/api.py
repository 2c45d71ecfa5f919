"""REST: organization, members, invitations, API keys, audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from apiflask import APIBlueprint
from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import select
from sqlalchemy.orm.exc import ObjectDeletedError

from app.accounts import letters
from app.accounts.access import authorized, current_key, get_or_404
from app.accounts.models import ApiKey, AuditEntry, Invitation, Member, Organization, User
from app.accounts.models.api_key import EVERYTHING
from app.accounts.models.member import MembershipError
from app.accounts.models.user import normal_email
from app.accounts.permissions import Permission, Role
from app.accounts.views.limits import count_invitation, demand_confirmed
from app.core import currencies, languages
from app.core.api import LIMITED, ListQuery, Page, Schema, writes
from app.core.db import db
from app.core.errors import ApiError, not_found
from app.core.forms import clean_line
from app.core.letters import public_url
from app.core.tenancy import current_organization_id

KNOWN = {
    "time_zone": available_timezones(),
    "currency": set(currencies.NAMES),
    "language": set(languages.LANGUAGES),
}

blueprint = APIBlueprint("accounts_api", __name__, url_prefix="/api/v1", tag="Accounts")


class OrganizationOut(Schema):
    id: UUID
    name: str
    slug: str
    time_zone: str
    currency: str
    language: str


class OrganizationIn(Schema):
    """What is left out stays. `currency` is ISO 4217, `language` a BCP 47 tag."""

    name: str | None = Field(None, min_length=1, max_length=120)
    time_zone: str | None = Field(None, max_length=60)
    currency: str | None = Field(None, max_length=3)
    language: str | None = Field(None, max_length=12)

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("time_zone", "currency", "language")
    @classmethod
    def known(cls, text: str | None, field: ValidationInfo) -> str | None:
        if text is not None and text not in KNOWN[field.field_name or ""]:
            raise ValueError("is not one that we know")
        return text

    def given(self) -> dict[str, str]:
        return self.model_dump(exclude_none=True)


class Organizations(Page[OrganizationOut]):
    pass


class MemberIn(Schema):
    role: Role


class MemberOut(Schema):
    id: UUID
    name: str | None
    role: str
    suspended_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> MemberOut:
        return cls(
            id=member.id,
            name=member.user.name,
            role=member.role,
            suspended_at=member.suspended_at,
            created_at=member.created_at,
        )


class Members(Page[MemberOut]):
    pass


class InvitationIn(Schema):
    email: str = Field(min_length=3, max_length=254)
    role: Role

    @field_validator("email", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("email")
    @classmethod
    def address(cls, text: str) -> str:
        return normal_email(text)


class InvitationOut(Schema):
    """`link` is only in the answer that created the invitation; the mail has one of its own."""

    id: UUID
    email: str
    role: str
    state: str
    created_at: datetime
    expires_at: datetime
    link: str | None = None

    @classmethod
    def of(cls, invitation: Invitation, link: str | None = None) -> InvitationOut:
        return cls(
            id=invitation.id,
            email=invitation.email or "",
            role=invitation.role,
            state=invitation.state,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            link=link,
        )


class Invitations(Page[InvitationOut]):
    pass


class ApiKeyIn(Schema):
    """`scopes` are permissions such as `activities:write`; `*` is all of them."""

    name: str = Field(min_length=1, max_length=120)
    scopes: list[str] = Field(min_length=1, max_length=40)

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("scopes")
    @classmethod
    def known(cls, scopes: list[str]) -> list[str]:
        known = {EVERYTHING, *(p.value for p in Permission)}
        unknown = sorted(set(scopes) - known)
        if unknown:
            raise ValueError(f"unknown scope {unknown[0][:60]}")
        return scopes


class ApiKeyOut(Schema):
    """`secret` is only in the answer that created the key."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None
    secret: str | None = None

    @classmethod
    def of(cls, key: ApiKey, secret: str | None = None) -> ApiKeyOut:
        return cls(
            id=key.id,
            name=key.name,
            hint=key.hint,
            scopes=key.scopes,
            created_at=key.created_at,
            revoked_at=key.revoked_at,
            secret=secret,
        )


class ApiKeys(Page[ApiKeyOut]):
    pass


class AuditEntryOut(Schema):
    number: int
    actor_kind: str | None
    actor_id: UUID | None
    action: str | None
    subject_kind: str | None
    subject_id: UUID | None
    details: dict[str, Any] | None
    at: datetime


class AuditEntries(Page[AuditEntryOut]):
    pass


@blueprint.get("/organizations")
@authorized(Permission.SITES_READ)
@blueprint.output(Organizations)
def list_organizations() -> Any:
    """The organization that the key belongs to."""
    organization = db.session.get_one(Organization, current_organization_id())
    return Organizations(data=[OrganizationOut.of(organization)], next_cursor=None)


@blueprint.patch("/organizations/<uuid:organization_id>")
@authorized(Permission.ORGANIZATION_WRITE)
@blueprint.input(OrganizationIn)
@blueprint.output(OrganizationOut)
@writes
def change_organization(organization_id: UUID, json_data: OrganizationIn) -> Any:
    if organization_id != current_organization_id():
        raise not_found()
    organization = db.session.get_one(Organization, organization_id)
    organization.change(**json_data.given())
    return OrganizationOut.of(organization)


@blueprint.get("/members")
@authorized(Permission.MEMBERS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Members)
def list_members(query_data: ListQuery) -> Any:
    return Members.read(select(Member), Member, query_data, MemberOut.of)


@blueprint.patch("/members/<uuid:member_id>")
@authorized(Permission.MEMBERS_WRITE)
@blueprint.input(MemberIn)
@blueprint.output(MemberOut)
@writes
def change_member(member_id: UUID, json_data: MemberIn) -> Any:
    """Change the role: to none above what the key may do itself; the last owner stays one."""
    member = get_or_404(Member, member_id)
    with _refusals():
        member.change_role(json_data.role, by=current_key.may_give)
    return MemberOut.of(member)


@blueprint.delete("/members/<uuid:member_id>")
@authorized(Permission.MEMBERS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def remove_member(member_id: UUID) -> Any:
    member = get_or_404(Member, member_id)
    with _refusals():
        member.remove(by=current_key.may_give)


@blueprint.get("/invitations")
@authorized(Permission.MEMBERS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Invitations)
def list_invitations(query_data: ListQuery) -> Any:
    return Invitations.read(select(Invitation), Invitation, query_data, InvitationOut.of)


@blueprint.post("/invitations")
@authorized(Permission.MEMBERS_WRITE)
@blueprint.input(InvitationIn)
@blueprint.output(InvitationOut, status_code=201)
@writes
@blueprint.doc(responses=LIMITED)
def create_invitation(json_data: InvitationIn) -> Any:
    """Invite somebody by e-mail, for seven days and one use, in the name of who made the key."""
    maker = db.session.get(User, current_key.maker_id) if current_key.maker_id else None
    demand_confirmed(maker)
    with _refusals():
        invitation, tokens = Invitation.send(
            json_data.email, json_data.role, may_give=current_key.may_give, inviter=maker
        )
    count_invitation(json_data.email, str(current_key.maker_id or current_organization_id()))
    organization = db.session.get_one(Organization, current_organization_id())
    letters.invitation(invitation, tokens.mailed, organization)
    return InvitationOut.of(invitation, public_url("accounts.invitation", token=tokens.shown))


@blueprint.delete("/invitations/<uuid:invitation_id>")
@authorized(Permission.MEMBERS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def revoke_invitation(invitation_id: UUID) -> Any:
    get_or_404(Invitation, invitation_id).revoke()


@contextmanager
def _refusals() -> Iterator[None]:
    """What must not be done to members, as an answer."""
    try:
        yield
    except MembershipError as error:
        raise ApiError(409, "refused", str(error)) from error
    except ObjectDeletedError as error:
        raise not_found() from error


@blueprint.get("/api-keys")
@authorized(Permission.API_KEYS_WRITE)
@blueprint.input(ListQuery, location="query")
@blueprint.output(ApiKeys)
def list_api_keys(query_data: ListQuery) -> Any:
    return ApiKeys.read(select(ApiKey), ApiKey, query_data, ApiKeyOut.of)


@blueprint.post("/api-keys")
@authorized(Permission.API_KEYS_WRITE)
@blueprint.input(ApiKeyIn)
@blueprint.output(ApiKeyOut, status_code=201)
@writes
def create_api_key(json_data: ApiKeyIn) -> Any:
    if not current_key.may_grant(json_data.scopes):
        raise ApiError(403, "forbidden", "A key cannot give scopes that it does not have.")
    with _refusals():
        issued = ApiKey.issue(json_data.name, json_data.scopes, maker_id=current_key.maker_id)
    return ApiKeyOut.of(*issued)


@blueprint.delete("/api-keys/<uuid:key_id>")
@authorized(Permission.API_KEYS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def revoke_api_key(key_id: UUID) -> Any:
    get_or_404(ApiKey, key_id).revoke()


@blueprint.get("/audit")
@authorized(Permission.AUDIT_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(AuditEntries)
def list_audit(query_data: ListQuery) -> Any:
    return AuditEntries.read(select(AuditEntry), AuditEntry, query_data, AuditEntryOut.of)
