"""What campaigns look like, and when they appear: in a real browser against a stand-in of the server."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from .hosts import (
    GREETED,
    HEAR,
    NO_REFLECTION,
    STUB,
    at_rest,
    enriched,
    moments,
    pass_time,
    scroll,
    stop_clock,
)
from .stand_in import ACTIVITIES, BUTTON, CARD, MODAL, NOTICE, RATING
from .test_widget_alone import card, joined

PHONE = {
    "viewport": {"width": 390, "height": 780},
    "screen": {"width": 390, "height": 780},
    "has_touch": True,
    "is_mobile": True,
}
TALL_PAGE = "<style>main {height: 4000px}</style>"


def cards(page):
    return page.locator("candor-widget .card")


def colour_at(locator, x, y):
    """The colour of a pixel that far into an element (from its end for negative numbers)."""
    picture = Image.open(io.BytesIO(locator.screenshot())).convert("RGB")
    return picture.getpixel((x % picture.width, y % picture.height))


def go(page, path):
    page.evaluate("(path) => history.pushState({}, '', path)", path)


def tell_leaving(page):
    page.evaluate(
        "document.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientY: -1}))"
    )


def focused(page):
    return page.evaluate("""() => {
      let node = document.activeElement;
      if (node == document.body) return 'BODY';
      while (node.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
      return (node.innerText || node.ariaLabel || node.tagName).trim()
    }""")


# Renderers


def test_a_card_has_a_picture_a_title_a_code_and_a_link(candor, open_page):
    picture = {"url": f"{candor.host}/picture.svg", "width": 640, "height": 320, "alt": "Hills"}
    # Where it stands is measured, so it stands still.
    candor.campaigns = [{**CARD, "image": picture, "animation": "none"}]
    page = open_page()
    shown = card(page, "A gift for you")
    expect(shown).to_contain_text("Ten percent off your first order.")
    expect(shown.get_by_role("img", name="Hills")).to_be_visible()
    expect(shown.get_by_role("link", name="Start shopping")).to_have_attribute(
        "href", "https://shop.example/all"
    )
    box = shown.bounding_box()
    assert box["x"] + box["width"] == 1280 - 14 and box["y"] + box["height"] == 720 - 14


def test_a_code_is_copied(candor, open_page):
    candor.campaigns = [CARD]
    page = open_page(HEAR, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "WELCOME10"
    assert ["copied", {"campaign": "c-card"}] in page.evaluate("heard")


def test_where_the_clipboard_is_closed_the_code_can_still_be_read(candor, open_page):
    candor.campaigns = [{**NOTICE, "coupon": "SHIP5"}]
    page = open_page("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy").click()
    expect(card(page, "SHIP5")).to_be_visible()


def test_a_modal_has_its_name_also_in_a_browser_without_the_newer_properties(candor, open_page):
    candor.campaigns = [MODAL]
    page = open_page(NO_REFLECTION)
    expect(page.locator("dialog")).to_have_attribute("aria-label", "Before you go")


def test_a_modal_is_used_with_the_keyboard_alone(candor, open_page):
    candor.campaigns = [{**MODAL, "triggers": {"delay": 60}}]
    page = open_page(HEAR, go=False)
    page.clock.install()
    page.goto(candor.page_url)
    page.get_by_role("button", name="Buy").focus()
    page.clock.run_for(60_000)
    dialog = page.get_by_role("dialog", name="Before you go")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("(node) => [node.matches(':modal'), node.ariaModal]") == [True, "true"]
    stops = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        stops.add(focused(page))
    assert stops - {"BODY"} == {"Copy", "Start shopping", "×"}
    page.keyboard.press("Escape")
    expect(cards(page)).to_have_count(0)
    assert focused(page) == "Buy"
    assert page.evaluate("heard.at(-1)") == [
        "closed",
        {"campaign": "c-modal", "id": None, "reason": "user"},
    ]


def test_a_modal_closes_by_its_backdrop_but_not_by_a_click_inside(candor, open_page):
    candor.campaigns = [{**MODAL, "closable": False}]
    page = open_page()
    page.get_by_text("Ten percent off").click()
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.mouse.click(20, 20)
    expect(cards(page)).to_have_count(0)
    page.get_by_role("button", name="Buy").click()


def test_hiding_gives_the_page_back(candor, open_page):
    candor.campaigns = [MODAL]
    page = open_page()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("candor('hide')")
    page.get_by_role("button", name="Buy").click()


def test_a_button_is_a_link_with_its_name(candor, open_page):
    candor.campaigns = [BUTTON]
    page = open_page(HEAR)
    link = page.get_by_role("link", name="Chat with us")
    expect(link).to_have_attribute("href", "https://wa.me/12345")
    assert link.bounding_box()["height"] >= 40
    link.evaluate("(node) => node.addEventListener('click', (e) => e.preventDefault())")
    link.click()
    assert page.evaluate("heard.at(-1)") == [
        "clicked",
        {"campaign": "c-button", "url": "https://wa.me/12345"},
    ]


@pytest.mark.parametrize("width", [320, 1280])
def test_what_shares_an_edge_does_not_overlap(candor, open_page, width):
    plain = {**CARD, "coupon": None, "message": "Small"}
    candor.campaigns = [
        {**ACTIVITIES, "position": "bottom-right"},
        plain,
        BUTTON,
        {**NOTICE, "position": "bottom"},
    ]
    page = open_page(viewport={"width": width, "height": 720})
    joined(candor)
    candor.happen("a1", "Ada bought socks")
    expect(cards(page)).to_have_count(4)
    page.wait_for_timeout(500)
    boxes = sorted((each.bounding_box() for each in cards(page).all()), key=lambda box: box["y"])
    assert all(box["x"] >= 14 and box["x"] + box["width"] <= width - 14 for box in boxes)
    for above, below in zip(boxes, boxes[1:], strict=False):
        assert above["y"] + above["height"] <= below["y"]
    # The bar is nearest to the edge, then the button, and neither moves when a bubble comes.
    assert boxes[-1]["width"] == width - 28


@pytest.mark.parametrize(
    ("colour", "text"),
    [("#fde68a", (0, 0, 0)), ("#15803d", (255, 255, 255)), ("#ea580c", (0, 0, 0))],
)
def test_text_on_a_colour_is_black_or_white_whichever_reads_better(candor, open_page, colour, text):
    candor.campaigns = [{**NOTICE, "background": colour}]
    page = open_page()
    joined(candor)
    bar = card(page, "Free shipping")
    expect(bar).to_have_css("color", f"rgb{text}")
    page.wait_for_timeout(400)
    wanted = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    assert colour_at(bar, 40, -8) == wanted
    candor.publish([{**NOTICE, "background": colour, "foreground": "#112233"}])
    expect(bar).to_have_css("color", "rgb(17, 34, 51)")


@pytest.mark.parametrize(("theme", "scheme", "dark"), [
    ("auto", "dark", True), ("auto", "light", False), ("light", "dark", False), ("dark", "light", True),
])  # fmt: skip
def test_themes(candor, open_page, theme, scheme, dark):
    candor.campaigns = [{**NOTICE, "theme": theme}]
    page = open_page(color_scheme=scheme)
    expect(card(page, "Free shipping")).to_be_visible()
    page.wait_for_timeout(400)
    assert (sum(colour_at(card(page, "Free shipping"), 40, -8)) < 200) == dark


def test_size_corners_icon_and_animation_are_data(candor, open_page):
    candor.campaigns = [
        {**NOTICE, "size": "large", "corners": "sharp", "icon": "none", "animation": "none"}
    ]
    page = open_page(reduced_motion="no-preference")
    joined(candor)
    bar = card(page, "Free shipping")
    expect(bar).to_have_css("font-size", "16px")
    expect(bar).to_have_css("border-radius", "0px")
    expect(bar).to_have_css("animation-name", "none")
    expect(bar.locator("i")).to_have_count(0)
    candor.publish([{**NOTICE, "corners": "round", "icon": "star"}])
    expect(bar).to_have_css("border-radius", "24px")
    assert bar.locator("path").get_attribute("d").startswith("M12 4l2 6")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize(
    "campaign",
    [NOTICE, CARD, MODAL, BUTTON, RATING],
    ids=lambda each: each["format"] + each["renderer"],
)
def test_every_renderer_fits_320_pixels(candor, open_page, campaign, direction):
    candor.html = f"dir={direction}"
    candor.campaigns = [{**campaign, "closable": True}]
    candor.summaries = [
        {"campaign": "c-rating", "message": "4.6 out of 5 from 132 reviews", "rating": 4.6}
    ]
    page = open_page(viewport={"width": 320, "height": 568})
    expect(cards(page)).to_have_count(1)
    page.wait_for_timeout(400)
    box = cards(page).bounding_box()
    assert box["x"] >= 13 and box["x"] + box["width"] <= 307
    assert box["y"] >= 13 and box["y"] + box["height"] <= 555
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    close = page.get_by_role("button", name="Close").bounding_box()
    assert (close["x"] > 160) == (direction == "ltr") or campaign is BUTTON


def test_a_title_on_a_right_to_left_page_begins_at_the_right_whatever_its_language(
    candor, open_page
):
    # Measured twice, so it stands still.
    candor.html, candor.campaigns = "dir=rtl", [{**CARD, "animation": "none"}]
    page = open_page()
    # In one look: a card moves while it comes in.
    title, words = cards(page).evaluate(
        "card => ['b', 'span'].map((tag) => card.querySelector(tag).getBoundingClientRect().right)"
    )
    assert title == pytest.approx(words, abs=1)


def test_forced_colours_keep_edges_and_stars(candor, open_page):
    candor.campaigns = [RATING]
    candor.summaries = [{"campaign": "c-rating", "message": "Rated", "rating": 3}]
    page = open_page(forced_colors="active")
    stars = page.get_by_role("img", name="3 / 5")
    expect(stars).to_be_visible()
    assert stars.evaluate("(node) => getComputedStyle(node).forcedColorAdjust") == "none"
    expect(cards(page)).to_have_css("border-top-width", "1px")


# Triggers


def test_a_delay_and_then_the_first_of_scroll_exit_and_time(candor, open_page):
    candor.head = TALL_PAGE
    candor.campaigns = [
        {**NOTICE, "triggers": {"delay": 30, "scroll": 50, "exit": True, "time": 90}}
    ]
    page = open_page(go=False)
    page.clock.install()
    page.goto(candor.page_url)
    page.clock.run_for(5000)
    tell_leaving(page)
    page.clock.run_for(5000)
    expect(cards(page)).to_have_count(0)
    page.clock.run_for(20_000)
    expect(cards(page)).to_have_count(1)


@pytest.mark.parametrize(("depth", "shown"), [(0.3, 0), (0.6, 1)])
def test_scrolling_that_far(candor, open_page, depth, shown):
    candor.head = TALL_PAGE
    candor.campaigns = [{**NOTICE, "triggers": {"scroll": 50}}]
    page = open_page()
    joined(candor)
    page.evaluate(
        "(part) => scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * part)", depth
    )
    page.wait_for_timeout(400)
    expect(cards(page)).to_have_count(shown)


def test_scrolling_inside_the_page_counts_but_not_in_a_small_box(candor, open_page):
    candor.body = (
        "<div id=small style='height:90px;overflow:auto'><p style='height:900px'></div>"
        "<div id=big style='height:500px;overflow:auto'><p style='height:3000px'></div>"
    )
    candor.campaigns = [{**NOTICE, "triggers": {"scroll": 50}}]
    page = open_page()
    joined(candor)
    page.evaluate("small.scrollTop = 900")
    page.wait_for_timeout(300)
    expect(cards(page)).to_have_count(0)
    page.evaluate("big.scrollTop = 2900")
    expect(cards(page)).to_have_count(1)


def test_exit_intent_of_a_mouse_is_leaving_at_the_top(candor, open_page):
    candor.campaigns = [{**NOTICE, "triggers": {"exit": True}}]
    page = open_page()
    joined(candor)
    page.evaluate(
        "document.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientY: 300}))"
    )
    page.evaluate(
        "document.body.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientY: 0, relatedTarget: document.body}))"
    )
    page.wait_for_timeout(200)
    expect(cards(page)).to_have_count(0)
    tell_leaving(page)
    expect(cards(page)).to_have_count(1)


@pytest.mark.parametrize(("device", "shown"), [({}, 0), (PHONE, 1)], ids=["mouse", "touch"])
@pytest.mark.parametrize("sign", ["a flick upwards", "a return to the tab"])
def test_exit_intent_of_a_finger(candor, open_page, device, shown, sign):
    candor.head = TALL_PAGE
    candor.campaigns = [{**NOTICE, "triggers": {"exit": True}}]
    page = open_page(go=False, **device)
    stop_clock(page)
    page.goto(candor.page_url)
    joined(candor)
    enriched(page, clock_stands=True)
    scroll(page, 2000)
    page.clock.run_for(200)
    expect(cards(page)).to_have_count(0)
    if sign == "a flick upwards":
        scroll(page, 1990)
        page.clock.run_for(50)
        scroll(page, 900)
    else:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(300)
    expect(cards(page)).to_have_count(shown)


def test_time_on_the_page(candor, open_page):
    candor.campaigns = [{**NOTICE, "triggers": {"time": 30, "scroll": 90}}]
    page = open_page(go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    page.clock.run_for(29_000)
    expect(cards(page)).to_have_count(0)
    page.clock.run_for(1500)
    expect(cards(page)).to_have_count(1)


# Rules


@pytest.mark.parametrize(("rules", "shown"), [
    ({"include": ["/product/*"]}, 1),
    ({"include": ["/cart", "/product/socks"]}, 1),
    ({"include": ["/product"]}, 0),
    ({"include": ["/PRODUCT/socks/"]}, 1),
    ({"include": ["localhost/product/*"]}, 1),
    ({"include": ["https://localhost/product/*"]}, 1),
    ({"include": ["shop.example/*"]}, 0),
    ({"include": ["*/socks"]}, 1),
    ({"include": ["/product/s.cks"]}, 0),
    ({"include": ["/product/*?colour=red*"]}, 1),
    ({"include": ["/product/*?colour=blue*"]}, 0),
    ({"include": ["/product/*"], "exclude": ["*socks"]}, 0),
    ({"exclude": ["/checkout*"]}, 1),
    ({"devices": ["desktop"]}, 1),
    ({"devices": ["mobile", "tablet"]}, 0),
    ({"languages": ["de", "en"]}, 1),
    ({"languages": ["en-US"]}, 1),
    ({"languages": ["en-GB", "de"]}, 0),
])  # fmt: skip
def test_rules(candor, open_page, rules, shown):
    candor.campaigns = [{**NOTICE, "rules": rules}]
    page = open_page(go=False)
    page.goto(candor.page_url + "product/socks?colour=red&size=9")
    joined(candor)
    page.wait_for_timeout(200)
    expect(cards(page)).to_have_count(shown)


@pytest.mark.parametrize(("width", "device"), [(390, "mobile"), (820, "tablet")])
def test_devices_with_touch(candor, open_page, width, device):
    candor.campaigns = [{**NOTICE, "rules": {"devices": [device]}}]
    size = {"width": width, "height": 900}
    page = open_page(has_touch=True, is_mobile=True, viewport=size, screen=size)
    expect(cards(page)).to_have_count(1)
    joined(candor)
    assert candor.joins[0]["visitor_data"]["device"] == device


def test_a_path_in_another_script_is_matched_as_it_is_read(candor, open_page):
    candor.campaigns = [{**NOTICE, "rules": {"include": ["/größe/*"]}}]
    page = open_page(go=False)
    page.goto(candor.page_url + "gr%C3%B6%C3%9Fe/42")
    expect(cards(page)).to_have_count(1)


# Frequency


def test_words_are_shown_once_a_page_and_more_often_where_it_says_so(candor, open_page):
    brief = {**NOTICE, "duration": 0.25, "gap": 0.1}
    twice = {
        **brief,
        "id": "twice",
        "renderer": "bubble",
        "position": "bottom-left",
        "frequency": {"page": 2},
    }
    candor.campaigns = [brief, twice]
    page = open_page(HEAR)
    page.wait_for_function("heard.filter(([name]) => name == 'closed').length == 3")
    page.wait_for_timeout(500)
    shown = page.evaluate("heard.filter(([name]) => name == 'shown').map(([, e]) => e.campaign)")
    assert sorted(shown) == ["c-notice", "twice", "twice"]


def test_activities_can_be_limited_too(candor, open_page):
    candor.campaigns = [{**ACTIVITIES, "duration": 0.25, "frequency": {"page": 2}}]
    for n in range(4):
        candor.happen(f"a{n}")
    page = open_page(HEAR)
    page.wait_for_function("heard.filter(([name]) => name == 'closed').length == 2")
    page.wait_for_timeout(600)
    assert page.evaluate("heard.filter(([name]) => name == 'shown').length") == 2


def test_once_a_day_waits_for_the_server(candor, open_page):
    candor.campaigns = [{**NOTICE, "frequency": {"day": 1}}]
    page = open_page()
    expect(cards(page)).to_have_count(1)


@pytest.mark.parametrize(
    "context", [{"seen": {"c-notice": 1}}, {}, None], ids=["seen", "uncounted", "none"]
)
def test_once_a_day_is_not_shown_again_nor_while_nobody_counts(candor, open_page, context):
    candor.context = context
    candor.campaigns = [{**NOTICE, "frequency": {"day": 1}}]
    page = open_page()
    joined(candor)
    candor.wait_for_event("page_view")
    page.wait_for_timeout(300)
    expect(cards(page)).to_have_count(0)


# Single-page apps


@pytest.mark.parametrize(
    "init", ["", "delete window.navigation"], ids=["navigation", "no navigation"]
)
def test_a_route_change_applies_rules_anew(candor, open_page, init):
    candor.campaigns = [{**NOTICE, "rules": {"include": ["/cart"]}}]
    page = open_page(init)
    joined(candor)
    expect(cards(page)).to_have_count(0)
    go(page, "/cart")
    page.mouse.move(300, 300)
    expect(cards(page)).to_have_count(1)
    go(page, "/elsewhere")
    page.mouse.move(310, 300)
    expect(cards(page)).to_have_count(0)
    page.go_back()
    page.mouse.move(320, 300)
    expect(cards(page)).to_have_count(1)


def test_a_route_change_starts_triggers_and_counts_anew_but_not_what_was_closed(candor, open_page):
    once = {**NOTICE, "duration": 0.25, "triggers": {"delay": 0.5}}
    closed = {
        **NOTICE,
        "id": "closed",
        "renderer": "bubble",
        "position": "bottom-left",
        "message": "Closed",
    }
    candor.campaigns = [once, closed]
    page = open_page(HEAR, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    moments(page, until=lambda: card(page, "Closed").is_visible())
    card(page, "Closed").get_by_role("button", name="Close").click()
    page.clock.run_for(2000)
    assert page.evaluate("heard.filter(([name]) => name == 'closed').length") == 2
    page.evaluate("heard.length = 0")
    go(page, "/next")
    page.clock.run_for(400)
    assert page.evaluate("heard") == []
    page.clock.run_for(1500)
    assert page.evaluate("heard.map(([name]) => name)") == ["shown", "closed"]
    assert page.evaluate("heard[0][1].campaign") == "c-notice"
    expect(card(page, "Closed")).to_have_count(0)


def test_an_anchor_is_no_route_but_a_router_in_the_hash_is(candor, open_page):
    candor.campaigns = [{**NOTICE, "duration": 0.25}]
    page = open_page(HEAR)
    page.wait_for_function("heard.length == 2")
    page.evaluate("location.hash = 'reviews'")
    page.wait_for_timeout(400)
    assert page.evaluate("heard.length") == 2
    page.evaluate("location.hash = '#/cart'")
    page.wait_for_function("heard.length == 4")


def test_what_stays_allowed_stays_on_the_screen(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page(HEAR)
    expect(cards(page)).to_have_count(1)
    cards(page).evaluate("(node) => { node.parentNode.same = true }")
    go(page, "/next")
    page.wait_for_timeout(300)
    assert cards(page).evaluate("(node) => node.parentNode.same")
    assert page.evaluate("heard.map(([name]) => name)") == ["shown"]


# Languages

TRANSLATED = {
    **NOTICE,
    "translations": {
        "de": {"message": "Versand frei", "label": "Mehr"},
        "ar": {"message": "شحن مجاني"},
    },
}
TEXTS = {"de": {"close": "Schließen", "why": "Warum sehe ich das?"}}


@pytest.mark.parametrize(("html", "browser_language", "words"), [
    ("lang=de", "en-US", "Versand frei"),
    ("lang=de-AT", "fr-FR", "Versand frei"),
    ("lang=fr", "de-DE", "Free shipping"),
    ("lang=''", "de-DE", "Versand frei"),
])  # fmt: skip
def test_the_page_decides_the_language_and_then_the_browser(
    candor, open_page, html, browser_language, words
):
    candor.html, candor.campaigns, candor.extra = html, [TRANSLATED], {"texts": TEXTS}
    page = open_page(f"addEventListener('DOMContentLoaded', () => {{ document.documentElement.lang = '{html[5:].strip(chr(39))}' }})", locale=browser_language)  # fmt: skip
    shown = card(page, words)
    expect(shown).to_be_visible()
    german = words == "Versand frei"
    expect(shown.get_by_role("button", name="Schließen" if german else "Close")).to_be_visible()
    expect(shown).to_have_attribute("lang", "de" if german else "en")


def test_setting_the_language_redraws_what_is_on_the_screen(candor, open_page):
    candor.campaigns, candor.extra = [TRANSLATED, ACTIVITIES], {"texts": TEXTS}
    page = open_page()
    joined(candor)
    candor.happen("a1", "Ada bought socks", messages={"de": "Ada hat Socken gekauft"})
    expect(card(page, "Ada bought")).to_be_visible()
    page.evaluate("candor('setLocale', 'de')")
    expect(card(page, "Ada hat Socken gekauft")).to_contain_text("Warum sehe ich das?vor 2 Minuten")
    expect(card(page, "Versand frei").get_by_role("link", name="Mehr")).to_be_visible()
    page.evaluate("candor('setLocale', 'ar')")
    shown = card(page, "شحن مجاني")
    expect(shown).to_have_css("direction", "rtl")
    icon, close = shown.locator("i").bounding_box(), shown.get_by_role("button").bounding_box()
    assert icon["x"] > close["x"]
    page.evaluate("candor('setLocale')")
    expect(card(page, "Free shipping")).to_have_css("direction", "ltr")


# Sentences that are counted


def test_a_summary_is_shown_with_its_stars_and_follows_the_count_in_place(candor, open_page):
    candor.campaigns = [RATING]
    page = open_page(HEAR)
    joined(candor)
    expect(cards(page)).to_have_count(0)
    said = {
        "campaign": "c-rating",
        "message": "4.6 out of 5",
        "rating": 4.6,
        "as_of": "2026-01-01T10:00:00Z",
    }
    candor.push({"type": "summary", "data": said})
    expect(page.get_by_role("img", name="4.6 / 5")).to_be_visible()
    stars = page.get_by_role("img", name="4.6 / 5")
    # It may still be coming in.
    for _ in range(50):
        if colour_at(stars, 5, 12)[2] < 120 < colour_at(stars, -4, 12)[2]:
            break
        page.wait_for_timeout(100)
    assert colour_at(stars, 5, 12)[2] < 120 < colour_at(stars, -4, 12)[2]
    cards(page).evaluate("(node) => { node.parentNode.same = true }")
    candor.push(
        {
            "type": "summary",
            "data": {**said, "message": "4.7 out of 5", "as_of": "2026-01-01T10:05:00Z"},
        }
    )
    expect(card(page, "4.7 out of 5")).to_be_visible()
    assert cards(page).evaluate("(node) => node.parentNode.same")
    candor.push(
        {"type": "summary", "data": {**said, "message": "older", "as_of": "2026-01-01T10:01:00Z"}}
    )
    page.wait_for_timeout(200)
    expect(card(page, "4.7 out of 5")).to_be_visible()
    candor.push({"type": "summary", "data": {"campaign": "c-rating", "message": None}})
    expect(cards(page)).to_have_count(0)
    assert page.evaluate("heard.at(-1)[1].reason") == "retracted"


def test_a_summary_that_a_reading_no_longer_holds_leaves(candor, open_page):
    candor.campaigns = [RATING]
    candor.summaries = [
        {"campaign": "c-rating", "message": "12 people", "as_of": "2026-01-01T10:00:00Z"}
    ]
    page = open_page()
    joined(candor)
    expect(card(page, "12 people")).to_be_visible()
    candor.summaries = []
    candor.push({"type": "resync"})
    expect(cards(page)).to_have_count(0)


def test_counts_are_read_again_every_five_minutes_only_where_there_are_some(candor, open_page):
    candor.campaigns = [RATING]
    page = open_page(GREETED, go=False)
    stop_clock(page)
    page.goto(candor.page_url)
    # What a page without a socket would read is another matter.
    page.wait_for_function("window.greeted")
    page.clock.run_for(5000)
    at_rest(page)
    before = len(candor.reads)
    page.clock.run_for(280_000)
    at_rest(page)
    assert len(candor.reads) == before
    pass_time(page, until=lambda: len(candor.reads) == before + 1)
    candor.publish([NOTICE])
    pass_time(page, until=lambda: card(page, "Free shipping").is_visible())
    # With the new campaigns the list is read anew.
    at_rest(page)
    before = len(candor.reads)
    page.clock.run_for(700_000)
    at_rest(page)
    assert len(candor.reads) == before


# Clicks


def test_a_click_carries_what_the_campaign_wants_to_know(candor, open_page):
    url = "https://shop.example/sale?utm_medium=own#top"
    tracking = {
        "params": ["utm_source", "utm_medium", "gclid"],
        "custom": {"ref": "candor"},
        "page": True,
        "time": True,
    }
    candor.campaigns = [
        {**NOTICE, "link": {"url": url, "label": "Go", "same_tab": True}, "tracking": tracking}
    ]
    page = open_page(HEAR, go=False)
    page.goto(candor.page_url + "blog?utm_source=mail&utm_medium=page&secret=1")
    link = page.get_by_role("link", name="Go")
    assert link.get_attribute("href") == url and not link.get_attribute("target")
    link.evaluate("(node) => node.addEventListener('click', (e) => e.preventDefault())")
    link.click()
    clicked = page.evaluate("heard.find(([name]) => name == 'clicked')[1].url")
    query = page.evaluate("(url) => Object.fromEntries(new URL(url).searchParams)", clicked)
    time = query.pop("candor_time")
    assert time.startswith("20") and time.endswith("Z")
    assert query == {
        "utm_medium": "own",
        "utm_source": "mail",
        "ref": "candor",
        "candor_page": candor.page_url + "blog",
    }
    assert clicked.endswith("#top")


# The page's own script


def test_unknown_and_future_verbs_are_ignored(candor, open_page):
    candor.campaigns = [NOTICE]
    early = "".join(
        f"candor('{verb}', 'x', {{}});"
        for verb in ("identify", "track", "consent", "variant", "launch", "toString")
    )
    page = open_page(STUB + early)
    expect(cards(page)).to_have_count(1)
    page.evaluate("() => {" + early + "candor('boot'); candor(); candor(7); candor(null, null) }")
    expect(cards(page)).to_have_count(1)


def test_open_shows_a_campaign_whatever_its_conditions_and_close_takes_it_away(candor, open_page):
    waits = {"triggers": {"scroll": 90}, "rules": {"include": ["/never"]}, "frequency": {"day": 1}}
    candor.context = {}
    candor.campaigns = [NOTICE, {**NOTICE, "id": "second", "message": "The second", **waits}]
    page = open_page(HEAR)
    expect(card(page, "Free shipping")).to_be_visible()
    page.evaluate("candor('open', 'second')")
    expect(card(page, "The second")).to_be_visible()
    expect(cards(page)).to_have_count(1)
    page.evaluate("candor('open', 'unknown'); candor('close', 'c-notice')")
    expect(card(page, "The second")).to_be_visible()
    page.evaluate("candor('close')")
    expect(cards(page)).to_have_count(0)
    assert page.evaluate("heard.at(-1)") == [
        "closed",
        {"campaign": "second", "id": None, "reason": "script"},
    ]


def test_reset_begins_again_as_another_visitor(candor, open_page):
    candor.campaigns = [NOTICE]
    page = open_page()
    joined(candor)
    page.get_by_role("button", name="Close").click()
    expect(cards(page)).to_have_count(0)
    page.evaluate("candor('reset')")
    expect(cards(page)).to_have_count(1)
    candor.wait_for(lambda: len(candor.joins) == 2)
    assert "visitor" not in candor.joins[1]


def test_a_live_notification_displaces_a_replayed_one(candor, open_page):
    candor.happen("old", "An old one")
    page = open_page(HEAR)
    joined(candor)
    expect(card(page, "An old one")).to_be_visible()
    candor.happen("new", "A live one")
    expect(card(page, "A live one")).to_be_visible()
    expect(card(page, "An old one")).to_have_count(0)
    candor.happen("newer", "A newer one")
    page.wait_for_timeout(300)
    expect(card(page, "A live one")).to_be_visible()


# The dashboard's preview

PARENT = """window.heard = []; addEventListener('message', (e) => heard.push(e.data));
window.draft = (more) => frames[0].postMessage({candor: 'draft', show: true, ...more}, '*');"""


@pytest.fixture
def preview(candor, open_page):
    candor.mode = "preview"
    candor.page_url = candor.host + "/"
    page = open_page(PARENT, go=False)
    page.goto(candor.page_url + "frame")
    page.wait_for_function("heard.some((each) => each.candor == 'ready')")
    yield page
    candor.page_url = candor.page_url.replace("127.0.0.1", "localhost")


@pytest.fixture
def shown_in(preview):
    return preview.frame_locator("iframe").locator("candor-widget .card")


def test_a_preview_shows_drafts_at_once_and_asks_for_nothing(candor, preview, shown_in):
    waits = {
        "triggers": {"delay": 60, "scroll": 50},
        "rules": {"include": ["/no"]},
        "frequency": {"day": 1},
        "duration": 0.2,
    }
    draft = {**ACTIVITIES, **waits, "animation": "slide"}
    item = {
        "id": "a1",
        "campaign": "c-activity",
        "message": "Ada bought socks",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    preview.evaluate(
        "(draft_) => draft(draft_)", {"config": {"campaigns": [draft]}, "items": [item]}
    )
    expect(shown_in).to_contain_text("Ada bought socks")
    shown_in.evaluate("(node) => { node.parentNode.same = true }")
    expect(shown_in).to_have_css("animation-name", "none")
    # Already there in the task that brought it: nothing is drawn in between.
    swapped = shown_in.evaluate("""(node, more) => new Promise((done) => {
      const frame = node.parentNode;
      addEventListener('message', () => done([...frame.children].map((each) => [each.className, each.textContent])));
      parent.draft(more);
    })""", {"config": {"campaigns": [{**draft, "position": "top-right", "theme": "dark"}]}, "items": [{**item, "message": "Bob"}]})  # fmt: skip
    [[look, text]] = swapped
    assert "top right dark" in look and "Bob" in text
    for renderer, look in (("card", "tall"), ("bubble", "bubble")):
        config = {"campaigns": [{**draft, "renderer": renderer}]}
        preview.evaluate("(draft_) => draft(draft_)", {"config": config, "items": [item]})
        expect(shown_in).to_have_class(re.compile(look))
    preview.evaluate(
        "(draft_) => draft(draft_)", {"config": {"campaigns": [{**BUTTON, "id": "c-activity"}]}}
    )
    expect(shown_in).to_have_text("Chat with us")
    preview.wait_for_timeout(400)
    assert not [path for path in candor.seen if path.startswith("/widget/")]


def test_a_preview_of_a_modal_leaves_the_focus_where_it_is(preview, shown_in):
    preview.get_by_role("textbox").focus()
    preview.evaluate("(draft_) => draft(draft_)", {"config": {"campaigns": [MODAL]}})
    expect(shown_in).to_contain_text("Before you go")
    expect(preview.get_by_role("textbox")).to_be_focused()


def test_a_preview_hears_its_own_origin_only(candor, preview, shown_in):
    preview.evaluate("""(draft) => {
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts';
      frame.srcdoc = `<script>parent.frames[0].postMessage(${JSON.stringify(draft)}, '*')</` + 'script>';
      document.body.append(frame);
    }""", {"candor": "draft", "show": True, "config": {"campaigns": [NOTICE]}})  # fmt: skip
    preview.wait_for_timeout(500)
    expect(shown_in).to_have_count(0)


# Hostile hosts


@pytest.mark.parametrize("answer", ["[7]", '[{"campaign": "c-rating"}]', '{"a": 1}', "[null]"])
def test_nonsense_for_summaries_is_not_noticed(candor, open_page, answer):
    candor.campaigns = [RATING, NOTICE]
    page = open_page()
    joined(candor)
    page.evaluate("0")
    candor.push({"type": "summary", "data": None})
    candor.push({"type": "summary"})
    candor.push({"type": "summary", "data": {"campaign": "c-rating", "message": 7}})
    page.wait_for_timeout(200)
    expect(card(page, "Free shipping")).to_be_visible()


def test_every_renderer_works_under_a_strict_policy(candor, open_page):
    ws = candor.host.replace("http", "ws")
    candor.page_headers = {"Content-Security-Policy": (
        f"default-src 'none'; script-src {candor.host}; connect-src {candor.host} {ws}; img-src {candor.host}; "
        "require-trusted-types-for 'script'; trusted-types candor"
    )}  # fmt: skip
    picture = {"url": f"{candor.host}/picture.svg", "width": 640, "height": 320, "alt": "Hills"}
    candor.campaigns = [
        NOTICE,
        {**CARD, "image": picture, "background": "#102030"},
        BUTTON,
        RATING,
        MODAL,
    ]
    candor.summaries = [{"campaign": "c-rating", "message": "Rated", "rating": 4.5}]
    page = open_page()
    expect(cards(page)).to_have_count(5)
    expect(card(page, "A gift")).to_have_css("background-color", "rgb(16, 32, 48)")
    assert page.console_errors == []
