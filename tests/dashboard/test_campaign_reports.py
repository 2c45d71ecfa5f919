"""What became of what was shown: seen, clicked, closed, and what visits did afterwards."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.analytics import rollups
from app.analytics.campaign_outcomes import Outcome, outcomes_of
from app.analytics.matches import Match
from app.analytics.models import Goal
from app.analytics.periods import Period, local_day
from app.campaigns.models import Campaign
from app.core.db import db
from app.sites.models import Site
from tests.tracking.arriving import NOON, Shelf


@pytest.fixture
def site(inside, acme):
    with inside(acme):
        yield db.session.get_one(Site, acme.site_id)


@pytest.fixture
def shelf(site):
    return Shelf(site.organization_id, site.number)


def shown(site) -> dict[str, Outcome]:
    rollups.roll_up(site, at_once=True)
    zone = ZoneInfo(site.time_zone)
    middle = local_day(NOON, zone)
    return outcomes_of(site, Period(middle - timedelta(days=1), middle + timedelta(days=1), zone))


def test_each_campaign_is_told_with_what_came_after_it_and_with_those_without(site, shelf):
    Goal.create(site, "Signed up", Match("event", "signup"))
    first = Campaign.draft(site, name="First", format="notice", content={"message": "Open until 8"})
    other = Campaign.draft(site, name="Other", format="notice", content={"message": "Closed"})
    db.session.commit()

    def happen(visitor, minute, name, campaign=None, **values):
        campaign_id = campaign.id if campaign else None
        shelf.store(shelf.arrival(minute, visitor, name=name, campaign_id=campaign_id, **values))

    # Ada saw it and signed up, Ben signed up before he saw it, Eva only closed it, Kim saw none.
    happen("ada", 0, "impression", first)
    happen("ada", 1, "campaign_click", first)
    happen("ada", 2, "signup", amount=500, currency="EUR", by_api=True)
    happen("ada", 3, "signup")
    happen("ben", 0, "signup", amount=900, currency="EUR", by_api=True)
    happen("ben", 1, "impression", first)
    happen("ben", 2, "impression", first)
    happen("eva", 0, "impression", other)
    happen("eva", 1, "campaign_close", other)
    happen("kim", 0, "signup")
    happen(None, 0, "impression", first)
    found = shown(site)
    assert found[str(first.id)] == Outcome(
        4, 1, 0, visits=2, converted=1, revenue=500, others=2, others_converted=1
    )
    assert found[str(other.id)] == Outcome(
        1, 0, 1, visits=1, converted=0, revenue=0, others=3, others_converted=3
    )


def test_the_page_names_the_campaigns(inside, acme, sign_in):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        campaign = Campaign.draft(site, name="Spring", format="notice", content={"message": "Hi"})
        db.session.commit()
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(shelf.arrival(0, name="impression", campaign_id=campaign.id))
        rollups.roll_up(site, at_once=True)
        day = local_day(NOON, ZoneInfo(site.time_zone))
    path = f"/o/{acme.slug}/analytics/campaigns?site={acme.site_id}"
    alice = sign_in("alice@acme.example")
    assert "Spring" in alice.get(f"{path}&from={day}&to={day}").text
    assert "No campaign was seen" in alice.get(f"{path}&from=2020-01-01&to=2020-01-02").text
