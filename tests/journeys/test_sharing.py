"""From filters to a segment, a link for somebody outside that is revoked, and a file: with a real
browser, and axe in light and in dark."""

from __future__ import annotations

import csv
import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from app.analytics import rollups
from app.core import tenancy
from app.core.db import db
from app.sites.models import Site
from tests.journeys.conftest import is_ready
from tests.journeys.test_axe import AXE, DESK, PHONE, PREPARE, WIDER
from tests.visits import FRANCE, GERMANY, event, send

PASSWORD = "battery staple"


@pytest.fixture
def visits(app, shop):
    client = app.test_client()
    for address, path in ((GERMANY, "/tea"), (FRANCE, "/thé")):
        send(client, shop, event(shop, path), address=address)
    with app.app_context(), tenancy.scope(shop.id):
        rollups.rebuild(db.session.get_one(Site, shop.site_id))


def check(page):
    """At a desk in light and on a phone in dark."""
    found = []
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        page.evaluate(PREPARE)
        page.evaluate(AXE_SCRIPT)
        found += page.evaluate(AXE) + page.evaluate(WIDER)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    assert not found, "\n".join(dict.fromkeys(found))


def test_figures_are_shared_and_taken_out(program, shop, visits, dashboard, visit, tmp_path):
    page = dashboard(bypass_csp=True, viewport=DESK)
    figures = f"{program.url}/o/{shop.slug}/analytics?site={shop.site_id}"
    page.goto(f"{figures}&f=country:is:DE")

    page.locator("summary", has_text="Segments").click()
    page.get_by_label("Save these filters as").fill("Germans")
    check(page)
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_text("“Germans” is saved.")).to_be_visible()
    page.goto(figures)
    page.locator("summary", has_text="Segments").click()
    page.get_by_role("link", name="Germans").click()
    expect(page).to_have_url(re.compile("f=country"))

    page.goto(f"{program.url}/o/{shop.slug}/analytics/links?site={shop.site_id}")
    page.get_by_label("Name").fill("For Ina")
    page.get_by_label("Only a segment").select_option("Germans")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make link").click()
    shown = page.locator("[data-copy-source]").first
    address = program.url + re.search(r"/shared/[\w-]+", shown.inner_text())[0]
    check(page)

    outside = visit(address, bypass_csp=True)
    check(outside)
    outside.get_by_label("Password").fill("wrong horse")
    outside.get_by_role("button", name="Open").click()
    expect(outside.get_by_text("This is not the password.")).to_be_visible()
    outside.get_by_label("Password").fill(PASSWORD)
    outside.get_by_role("button", name="Open").click()
    expect(outside.get_by_role("heading", name="Acme shop")).to_be_visible()
    expect(outside.locator("main")).to_contain_text("Germany")
    expect(outside.locator("main")).not_to_contain_text("France")
    outside.get_by_role("link", name="Today").click()
    # What was shown before says the same.
    expect(outside).to_have_url(re.compile("period=today"))
    is_ready(outside)
    expect(outside.locator("main")).to_contain_text("Germany")
    check(outside)

    is_ready(page)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke link").click()
    expect(page.get_by_text("is revoked. Its address leads nowhere")).to_be_visible()
    answer = outside.goto(address)
    assert answer.status == 404

    page.goto(f"{program.url}/o/{shop.slug}/analytics/export?site={shop.site_id}&period=today")
    check(page)
    page.get_by_label("One row for each", exact=True).select_option("events")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("The file is complete")).to_be_visible()
    taken = tmp_path / "taken.csv"
    download.value.save_as(taken)
    with taken.open(encoding="utf-8-sig") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"page_view"}
    assert download.value.suggested_filename.startswith("events-")
    assert page.errors == []


def test_a_report_is_made_and_mailed_on_mondays(program, shop, visits, dashboard):
    page = dashboard(bypass_csp=True, viewport=DESK)
    page.goto(f"{program.url}/o/{shop.slug}/analytics/reports/new?site={shop.site_id}")
    check(page)
    page.get_by_label("Name").fill("Countries")
    page.get_by_label("One row for each").select_option("country")
    page.get_by_label("And for each").select_option("device")
    page.get_by_label("Days").select_option("today")
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_role("heading", name="Countries")).to_be_visible()
    expect(page.locator("main")).to_contain_text("France")
    page.get_by_label("Mail it").select_option("weekly")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Next")).to_be_visible()
    page.get_by_label("Member").select_option("Alice")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Alice gets it from the next mailing on.")).to_be_visible()
    check(page)
    assert page.errors == []
