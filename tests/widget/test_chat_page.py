"""The chat on its host page: keyboard, policy, assistive technology, phones, languages."""

import re

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from .chat import (
    HEARD,
    INSERTS,
    launcher,
    menu,
    messages,
    open_chat,
    panel,
    standing,
    wait_until,
    write,
)
from .hosts import GREETED, NO_REFLECTION, at_rest


def idle(walk_in, **options):
    """A page that hears what is published, whose visitor has done nothing yet."""
    page = walk_in(init=GREETED, touch=False, **options)
    page.wait_for_function("window.greeted")
    return page


def test_it_is_opened_and_left_by_the_keyboard_alone(walk_in):
    page = walk_in(touch=False)
    expect(launcher(page)).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel(page).locator("textarea")).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(messages(page)).to_have_text(["Hello"])
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel(page).locator("textarea")).to_have_value("😀")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")


def test_a_strict_policy_of_the_host_page_is_kept(walk_in, program, reply):
    policy = (
        f"default-src 'self'; script-src {program.url}; img-src {program.url}; "
        f"connect-src {program.url} {program.url.replace('http', 'ws')}; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types candor"
    )
    page = walk_in(init=INSERTS, headers={"Content-Security-Policy": policy})
    open_chat(page)
    write(page, "<img src=x onerror=noticed.push('xss')> javascript:alert(1)")
    expect(messages(page)).to_have_text(
        ["<img src=x onerror=noticed.push('xss')> javascript:alert(1)"]
    )
    expect(messages(page).locator("a, img")).to_have_count(0)
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Fine")
    expect(messages(page)).to_have_count(2)


def test_the_open_panel_passes_axe(walk_in, chatting, reply):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Hello Ada")
    expect(messages(page)).to_have_count(2)
    page.evaluate(AXE_SCRIPT)

    def faults():
        found = page.evaluate("axe.run('candor-widget').then((result) => result.violations)")
        return [(each["id"], each["nodes"][0]["html"]) for each in found]

    assert faults() == []
    menu(page, "End conversation")
    expect(panel(page)).to_contain_text("This conversation has ended.")
    assert faults() == []
    menu(page, "Conversations")
    assert faults() == []


