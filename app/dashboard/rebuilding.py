"""`candor rebuild-rollups`: the days of every site of every organization, from the raw rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from app.accounts.models import Organization
from app.analytics.rollups import rebuild
from app.core import tenancy
from app.core.db import db, system
from app.sites.models import Site


def rebuild_all() -> Iterator[tuple[str, int]]:
    """Each site's name and how many days it has."""
    with system() as connection:
        organization_ids = connection.scalars(select(Organization.id)).all()
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            for site in db.session.scalars(select(Site).order_by(Site.number)):
                yield site.name, rebuild(site)
