"""The visitor's panel when something fails while its socket stands, and when its socket went."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.pages import OPEN_ROOTS
from tests.rough_proxy import rough_proxy
from tests.widget import chat
from tests.widget.hosts import STUB, at_rest, moments, stop_clock

RICH = re.compile(r"/static/widget/rich\.")
READ = re.compile(r"/conversations/[0-9a-f-]+/messages\?after=")
# Frames that say so never arrive.
DEAF = """
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    set onmessage(work) {
      super.onmessage = (event) => event.data.includes("Lost") || work(event);
    }
  };
"""


def failing(page, address):
    """The requests to it, which fail."""
    asked = []

    def fail(route):
        asked.append(route.request.url)
        route.abort()

    page.route(address, fail)
    return asked


def hearing(page):
    """The frames that its sockets bring from now on."""
    frames = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: frames.append(frame)))
    return frames


def test_what_could_not_be_read_is_read_again_though_the_socket_stands(walk_in, reply):
    page = walk_in(init=chat.INSERTS + chat.KNOWN + DEAF)
    chat.open_chat(page)
    chat.write(page, "Hello")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    chat.is_known(page)
    asked = failing(page, READ)
    reply("Lost on its way")
    reply("The next")
    expect(chat.messages(page)).to_have_text(["Hello", "The next"])
    chat.wait_until(page, lambda: asked)
    page.unroute_all()
    expect(chat.messages(page)).to_have_text(["Hello", "Lost on its way", "The next"])


def test_no_connection_is_said_only_as_long_as_there_is_none(walk_in, reply, shop):
    page = walk_in(init=chat.KNOWN)
    chat.open_chat(page)
    chat.write(page, "Hello")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    status = chat.panel(page).locator("header")
    # A socket that was still to be opened would be tried again at any moment.
    chat.is_known(page)
    asked = failing(page, f"**/widget/v1/chat/{shop.site_key}")
    page.context.set_offline(True)
    expect(status).to_contain_text("No connection")
    frames = hearing(page)
    page.context.set_offline(False)
    # The socket is there again, and it tells; what was asked then got no answer.
    chat.wait_until(page, lambda: any('"joined"' in frame for frame in frames))
    chat.wait_until(page, lambda: asked)
    chat.is_known(page)
    reply("Still here")
    expect(chat.messages(page)).to_have_text(["Hello", "Still here"])
    expect(status).to_contain_text("No connection")
    page.unroute_all()
    expect(status).not_to_contain_text("No connection")


def test_a_socket_that_went_without_a_word_is_opened_anew(
    browser, program, shop, chatting, host, reply
):
    with rough_proxy(program.url) as network:
        body = (
            "<!doctype html><html lang=en><title>Shop</title><h1>Tea</h1>"
            f'<script async src="{network.url}/w/{shop.site_key}.js"></script>'
        )
        context = browser.new_context(reduced_motion="reduce", user_agent=chat.PERSON)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(OPEN_ROOTS + chat.NOT_DRIVEN + ";" + chat.KNOWN)
        page.goto(host({"": body}))
        page.mouse.move(200, 200)
        chat.open_chat(page)
        chat.write(page, "Hello")
        expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
        # What it asked by then was answered, or it would learn of the reply by asking.
        chat.is_known(page)
        network.hush()
        network.silent = False
        reply("Said to nobody")
        page.wait_for_timeout(1000)
        expect(chat.messages(page)).to_have_text(["Hello"])
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(chat.messages(page)).to_have_text(["Hello", "Said to nobody"])
        reply("And again")
        expect(chat.messages(page)).to_have_text(["Hello", "Said to nobody", "And again"])
        context.close()


@pytest.mark.parametrize("piece", ["rich", "chat"])
def test_what_could_not_be_loaded_is_tried_anew_at_the_next_press_and_the_launcher_says_so(
    walk_in, piece
):
    page = walk_in(touch=False)
    sign = chat.launcher(page).locator("i")
    asked = failing(page, re.compile(rf"/static/widget/{piece}\."))
    chat.launcher(page).click()
    expect(sign).to_have_text("!")
    tries = len(asked)
    chat.launcher(page).click()
    chat.wait_until(page, lambda: len(asked) > tries)
    # A browser may remember what it could not load.
    assert len(set(asked)) == len(asked)
    # That this has failed as well is known by then.
    at_rest(page)
    expect(sign).to_have_text("!")
    page.unroute_all()
    chat.open_chat(page)
    expect(sign).to_have_text("")
    chat.write(page, "There you are")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))


def test_a_press_right_after_a_failure_is_not_lost(walk_in):
    page = walk_in(touch=False)
    # What the page does a moment later it does when this test lets it.
    stop_clock(page)
    sign = chat.launcher(page).locator("i")
    asked = failing(page, RICH)
    chat.launcher(page).click()
    expect(sign).to_have_text("!")
    page.unroute_all()
    held = []
    page.route(RICH, lambda route: held.append(route))
    tries = len(asked)
    chat.launcher(page).click()
    chat.wait_until(page, lambda: held)
    assert len(asked) == tries
    page.clock.run_for(1000)
    held.pop().continue_()
    moments(page, until=chat.panel(page).is_visible)
    expect(sign).to_have_text("")


def test_the_launcher_says_nothing_of_what_no_press_asked_for(walk_in):
    page = walk_in(init=STUB, touch=False)
    asked = failing(page, RICH)
    # It is tried anew once it has failed.
    chat.wait_until(page, lambda: page.evaluate("candor('show')") or len(asked) > 1)
    expect(chat.launcher(page).locator("i")).to_have_text("")
