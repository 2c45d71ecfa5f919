"""REST: organization, members, API keys, audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, current_key, get_or_404
from app.accounts.models import ApiKey, AuditEntry, Member, Organization
from app.accounts.models.api_key import EVERYTHING
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Page, Schema, writes
from app.core.db import db
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.core.tenancy import current_organization_id

blueprint = APIBlueprint("accounts_api", __name__, url_prefix="/api/v1", tag="Accounts")


class OrganizationOut(Schema):
    id: UUID
    name: str
    slug: str
    time_zone: str


class Organizations(Page[OrganizationOut]):
    pass


class MemberOut(Schema):
    id: UUID
    name: str | None
    role: str
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> MemberOut:
        return cls(
            id=member.id, name=member.user.name, role=member.role, created_at=member.created_at
        )


class Members(Page[MemberOut]):
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


@blueprint.get("/members")
@authorized(Permission.MEMBERS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Members)
def list_members(query_data: ListQuery) -> Any:
    return Members.read(select(Member), Member, query_data, MemberOut.of)


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
    return ApiKeyOut.of(*ApiKey.issue(json_data.name, json_data.scopes))


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
