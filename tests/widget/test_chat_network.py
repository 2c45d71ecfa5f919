"""The visitor's panel when something fails while its socket stands, and when its socket went."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.pages import OPEN_ROOTS
from tests.rough_proxy import rough_proxy
from tests.widget import chat

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


def failing(page, address, times):
    """The first requests to it fail; answers how many there were."""
    asked = []

    def fail(route):
        asked.append(route.request.url)
        route.abort() if len(asked) <= times else route.continue_()

    page.route(address, fail)
    return asked


def hearing(page):
    """The frames that its sockets bring from now on."""
    frames = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: frames.append(frame)))
    return frames


def test_what_could_not_be_read_is_read_again_though_the_socket_stands(walk_in, reply):
    page = walk_in(init=chat.INSERTS + DEAF)
    chat.open_chat(page)
    chat.write(page, "Hello")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.wait_for_timeout(500)
    asked = failing(page, READ, 1)
    reply("Lost on its way")
    reply("The next")
    expect(chat.messages(page)).to_have_text(["Hello", "The next"])
    expect(chat.messages(page)).to_have_text(["Hello", "Lost on its way", "The next"])
    assert len(asked) >= 2


def test_no_connection_is_said_only_as_long_as_there_is_none(walk_in, reply, shop):
    page = walk_in()
    chat.open_chat(page)
    chat.write(page, "Hello")
    expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    status = chat.panel(page).locator("header")
    asked = failing(page, f"**/widget/v1/chat/{shop.site_key}", 1000)
    page.context.set_offline(True)
    expect(status).to_contain_text("No connection")
    frames = hearing(page)
    page.context.set_offline(False)
    # The socket is there again, and it tells; what was asked then got no answer.
    chat.wait_until(page, lambda: any('"joined"' in frame for frame in frames))
    chat.wait_until(page, lambda: asked)
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
        page.add_init_script(OPEN_ROOTS + chat.NOT_DRIVEN)
        page.goto(host({"": body}))
        page.mouse.move(200, 200)
        chat.open_chat(page)
        chat.write(page, "Hello")
        expect(chat.standing(page)).to_contain_text(re.compile("Sent|Delivered"))
        page.wait_for_timeout(1000)
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
