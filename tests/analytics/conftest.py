from __future__ import annotations

import pytest

from app.analytics import rollups
from app.analytics.matches import Match
from app.analytics.models import Goal
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
def made_goal(acme):
    """Make a goal of Acme's shop that the event `signup` reaches, and answer its id. In scope."""

    def made_goal(name):
        site = db.session.get_one(Site, acme.site_id)
        made = Goal.create(site, name, Match("event", "signup", ""))
        db.session.commit()
        return made.id

    return made_goal


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
