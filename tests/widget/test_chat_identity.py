"""Who writes in the chat: what is asked of him, and how he is known again."""

import hashlib
import hmac
import json
import re

import pytest
from playwright.sync_api import expect

from app.chat import tokens
from app.chat.models import ChatSettings, Conversation, Guest, Message
from app.core.db import db

from .chat import INSERTS, menu, messages, open_chat, panel, standing, wait_until, write
from .hosts import STUB, at_rest


def test_an_address_is_asked_for_first_and_what_was_written_is_kept(
    walk_in, chatting, shop, inside
):
    chatting(asks="required")
    page = walk_in(init=INSERTS)
    open_chat(page)
    name, email = panel(page).get_by_label("Name"), panel(page).get_by_label("E-mail")
    name.fill("Ada")
    email.fill("ada at example")
    panel(page).get_by_role("button", name="Continue").click()
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
    page = walk_in(init=INSERTS, timezone_id="America/New_York")
    open_chat(page)
    expect(panel(page).locator("header")).to_contain_text(re.compile(r"Back \w+ .*\d"))
    expect(panel(page)).to_contain_text("Gone fishing.")
    panel(page).get_by_label("E-mail").fill("ada@example.com")
    panel(page).get_by_role("button", name="Continue").click()
    write(page, "Call me")
    wait_until(page, lambda: ("visitor", "Call me") in said())
    # Once: the note above the form goes when the conversation says the same.
    expect(messages(page)).to_have_text(["Call me", "Gone fishing."])
    expect(panel(page).get_by_text("Gone fishing.")).to_have_count(1)


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
    held = holding(page, "**/identity")
    open_chat(page)
    page.evaluate("(person) => candor('identify', person)", {"id": "user-7", "hash": digest})
    write(page, "It is me")
    wait_until(page, lambda: held)
    expect(messages(page)).to_have_text(["It is me"])
    held[0].continue_()
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


@pytest.fixture
def signed(shop, inside):
    """What the site's server says of one of its users."""
    with inside(shop):
        secret = ChatSettings.of(shop.site_id).identity_secret

    def sign(user_id):
        digest = hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
        return {"id": user_id, "hash": digest, "name": user_id}

    return sign


@pytest.fixture
def written(shop, inside):
    """What was said, and by whom."""

    def look():
        with inside(shop):
            of_guest = (
                Conversation.guest_id == Guest.id,
                Message.conversation_id == Conversation.id,
            )
            found = db.session.query(Guest, Message).filter(*of_guest, Message.author == "visitor")
            return [(guest.name, said.body) for guest, said in found.order_by(Message.id)]

    return look


def become(page, person):
    with page.expect_response("**/identity") as answer:
        page.evaluate("(person) => candor('identify', person)", person)
    assert answer.value.ok


def holding(page, address):
    """The requests to it, which wait for the test."""
    held = []
    page.route(address, lambda route: held.append(route))
    return held


def test_what_one_user_could_not_send_is_never_sent_by_the_next(walk_in, signed, written):
    page = walk_in(init=STUB)
    open_chat(page)
    become(page, signed("Ada"))
    page.route("**/conversations", lambda route: route.abort())
    write(page, "A secret of Ada's")
    expect(panel(page).get_by_role("button", name="Try again")).to_be_visible()
    become(page, signed("Bob"))
    expect(messages(page)).to_have_count(0)
    page.unroute_all()
    write(page, "Bob's own")
    wait_until(page, lambda: ("Bob", "Bob's own") in written())
    # It would have been tried again by now.
    page.wait_for_timeout(3000)
    assert written() == [("Bob", "Bob's own")]
    expect(messages(page)).to_have_text(["Bob's own"])


def test_what_is_on_its_way_stays_his_who_wrote_it(walk_in, signed, written):
    page = walk_in(init=STUB)
    open_chat(page)
    become(page, signed("Ada"))
    held = holding(page, "**/conversations")
    write(page, "From Ada")
    wait_until(page, lambda: held)
    become(page, signed("Bob"))
    with page.expect_response("**/conversations"):
        held[0].continue_()
    page.unroute_all()
    expect(messages(page)).to_have_count(0)
    write(page, "From Bob")
    wait_until(page, lambda: ("Bob", "From Bob") in written())
    assert written() == [("Ada", "From Ada"), ("Bob", "From Bob")]
    expect(messages(page)).to_have_text(["From Bob"])


@pytest.mark.parametrize("late", ["conversations", "identity"])
def test_an_answer_that_comes_after_somebody_signed_out_changes_nothing(
    walk_in, signed, written, late
):
    page = walk_in(init=STUB)
    open_chat(page)
    if late == "conversations":
        become(page, signed("Ada"))
    held = holding(page, f"**/{late}")
    if late == "conversations":
        write(page, "From Ada")
    else:
        page.evaluate("(person) => candor('identify', person)", signed("Ada"))
    wait_until(page, lambda: held)
    page.evaluate("candor('reset')")
    with page.expect_response(f"**/{late}"):
        held[0].continue_()
    page.unroute_all()
    page.wait_for_timeout(500)
    assert page.evaluate("localStorage['candor-chat']") is None
    open_chat(page)
    expect(messages(page)).to_have_count(0)
    write(page, "From whoever is next")
    wait_until(page, lambda: (None, "From whoever is next") in written())


def test_another_tab_that_became_somebody_else_takes_nothing_along(walk_in, signed, written):
    first = walk_in(init=STUB)
    open_chat(first)
    become(first, signed("Ada"))
    write(first, "Hello")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    first.route("**/conversations", lambda route: route.abort())
    menu(first, "New conversation")
    write(first, "A secret of Ada's")
    expect(panel(first).get_by_role("button", name="Try again")).to_be_visible()
    second = walk_in(context=first.context, init=STUB)
    open_chat(second)
    become(second, signed("Ada"))
    become(second, signed("Bob"))
    expect(messages(first)).to_have_count(0)
    first.unroute_all()
    first.wait_for_timeout(3000)
    assert written() == [("Ada", "Hello")]


def test_a_page_that_says_something_wrong_of_its_user_notices_nothing(walk_in):
    page = walk_in(init=STUB)
    open_chat(page)
    with page.expect_response("**/identity") as answer:
        page.evaluate("candor('identify', { id: 'user-7', hash: 'wrong' })")
    assert not answer.value.ok
    at_rest(page)
    assert page.evaluate("noticed") == []
