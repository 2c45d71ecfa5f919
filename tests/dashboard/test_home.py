"""Home: each site today beside yesterday in its own time zone, sources, and what to do next."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.models import Organization
from app.campaigns.models import Campaign
from app.core import clock
from app.core.db import db
from app.dashboard.queries import BUSIEST, DAYS, midnights, overview
from app.proof.recording import report_activity
from app.sites.models import Site
from app.sources.facts import ActivityReported
from app.sources.models import Source
from tests.shops import shopify, shopify_order


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def home(alice, acme):
    return lambda: alice.get(f"/o/{acme.slug}/").text


@pytest.fixture
def happen(inside, acme):
    """Activities of a site at these moments."""

    def report(site_id, *moments):
        with inside(acme):
            source = Source.built_in(db.session.get_one(Site, site_id), "api")
            for moment in moments:
                name = f"{site_id}/{moment}/{clock.now()}"
                fact = ActivityReported(type="signup", external_id=name, occurred_at=moment)
                report_activity(source, fact)
            db.session.commit()

    return report


@pytest.fixture
def make(inside, acme):
    def create(name, **values):
        with inside(acme):
            site = Site.create(name=name, domains=["a.example"], **values)
            db.session.commit()
            return site.id

    return create


@pytest.fixture
def at_noon(monkeypatch):
    """12:00 UTC: 01:00 of the next day on Tonga, 02:00 of the same in Honolulu."""
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: noon)
    return noon


def rows(page):
    """Site, today, yesterday as the table says."""
    table = page.split("Sites today</caption>")[1].split("</table>")[0].split("<tbody")[1]
    found = []
    for row in table.split("<tr>")[1:]:
        name = re.search(r'class="table__link"[^>]*>([^<]*)<', row)[1]
        today = re.search(r"<strong>([\d,]+)</strong>", row)[1]
        yesterday = re.search(r'data-label="Yesterday" class="num">([\d,]+)<', row)[1]
        found.append((name, today, yesterday))
    return found


def test_today_begins_at_midnight_of_each_sites_own_zone(home, acme, make, happen, at_noon):
    hour = timedelta(hours=1)
    moments = [at_noon - each * hour for each in (0.5, 3, 8, 13, 26)]
    for name, zone in (
        ("Tonga", "Pacific/Tongatapu"),
        ("Hawaii", "Pacific/Honolulu"),
        ("Zulu", "UTC"),
    ):
        happen(make(name, time_zone=zone), *moments)
    assert sorted(rows(home())[:3]) == [
        ("Hawaii", "1", "4"),
        ("Tonga", "1", "3"),
        ("Zulu", "3", "2"),
    ]


def test_a_day_of_a_clock_change_begins_at_midnight_too():
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)  # Berlin's clocks went forward that night
    begins = [moment.astimezone(UTC) for moment in midnights("Europe/Berlin", noon)]
    assert len(begins) == DAYS
    assert begins[-1] == datetime(2026, 3, 28, 23, tzinfo=UTC)
    # The day of the change is still today; the one before had all of its hours.
    assert begins[-1] - begins[-2] == timedelta(hours=24)


def test_a_retracted_activity_does_not_count(home, acme, client, happen):
    body = {"site_id": str(acme.site_id), "type": "signup"}
    made = client.post("/api/v1/activities", json=body, headers=acme.bearer).json
    assert rows(home()) == [("Acme shop", "1", "0")]
    client.delete(f"/api/v1/activities/{made['id']}", headers=acme.bearer)
    assert rows(home()) == [("Acme shop", "0", "0")]


def test_the_busiest_sites_come_first_and_the_rest_is_a_link(home, acme, make, happen):
    now = clock.now()
    quiet = [make(f"Quiet {number:02}") for number in range(BUSIEST + 3)]
    happen(quiet[-1], now, now)
    happen(quiet[-2], now)
    happen(quiet[-3], now - timedelta(days=9))
    shown = [name for name, _, _ in rows(home())]
    assert len(shown) == BUSIEST
    assert shown[:4] == ["Quiet 14", "Quiet 13", "Quiet 12", "Acme shop"]
    assert f"All {BUSIEST + 4}" in home()


def test_nothing_of_another_organization_is_counted(home, acme, umbrella, client):
    body = {"site_id": str(umbrella.site_id), "type": "signup"}
    client.post("/api/v1/activities", json=body, headers=umbrella.bearer)
    page = home()
    assert rows(page) == [("Acme shop", "0", "0")] and "Umbrella" not in page


def test_sources_say_how_they_do(home, acme, client, work):
    assert "Nothing yet" in home()
    hook = f"/hooks/{acme.source_id}"
    client.post(hook, **shopify(acme.secret, "orders/paid", shopify_order()))
    work()
    assert "Receiving" in home() and "1 delivery, last" in home()
    client.post(hook, **shopify("wrong", "orders/paid", shopify_order()))
    assert "1 refused" in home()
    client.post(hook, **shopify(acme.secret, "orders/paid", {"id": "no order"}))
    work()
    page = home()
    assert "1 not understood" in page and "See what was refused or not understood" in page


def test_the_next_steps_follow_what_is_there(home, acme, client, inside, app):
    with inside(acme):
        db.session.get_one(Source, acme.source_id).remove()
        db.session.commit()
    assert "1 of 4 done" in home() and "It has not been seen yet" in home()
    assert f"/sites/{acme.site_id}/snippet" in home()
    body = {"site_id": str(acme.site_id), "type": "signup"}
    client.post("/api/v1/activities", json=body, headers=acme.bearer)
    assert "2 of 4 done" in home()
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        Campaign.draft(site, name="N", format="notice", content={"message": "Hello"}).publish()
        db.session.commit()
    assert "3 of 4 done" in home()
    client.delete(f"/api/v1/sites/{acme.site_id}", headers=acme.bearer)
    assert "Add site" in home() and "Sites today" not in home()


def test_the_days_of_the_organization_are_of_its_own_zone(inside, acme, happen, at_noon):
    happen(acme.site_id, at_noon - timedelta(hours=3))
    with inside(acme):
        for zone, counted in (("UTC", (1, 0)), ("Pacific/Tongatapu", (0, 1))):
            db.session.get_one(Organization, acme.id).time_zone = zone
            found = overview(zone)
            assert (found.today, found.yesterday) == counted, zone
            assert sum(found.sites[0].by_day) == 1
