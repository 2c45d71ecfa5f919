"""Who hears by mail that an endpoint was disabled."""

from __future__ import annotations

from sqlalchemy import select

from app.accounts.access import current_organization_slug
from app.accounts.models import Member
from app.accounts.permissions import Role
from app.core.announce import subscribe
from app.core.db import db
from app.core.letters import public_url, write
from app.core.mail import send
from app.webhooks.models.endpoint import GONE, MEMBER, EndpointDisabled

TOLD = (Role.OWNER, Role.ADMIN)


@subscribe(EndpointDisabled)
def tell_owners(disabled: EndpointDisabled) -> None:
    """Of what nobody here did."""
    endpoint = disabled.endpoint
    if endpoint.disabled_reason == MEMBER:
        return
    link = public_url(
        "webhooks.show", organization=current_organization_slug(), endpoint_id=endpoint.id
    )
    letter = write(
        "endpoint_disabled",
        link=link,
        name=endpoint.name,
        host=endpoint.host,
        gone=endpoint.disabled_reason == GONE,
        failing_since=endpoint.failing_since,
    )
    found = select(Member).where(Member.role.in_(TOLD), Member.suspended_at.is_(None))
    for member in db.session.scalars(found):
        if member.user.email:
            send(member.user.email, *letter)
