"""A program wants to hear of orders: its endpoint is added, a test arrives and fits, and it is sent
again, all in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import is_ready
from tests.services import Program


@pytest.fixture
def program(app, environ):
    """web and worker that may call their own receiver."""
    started = Program({**environ, "REDIS_URL": environ["REDIS_URL"] + "?db=3"})
    started.environ["CANDOR_OUTBOUND_ALLOW"] = f"127.0.0.1:{started.port}"
    for name in ("web", "worker"):
        started.start(name)
    started.wait()
    yield started
    started.stop()


def test_an_endpoint_is_added_tested_and_sent_to_again(program, shop, dashboard):
    page = dashboard()
    page.get_by_role("link", name="Sources & webhooks").first.click()
    page.get_by_role("link", name="Endpoints", exact=True).click()
    expect(page.get_by_text("Tell your own programs")).to_be_visible()
    page.get_by_role("link", name="Add endpoint").click()
    page.get_by_label("Address").fill("http://10.0.0.1/hook")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_role("alert")).to_contain_text("not on the public internet")
    page.get_by_label("Address").fill(f"{program.url}/dev/receiver/ok")
    page.get_by_label("Name").fill("Warehouse")
    page.get_by_role("button", name="Add endpoint").click()
    secret = page.locator("[data-copy-source]").first.text_content()
    assert secret.startswith("whsec_")

    # To read the answer anew shows what was added, and adds nothing.
    is_ready(page)
    page.reload()
    expect(page.get_by_role("heading", name="Warehouse")).to_be_visible()
    page.get_by_role("link", name="Endpoints", exact=True).click()
    expect(page.get_by_role("link", name="Warehouse")).to_have_count(1)
    page.get_by_role("link", name="Warehouse").click()
    assert secret not in page.content()
    page.get_by_label("Type").select_option("order.created")
    page.get_by_role("button", name="Send test").click()
    # It follows by itself.
    expect(page.get_by_text("It was answered 204 No Content.")).to_be_visible()
    expect(page.get_by_role("heading", name="204 No Content")).to_have_count(1)
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("heading", name="204 No Content")).to_have_count(2)

    page.get_by_label("Breadcrumb").get_by_role("link", name="Warehouse").click()
    expect(page.locator("#log").get_by_role("row")).to_have_count(2)
    expect(page.locator("#log")).to_contain_text("Delivered")
    is_ready(page)
    page.get_by_label("State").select_option("Failed")
    expect(page.get_by_text("No delivery fits this filter")).to_be_visible()
    page.goto(f"{program.url}/dev/receiver")
    expect(page.get_by_text("Fits")).to_have_count(2)
    assert page.errors == []
