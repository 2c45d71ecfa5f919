"""Two agents in two browsers and one visitor: what one does the other sees, once and in order."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import expect
from redis import Redis

from app.accounts.models import Member, User
from app.accounts.permissions import Role
from app.chat.models import CannedReply, ChatSettings, Conversation, Label
from app.core import clock, tenancy
from app.core.bus import PREFIX
from app.core.db import db
from app.embed import chat_limits
from app.sites.models import Site
from tests.conftest import PASSWORD
from tests.journeys.conftest import until

# Sockets of a page can be closed from outside of it, and what they brought is known.
HOLD_SOCKETS = """
window.sockets = [];
window.brought = [];
const Real = WebSocket;
window.WebSocket = class extends Real {
  constructor(...all) {
    super(...all);
    window.sockets.push(this);
    this.addEventListener("message", ({ data }) => window.brought.push(data));
  }
};
"""
# It is shown for four seconds, which may be over before a test looks.
KEEP_TYPING = """
window.typing = [];
new MutationObserver(() => {
  const line = document.querySelector("[data-typing]");
  if (line && !line.hidden) window.typing.push(line.textContent);
}).observe(document.querySelector(".talk"), { subtree: true, childList: true, attributes: true });
"""


@pytest.fixture
def guest(app, program, shop):
    """Writes from a page of the shop; answers what was stored. The first call begins."""
    chat_limits.writers.reset()
    with app.app_context(), tenancy.scope(shop.id):
        site = db.session.get_one(Site, shop.site_id)
        ChatSettings.of(site.id).change(site, on=True)
        Label.create("Refund", "bad")
        CannedReply.create("shipping", "Hello {{name}}, we ship everywhere. {{agent}}")
        user = User.register(email="bob@acme.example", name="Bob Miller", password=PASSWORD)
        user.verify_email()
        Member.join(user, Role.AGENT)
        db.session.commit()
    known = {}

    def write(body):
        headers = {"Origin": "http://localhost", "Authorization": f"Bearer {known.get('token')}"}
        said = {"site": shop.site_key, "client_id": str(uuid4()), "body": body, "name": "Ada"}
        more = f"/{known['id']}/messages" if known else ""
        address = f"{program.url}/widget/v1/conversations{more}"
        answer = requests.post(address, json=said, headers=headers, timeout=10).json()
        if not known:
            known.update(token=answer["token"], id=answer["id"])
        return answer

    write.known = known
    return write


@pytest.fixture
def desks(program, shop):
    """Waits until so many pages are told of what happens, as the server counts them: those through
    which new conversations may be given to their agents."""
    store = Redis.from_url(program.environ["REDIS_URL"])

    def wait(page, number):
        for _ in range(200):
            if store.zcard(f"{PREFIX}recent:agents:{shop.id.hex}") == number:
                return
            page.wait_for_timeout(100)
        raise AssertionError("waited in vain")

    return wait


@pytest.fixture
def inbox(dashboard, program, shop, desks):
    opened = []

    def open_inbox(email, **options):
        page = dashboard(email, **options)
        opened.append(page)
        page.add_init_script(HOLD_SOCKETS)
        page.goto(f"{program.url}/o/{shop.slug}/inbox")
        expect(page.get_by_role("region", name="Conversations")).to_be_visible()
        desks(page, len(opened))
        return page

    return open_inbox


def bodies(page):
    return page.locator(".message__body").all_inner_texts()


def open_first(page):
    page.locator(".inbox-row__link").first.click()
    expect(page.get_by_role("log")).to_be_visible()


def composer(page):
    return page.get_by_role("textbox", name="Message")


def test_two_agents_and_a_visitor_see_the_same_without_reloading(guest, inbox):
    alice, bob = inbox("alice@acme.example"), inbox("bob@acme.example")
    guest("Do you ship to Norway?")
    for page in (alice, bob):
        expect(page.locator(".inbox-row")).to_have_count(1)
        expect(page).to_have_title(re.compile(r"^\(1\) "))
    for page in (alice, bob):
        open_first(page)
    guest("And to Iceland?")
    for page in (alice, bob):
        expect(page.get_by_role("log")).to_contain_text("And to Iceland?")
        assert bodies(page) == ["Do you ship to Norway?", "And to Iceland?"]
    expect(bob.locator("[data-looking]")).to_have_text("Alice is looking at this")

    alice.evaluate(KEEP_TYPING)
    composer(bob).press_sequentially("We do, to both")
    until(alice, "typing.some((text) => text.includes('Bob Miller is replying'))")
    bob.keyboard.press("Enter")
    expect(composer(bob)).to_have_value("")
    for page in (alice, bob):
        expect(page.locator(".message__body")).to_have_text(
            ["Do you ship to Norway?", "And to Iceland?", "We do, to both"]
        )
    # Whoever answers takes it, which the other sees as well.
    expect(alice.locator("#assignee option:checked")).to_have_text("Bob Miller")
    expect(bob.locator("#assignee option:checked")).to_have_text("Bob Miller (you)")
    assert alice.errors == [] and bob.errors == []


def test_who_was_slower_is_told_before_he_sends_and_keeps_his_text(guest, inbox):
    guest("Where is my order?")
    alice, bob = inbox("alice@acme.example"), inbox("bob@acme.example")
    for page in (alice, bob):
        open_first(page)
    composer(alice).press_sequentially("I shall look")
    composer(bob).fill("It left this morning")
    bob.keyboard.press("Enter")
    expect(alice.locator("#composer-error")).to_contain_text("Bob replied meanwhile")
    expect(composer(alice)).to_have_value("I shall look")
    expect(bob.locator(".message")).to_have_count(2)
    alice.keyboard.press("Enter")
    expect(composer(alice)).to_have_value("")
    expect(bob.get_by_role("log")).to_contain_text("I shall look")


def test_what_came_while_it_was_being_closed_is_read_first(guest, inbox):
    guest("Hello")
    alice = inbox("alice@acme.example")
    open_first(alice)

    def write_first(route):
        guest("And one more thing")
        route.continue_()

    alice.route("**/closure*", write_first)
    alice.keyboard.press("Escape")
    alice.locator("#talk-state").click()
    why = alice.locator("#talk-header").get_by_text("Ada wrote meanwhile. Read it first.")
    expect(why).to_be_visible()
    expect(alice.locator(".message__body")).to_have_text(["Hello", "And one more thing"])
    # It stays, whatever is read anew because of the message.
    alice.wait_for_timeout(1500)
    expect(why).to_be_visible()
    expect(alice.locator("#talk-state")).to_have_text("Close")
    alice.unroute("**/closure*")
    alice.locator("#talk-state").click()
    expect(alice.locator("#talk-state")).to_have_text("Open again")
    expect(why).to_have_count(0)
    assert [each for each in alice.errors if "422" not in each] == []


def test_everything_with_the_keyboard_alone(guest, inbox):
    guest("Can I send it back?")
    page = inbox("bob@acme.example")
    keys = page.keyboard
    expect(page.locator(".inbox-row")).to_have_count(1)
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    keys.press("Escape")
    # It gives the focus back a moment after it is closed.
    until(page, "document.activeElement === document.body")
    keys.press("j")
    expect(page.locator(".inbox-row__link")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("Can I send it back?")
    keys.press("r")
    keys.type("/sh")
    option = page.get_by_role("option", name="/shipping")
    expect(option).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(composer(page)).to_have_value("Hello Ada, we ship everywhere. Bob")
    keys.press("Shift+Enter")
    keys.type("eeee nnn zzz ? /")
    keys.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("eeee nnn zzz ? /")
    # Nothing of what was typed was taken for a shortcut.
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    keys.press("Escape")
    keys.press("n")
    keys.type("A regular")
    keys.press("Enter")
    expect(page.locator(".message--note")).to_contain_text("A regular")
    keys.press("Escape")
    keys.press("l")
    expect(page.get_by_role("checkbox", name="Refund")).to_be_focused()
    keys.press("Space")
    expect(page.locator(".talk__facts")).to_contain_text("Refund")
    keys.press("Escape")
    page.get_by_role("log").focus()
    keys.press("z")
    keys.press("Enter")
    expect(page.locator(".talk__facts")).to_contain_text("Snoozed until")
    page.get_by_role("log").focus()
    keys.press("e")
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    page.get_by_role("log").focus()
    keys.press("e")
    expect(page.locator(".toast").last).to_contain_text("Closed.")
    expect(page.locator(".talk__log")).to_contain_text("Bob Miller closed this")
    page.get_by_role("log").focus()
    keys.press("/")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_focused()
    keys.type("send back")
    keys.press("Enter")
    expect(page.locator("mark")).to_have_text("send")
    assert page.errors == []


def test_the_keyboard_shortcuts_can_be_switched_off_and_stay_so(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    keys = page.keyboard
    open_first(page)
    switch = page.get_by_role("switch", name="Shortcuts")

    def choose(on):
        page.get_by_role("log").focus()
        keys.press("?")
        expect(switch).to_be_checked(checked=not on)
        expect(page.get_by_role("button", name="Done")).to_be_focused()
        switch.focus()
        keys.press("Space")
        expect(switch).to_be_checked(checked=on)
        keys.press("Escape")
        expect(switch).to_be_hidden()
        page.get_by_role("log").focus()

    choose(False)
    keys.type("ejrnalz/")
    expect(page.get_by_role("log")).to_be_focused()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    page.reload()
    page.get_by_role("log").focus()
    keys.type("r")
    expect(page.get_by_role("log")).to_be_focused()
    choose(True)
    keys.press("r")
    expect(composer(page)).to_be_focused()
    assert page.errors == []


def test_a_draft_stays_with_its_conversation(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    composer(page).fill("Not finished")
    page.reload()
    expect(composer(page)).to_have_value("Not finished")


def test_a_socket_that_dies_loses_nothing(guest, inbox, program, shop):
    guest("One")
    alice, bob = inbox("alice@acme.example"), inbox("bob@acme.example")
    for page in (alice, bob):
        open_first(page)
    # Bob's network goes: nothing reaches his sockets, and those that he opens die.
    bob.context.set_offline(True)
    bob.evaluate("window.sockets.forEach((each) => each.close())")
    guest("Two")
    composer(alice).fill("Three")
    alice.keyboard.press("Enter")
    expect(alice.locator(".message")).to_have_count(3)
    guest("Four")
    expect(alice.locator(".message")).to_have_count(4)
    bob.wait_for_timeout(1500)
    assert bodies(bob) == ["One"]
    bob.context.set_offline(False)
    expect(bob.locator(".message")).to_have_count(4, timeout=30_000)
    guest("Five")
    for page in (alice, bob):
        expect(page.locator(".message")).to_have_count(5)
        assert bodies(page) == ["One", "Two", "Three", "Four", "Five"]


def test_a_canned_reply_goes_where_the_cursor_is_in_what_is_written_already(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    composer(page).press_sequentially("Dear customer, bye")
    for _letter in "bye":
        page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Canned replies").click()
    page.get_by_role("option", name="/shipping").click()
    expect(composer(page)).to_have_value("Dear customer, Hello Ada, we ship everywhere. Bobbye")
    page.keyboard.type(" ")
    expect(composer(page)).to_have_value("Dear customer, Hello Ada, we ship everywhere. Bob bye")


def test_a_list_of_canned_replies_that_is_left_leaves_nothing_behind(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.get_by_role("button", name="Canned replies").click()
    expect(page.get_by_role("option", name="/shipping")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option", name="/shipping")).to_be_hidden()
    expect(composer(page)).to_have_value("")
    page.keyboard.type("/")
    expect(page.get_by_role("option", name="/shipping")).to_be_visible()


def test_the_list_keeps_its_place_and_focus_when_it_is_read_anew(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    page.get_by_role("searchbox", name="Search conversations").fill("half a wo")
    guest("Again")
    expect(page.locator(".inbox-row")).to_contain_text("Again")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_focused()
    expect(page.get_by_role("searchbox", name="Search conversations")).to_have_value("half a wo")
    page.locator(".inbox-row__link").focus()
    guest("And again")
    expect(page.locator(".inbox-row")).to_contain_text("And again")
    expect(page.locator(".inbox-row__link")).to_be_focused()


def test_earlier_messages_stand_under_their_days_by_the_agents_clock(guest, inbox, app, shop):
    guest("No. 0")
    with app.app_context(), tenancy.scope(shop.id):
        conversation = db.session.query(Conversation).one()
        began = clock.now() - timedelta(days=70)
        for number in range(1, 70):
            message = conversation.hear(f"No. {number}")
            message.created_at = began + timedelta(days=number)
            db.session.commit()
    page = inbox("bob@acme.example", timezone_id="Asia/Kolkata")
    open_first(page)
    shown = page.locator(".message").count()
    page.get_by_role("button", name="Earlier messages").click()
    expect(page.locator(".message")).to_have_count(70)
    assert shown < 70
    days = page.locator(".talk__day").all_inner_texts()
    assert len(days) == len(set(days)) == 70
    clocks = page.evaluate(
        """[...document.querySelectorAll(".message time[data-clock]")].every((time) =>
          time.textContent == new Date(time.dateTime).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}))"""
    )
    assert clocks


def test_a_note_may_be_followed_by_another(guest, inbox):
    guest("Hello")
    page = inbox("bob@acme.example")
    open_first(page)
    page.get_by_role("radiogroup", name="For whom").get_by_text("Private note").click()
    box = page.get_by_role("textbox", name="Message")
    box.fill("Between us")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_count(2)
    box.fill("And this too")
    page.keyboard.press("Enter")
    expect(page.locator(".message--note")).to_have_count(2)
    expect(page.get_by_role("button", name="Add note")).to_be_visible()


def test_away_in_one_tab_is_away_in_the_others(guest, inbox, desks):
    one = inbox("alice@acme.example")
    other = one.context.new_page()
    other.goto(one.url)
    shown = other.locator("#away")
    expect(shown).to_have_text("Available")
    desks(one, 2)
    one.locator("#away").click()
    expect(shown).to_have_text("Away")
    desks(one, 0)
    # A tab that was left open has her back as well.
    shown.click()
    expect(one.locator("#away")).to_have_text("Available")
    desks(one, 2)
