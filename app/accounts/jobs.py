from __future__ import annotations

from app.accounts.models import Organization
from app.accounts.queries import organizations_to_delete
from app.core import tenancy
from app.core.db import db


def delete_organizations() -> None:
    """Those whose week to change one's mind is over."""
    for organization_id in organizations_to_delete():
        with tenancy.scope(organization_id):
            organization = db.session.get(Organization, organization_id)
            if organization is not None:
                organization.delete()
                db.session.commit()
