from __future__ import annotations

import pytest

from app.core.db import db
from app.sites.models import Site
from tests.tracking.arriving import Shelf


@pytest.fixture
def shelf(inside, acme):
    """Acme's part of the event store."""
    with inside(acme):
        number = db.session.get_one(Site, acme.site_id).number
        yield Shelf(acme.id, number)
