"""Typing in the builder while answers to what was typed before are still on their way."""

from __future__ import annotations

import requests
from playwright.sync_api import expect

from tests.journeys.conftest import is_ready
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


def test_what_is_being_kept_is_kept_before_the_whole_is_published(
    program, shop, published, dashboard
):
    page = dashboard()
    address = f"{program.url}/o/{shop.slug}/campaigns/{published}"
    page.goto(address)
    is_ready(page)
    wording = page.get_by_label("Wording", exact=True)
    publish = page.get_by_role("button", name="Publish changes")

    def write(text):
        wording.fill(text)
        page.keyboard.press("Tab")

    write("{{first_name}} booked")
    expect(publish).to_be_visible()
    late, told = [], []
    page.route(address, lambda route: route.continue_() if late else late.append(route))
    page.on("request", lambda request: told.append(request.url))
    with page.expect_request(address):
        write("{{first_name}} took {{product}}")
    write("{{first_name}} chose {{product}}")
    publish.click()
    page.wait_for_timeout(500)
    assert f"{address}/publication" not in told
    late[0].continue_()
    expect(page.get_by_text("Visitors see this")).to_be_visible()
    kept = requests.get(
        f"{program.url}/api/v1/campaigns/{published}", headers=shop.bearer, timeout=5
    ).json()
    assert kept["content"]["template"] == "{{first_name}} chose {{product}}"
