"""Typing in the builder while answers to what was typed before are still on their way."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.test_inbox_network import stop_clock


def test_a_late_answer_takes_back_no_letter_of_a_field_that_was_left(
    program, shop, published, dashboard
):
    page = dashboard()
    page.clock.install()
    page.goto(f"{program.url}/o/{shop.slug}/campaigns/{published}")
    wording = page.get_by_label("Wording", exact=True)
    asked = []
    page.route("**/preview", lambda route: asked.append(route))
    # Time passes only as the test says, so the next question waits as long as it takes.
    stop_clock(page)
    with page.expect_request("**/preview"):
        wording.fill("{{first_name}} took {{product")
        page.clock.run_for(50)
    expect(page.locator("#builder.htmx-request")).to_have_count(1)
    page.keyboard.type("}}")
    page.keyboard.press("Tab")
    with page.expect_response("**/preview"):
        asked[0].continue_()
    expect(page.locator("#builder.htmx-request")).to_have_count(0)
    expect(wording).to_have_value("{{first_name}} took {{product}}")
    page.unroute("**/preview")
    page.clock.resume()
    expect(page.get_by_role("button", name="Publish changes")).to_be_visible()
    page.reload()
    expect(wording).to_have_value("{{first_name}} took {{product}}")
