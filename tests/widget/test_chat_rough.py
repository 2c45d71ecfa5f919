"""The chat through a network that drops requests and answers, and loses, repeats and swaps frames:
what both sides said is there in its order, each once, in two tabs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.chat.models import Conversation, Message
from app.core.db import db
from tests.pages import OPEN_ROOTS, WATCH
from tests.rough_proxy import rough_proxy
from tests.widget import chat

SAID = 12


@pytest.fixture
def network(program):
    with rough_proxy(program.url, seed=7) as proxy:
        assert len(proxy.url) == len(program.url)
        yield proxy


@pytest.fixture
def tabs(browser, network, shop, chatting, host):
    """Two pages of one visitor behind that network."""
    body = (
        "<!doctype html><html lang=en><title>Shop</title><h1>Tea</h1>"
        f'<script async src="{network.url}/w/{shop.site_key}.js"></script>'
    )
    context = browser.new_context(reduced_motion="reduce", user_agent=chat.PERSON)
    address = host({"": body})

    def open_tab():
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(WATCH + OPEN_ROOTS + chat.NOT_DRIVEN)
        page.goto(address)
        page.mouse.move(200, 200)
        chat.open_chat(page)
        return page

    yield open_tab
    noticed = [page.evaluate("window.noticed || []") for page in context.pages]
    context.close()
    assert not any(noticed), noticed


@pytest.mark.timeout(240)
def test_everything_is_there_in_its_order_and_once(tabs, network, reply, inside, shop):
    first = tabs()
    chat.write(first, "0")
    expect(chat.standing(first)).to_contain_text("Sent")
    second = tabs()
    network.calm = False
    for number in range(1, SAID):
        chat.write(first if number % 2 else second, str(number))
        reply(f"answer {number}")
        if number == SAID // 2:
            network.cut()
        first.wait_for_timeout(300)
    network.calm = True
    stored = lambda: _stored(inside, shop)  # noqa: E731
    chat.wait_until(first, lambda: len(stored()) == 2 * SAID - 1)
    assert sorted(stored()) == sorted(
        [*map(str, range(SAID)), *(f"answer {each}" for each in range(1, SAID))]
    )
    for page in (first, second):
        chat.wait_until(page, lambda page=page: chat.messages(page).all_inner_texts() == stored())
    assert all(network.done.values()), network.done


def _stored(inside, shop):
    with inside(shop):
        conversation = db.session.scalars(select(Conversation)).one()
        found = select(Message).filter_by(conversation_id=conversation.id).order_by(Message.seq)
        return [each.body for each in db.session.scalars(found) if each.kind == "text"]
