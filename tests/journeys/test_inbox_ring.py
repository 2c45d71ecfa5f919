"""A sound and a notification for what nobody looks at: of what is mine or nobody's, and once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from app.accounts.models import Member
from app.chat.models import Conversation
from app.core.db import db
from tests.journeys.conftest import until
from tests.journeys.test_inbox import HOLD_SOCKETS, composer, desks, guest, open_first

__all__ = ["desks", "guest"]

# What the browser was asked for, which it then does.
HEARD = """
window.notified = [];
window.sounds = 0;
const RealNotification = Notification;
window.Notification = class extends RealNotification {
  constructor(title, options) { super(title, options); notified.push({ title, ...options, node: this }); }
};
const RealAudio = AudioContext;
window.AudioContext = class extends RealAudio {
  createOscillator() { window.sounds += 1; return super.createOscillator(); }
};
"""


@pytest.fixture
def browser(windowed):
    """Here it matters which tab is looked at."""
    return windowed


@pytest.fixture
def bob(dashboard, program, shop, guest, desks):
    """Bob's inbox, who may be notified, and has clicked somewhere."""
    page = dashboard("bob@acme.example")
    page.context.grant_permissions(["notifications"], origin=program.url)
    page.add_init_script(HOLD_SOCKETS + HEARD)
    page.goto(f"{program.url}/o/{shop.slug}/inbox")
    # Playwright has each page believe that it is looked at.
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    page.get_by_role("heading", name="Inbox").evaluate("(node) => node.focus()")
    page.locator(".inbox__head").click(position={"x": 2, "y": 2})
    # Only what is told rings, and not what is read.
    desks(page, 1)
    yield page
    assert page.errors == []


@pytest.fixture
def elsewhere(bob):
    """He turns to another tab."""

    def turn():
        other = bob.context.new_page()
        other.bring_to_front()
        until(bob, "!document.hasFocus()")
        return other

    return turn


@pytest.fixture
def change(inside, shop):
    """Something that becomes of the only conversation, by this member's hand."""

    def do(work, name="Bob"):
        with inside(shop):
            conversation = db.session.query(Conversation).one()
            members = db.session.query(Member)
            work(conversation, next(each for each in members if each.user.name.startswith(name)))
            db.session.commit()

    return do


def rows(page, text):
    """What was told has come to the page, which may have read of it before."""
    expect(page.locator(".inbox-row")).to_contain_text(text)
    until(page, "(text) => brought.some((each) => each.includes(text))", text)
    page.wait_for_timeout(300)


def notified(page):
    return page.evaluate("notified.map(({ title, body }) => [title, body])")


def sounds(page):
    return page.evaluate("sounds")


def test_what_is_nobodys_rings_where_nobody_looks_and_a_click_opens_it(bob, guest, elsewhere):
    elsewhere()
    guest("Do you ship to Norway?")
    rows(bob, "Norway")
    assert notified(bob) == [["Ada", "Do you ship to Norway?"]]
    assert sounds(bob) == 1
    bob.evaluate("notified[0].node.dispatchEvent(new Event('click'))")
    expect(bob.get_by_role("log")).to_contain_text("Do you ship to Norway?")
    assert guest.known["id"] in bob.url


def test_what_is_mine_rings_and_what_is_a_colleagues_does_not(bob, guest, elsewhere, change):
    guest("One")
    rows(bob, "One")
    before = sounds(bob)
    elsewhere()
    change(lambda conversation, member: conversation.assign(member), "Bob")
    guest("Two")
    rows(bob, "Two")
    assert notified(bob) == [["Ada", "Two"]] and sounds(bob) == before + 1
    change(lambda conversation, member: conversation.assign(member), "Alice")
    guest("Three")
    rows(bob, "Three")
    assert notified(bob) == [["Ada", "Two"]] and sounds(bob) == before + 1


def test_who_looks_at_it_hears_nothing_and_who_looks_at_another_a_sound_alone(bob, guest):
    guest("One")
    rows(bob, "One")
    assert sounds(bob) == 1 and notified(bob) == []
    open_first(bob)
    guest("Two")
    rows(bob, "Two")
    assert sounds(bob) == 1 and notified(bob) == []


def test_what_agents_and_the_site_say_does_not_ring(bob, guest, elsewhere, change):
    guest("One")
    rows(bob, "One")
    open_first(bob)
    composer(bob).fill("Mine")
    bob.keyboard.press("Enter")
    expect(bob.locator(".message")).to_have_count(2)
    elsewhere()
    change(lambda conversation, member: conversation.reply(member, "A colleague's"), "Alice")
    change(lambda conversation, member: conversation.note(member, "A note"), "Alice")
    change(lambda conversation, member: conversation.say("By itself"))
    expect(bob.locator(".message")).to_have_count(5)
    expect(bob.get_by_role("log")).to_contain_text("By itself")
    assert notified(bob) == [] and sounds(bob) == 1


def test_without_the_sound_it_is_quiet_and_stays_so(bob, guest, elsewhere):
    bob.locator(".inbox__tools summary").last.click()
    bob.get_by_role("button", name="Sound").click()
    expect(bob.locator("#sound")).to_have_attribute("aria-pressed", "false")
    # He was asked before.
    expect(bob.locator("#notify")).to_be_hidden()
    elsewhere()
    guest("One")
    rows(bob, "One")
    assert sounds(bob) == 0 and notified(bob) == [["Ada", "One"]]
    bob.reload()
    expect(bob.locator("#sound")).to_have_attribute("aria-pressed", "false")


def test_what_comes_twice_rings_once(bob, guest, elsewhere):
    bob.evaluate(
        "sockets[0].addEventListener('message', ({ data }) => data.startsWith('{') || (window.last = data))"
    )
    elsewhere()
    guest("One")
    rows(bob, "One")
    bob.evaluate("sockets[0].dispatchEvent(new MessageEvent('message', { data: last }))")
    bob.wait_for_timeout(300)
    assert notified(bob) == [["Ada", "One"]] and sounds(bob) == 1


def test_nothing_sounds_before_something_was_done(dashboard, program, shop, guest, desks):
    page = dashboard("bob@acme.example")
    page.add_init_script(HOLD_SOCKETS + HEARD)
    page.goto(f"{program.url}/o/{shop.slug}/inbox")
    expect(page.get_by_role("region", name="Conversations")).to_be_visible()
    desks(page, 1)
    guest("One")
    rows(page, "One")
    assert sounds(page) == 0 and notified(page) == [] and page.errors == []
