"""From a page with the snippet to Live, the event list and a session: a real browser on both ends."""

from __future__ import annotations

import time

import pytest
import requests
from playwright.sync_api import expect

# As a tab in the background: what a page sends while it goes says that Chromium is headless.
HIDE = """
Object.defineProperty(Document.prototype, "hidden", { get: () => true });
Object.defineProperty(Document.prototype, "visibilityState", { get: () => "hidden" });
document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
"""


@pytest.fixture
def events(program, shop):
    def events():
        address = f"{program.url}/api/v1/events?site_id={shop.site_id}&limit=100"
        answer = requests.get(address, headers=shop.bearer, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return events


def wait_for(events, *names):
    """The newest event of each of these names, once they are all there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = {each["name"]: each for each in reversed(events())}
        if found.keys() >= set(names):
            return found
        time.sleep(0.2)
    raise AssertionError(f"{names} are not among {events()}")


def test_a_visitor_arrives_on_live_and_does_things(program, shop, dashboard, walk_in, events):
    live = dashboard()
    live.goto(f"{program.url}/o/{shop.slug}/live?site={shop.site_id}")
    expect(live.get_by_role("heading", name="Live")).to_be_visible()

    visitor = walk_in(
        '<button data-candor-event="signup" data-candor-prop-plan="pro">Join</button>'
    )
    wait_for(events, "page_view")
    # By itself: nobody reloads the page.
    expect(live.locator("main")).to_contain_text("Page view", timeout=20_000)
    expect(live.locator("main")).to_contain_text("Chrome")

    visitor.evaluate("history.pushState({}, '', '/teas?utm_source=letter&token=secret')")
    visitor.get_by_role("button", name="Join").click()
    visitor.evaluate(
        "candor('track', 'conversion', { order_id: '77' }, { value: { amount: 4900, currency: 'EUR' } })"
    )
    found = wait_for(events, "page_view", "signup", "conversion")
    assert found["signup"]["props"] == {"plan": "pro"}
    assert found["conversion"]["value"] == {"amount": 4900, "currency": "EUR"}
    urls = [each["url"] for each in events() if each["name"] == "page_view"]
    assert any(url.endswith("/teas?utm_source=letter") for url in urls), urls
    assert not any("secret" in str(each) for each in events())
    assert len({each["session_id"] for each in events()}) == 1
    assert visitor.errors == [] and live.errors == []

    session = found["signup"]["session_id"]
    live.goto(f"{program.url}/o/{shop.slug}/sites/{shop.site_id}/sessions/{session}")
    expect(live.locator("main")).to_contain_text("Conversion")


def test_what_happens_at_the_end_of_a_page_arrives(walk_in, events):
    visitor = walk_in()
    wait_for(events, "page_view")
    visitor.mouse.move(50, 50)
    visitor.wait_for_timeout(1500)
    visitor.evaluate(HIDE)
    print("NOTICED", visitor.errors)
    found = wait_for(events, "engagement", "web_vitals")
    assert found["engagement"]["props"]["visible"] >= 1000
    assert visitor.errors == []


def test_what_happens_next_is_told_and_not_waited_for(program, shop, dashboard, walk_in, events):
    live = dashboard()
    live.goto(f"{program.url}/o/{shop.slug}/live?site={shop.site_id}")
    visitor = walk_in()
    expect(live.locator("main")).to_contain_text("Page view", timeout=20_000)
    # From here on it would look by itself in half a minute.
    live.wait_for_timeout(11_000)
    visitor.evaluate("candor('track', 'tea_poured')")
    wait_for(events, "tea_poured")
    expect(live.locator("main")).to_contain_text("Tea poured", timeout=8_000)
    assert live.errors == []
