"""`candor bootstrap`: an organization that programs can use, without a browser."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from app.accounts.models import ApiKey, Member, Organization, User
from app.accounts.models.api_key import EVERYTHING
from app.accounts.models.user import EmailError, PasswordError
from app.accounts.permissions import Role
from app.accounts.queries import memberships, organization_id_of
from app.core import tenancy
from app.core.db import db
from app.sites.domains import DomainError, normal_host
from app.sites.models import Site


class Invalid(ValueError):
    """One of the options cannot be used; the message says which and why."""


def create(organization: str, email: str, password: str, domain: str) -> dict[str, Any]:
    """Ids, site key and API key of the organization of that name that this owner has, created
    unless it is there. The API key is None the second time: it is kept as a digest only."""
    try:
        host = normal_host(domain)
        user = User.by_email(email) or User.register(
            email=email, name=organization, password=password
        )
    except (DomainError, EmailError, PasswordError) as error:
        raise Invalid(str(error)) from error
    db.session.flush()
    known = next((m for m in memberships(user.id) if m.name == organization), None)
    if known is not None:
        tenancy.enter(organization_id_of(known.slug))  # type: ignore[arg-type]
        return _result(db.session.scalars(select(Site).order_by(Site.id)).first(), None)
    db.session.commit()
    Organization.found(organization)
    Member.join(user, Role.OWNER)
    site = Site.create(name=host, domains=[host])
    _key, secret = ApiKey.issue("Bootstrap", [EVERYTHING])
    result = _result(site, secret)
    db.session.commit()
    return result


def _result(site: Site | None, secret: str | None) -> dict[str, Any]:
    return {
        "organization_id": str(tenancy.current_organization_id()),
        "site_id": site and str(site.id),
        "site_key": site and site.key,
        "api_key": secret,
    }


def report(made: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(made)
    if made["api_key"] is None:
        made = {**made, "api_key": "made before; another one under Settings, API keys"}
    return "\n".join(f"{name}: {value}" for name, value in made.items())
