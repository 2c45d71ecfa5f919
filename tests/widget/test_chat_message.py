"""A site that speaks first: a campaign beside the launcher, answered in the chat. The real widget in a
real browser on the real program."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from app.core.db import db
from app.sites.models import Site
from tests.widget import chat
from tests.widget import test_commands as commands
from tests.widget.hosts import GREETED

publish = commands.publish
panel, launcher, messages = chat.panel, chat.launcher, chat.messages
NOW = {"delay": 0}


@pytest.fixture
def ask(publish):
    """The shop asks its visitors something."""
    return lambda text="Can we help you choose?", content=None, **parts: publish(
        "chat_message", {"message": text, **(content or {})}, **{"triggers": NOW, **parts}
    )


@pytest.fixture
def until_all_know(program, shop):
    """Waits until each process of the program says this to pages: a change is told to both, and
    either may be asked."""
    address = f"{program.url}/widget/v1/config/{shop.site_key}"

    def wait(text):
        told = 0
        for _ in range(400):
            told = told + 1 if text in requests.get(address, timeout=10).text else 0
            if told == 20:
                return
        raise AssertionError(f"{text} is not told by all")

    return wait


def bubble(page):
    return page.locator("candor-widget .bubble")


def answer(page):
    bubble(page).get_by_role("button").first.click()


def test_the_launcher_of_a_chat_that_is_on_again_has_its_room_beside_a_bar(
    walk_in, publish, chatting
):
    publish("notice", {"message": "Sale", "duration": 0, "position": "bottom"}, triggers=NOW)
    page = walk_in(init=GREETED)
    page.wait_for_function("window.greeted")
    expect(commands.bars(page)).to_have_text(["Sale"])
    chatting(on=False)
    expect(launcher(page)).to_be_hidden()
    page.set_viewport_size({"width": 900, "height": 700})
    chatting()
    expect(launcher(page)).to_be_visible()
    bar, own = page.locator("candor-widget .bar").bounding_box(), launcher(page).bounding_box()
    assert own["y"] + own["height"] <= bar["y"]


def test_it_stands_beside_the_launcher_and_the_answer_follows_it(walk_in, ask, said, reply):
    ask()
    page = walk_in(touch=False)
    expect(bubble(page)).to_have_text(re.compile("Can we help you choose?"))
    box, below = bubble(page).bounding_box(), launcher(page).bounding_box()
    assert box["y"] + box["height"] <= below["y"]
    assert box["x"] + box["width"] == below["x"] + below["width"]
    answer(page)
    expect(panel(page).locator("textarea")).to_be_focused()
    expect(bubble(page)).to_have_count(0)
    expect(messages(page)).to_have_text(["Can we help you choose?"])
    assert said() == []
    chat.write(page, "Yes: which is the mildest?")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    assert said() == [
        ("system", "Can we help you choose?"),
        ("visitor", "Yes: which is the mildest?"),
    ]
    shown = ["Can we help you choose?", "Yes: which is the mildest?"]
    expect(messages(page)).to_have_text(shown)
    reply("The white one.")
    expect(messages(page)).to_have_text([*shown, "The white one."])
    # And so on the next page.
    following = walk_in(context=page.context)
    chat.open_chat(following)
    expect(messages(following)).to_have_text([*shown, "The white one."])


def test_what_nobody_answers_is_not_kept(walk_in, ask, said):
    ask()
    page = walk_in()
    answer(page)
    expect(messages(page)).to_have_text(["Can we help you choose?"])
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    page.wait_for_timeout(500)
    assert said() == []


def test_it_speaks_the_language_of_the_page(walk_in, ask, said):
    ask(content={"translations": {"de": {"message": "Suchen Sie etwas?"}}})
    page = walk_in(html="lang=de")
    expect(bubble(page)).to_contain_text("Suchen Sie etwas?")
    answer(page)
    chat.write(page, "Ja")
    expect(chat.standing(page)).to_contain_text(re.compile("Gesendet|Zugestellt"))
    assert said() == [("system", "Suchen Sie etwas?"), ("visitor", "Ja")]


def test_it_waits_for_its_trigger_and_keeps_to_its_rules(walk_in, ask):
    ask("Leaving?", triggers={"delay": 0, "exit": True})
    page = walk_in()
    page.wait_for_timeout(800)
    expect(bubble(page)).to_have_count(0)
    page.mouse.move(200, 2)
    page.evaluate(
        "document.documentElement.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientY: -1}))"
    )
    expect(bubble(page)).to_contain_text("Leaving?")
    elsewhere = walk_in(hash="#/checkout")
    expect(bubble(elsewhere)).to_have_count(0)


def test_a_page_that_its_rules_leave_out_does_not_show_it(walk_in, ask):
    ask("Not here", rules={"include": ["/cart*"]})
    ask("Here")
    page = walk_in()
    expect(bubble(page)).to_contain_text("Here")
    bubble(page).get_by_role("button", name="Close").click()
    page.wait_for_timeout(800)
    expect(bubble(page)).to_have_count(0)


def test_whoever_talks_already_is_not_spoken_to(walk_in, ask):
    ask(triggers={"delay": 2})
    page = walk_in()
    chat.open_chat(page)
    page.wait_for_timeout(2500)
    expect(bubble(page)).to_have_count(0)
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    expect(bubble(page)).to_have_count(0)


def test_on_the_left_it_stands_on_the_left(walk_in, ask, chatting):
    ask()
    chatting(position="bottom-left")
    page = walk_in()
    assert bubble(page).bounding_box()["x"] == launcher(page).bounding_box()["x"]


def test_without_a_chat_there_is_nobody_to_answer_and_it_is_not_shown(walk_in, ask, chatting):
    ask()
    chatting(on=False)
    page = walk_in()
    page.wait_for_timeout(800)
    expect(bubble(page)).to_have_count(0)


def test_an_address_that_is_required_is_asked_for_after_it(walk_in, ask, chatting, said):
    chatting(asks="required")
    ask()
    page = walk_in()
    answer(page)
    expect(messages(page)).to_have_text(["Can we help you choose?"])
    panel(page).get_by_label("E-mail").fill("ada@example.com")
    panel(page).get_by_role("button", name="Continue").click()
    chat.write(page, "Please")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    assert said() == [("system", "Can we help you choose?"), ("visitor", "Please")]


def test_it_passes_axe_and_is_answered_by_the_keyboard(walk_in, ask):
    ask()
    page = walk_in()
    expect(bubble(page)).to_be_visible()
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run('candor-widget').then((result) => result.violations)")
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    bubble(page).get_by_role("button").first.focus()
    page.keyboard.press("Enter")
    expect(panel(page).locator("textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()


def test_what_was_changed_meanwhile_is_not_put_into_the_sites_mouth(
    walk_in, ask, said, shop, inside, until_all_know
):
    campaign = ask("As it was")
    page = walk_in()
    answer(page)
    expect(messages(page)).to_have_text(["As it was"])
    with inside(shop):
        site = db.session.get_one(Site, shop.site_id)
        changed = db.session.get_one(commands.Campaign, UUID(campaign))
        changed.change(content={**changed.content, "message": "As it is"})
        changed.publish()
        assert site
        db.session.commit()
    until_all_know("As it is")
    chat.write(page, "Yes")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    assert said() == [("visitor", "Yes")]
    expect(messages(page)).to_have_text(["As it was", "Yes"])
