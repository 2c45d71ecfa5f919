"""For how long raw events are kept: what deletes asks first, what keeps does not."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import is_ready


def test_only_a_choice_that_deletes_is_asked_about(program, shop, dashboard):
    page = dashboard()
    page.goto(f"{program.url}/o/{shop.slug}/settings")
    form = page.locator("form[action$='/settings/retention']")
    kept, asked = form.get_by_label("Raw events and visits"), page.locator("#confirm")
    kept.select_option("For good")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(asked).to_be_hidden()
    is_ready(page)
    kept.select_option("90 days")
    form.get_by_role("button", name="Save").click()
    expect(asked).to_contain_text("cannot be brought back")
    asked.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(kept).to_have_value("90")
