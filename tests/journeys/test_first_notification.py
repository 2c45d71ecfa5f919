"""The main job in a real browser: publish, a signed order, the notification on a page of another
origin under a strict policy, its receipt, the refund, gone."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import expect

from tests.journeys.conftest import is_ready, until
from tests.shops import shopify, shopify_order, shopify_refund


@pytest.fixture
def host_page(program, shop, host):
    """Somebody's shop on another origin, whose policy allows the Candor host and nothing else."""
    sockets = program.url.replace("http", "ws")
    policy = (
        f"default-src 'self'; script-src {program.url}; connect-src {program.url} {sockets}; "
        f"img-src 'self' {program.url}; style-src 'self'; require-trusted-types-for 'script'; "
        "trusted-types candor"
    )
    snippet = f'<script async src="{program.url}/w/{shop.site_key}.js"></script>'
    return host(snippet, **{"Content-Security-Policy": policy})


def deliver(program, shop, topic, payload):
    answer = requests.post(
        f"{program.url}/hooks/{shop.source_id}", timeout=5, **shopify(shop.secret, topic, payload)
    )
    assert answer.status_code == 200


@pytest.fixture
def publish(dashboard, program, shop):
    """Publish recent activity in the builder, shown without a delay, and until it is closed."""

    def in_the_builder():
        page = dashboard()
        page.get_by_role("link", name="Campaigns").first.click()
        page.get_by_role("link", name="New campaign").first.click()
        page.get_by_role("button", name="Recent activity").click()
        expect(page.get_by_label("Wording", exact=True)).to_be_visible()
        is_ready(page)
        page.get_by_label("Name", exact=True).fill("Recent purchases")
        page.get_by_text("Behaviour").click()
        page.get_by_label("Delay").fill("0")
        page.get_by_label("Stays for").fill("0")
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("Visitors see this")).to_be_visible()
        return page

    return in_the_builder


def test_from_sign_in_to_a_notification_that_a_refund_takes_away(
    program, shop, host_page, visit, publish
):
    dashboard = publish()
    visitor, other = visit(host_page, watch=True), visit(host_page, watch=True)
    for page in (visitor, other):
        until(page, "window.candor && !!window.candor.boot")
    deliver(program, shop, "orders/paid", shopify_order())
    for page in (visitor, other):
        expect(page.get_by_text("Ada bought Darjeeling")).to_be_visible()

    receipt_link = visitor.get_by_role("link", name="Why am I seeing this?")
    receipt = visit(receipt_link.get_attribute("href"))
    expect(receipt.get_by_role("heading").first).to_be_visible()
    assert "Ada" not in receipt.content()

    deliver(program, shop, "refunds/create", shopify_refund())
    for page in (visitor, other):
        expect(page.get_by_text("Ada bought Darjeeling")).to_have_count(0)
    receipt.reload()
    expect(receipt.get_by_text("retracted", exact=False).first).to_be_visible()

    for page in (visitor, other):
        noticed, shift = page.evaluate("[window.noticed, window.shift]")
        assert noticed == [] and shift == 0
    for page in (visitor, other, receipt, dashboard):
        assert page.errors == []


def test_an_unsigned_order_shows_nothing_and_says_why(program, shop, publish):
    dashboard = publish()
    answer = requests.post(
        f"{program.url}/hooks/{shop.source_id}",
        timeout=5,
        **shopify("wrong secret", "orders/paid", shopify_order()),
    )
    assert answer.status_code == 401
    dashboard.get_by_role("link", name="Sources & webhooks").first.click()
    dashboard.get_by_role("link", name="Webhooks received").click()
    expect(dashboard.get_by_role("cell", name="Refused")).to_be_visible()
