"""What the chat keeps on a visitor's device, and when."""

import re

from playwright.sync_api import expect

from app.core.db import db
from app.embed import published
from app.sites.models import Site

from .chat import launcher, messages, open_chat, panel, standing, write
from .hosts import NOTHING, STORED, STUB


def test_nothing_is_kept_before_something_was_written_and_then_the_token_alone(walk_in):
    page = walk_in()
    open_chat(page)
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert page.evaluate(STORED) == NOTHING
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    kept = page.evaluate(STORED)
    assert list(kept["local"]) == ["candor-chat"]
    assert {**kept, "local": {}} == NOTHING


def test_where_nothing_may_be_kept_the_chat_works_all_the_same(walk_in, reply):
    page = walk_in(init="""Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("denied", "SecurityError") } });""")  # fmt: skip
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Hello yourself")
    expect(messages(page)).to_have_text(["Hello", "Hello yourself"])


def test_whoever_signs_out_leaves_no_chat_behind(walk_in):
    page = walk_in(init=STUB)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.evaluate("candor('reset')")
    page.wait_for_timeout(300)
    assert page.evaluate("localStorage.length") == 0
    open_chat(page)
    expect(messages(page)).to_have_count(0)


def test_on_a_strict_site_there_is_no_chat_before_consent(walk_in, shop, inside):
    with inside(shop):
        db.session.get_one(Site, shop.site_id).change(mode="strict")
        db.session.commit()
    published.forget("", None)
    page = walk_in(init=STUB)
    page.wait_for_timeout(500)
    expect(launcher(page)).to_have_count(0)
    page.evaluate("candor('consent', true)")
    page.mouse.move(300, 300)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.evaluate("candor('consent', false)")
    page.mouse.move(310, 310)
    expect(launcher(page)).to_have_count(0)
    expect(panel(page)).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0
