"""`candor rebuild-rollups`: the days of every site of every organization, from the raw rows."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from sqlalchemy import select

from app.accounts.models import Organization
from app.analytics.rollups import rebuild
from app.core import tenancy
from app.core.db import db, system
from app.sites.models import Site

log = structlog.get_logger()


def rebuild_all() -> Iterator[tuple[str, int | None]]:
    """Each site's name and how many days it has; None for one that could not be added up, which
    holds up no other."""
    with system() as connection:
        organization_ids = connection.scalars(select(Organization.id)).all()
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            for site in db.session.scalars(select(Site).order_by(Site.number)).all():
                name = site.name
                yield name, _rebuild_surely(site, name)


def _rebuild_surely(site: Site, name: str) -> int | None:
    try:
        return rebuild(site)
    except Exception:
        log.exception("site_not_rebuilt", site=name)
        db.session.rollback()
        return None
