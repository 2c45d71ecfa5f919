from __future__ import annotations

import pytest

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
