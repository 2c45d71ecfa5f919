"""A report with many rows: how it is mailed is in sight all the same, and so is what is wrong."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from app.analytics import rollups
from app.analytics.models import Report, Wanted
from app.core import tenancy
from app.core.db import db
from app.sites.models import Site
from tests.journeys.test_axe import DESK, PHONE
from tests.visits import event, send


@pytest.fixture
def report(app, shop, program):
    """The address of one with forty rows."""
    client = app.test_client()
    send(client, shop, *(event(shop, f"/page-{number}") for number in range(40)))
    with app.app_context(), tenancy.scope(shop.id):
        site = db.session.get_one(Site, shop.site_id)
        rollups.rebuild(site)
        made = Report.create(site, "Pages", Wanted(["visitors"], ["page"], [], "7d"))
        db.session.commit()
        return f"{program.url}/o/{shop.slug}/analytics/reports/{made.id}"


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_what_is_wrong_with_its_mailing_is_in_sight(report, dashboard, size):
    page = dashboard(viewport=size)
    page.goto(report)
    expect(page.get_by_role("row")).to_have_count(41)
    if size == DESK:
        expect(page.get_by_role("heading", name="Who gets it")).to_be_in_viewport()
    else:
        page.get_by_role("link", name="By mail").click()
        expect(page.get_by_role("heading", name="By mail")).to_be_in_viewport()
    page.get_by_label("Somebody outside").fill("nobody")
    page.get_by_role("button", name="Add", exact=True).click()
    wrong = page.get_by_role("alert")
    expect(wrong).to_contain_text("Please check one field")
    expect(page.get_by_label("Somebody outside")).to_have_value("nobody")
    expect(wrong).to_be_in_viewport()
