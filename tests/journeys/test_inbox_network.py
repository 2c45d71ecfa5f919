"""The inbox on a network that fails: what an agent writes leaves once and in its order, what he typed
meanwhile is his, and what was said while nothing got through is shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.accounts.models import Member
from app.chat.models import Conversation
from app.core.db import db
from tests.journeys.conftest import until
from tests.journeys.test_inbox import (
    HOLD_SOCKETS,
    bodies,
    composer,
    desks,
    guest,
    inbox,
    open_first,
)
from tests.rough_proxy import rough_proxy

__all__ = ["desks", "guest", "inbox"]
WRITE = re.compile(r"/inbox/[0-9a-f-]+/messages$")
READ = re.compile(r"/inbox/[0-9a-f-]+/messages\?after=")


@pytest.fixture
def replied(inside, shop):
    """A member answers without the page that is looked at: Bob, or Alice."""

    def reply(body, name="Alice"):
        with inside(shop):
            conversation = db.session.query(Conversation).one()
            members = [each for each in db.session.query(Member) if each.user.name.startswith(name)]
            conversation.reply(members[0], body)
            db.session.commit()

    return reply


@pytest.fixture
def said(inside, shop):
    def read():
        with inside(shop):
            found = db.session.query(Conversation).one().messages(public=True)
            return [each.body for each in found if each.body]

    return read


def send(page, text):
    composer(page).press_sequentially(text)
    page.keyboard.press("Enter")


def lose_an_answer(page):
    """What is written first arrives, and the page never hears of it. What follows waits in `held`, until
    there is something in `released`."""
    names, held, released = [], [], []

    def lose(route):
        data = route.request.post_data_buffer
        names.append(re.search(rb'name="client_id"\r\n\r\n([^\r]+)', data)[1])
        if len(names) > 1:
            return route.continue_() if released else held.append(route)
        route.fetch()
        return route.abort()

    page.route(
        WRITE, lambda route: lose(route) if route.request.method == "POST" else route.continue_()
    )
    return names, held, released


def stop_clock(page):
    """So far from now that no machine takes longer from the one line to the other."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 10)


def test_a_reply_whose_answer_is_lost_is_sent_again_under_its_name_and_alone(guest, inbox, said):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    names, held, released = lose_an_answer(page)
    send(page, "One")
    send(page, "Two")
    composer(page).press_sequentially("Thr")
    expect(page.locator("[data-waiting] li")).to_have_text(["One", "Two"])
    expect(page.get_by_role("alert")).to_contain_text("Candor cannot be reached")
    released.append(True)
    for each in held:
        each.continue_()
    expect(page.locator(".message")).to_have_count(3)
    assert bodies(page) == said() == ["Hello", "One", "Two"]
    assert names[0] == names[1] != names[2] and len(names) == 3
    # What was typed meanwhile is what it was.
    expect(composer(page)).to_have_value("Thr")
    expect(page.locator("[data-waiting]")).to_be_hidden()
    expect(page.locator("#composer-error")).to_be_empty()


def test_what_was_not_sent_yet_is_sent_as_soon_as_there_is_a_network(guest, inbox, said):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.clock.install()
    page.reload()
    page.context.set_offline(True)
    send(page, "One")
    expect(page.locator("[data-waiting] li")).to_have_text(["One"])
    stop_clock(page)
    with page.expect_request(WRITE):
        page.context.set_offline(False)
    # The page may hear of the network a moment before there is one: then it tries again.
    page.clock.resume()
    expect(page.locator(".message")).to_have_count(2)
    assert said() == ["Hello", "One"]