def test_on_a_phone_it_fills_the_screen(walk_in):
    page = walk_in(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    launcher(page).tap()
    expect(panel(page).locator("textarea")).to_be_visible()
    assert panel(page).bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(panel(page)).to_have_attribute("aria-modal", "true")
    # Nothing lies over the way to send.
    panel(page).locator("textarea").fill("Hello")
    panel(page).get_by_role("button", name="Send").tap()
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    panel(page).get_by_role("button", name="Close the chat").tap()
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_visible()


def test_it_speaks_the_language_of_the_page_from_right_to_left(walk_in, chatting):
    chatting(texts={"he": {"title": "שאלות?"}})
    page = walk_in(init=INSERTS, html="lang=he")
    expect(launcher(page)).to_have_attribute("aria-label", "שאלות?")
    open_chat(page)
    expect(panel(page)).to_have_attribute("dir", "rtl")
    expect(panel(page).locator("textarea")).to_have_attribute("placeholder", "כתיבת הודעה…")


def test_on_a_page_from_right_to_left_it_is_drawn_so_before_its_words_are_there(
    walk_in, program, shop
):
    page = walk_in(html="lang=ar dir=rtl")
    held = []
    page.route(
        f"{program.url}/widget/v1/chat/{shop.site_key}?language=*", lambda route: held.append(route)
    )
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    wait_until(page, lambda: held)
    expect(panel(page)).to_have_css("direction", "rtl")
    assert panel(page).bounding_box()["x"] < 100
    held[0].continue_()
    expect(panel(page)).to_have_attribute("dir", "rtl")
    assert panel(page).bounding_box()["x"] < 100


def test_the_page_opens_and_closes_it(walk_in):
    page = walk_in(init=HEARD)
    page.evaluate("candor('open')")
    expect(panel(page)).to_be_visible()
    page.evaluate("candor('close')")
    expect(panel(page)).to_be_hidden()
    page.evaluate("candor('hide')")
    expect(launcher(page)).to_be_hidden()
    page.evaluate("candor('show')")
    expect(launcher(page)).to_be_visible()


def test_the_launcher_goes_when_the_chat_is_switched_off_and_is_back_when_it_is_on_again(
    walk_in, chatting
):
    page = idle(walk_in)
    scripts = []
    page.on("request", lambda asked: asked.resource_type == "script" and scripts.append(asked.url))
    expect(launcher(page)).to_be_visible()
    chatting(on=False)
    expect(launcher(page)).to_be_hidden()
    chatting()
    expect(launcher(page)).to_be_visible()
    # Nobody has touched the page, so nothing more is loaded for that.
    assert scripts == []
    open_chat(page)
    chatting(on=False)
    expect(panel(page)).to_contain_text("The chat is closed at the moment.")
    # The core has heard of it as well. Not from before somebody's eyes.
    expect(launcher(page)).to_have_js_property("hidden", True)
    expect(panel(page)).to_be_visible()
    expect(launcher(page)).to_be_visible()
    page.get_by_role("button", name="Close the chat").click()
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_hidden()


def test_a_chat_that_was_switched_off_says_so_when_the_page_opens_it(walk_in, chatting):
    page = idle(walk_in)
    chatting(on=False)
    expect(launcher(page)).to_be_hidden()
    page.evaluate("candor('open')")
    expect(panel(page)).to_contain_text("The chat is closed at the moment.")
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")


def test_who_has_written_before_hears_of_answers_when_it_is_on_again(walk_in, chatting, reply):
    first = walk_in()
    open_chat(first)
    write(first, "Tea?")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    context = first.context
    first.close()
    page = idle(walk_in, context=context)
    chatting(on=False)
    expect(launcher(page)).to_be_hidden()
    page.mouse.move(200, 200)
    at_rest(page)
    chatting()
    expect(launcher(page)).to_be_visible()
    reply("Green or black?")
    expect(launcher(page).locator("u")).to_have_text("1")


def test_a_browser_without_the_newer_properties_has_the_attributes_all_the_same(walk_in):
    page = walk_in(init=NO_REFLECTION)
    open_chat(page)
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    expect(panel(page)).to_have_attribute("aria-label", "Chat")
    expect(panel(page)).to_have_attribute("aria-modal", "false")
    expect(page.get_by_role("log", name="Messages")).to_have_count(1)
    page.get_by_role("button", name="Close the chat").click()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")


def test_a_panel_that_is_open_when_the_chat_is_switched_off_says_so(walk_in, chatting):
    page = walk_in(html="lang=de")
    open_chat(page)
    write(page, "Hallo")
    expect(standing(page)).to_contain_text(re.compile("Gesendet|Zugestellt"))
    panel(page).locator("textarea").fill("Noch etwas")
    chatting(on=False)
    expect(panel(page)).to_contain_text("Der Chat ist zurzeit geschlossen.")
    expect(panel(page).locator("textarea")).to_have_count(0)
    expect(messages(page)).to_have_text(["Hallo"])
    chatting(on=True)
    expect(panel(page).locator("textarea")).to_have_value("Noch etwas")
    expect(panel(page)).not_to_contain_text("geschlossen")


def test_a_chat_that_was_off_when_it_was_opened_says_so_in_the_visitors_language(walk_in, chatting):
    # Nothing is loaded of it before there is a network again: what could not be loaded is not tried twice.
    page = walk_in(html="lang=fr", touch=False)
    # Nor has it heard that the launcher is to go.
    page.route("**/widget/v1/config/*", lambda route: route.abort())
    page.context.set_offline(True)
    chatting(on=False)
    page.context.set_offline(False)
    launcher(page).click()
    expect(panel(page)).to_contain_text("Le chat est fermé pour le moment.")
    expect(panel(page).get_by_role("button", name="Close")).to_be_visible()


def test_each_side_has_its_edge_and_nothing_reaches_beyond_the_panel(walk_in, reply):
    page = walk_in()
    open_chat(page)
    write(page, "Tea?")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("See https://shop.example/" + "leaves-" * 12 + ". It is mild.")
    expect(messages(page)).to_have_count(2)
    room = page.locator("candor-widget section").bounding_box()
    own, theirs = (messages(page).nth(at).bounding_box() for at in (0, 1))
    assert own["x"] + own["width"] == room["x"] + room["width"] - 18
    assert theirs["x"] == room["x"] + 18
    menu(page, "Conversations")
    row = page.locator("candor-widget li button").bounding_box()
    box = panel(page).bounding_box()
    assert box["x"] < row["x"] and row["x"] + row["width"] < box["x"] + box["width"]
