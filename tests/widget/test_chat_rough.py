"""The chat through a network that drops requests and answers, sends them twice, and loses, repeats
and swaps frames, with two web processes behind it: what visitor and agent said is there in its order,
each once, in two tabs of the one, in the inbox of the other, and in the database."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.chat.models import Conversation, Message
from app.core.db import db
from tests.conftest import PASSWORD
from tests.pages import OPEN_ROOTS, WATCH
from tests.rough_proxy import rough_proxy
from tests.running.test_kills import descendants
from tests.widget import chat

SAID = 12
TEN_MINUTES = "10:00"
# In seconds: what has failed several times in a row is tried again after half a minute.
PATIENCE = 60


@pytest.fixture
def network(program, eventually):
    web = program.processes["web"].pid
    eventually(
        lambda: [each for each in descendants(web) if each.parent == web],
        lambda workers: len(workers) == 2,
    )
    with rough_proxy(program.url, seed=7) as proxy:
        assert len(proxy.url) == len(program.url)
        yield proxy


@pytest.fixture
def tabs(browser, network, shop, chatting, host):
    """Pages of one visitor behind that network."""
    body = (
        "<!doctype html><html lang=en><title>Shop</title><h1>Tea</h1>"
        f'<script async src="{network.url}/w/{shop.site_key}.js"></script>'
    )
    context = browser.new_context(reduced_motion="reduce", user_agent=chat.PERSON)
    context.set_default_timeout(20_000)
    address = host({"": body})

    def open_tab():
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(WATCH + OPEN_ROOTS + chat.NOT_DRIVEN)
        page.clock.install()
        page.goto(address)
        page.mouse.move(200, 200)
        chat.open_chat(page)
        return page

    yield open_tab
    noticed = [page.evaluate("window.noticed || []") for page in context.pages]
    context.close()
    assert not any(noticed), noticed


@pytest.fixture
def inbox(browser, network, shop):
    """Alice's, behind the same network."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(20_000)
    page = context.new_page()
    noticed = []
    page.on("pageerror", lambda error: noticed.append(str(error)))
    page.clock.install()
    page.goto(f"{network.url}/sign-in")
    page.get_by_label("E-mail").fill("alice@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    page.goto(f"{network.url}/o/{shop.slug}/inbox")
    yield page
    context.close()
    assert noticed == []


@pytest.fixture
def stored(inside, shop):
    """What is in the database, in its order."""

    def read():
        with inside(shop):
            conversation = db.session.scalars(select(Conversation)).one()
            found = select(Message).filter_by(conversation_id=conversation.id)
            messages = db.session.scalars(found.order_by(Message.seq))
            return [each.body for each in messages if each.kind == "text"]

    return read


def open_first(page):
    page.locator(".inbox-row__link").first.click()
    expect(page.get_by_role("log")).to_be_visible()


def answer(page, text):
    """As a person does, who does not wait for what he sent before."""
    page.get_by_role("textbox", name="Message").press_sequentially(text)
    page.keyboard.press("Enter")


def shown(page):
    return page.locator(".message__body").all_inner_texts()


def said_in(page):
    return chat.messages(page).all_inner_texts()


def until_all_see(left, right, inbox, stored):
    """What is in the database."""
    for page, look in ((left, said_in), (right, said_in), (inbox, shown)):
        chat.wait_until(page, lambda page=page, look=look: look(page) == stored(), PATIENCE)


def in_turn(number):
    return [f"{who} {each}" for who in ("left", "right", "agent") for each in range(number)]


def by(who, bodies):
    return [each for each in bodies if each.startswith(who)]


@pytest.mark.timeout(300)
def test_both_sides_have_everything_in_its_order_and_once(tabs, inbox, network, stored):
    left = tabs()
    chat.write(left, "left 0")
    expect(chat.standing(left)).to_contain_text("Sent")
    right = tabs()
    open_first(inbox)
    network.calm = False
    for number in range(SAID):
        if number:
            chat.write(left, f"left {number}")
        chat.write(right, f"right {number}")
        answer(inbox, f"agent {number}")
        if number == SAID // 2:
            network.cut()
        left.wait_for_timeout(300)
    network.calm = True
    everything = in_turn(SAID)
    chat.wait_until(left, lambda: len(stored()) >= len(everything), PATIENCE)
    assert sorted(stored()) == sorted(everything)
    for who in ("left", "right", "agent"):
        assert by(who, stored()) == by(who, everything)
    until_all_see(left, right, inbox, stored)
    assert all(network.done.values()), network.done


@pytest.mark.timeout(300)
def test_after_ten_minutes_without_a_network_both_sides_have_everything(
    tabs, inbox, network, stored, reply
):
    """Nothing gets through and nobody is told so, as behind a network that went; the pages' clocks
    are ten minutes on, the server's are not."""
    left = tabs()
    chat.write(left, "left 0")
    expect(chat.standing(left)).to_contain_text("Sent")
    right = tabs()
    open_first(inbox)
    answer(inbox, "agent 0")
    for page in (left, right):
        expect(chat.messages(page)).to_have_text(["left 0", "agent 0"])
    network.hush()
    for page in (left, inbox):
        page.context.set_offline(True)
    for number in (1, 2):
        chat.write(left, f"left {number}")
        chat.write(right, f"right {number}")
        answer(inbox, f"agent {number}")
    # Meanwhile a colleague answers, and what is told of it reaches nobody.
    reply("colleague 1")
    for page in (left, right, inbox):
        page.clock.fast_forward(TEN_MINUTES)
    left.wait_for_timeout(2000)
    assert stored() == ["left 0", "agent 0", "colleague 1"]
    network.silent = False
    for page in (left, inbox):
        page.context.set_offline(False)
    everything = [f"{who} {each}" for who in ("left", "right", "agent") for each in (1, 2)]
    chat.wait_until(left, lambda: len(stored()) >= 3 + len(everything), PATIENCE)
    assert sorted(stored()[3:]) == sorted(everything)
    for who in ("left", "right", "agent"):
        assert by(who, stored()[3:]) == by(who, everything)
    until_all_see(left, right, inbox, stored)
    reply("colleague 2")
    for page in (left, right):
        expect(chat.messages(page).last).to_have_text("colleague 2")
    expect(inbox.locator(".message__body").last).to_have_text("colleague 2")
