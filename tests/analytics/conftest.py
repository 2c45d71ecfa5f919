from __future__ import annotations

import pytest

from app.analytics import rollups
from app.core.db import db
from app.sites.models import Site
from tests.tracking.arriving import Shelf


@pytest.fixture
def site(inside, acme):
    """Acme's shop, with its tenant in scope."""
    with inside(acme):
        yield db.session.get_one(Site, acme.site_id)


@pytest.fixture
def shelf(site):
    """Acme's part of the event store."""
    return Shelf(site.organization_id, site.number)


@pytest.fixture
def stocked(inside, acme):
    """Store arrivals and add up their days, for tests that then ask through pages:
    `stocked(lambda shelf: [shelf.arrival(0)])`. Leaves nothing of its surroundings behind."""

    def stock(arrivals):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            shelf = Shelf(site.organization_id, site.number)
            shelf.store(*arrivals(shelf))
            rollups.rebuild(site)

    return stock
