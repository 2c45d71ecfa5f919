"""Who writes in the chat: what is asked of him, and how he is known again."""

import hashlib
import hmac
import json
import re

from playwright.sync_api import expect

from app.chat import tokens
from app.chat.models import ChatSettings, Guest
from app.core.db import db

from .chat import messages, open_chat, panel, standing, wait_until, write
from .hosts import STUB


def test_an_address_is_asked_for_first_and_what_was_written_is_kept(
    walk_in, chatting, shop, inside
):
    chatting(asks="required")
    page = walk_in()
    open_chat(page)
    name, email = panel(page).get_by_label("Name"), panel(page).get_by_label("E-mail")
    name.fill("Ada")
    email.fill("ada at example")
    panel(page).get_by_role("button", name="Start the chat").click()
    expect(panel(page).get_by_role("alert")).to_have_text("This is not an e-mail address.")
    expect(name).to_have_value("Ada")
    email.fill("ada@example.com")
    email.press("Enter")
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    with inside(shop):
        guest = db.session.query(Guest).one()
        assert (guest.name, guest.email) == ("Ada", "ada@example.com")


def test_when_nobody_is_there_it_says_until_when_and_asks_for_an_address(walk_in, chatting, said):
    chatting(week=[[] for _ in range(6)] + [[[540, 545]]], texts={"en": {"away": "Gone fishing."}})
    page = walk_in(timezone_id="America/New_York")
    open_chat(page)
    expect(panel(page).locator("header")).to_contain_text(re.compile(r"Back \w+ .*\d"))
    expect(panel(page)).to_contain_text("Gone fishing.")
    panel(page).get_by_label("E-mail").fill("ada@example.com")
    panel(page).get_by_role("button", name="Start the chat").click()
    write(page, "Call me")
    wait_until(page, lambda: ("visitor", "Call me") in said())


def test_a_user_of_the_site_has_his_conversations_on_each_device(walk_in, shop, inside):
    with inside(shop):
        secret = ChatSettings.of(shop.site_id).identity_secret
    digest = hmac.new(secret.encode(), b"user-7", hashlib.sha256).hexdigest()
    person = json.dumps({"id": "user-7", "hash": digest, "name": "Ada"})
    head = f"<script>{STUB} candor('identify', {person})</script>"
    desk = walk_in(head=head)
    open_chat(desk)
    write(desk, "From my desk")
    expect(standing(desk)).to_contain_text(re.compile("Sent|Delivered"))
    phone = walk_in(head=head)
    open_chat(phone)
    expect(messages(phone)).to_have_text(["From my desk"])


def test_a_mailed_link_opens_the_conversation_and_leaves_the_address(walk_in, shop, inside, reply):
    first = walk_in()
    open_chat(first)
    write(first, "Hello")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    reply("By mail")
    with inside(shop):
        link = tokens.issue(tokens.RESUME, shop.site_id, db.session.query(Guest).one().id)
    phone = walk_in(hash=f"#candor-chat={link}", touch=False)
    expect(panel(phone)).to_be_visible()
    expect(messages(phone)).to_have_text(["Hello", "By mail"])
    assert "#" not in phone.url
    assert phone.evaluate("localStorage['candor-chat']").startswith("c.")


def test_what_is_written_while_the_site_says_who_it_is_becomes_his(walk_in, shop, inside, said):
    with inside(shop):
        secret = ChatSettings.of(shop.site_id).identity_secret
    digest = hmac.new(secret.encode(), b"user-7", hashlib.sha256).hexdigest()
    page = walk_in(init=STUB)
    page.route("**/identity", lambda route: (page.wait_for_timeout(1500), route.continue_()))
    open_chat(page)
    page.evaluate("(person) => candor('identify', person)", {"id": "user-7", "hash": digest})
    write(page, "It is me")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    expect(messages(page)).to_have_text(["It is me"])
    assert said() == [("visitor", "It is me")]
    with inside(shop):
        assert db.session.query(Guest).one().verified


def test_a_link_that_is_no_longer_good_says_so_and_the_chat_works(walk_in, reply):
    page = walk_in(hash="#candor-chat=r.nonsense", html="lang=de", touch=False)
    expect(panel(page)).to_be_visible()
    expect(panel(page)).to_contain_text("Dieser Link gilt nicht mehr.")
    assert "#" not in page.url
    write(page, "Trotzdem")
    expect(standing(page)).to_contain_text(re.compile("Gesendet|Zugestellt"))
    expect(panel(page)).not_to_contain_text("Dieser Link")
    reply("Gern")
    expect(messages(page)).to_have_text(["Trotzdem", "Gern"])
