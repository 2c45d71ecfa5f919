"""From nothing to a notification without a mouse: the focus can be seen at each stop, and is not lost
when a part of the page is renewed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.journeys.conftest import is_ready, until

# Where the focus is, and how it shows: an outline of its own or of what it lies over.
FOCUS = """() => {
  const at = document.activeElement;
  if (!at) return null;  // the next page is on its way
  const { width, height } = at.getBoundingClientRect();
  const drawn = (each) => each && (getComputedStyle(each).outlineStyle !== "none"
    || getComputedStyle(each, "::after").outlineStyle !== "none");
  const label = at.matches("input[type=radio], input[type=checkbox]") && at.labels[0];
  return {
    lost: at === document.body || !at,
    shown: at.localName === "iframe" || (width > 0 && height > 0 && (drawn(at) || drawn(label) || drawn(at.parentElement))),
    where: at.outerHTML.slice(0, 160),
  };
}"""


class Keyboard:
    """Hands that have no mouse."""

    def __init__(self, page):
        self.page = page

    def press(self, key):
        self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.type(text)

    def goes_to(self, target, key="Tab", most=90):
        """Press Tab until it is there, and see the focus at each stop."""
        for _ in range(most):
            if target.count() and target.first.evaluate(
                "(each) => each === document.activeElement"
            ):
                return
            self.press(key)
            self.sees_the_focus()
        raise AssertionError(f"{target} is not reached, the focus is at {self.focus()['where']}")

    def fills(self, label, text):
        self.goes_to(self.page.get_by_label(label, exact=True))
        self.press("Control+a")
        self.type(text)

    def opens(self, role, name, **options):
        self.goes_to(self.page.get_by_role(role, name=name, exact=True), **options)
        self.press("Enter")

    def focus(self):
        return until(self.page, FOCUS)

    def sees_the_focus(self):
        focus = self.focus()
        assert focus["shown"] or focus["lost"], f"nothing shows the focus at {focus['where']}"

    def still_has(self, target):
        expect(target).to_be_focused()


@pytest.fixture
def page(program, visit):
    opened = visit(program.url, permissions=["clipboard-read", "clipboard-write"])
    yield opened
    assert opened.errors == []


def test_the_whole_way_to_a_notification_by_keyboard_alone(page, visit, host):
    hands = Keyboard(page)
    hands.fills("Organization", "Leaf & Pot")
    hands.fills("Your name", "Olivia Owner")
    hands.fills("E-mail", "olivia@leaf.example")
    hands.fills("Password", PASSWORD)
    hands.press("Enter")

    expect(page.get_by_role("heading", name="Add site")).to_be_visible()
    hands.fills("Name", "Tea house")
    hands.fills("Domains", "localhost")
    hands.opens("button", "Add site")

    expect(page.get_by_text("Never seen yet")).to_be_visible()
    is_ready(page)
    hands.opens("button", "Copy")
    snippet = page.locator("[data-copy-source]").first.text_content()
    # It is put there a moment after the key, and another page may have put something there before.
    copied = "(text) => navigator.clipboard.readText().then((copied) => copied == text)"
    until(page, copied, snippet)
    skip = page.get_by_role("link", name="Skip this and choose a campaign first")
    hands.goes_to(skip)
    for _ in range(2):
        page.wait_for_event("response", lambda answer: "/installation" in answer.url)
    page.wait_for_timeout(300)
    hands.still_has(skip)
    copy = page.get_by_role("button", name="Copy").first
    hands.goes_to(copy, key="Shift+Tab")
    visitor = visit(host(snippet))
    expect(page.get_by_text("on localhost")).to_be_visible()
    hands.still_has(copy)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == [], "what has been seen is not asked for again"
    hands.opens("link", "Choose")

    recent = page.get_by_role("button", name="Recent activity")
    hands.goes_to(recent)
    hands.press("Enter")
    wording = page.get_by_label("Wording", exact=True)
    expect(wording).to_be_visible()
    is_ready(page)
    hands.fills("Wording", "Chosen: ")
    chip = page.get_by_role("button", name="product", exact=True)
    hands.goes_to(chip)
    hands.press("Enter")
    hands.still_has(wording)
    frame = page.frame_locator('iframe[title="Preview on a phone"]')
    expect(frame.get_by_text("Chosen: ‹product›")).to_be_visible()
    hands.still_has(wording)
    hands.type(" by {{first_name}}")
    expect(frame.get_by_text("Chosen: ‹product› by ‹first name›")).to_be_visible()
    hands.still_has(wording)
    hands.goes_to(page.locator("summary").filter(has_text="Behaviour"))
    hands.press("Enter")
    hands.fills("Delay", "0")
    hands.opens("button", "Publish", key="Shift+Tab")
    expect(page.get_by_text("Visitors see this")).to_be_visible()

    page.wait_for_load_state()
    hands.press("Control+k")
    hands.type("activities")
    expect(page.locator("[data-results=activities]")).to_be_visible()
    hands.press("ArrowDown")
    hands.sees_the_focus()
    hands.press("Enter")
    expect(page.get_by_role("heading", name="Activities", level=1)).to_be_visible()
    hands.opens("link", "Record by hand")
    hands.fills("What it was", "Gyokuro")
    hands.fills("First name", "Ada")
    hands.press("Enter")
    expect(visitor.get_by_text("Chosen: Gyokuro by Ada")).to_be_visible()


def test_a_renewed_list_and_an_open_menu_keep_the_focus(program, shop, published, dashboard):
    page = dashboard()
    hands = Keyboard(page)
    hands.press("Tab")
    hands.still_has(page.get_by_role("link", name="Skip to content"))
    hands.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.goto(f"{program.url}/o/{shop.slug}/campaigns/{published}")
    more = page.locator("summary").filter(has_text="More")
    hands.goes_to(more)
    hands.press("Enter")
    hands.goes_to(page.get_by_role("link", name="History and roll back"))
    hands.press("Escape")
    hands.still_has(more)

    hands.fills("Wording", "{{first_name}} reserved {{product}}")
    hands.press("Tab")
    expect(page.get_by_role("button", name="Publish changes")).to_be_visible()
    hands.sees_the_focus()
    assert not hands.focus()["lost"]