def test_what_fails_while_the_network_comes_back_is_sent_again_at_once(guest, inbox, said):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.clock.install()
    page.reload()
    held = []
    page.route(WRITE, lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(WRITE):
        send(page, "One")
    stop_clock(page)
    page.evaluate("dispatchEvent(new Event('online'))")
    held[0].abort()
    expect(page.locator(".message")).to_have_count(2)
    assert said() == ["Hello", "One"]


def test_what_was_not_sent_yet_is_sent_after_a_reload(guest, inbox, said):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.route(WRITE, lambda route: route.abort())
    send(page, "One")
    send(page, "Two")
    expect(page.locator("[data-waiting] li")).to_have_text(["One", "Two"])
    composer(page).press_sequentially("Three")
    page.unroute(WRITE)
    page.evaluate("location.reload()")
    expect(page.locator(".message")).to_have_count(3)
    assert bodies(page) == said() == ["Hello", "One", "Two"]
    expect(composer(page)).to_have_value("Three")


def test_what_is_refused_comes_back_with_what_was_to_follow(guest, inbox, said, replied):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.context.set_offline(True)
    send(page, "One")
    send(page, "Two")
    composer(page).press_sequentially("Three")
    replied("I was faster")
    page.context.set_offline(False)
    expect(page.locator("#composer-error")).to_contain_text("Alice replied meanwhile")
    expect(composer(page)).to_have_value("One\nTwo\nThree")
    assert said() == ["Hello", "I was faster"]
    expect(page.locator(".message").last).to_contain_text("I was faster")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_count(3)
    assert said() == ["Hello", "I was faster", "One\nTwo\nThree"]


def test_what_is_refused_comes_back_where_it_was_written(guest, inbox, said, replied):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.context.set_offline(True)
    send(page, "One")
    composer(page).press_sequentially("Two")
    replied("I was faster")
    # He has turned to something else meanwhile.
    page.evaluate("document.querySelector('.inbox__pane').replaceChildren()")
    page.context.set_offline(False)
    # While it still waits to be sent, leaving the page is asked about.
    kept = "Object.keys(sessionStorage).filter((key) => /^draft/.test(key)).map((key) => sessionStorage[key])"
    until(page, f"{kept}.some((draft) => draft.includes('One'))")
    page.reload()
    expect(composer(page)).to_have_value("One\nTwo")
    assert said() == ["Hello", "I was faster"]


def test_what_an_own_answer_overtook_is_read_before_it(guest, inbox):
    guest("One")
    page = inbox("bob@acme.example")
    # Nor does it look by itself from time to time.
    page.add_init_script("window.setInterval = () => 0")
    page.reload()
    open_first(page)
    # There is no socket from here on; the own answer comes by HTTP.
    page.evaluate("() => { window.WebSocket = class extends EventTarget { close() {} } }")
    page.evaluate("window.sockets.forEach((each) => each.close())")
    page.wait_for_timeout(1000)
    guest("Two")
    send(page, "Three")
    expect(page.locator(".message")).to_have_count(3)
    assert bodies(page) == ["One", "Two", "Three"]


def test_what_could_not_be_read_is_read_again(guest, inbox):
    guest("One")
    page = inbox("bob@acme.example")
    open_first(page)
    failed = []

    def fail(route):
        failed.append(route.request.url)
        route.abort() if len(failed) < 2 else route.continue_()

    page.route(READ, fail)
    page.context.set_offline(True)
    page.evaluate("window.sockets.forEach((each) => each.close())")
    guest("Two")
    page.context.set_offline(False)
    expect(page.locator(".message")).to_have_count(2, timeout=20_000)
    assert len(failed) > 1


def test_what_was_said_while_a_conversation_opened_is_shown(guest, inbox):
    guest("One")
    page = inbox("bob@acme.example")
    expect(page.locator(".inbox-row")).to_have_count(1)

    def late(route):
        answer = route.fetch()
        guest("Two")
        page.wait_for_timeout(1000)
        route.fulfill(response=answer)

    page.route(re.compile(r"/inbox/[0-9a-f-]+\?view=all$"), late, times=1)
    # He looks elsewhere, so nothing is told of his reading.
    page.evaluate("document.hasFocus = () => false")
    open_first(page)
    expect(page.locator(".message")).to_have_count(2)
    assert bodies(page) == ["One", "Two"]


def test_how_far_was_read_is_told_again_when_it_did_not_arrive(
    guest, inbox, inside, shop, eventually
):
    guest("One")
    page = inbox("bob@acme.example")
    failed = []

    def fail(route):
        failed.append(1)
        route.abort() if len(failed) < 2 else route.continue_()

    page.route("**/reading", fail)
    open_first(page)

    def read():
        with inside(shop):
            return db.session.query(Conversation).one().agent_read_seq

    eventually(lambda: (page.wait_for_timeout(100), read())[1], lambda seq: seq == 1, 30)
    assert len(failed) == 2


def test_a_socket_that_went_without_a_word_is_opened_anew(browser, guest, program, shop, desks):
    """Nothing is heard over it, and its page is not told: the server would say something."""
    guest("One")
    with rough_proxy(program.url) as network:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.clock.install()
        page.add_init_script(HOLD_SOCKETS)
        page.goto(f"{network.url}/sign-in")
        page.get_by_label("E-mail").fill("bob@acme.example")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Home")).to_be_visible()
        page.goto(f"{network.url}/o/{shop.slug}/inbox")
        open_first(page)
        expect(page.locator(".message")).to_have_count(1)
        desks(page, 1)
        # By then it has said that he looks: over a socket that is gone it would learn of it.
        page.wait_for_timeout(1500)
        network.hush()
        network.silent = False
        guest("Two")
        page.wait_for_timeout(1500)
        assert bodies(page) == ["One"]
        page.clock.fast_forward(60_000)
        expect(page.locator(".message")).to_have_count(2)
        guest("Three")
        expect(page.locator(".message")).to_have_count(3)
        assert page.evaluate("window.sockets.length") >= 2
        network.hush()
        network.silent = False
        guest("Four")
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.locator(".message")).to_have_count(4)
        context.close()


def test_an_inbox_is_told_that_it_is_listened_to(guest, inbox, eventually):
    page = inbox("bob@acme.example")
    page.evaluate(
        "window.heard = []; window.sockets[0].addEventListener('message', (e) => heard.push(e.data))"
    )

    def heard():
        page.wait_for_timeout(500)
        return page.evaluate("window.heard")

    eventually(heard, lambda frames: '{"type": "here"}' in frames, 30)
