"""Yesterday's webhook failed: the inspector says why, the bench shows what would be right while one
types, and a replay makes up for it, exactly once."""

from __future__ import annotations

import hashlib
import hmac
import json
import re

import pytest
import requests
from playwright.sync_api import expect

from app.core.db import db
from app.sites.models import Site
from app.sources.models import Source
from tests.journeys.conftest import is_ready

# The calendar calls it a category since its last release.
MAPPING = {
    "type": "kind",
    "external_id": "reference",
    "first_name": "guest.name",
    "product_name": "workshop.title",
}


@pytest.fixture
def calendar(inside, shop):
    with inside(shop):
        site = db.session.get_one(Site, shop.site_id)
        source = Source.connect(site, "custom", "Calendar", mapping=MAPPING)
        db.session.commit()
        return source.id, source.secret


def book(program, calendar, reference, guest):
    source_id, secret = calendar
    body = json.dumps(
        {
            "category": "booking",
            "reference": reference,
            "guest": {"name": guest},
            "workshop": {"title": "Matcha class"},
        }
    ).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = requests.post(
        f"{program.url}/hooks/{source_id}",
        data=body,
        headers={"X-Signature": f"sha256={signature}", "Content-Type": "application/json"},
        timeout=5,
    )
    assert answer.status_code == 200, answer.text


def activities(program, shop):
    answer = requests.get(f"{program.url}/api/v1/activities", headers=shop.bearer, timeout=5)
    return {each["id"] for each in answer.json()["data"]}


def test_a_failed_webhook_is_understood_mended_and_replayed_once(
    program, shop, published, calendar, dashboard, shop_page
):
    shop_page.wait_for_function("window.candor?.boot")
    for reference, guest in (("B-1", "Ada"), ("B-2", "Ben")):
        book(program, calendar, reference, guest)

    page = dashboard()
    page.get_by_role("link", name="Sources & webhooks").first.click()
    page.get_by_role("link", name="Webhooks received").click()
    expect(page.get_by_label("Verdict")).to_be_visible()
    is_ready(page)
    page.get_by_label("Verdict").select_option("Not understood")
    expect(page).to_have_url(re.compile("verdict=failed"))
    expect(page.locator("#deliveries").get_by_role("row")).to_have_count(3)
    page.locator("#deliveries").get_by_role("link").first.click()
    expect(page.get_by_text("There is no type")).to_be_visible()
    assert activities(program, shop) == set()

    page.get_by_role("link", name="Try on the bench").click()
    expect(page.get_by_text("It would not be understood")).to_be_visible()
    is_ready(page)
    kind = page.get_by_label("type", exact=True)
    kind.fill("categor")
    expect(page.get_by_text("It would not be understood")).to_be_visible()
    kind.press_sequentially("y")
    expect(page.get_by_text("It would be accepted")).to_be_visible()
    expect(page.get_by_text("booked Matcha class")).to_be_visible()
    page.get_by_role("button", name="Save mapping").click()
    # The page before has that link as well.
    expect(page.get_by_text("The mapping is saved")).to_be_visible()

    page.get_by_role("link", name="Replay the 2 failed ones").click()
    page.get_by_role("button", name="Replay 2").click()
    # First what is shown for a while only.
    expect(shop_page.get_by_text(re.compile("(Ada|Ben) booked Matcha class")).first).to_be_visible()
    expect(page.get_by_role("progressbar", name="Done")).to_have_text("2 of 2")
    made = activities(program, shop)
    assert len(made) == 2

    page.goto(f"{program.url}/o/{shop.slug}/sources/replays/new")
    page.get_by_role("button", name="Replay 2").click()
    expect(page.get_by_role("progressbar", name="Done")).to_have_text("2 of 2")
    assert activities(program, shop) == made
    assert page.errors == [] and shop_page.errors == []
