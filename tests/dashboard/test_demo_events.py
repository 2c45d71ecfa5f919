"""A month of the demo's visitors: the same for the same seed, and something for each report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from app.accounts.queries import organization_id_of
from app.campaigns.models import Campaign
from app.commerce.models import Order
from app.core import tenancy
from app.core.db import db
from app.dashboard.demo_data import SLUG, create_demo, have_events
from app.dashboard.demo_events import DROPPED, SEED, tell_events
from app.sites.models import Site
from app.tracking.checks import REASONS
from app.tracking.models import Drop, Event, Quarantined, Session
from tests.tracking.sums import marked, sessions, sums_of_events, touched

END = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)  # a change of clocks lies within
NUMBER = 3000


@pytest.fixture
def demo(acme, inside):
    """Two sites such as the demo has."""
    with inside(acme):
        shop = Site.create(name="Tea shop", domains=["tea.example"], time_zone="Europe/Berlin")
        Site.create(name="Tea school", domains=["school.example"], time_zone="Europe/Berlin")
        content = {"message": "Open until eight"}
        Campaign.draft(shop, name="Notice", format="notice", content=content).publish()
        db.session.commit()
        yield


def test_a_month_has_something_for_each_report(demo):
    assert tell_events(NUMBER, end=END) == NUMBER
    assert db.session.scalar(select(func.count(Event.id))) == NUMBER
    assert sessions() == sums_of_events()
    assert touched() <= marked()
    names = set(db.session.scalars(select(Event.name)))
    assert names >= {"page_view", "engagement", "web_vitals", "cart_add", "checkout", "conversion"}
    assert names >= {"impression", "campaign_click", "outbound_click"}
    for column, fewest in ((Session.channel, 8), (Session.country, 8), (Session.browser, 4)):
        assert db.session.scalar(select(func.count(column.distinct()))) >= fewest
    assert db.session.scalar(select(func.count(Quarantined.id)))
    assert set(db.session.scalars(select(Drop.reason))) == set(DROPPED) <= set(REASONS)


def test_it_lies_within_the_month_and_evenings_are_busier_than_nights(demo):
    tell_events(NUMBER, end=END)
    times = [
        datetime.fromtimestamp(each / 1000, UTC) for each in db.session.scalars(select(Event.at))
    ]
    assert END - timedelta(days=30) <= min(times) and max(times) < END
    assert {each.id.int >> 80 for each in db.session.scalars(select(Event))} == {
        int(each.timestamp() * 1000) for each in times
    }
    hours = [each.astimezone(ZoneInfo("Europe/Berlin")).hour for each in times]
    evening, night = (sum(each in some for each in hours) for some in ((19, 20, 21), (2, 3, 4)))
    assert evening > 5 * night


def test_the_same_seed_and_end_tell_the_same_events_and_another_seed_others(demo):
    def told(seed):
        for table in (Event, Session):
            db.session.query(table).delete()
        db.session.commit()
        tell_events(NUMBER, seed, END)
        return [
            (each.id, each.name, each.url, each.at, each.props, each.amount)
            for each in db.session.scalars(select(Event).order_by(Event.site_number, Event.id))
        ]

    first = told(1)
    assert told(1) == first
    assert not {each[0] for each in told(2)} & {each[0] for each in first}


def test_a_second_run_adds_only_what_is_missing(demo):
    assert tell_events(500, end=END) == 500
    assert tell_events(500, end=END) == 0
    assert tell_events(500, end=END + timedelta(hours=20)) == 0
    assert tell_events(400, end=END) == 0
    assert tell_events(700, end=END) == 200
    assert db.session.scalar(select(func.count(Event.id))) == 700
    assert sessions() == sums_of_events()


def test_the_orders_of_the_demo_were_made_by_visitors(app):
    with app.app_context():
        create_demo()
        have_events(NUMBER, SEED)
        with tenancy.scope(organization_id_of(SLUG)):
            orders = set(db.session.scalars(select(Order.external_id).where(Order.total > 0)))
            props = db.session.scalars(select(Event.props).where(Event.name == "conversion"))
            made = {each["order_id"] for each in props}
    assert len(orders & made) >= 0.9 * len(orders)
