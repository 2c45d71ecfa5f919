"""What the chat keeps on a visitor's device, and when."""

import re

import pytest
from playwright.sync_api import expect

from app.chat.models import Conversation
from app.core.db import db
from app.embed import published
from app.sites.models import Site

from .chat import launcher, messages, open_chat, panel, standing, wait_until, write
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


@pytest.fixture
def strict(shop, inside):
    """The shop's site is."""
    with inside(shop):
        db.session.get_one(Site, shop.site_id).change(mode="strict")
        db.session.commit()
    published.forget("", None)


def test_on_a_strict_site_there_is_no_chat_before_consent(walk_in, strict):
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
    page.wait_for_function("localStorage.length == 0")


def test_consent_that_is_withdrawn_while_the_chat_is_switched_off_leaves_nothing_of_it(
    walk_in, chatting, strict
):
    page = walk_in(init=STUB)
    page.evaluate("candor('consent', true)")
    page.mouse.move(300, 300)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.keyboard.press("Escape")
    chatting(on=False)
    # Whatever else has to happen for it.
    wait_until(page, lambda: page.mouse.move(310, 310) or launcher(page).is_hidden())
    page.evaluate("candor('consent', false)")
    page.mouse.move(320, 320)
    page.wait_for_function("localStorage.length == 0")


@pytest.mark.parametrize("agreed", [False, True])
@pytest.mark.parametrize("signs_out", ["candor('reset')", "localStorage.clear()"])
def test_who_signs_out_in_one_tab_leaves_no_chat_in_the_other(walk_in, agreed, signs_out):
    first, token = walk_in(init=STUB), "localStorage.candor"
    if agreed:
        # His token comes with the answer to what he does next.
        first.evaluate("candor('consent', true); candor('track', 'tea')")
        first.wait_for_function(token + "?.includes('_person')")
    before = first.evaluate(token)
    open_chat(first)
    write(first, "My secret")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    second = walk_in(context=first.context, init=STUB)
    open_chat(second)
    expect(messages(second)).to_have_text(["My secret"])
    second.evaluate(signs_out)
    if "reset" in signs_out:
        expect(panel(second)).to_be_hidden()
    expect(messages(first)).to_have_count(0)
    # Nor does what the page asks for anew bring it back.
    first.evaluate("dispatchEvent(new Event('online'))")
    first.wait_for_timeout(1500)
    expect(messages(first)).to_have_count(0)
    assert not agreed or first.evaluate(token) != before
    write(first, "Somebody else")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    expect(messages(first)).to_have_text(["Somebody else"])


def test_an_answer_counts_as_read_once_it_could_be_read(walk_in, reply, shop, inside):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.reload()
    page.route("**/messages?after=*", lambda route: route.abort())
    reply("Yes")
    page.mouse.move(210, 220)
    open_chat(page)
    page.wait_for_timeout(1500)

    def read():
        with inside(shop):
            return db.session.query(Conversation).one().guest_read_seq

    assert read() == 1
    page.unroute_all()
    expect(messages(page)).to_have_text(["Hello", "Yes"])
    wait_until(page, lambda: read() == 2)
