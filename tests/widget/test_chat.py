"""What is said in the visitor's chat: the real widget in a real browser on the real program."""

import json
import re

from playwright.sync_api import expect

from app.chat.models import Conversation
from app.core.db import db
from app.embed.chat_frames import tell_guest_now

from .chat import (
    HEARD,
    INSERTS,
    KNOWN,
    is_known,
    launcher,
    messages,
    open_chat,
    panel,
    standing,
    wait_until,
    write,
)

LATER = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
    "Retry-After": "60",
}


def test_what_a_visitor_writes_arrives_and_the_answer_comes_back(walk_in, reply, said):
    page = walk_in()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")
    open_chat(page)
    write(page, "Do you ship to Norway?")
    expect(messages(page)).to_have_text(["Do you ship to Norway?"])
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    assert said() == [("visitor", "Do you ship to Norway?")]
    reply("We do: https://shop.example/norway.")
    expect(messages(page)).to_have_count(2)
    link = messages(page).last.get_by_role("link")
    expect(link).to_have_attribute("href", "https://shop.example/norway")
    expect(standing(page)).to_contain_text("Read")


def test_a_reply_that_the_socket_lost_is_read_before_the_next(walk_in, reply):
    page = walk_in(init=INSERTS + KNOWN + """
      const Socket = WebSocket;
      window.WebSocket = class extends Socket {
        set onmessage(work) {
          super.onmessage = (event) => event.data.includes("Lost") || work(event);
        }
      };""")  # fmt: skip
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    is_known(page)
    reply("Lost on its way")
    reply("A note among us", note=True)
    reply("The next")
    expect(messages(page)).to_have_text(["Hello", "Lost on its way", "The next"])


def test_without_a_socket_answers_come_by_asking(walk_in, reply):
    page = walk_in(init="delete window.WebSocket;")
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text("Sent")
    reply("By polling")
    expect(messages(page)).to_have_text(["Hello", "By polling"], timeout=20_000)


def test_two_tabs_show_the_same_in_the_same_order(walk_in, reply, said):
    first = walk_in(init=INSERTS)
    open_chat(first)
    write(first, "From the first")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    second = walk_in(context=first.context, init=INSERTS)
    open_chat(second)
    expect(messages(second)).to_have_text(["From the first"])
    write(second, "From the second")
    write(first, "Again the first")
    reply("Hello to both")
    # What is on its way stands last, so the order is settled when all has arrived.
    wait_until(first, lambda: len(said()) == 4)
    arrived = [body for _, body in said()]
    assert arrived[0] == "From the first"
    for page in (first, second):
        expect(messages(page)).to_have_text(arrived)


def test_a_failed_message_is_tried_again_under_the_same_name_and_arrives_once(walk_in, said):
    page = walk_in()
    sent = []

    def lose(route):
        if route.request.method != "POST":
            return route.continue_()
        sent.append(json.loads(route.request.post_data)["client_id"])
        # The first answer is lost after it has arrived, the second request before; the third is not
        # taken, and not to be tried by itself for a minute.
        if len(sent) == 1:
            route.fetch()
        if len(sent) == 3:
            return route.fulfill(status=503, headers=LATER)
        return route.abort() if len(sent) < 3 else route.continue_()

    page.route("**/widget/v1/conversations", lose)
    open_chat(page)
    write(page, "Once")
    wait_until(page, lambda: len(sent) == 3)
    expect(standing(page)).to_contain_text("Not sent")
    panel(page).get_by_role("button", name="Try again").click()
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    assert len(sent) == 4 and len(set(sent)) == 1
    assert said() == [("visitor", "Once")]
    expect(messages(page)).to_have_text(["Once"])


def test_what_is_written_without_a_network_is_sent_in_its_order_when_it_is_back(walk_in, said):
    page = walk_in(init=INSERTS)
    open_chat(page)
    write(page, "One")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.context.set_offline(True)
    expect(panel(page).locator("header")).to_contain_text("No connection")
    write(page, "Two")
    write(page, "Three")
    expect(messages(page)).to_have_text(["One", "Two", "Three"])
    page.context.set_offline(False)
    wait_until(page, lambda: len(said()) == 3)
    assert [body for _, body in said()] == ["One", "Two", "Three"]
    expect(messages(page)).to_have_text(["One", "Two", "Three"])


def test_what_the_server_does_not_take_stays_with_its_reason(walk_in, said):
    page = walk_in(init=INSERTS)
    open_chat(page)
    write(page, "x" * 8001)
    expect(panel(page).get_by_role("alert")).to_contain_text("at most 8,000 characters")
    assert len(panel(page).locator("textarea").input_value()) == 8001
    assert said() == []
    write(page, "Shorter")
    expect(messages(page)).to_have_text(["Shorter"])
    expect(panel(page).get_by_role("alert")).to_have_count(0)


def test_who_is_writing_is_shown_and_told(walk_in, shop, inside):
    page = walk_in(init=INSERTS)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))

    def is_told():
        """Only who listens hears it, so it is told again as while somebody goes on typing."""
        with inside(shop):
            talk = db.session.query(Conversation).one()
            told = {
                "type": "typing",
                "conversation": str(talk.id),
                "author": "agent",
                "name": "Bob",
            }
            tell_guest_now(talk.guest_id, {"type": "typing", "data": told})
        return "Bob is writing…" in panel(page).inner_text()

    wait_until(page, is_told)
    expect(panel(page)).not_to_contain_text("Bob is writing…", timeout=15_000)


def test_a_reply_to_a_closed_panel_is_counted_until_it_is_read(walk_in, reply, shop, inside):
    page = walk_in(init=KNOWN + HEARD)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    is_known(page)
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    reply("One")
    reply("Two")
    badge = launcher(page).locator("u")
    expect(badge).to_have_text("2")
    expect(launcher(page)).to_have_attribute("aria-label", "Chat (2)")

    def seen():
        with inside(shop):
            return db.session.query(Conversation).one().guest_read_seq

    assert seen() == 1
    other = walk_in(context=page.context)
    expect(launcher(other).locator("u")).to_have_text("2")
    launcher(page).click()
    expect(messages(page)).to_have_count(3)
    expect(badge).to_have_count(0)
    expect(launcher(other).locator("u")).to_have_count(0)
    wait_until(page, lambda: seen() == 3)
    names = [name for name, _ in page.evaluate("heard")]
    assert names == ["chat_opened", "chat_closed", "chat_message", "chat_message", "chat_opened"]
