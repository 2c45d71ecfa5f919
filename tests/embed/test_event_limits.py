"""How many events an address and a site may send: each has a limit of its own, and neither is that
of others."""

from __future__ import annotations

import pytest

from tests.visits import event, post


@pytest.fixture
def limits(app):
    """Both, as new: `limits["addresses"]`, `limits["sites"]`."""
    addresses, sites = app.extensions["candor_event_rates"]
    settings = app.extensions["candor_settings"]
    return {
        "addresses": (addresses, settings.events_per_address * 10),
        "sites": (sites, settings.events_per_site * 10),
    }
