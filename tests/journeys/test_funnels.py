"""Somebody wants to know where visitors leave: a funnel is put together from what was seen, by
keyboard where he likes, and split by where they came from."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from app.analytics import rollups
from app.core.db import db
from app.sites.models import Site
from tests.journeys.conftest import is_ready
from tests.journeys.test_axe import AXE, DESK, MEASURED, PHONE, PREPARE, WIDER
from tests.visits import ago, event, send

GOOGLE = "https://www.google.com/"


@pytest.fixture
def visited(client, shop, inside):
    """Four from a search and two directly see the prices; three and one sign up, two and none get
    to the end."""
    for number in range(6):
        searched = number < 4
        where = {"referrer": GOOGLE} if searched else {}
        did = [event(shop, "/pricing", at=ago(seconds=30), **where)]
        if number in (0, 1, 2, 4):
            did.append(event(shop, "/pricing", "signup", at=ago(seconds=20)))
        if number in (0, 1):
            did.append(event(shop, "/thanks", at=ago(seconds=10)))
        send(client, shop, *did, address=f"198.51.100.{number + 1}")
    with inside(shop):
        rollups.rebuild(db.session.get_one(Site, shop.site_id))


def problems(page):
    """In light at a desk and in dark on a phone."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(DESK)
    page.evaluate(PREPARE)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE) + page.evaluate(WIDER)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    found += page.evaluate(AXE) + page.evaluate(WIDER)
    page.set_viewport_size(DESK)
    return found


def test_a_funnel_is_built_by_picking_steps_and_split_by_channel(program, shop, visited, dashboard):
    page = dashboard(viewport=DESK, **MEASURED)
    page.goto(f"{program.url}/o/{shop.slug}/analytics/funnels?site={shop.site_id}")
    page.get_by_role("link", name="New funnel").click()
    expect(page.get_by_text("Say what the first steps are")).to_be_visible()
    is_ready(page)
    page.get_by_label("Name", exact=True).fill("To thanks")

    page.get_by_role("button", name="/thanks", exact=True).click()
    expect(page.get_by_label("Page, event or property of step 1")).to_have_value("/thanks")
    page.get_by_role("button", name="signup", exact=True).click()
    expect(page.get_by_label("What step 2 is")).to_have_value("event")
    expect(page.get_by_role("img", name="Step 2: 0 of 2")).to_be_visible()

    page.get_by_role("button", name="/pricing", exact=True).click()
    expect(page.get_by_label("Page, event or property of step 3")).to_have_value("/pricing")
    # From the last place to the first by keyboard: the focus goes with the step.
    for place in (3, 2):
        up = page.get_by_role("button", name=f"Move step {place} up")
        up.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label(f"Page, event or property of step {place - 1}")).to_have_value(
            "/pricing"
        )
    expect(page.get_by_role("button", name="Move step 1 down")).to_be_focused()
    page.get_by_role("button", name="Move step 2 down").click()
    expect(page.get_by_label("Page, event or property of step 2")).to_have_value("signup")
    for step, number in enumerate((6, 4, 2), 1):
        expect(page.get_by_role("img", name=f"Step {step}: {number} of 6")).to_be_visible()

    # What is typed is counted as soon as the field is left, and what is wrong is said.
    typed = page.get_by_label("Page, event or property of step 3")
    typed.fill("thanks")
    typed.press("Tab")
    expect(page.get_by_text("Step 3: A page begins with /")).to_be_visible()
    assert problems(page) == []
    typed.fill("/th*")
    typed.press("Tab")
    expect(page.get_by_role("img", name="Step 3: 2 of 6")).to_be_visible()
    page.get_by_role("button", name="Add step").click()
    expect(page.get_by_role("group", name="Step 4")).to_be_visible()
    page.get_by_role("button", name="Remove step 4").click()
    expect(page.get_by_role("group", name="Step 4")).to_have_count(0)

    # Without a name it is not saved: the numbers stay, and the name is where one types.
    name = page.get_by_label("Name", exact=True)
    # The form that came anew takes the focus once more.
    expect(page.locator(".htmx-settling, .htmx-swapping, .htmx-added")).to_have_count(0)
    name.fill("")
    expect(name).to_have_value("")
    page.get_by_role("button", name="Save funnel").click()
    expect(page.get_by_text("Give the funnel a name.")).to_have_count(1)
    expect(name).to_be_focused()
    expect(page.get_by_role("img", name="Step 3: 2 of 6")).to_be_visible()
    page.keyboard.type("To thanks")
    page.get_by_role("button", name="Save funnel").click()

    expect(page.get_by_role("heading", name="To thanks", level=1)).to_be_visible()
    expect(page.get_by_text("33.3%").first).to_be_visible()
    is_ready(page)
    page.get_by_label("Split by").select_option("channel")
    search = page.get_by_role("row", name="Organic search")
    expect(search.get_by_role("cell").first).to_have_text("4")
    expect(search).to_contain_text("50.0%")
    expect(page.get_by_role("row", name="Direct")).to_contain_text("0.0%")
    assert "split=channel" in page.url
    assert problems(page) == []
    assert page.errors == []


def test_journeys_and_goals_are_looked_at_without_a_mouse(program, shop, visited, dashboard):
    page = dashboard(viewport=DESK, **MEASURED)
    page.goto(f"{program.url}/o/{shop.slug}/analytics/journeys?site={shop.site_id}&depth=3")
    expect(page.get_by_role("row", name="/pricing then Left the site")).to_contain_text("4")
    assert problems(page) == []
    node = page.get_by_role("link", name="/thanks: 2 visits")
    node.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("From a page or event")).to_have_value("/thanks")
    page.get_by_label("Which way").select_option("backwards")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("row", name="/thanks before it /pricing")).to_contain_text("2")

    page.get_by_role("link", name="Goals", exact=True).click()
    page.get_by_role("link", name="signup", exact=True).click()
    expect(page.get_by_label("Page or event")).to_have_value("signup")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("row", name="Signup")).to_contain_text("66.7%")
    assert problems(page) == []
    for name in ("Retention", "Attribution"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        assert problems(page) == []
    assert page.errors == []
