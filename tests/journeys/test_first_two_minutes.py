"""The first two minutes of somebody who never read a manual, in a real browser against the real
program: organization, site, snippet, campaign, notification. Then a colour changes, and comes back."""

from __future__ import annotations

import io
import re

from PIL import Image
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.journeys.conftest import is_ready, until

BLUE, RED = (0x25, 0x63, 0xEB), (0xB9, 0x1C, 0x1C)


def create_organization(page):
    expect(page.get_by_role("heading", name="Welcome to Candor")).to_be_visible()
    page.get_by_label("Organization").fill("Leaf & Pot")
    page.get_by_label("Your name").fill("Olivia Owner")
    page.get_by_label("E-mail").fill("olivia@leaf.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create organization").click()


def name_a_site(page):
    expect(page.get_by_role("heading", name="Add site")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Tea house")
    page.get_by_label("Domains").fill("localhost")
    page.get_by_role("button", name="Add site").click()


def copy_the_snippet(page):
    """What the button puts on the clipboard is what is pasted."""
    source = page.locator("[data-copy-source]").first.text_content()
    is_ready(page)
    page.get_by_role("button", name="Copy").first.click()
    copied = "(text) => navigator.clipboard.readText().then((copied) => copied == text)"
    until(page, copied, source)
    return source


def choose_recent_activity(page):
    page.get_by_role("link", name="Choose", exact=True).click()
    page.get_by_role("button", name="Recent activity").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Recent activity"))
    is_ready(page)


def type_the_wording(page):
    """Both frames say each letter with the real widget, without a new page."""
    page.evaluate("window.same = true")
    wording = page.get_by_label("Wording", exact=True)
    wording.fill("")
    wording.press_sequentially("{{first_name}} from {{city}} chose {{product}}")
    for title in ("Preview on a desktop", "Preview on a phone"):
        shown = page.frame_locator(f'iframe[title="{title}"]')
        expect(shown.get_by_text("‹first name› from ‹city› chose ‹product›")).to_be_visible()
    assert page.evaluate("window.same")


def publish(page):
    page.get_by_role("button", name=re.compile("^Publish( changes)?$")).click()
    expect(page.get_by_text("Visitors see this")).to_be_visible()


def record_a_sale(page):
    page.get_by_role("link", name="Activities", exact=True).first.click()
    page.get_by_role("link", name="Record by hand").first.click()
    page.get_by_label("What it was").fill("Gyokuro")
    page.get_by_label("First name").fill("Ada")
    page.get_by_role("button", name="Record activity").click()
    expect(page.get_by_text("Gyokuro").first).to_be_visible()


def colour_of_the_sign(visitor):
    """The pixel of the notification's sign, beside its icon; None while it is drawn anew."""
    box = visitor.evaluate(
        """document.querySelector("candor-widget")?.shadowRoot.querySelector("i")
           ?.getBoundingClientRect().toJSON()"""
    )
    picture = Image.open(io.BytesIO(visitor.screenshot())).convert("RGB")
    return box and picture.getpixel((box["x"] + 4, box["y"] + box["height"] / 2))


def until_the_sign_is(visitor, colour):
    for _ in range(50):
        seen = colour_of_the_sign(visitor)
        if seen and near(seen, colour):
            return
        visitor.wait_for_timeout(100)
    raise AssertionError(f"the sign is {seen} and not {colour}")


def near(one, other):
    return all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


def test_from_nothing_to_a_notification_whose_colour_changes_and_comes_back(
    app, program, visit, host
):
    page = visit(program.url, permissions=["clipboard-read", "clipboard-write"])
    create_organization(page)
    name_a_site(page)
    snippet = copy_the_snippet(page)
    expect(page.get_by_text("Never seen yet")).to_be_visible()
    visitor = visit(host(snippet), watch=True)
    expect(page.get_by_text("on localhost")).to_be_visible(timeout=20_000)

    choose_recent_activity(page)
    type_the_wording(page)
    keep_it_on_the_page(page)
    publish(page)
    builder = page.url
    record_a_sale(page)
    notification = visitor.get_by_text("Ada chose Gyokuro")
    expect(notification).to_be_visible()
    until_the_sign_is(visitor, BLUE)

    page.goto(builder)
    page.get_by_label("Accent", exact=True).fill("#b91c1c")
    page.keyboard.press("Tab")
    publish(page)
    expect(notification).to_be_visible()
    until_the_sign_is(visitor, RED)

    read_history_and_go_back(page)
    expect(notification).to_be_visible()
    until_the_sign_is(visitor, BLUE)

    assert page.errors == [] and visitor.errors == []
    assert visitor.evaluate("[noticed, shift]") == [[], 0]


def keep_it_on_the_page(page):
    """Without a delay, and until it is closed."""
    page.get_by_text("Behaviour").click()
    page.get_by_label("Delay").fill("0")
    page.get_by_label("Stays for").fill("0")


def read_history_and_go_back(page):
    page.get_by_title("More").click()
    page.get_by_role("link", name="History and roll back").click()
    newest = page.locator("#revision-3")
    expect(newest).to_contain_text(re.compile(r"accent\s+#2563eb\s+→\s*becomes\s*#b91c1c", re.I))
    page.get_by_role("link", name="Roll back to this (revision 2)").click()
    expect(page.get_by_role("main")).to_contain_text(
        re.compile(r"accent\s+#b91c1c\s+→\s*becomes\s*#2563eb", re.I)
    )
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Rolled back to 2")).to_be_visible()
