"""The visitor's chat: the real widget in a real browser on the real program."""

import hashlib
import hmac
import json
import re
import threading
from uuid import UUID

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import expect
from werkzeug.serving import make_server

from app.accounts.models import Member
from app.chat import tokens
from app.chat.models import ChatSettings, Conversation, Guest, Message
from app.core.db import db
from app.embed import published
from app.embed.chat_frames import tell_guest_now
from app.sites.models import Site
from tests.conftest import found
from tests.pages import OPEN_ROOTS, WATCH
from tests.services import free_port

from .hosts import NOTHING, STORED, STUB

PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)
NOT_DRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"
# What moves, in the page or in the panel, and not because of what somebody has just done. Where a test
# puts a message among others, those move on; what is in the panel has no name for the page.
MOVES = """
  window.moved = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((e) => {
    if (!e.hadRecentInput && (!window.inserts || e.sources.some(({node}) => node))) moved += e.value;
  })).observe({type: "layout-shift", buffered: true});
"""
INSERTS = "window.inserts = true;"
# A page that says it has heard.
HEARD = (
    STUB
    + """
  window.heard = [];
  for (const name of ["chat_opened", "chat_closed", "chat_message"])
    candor("on", name, (data) => heard.push([name, data]));
"""
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8"
    "cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
def shop(app):
    """A tenant whose site runs on localhost, where the host page is."""
    with app.app_context():
        return found("Acme", "alice@acme.example", "localhost")


@pytest.fixture
def chatting(shop, inside):
    """The shop's chat is on; called with values it changes how the shop chats."""

    def change(**values):
        with inside(shop):
            site = db.session.get_one(Site, shop.site_id)
            ChatSettings.of(site.id).change(site, **{"on": True, **values})
            db.session.commit()
        published.forget("", None)

    change()
    return change


@pytest.fixture
def host():
    """Serve these pages on localhost; answers how they are addressed."""
    servers = []

    def serve(pages, **headers):
        app = Flask("host", static_folder=None)

        @app.get("/")
        @app.get("/<path:path>")
        def page(path=""):
            shown, status = (pages[path], 200) if path in pages else ("", 404)
            return shown, status, headers

        port = free_port()
        server = make_server("127.0.0.1", port, app, threaded=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{port}/"

    yield serve
    for server in servers:
        server.shutdown()


@pytest.fixture
def walk_in(browser, program, shop, chatting, host):
    """Opens the shop's page as a person does, who must not notice anything besides."""
    contexts = []

    def open_page(
        head="", hash="", html="lang=en", context=None, init="", headers=None, touch=True, **options
    ):
        body = (
            f"<!doctype html><html {html}><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width'><title>Shop</title>"
            f"{head}<main><h1>Tea</h1><p>Very good tea.</p><button>Buy</button></main>"
            f'<script async src="{program.url}/w/{shop.site_key}.js"></script>'
        )
        address = context.address if context else host({"": body}, **(headers or {}))
        if context is None:
            context = browser.new_context(
                **{"reduced_motion": "reduce", "user_agent": PERSON, **options}
            )
            context.address = address
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(WATCH + MOVES + OPEN_ROOTS + NOT_DRIVEN + ";" + init)
        page.goto(address + hash)
        if touch:
            # A first sign of life.
            page.mouse.move(200, 200)
            page.mouse.move(210, 210)
        return page

    yield open_page
    noticed = [
        page.evaluate("[window.noticed || [], window.moved || 0]")
        for context in contexts
        for page in context.pages
    ]
    for context in contexts:
        context.close()
    assert all(each == [[], 0] for each in noticed), noticed


@pytest.fixture
def reply(shop, inside):
    """An agent writes in the only conversation there is, or in this one."""

    def send(body, conversation=None, note=False):
        with inside(shop):
            found = conversation or db.session.query(Conversation).one().id
            said = db.session.get_one(Conversation, UUID(str(found)))
            member = db.session.query(Member).first()
            (said.note if note else said.reply)(member, body)
            db.session.commit()

    return send


@pytest.fixture
def said(shop, inside):
    """What has arrived: who said what, in its order."""

    def read():
        with inside(shop):
            messages = db.session.query(Message).order_by(Message.conversation_id, Message.seq)
            return [(each.author, each.body) for each in messages if each.kind != "event"]

    return read


def launcher(page):
    return page.locator("candor-widget > button.card, candor-widget button.card")


def panel(page):
    return page.locator("candor-widget .chat")


def messages(page):
    return page.locator("candor-widget article span")


def open_chat(page):
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    expect(panel(page).locator("textarea, form").first).to_be_visible()


def write(page, text):
    panel(page).locator("textarea").fill(text)
    panel(page).locator("textarea").press("Enter")


def wait_until(page, what):
    for _ in range(150):
        if what():
            return
        page.wait_for_timeout(100)
    raise AssertionError("waited in vain")


def standing(page):
    return page.locator("candor-widget article.visitor small").last


# What is said


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
    page = walk_in(init=INSERTS + """
      const Socket = WebSocket;
      window.WebSocket = class extends Socket {
        set onmessage(work) {
          super.onmessage = (event) => event.data.includes("Lost") || work(event);
        }
      };""")  # fmt: skip
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.wait_for_timeout(500)
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


def test_two_tabs_show_the_same_in_the_same_order(walk_in, reply):
    first = walk_in()
    open_chat(first)
    write(first, "From the first")
    expect(standing(first)).to_contain_text(re.compile("Sent|Delivered"))
    second = walk_in(context=first.context)
    open_chat(second)
    expect(messages(second)).to_have_text(["From the first"])
    write(second, "From the second")
    write(first, "Again the first")
    reply("Hello to both")
    for page in (first, second):
        expect(messages(page)).to_have_count(4)
    shown = messages(first).all_inner_texts()
    assert messages(second).all_inner_texts() == shown
    assert shown[0] == "From the first"


def test_a_failed_message_is_tried_again_under_the_same_name_and_arrives_once(walk_in, said):
    page = walk_in()
    sent = []

    def lose(route):
        if route.request.method != "POST":
            return route.continue_()
        sent.append(json.loads(route.request.post_data)["client_id"])
        # The first answer is lost after it has arrived, the second request before.
        if len(sent) == 1:
            route.fetch()
        return route.abort() if len(sent) < 3 else route.continue_()

    page.route("**/widget/v1/conversations", lose)
    open_chat(page)
    write(page, "Once")
    expect(standing(page)).to_contain_text("Not sent")
    panel(page).get_by_role("button", name="Try again").click()
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"), timeout=20_000)
    assert len(sent) >= 3 and len(set(sent)) == 1
    assert said() == [("visitor", "Once")]
    expect(messages(page)).to_have_text(["Once"])


def test_what_is_written_without_a_network_is_sent_in_its_order_when_it_is_back(walk_in, said):
    page = walk_in()
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
    page = walk_in()
    open_chat(page)
    write(page, "x" * 8001)
    expect(panel(page).get_by_role("alert")).to_contain_text("at most 8,000 characters")
    assert len(panel(page).locator("textarea").input_value()) == 8001
    assert said() == []
    write(page, "Shorter")
    expect(messages(page)).to_have_text(["Shorter"])
    expect(panel(page).get_by_role("alert")).to_have_count(0)


def test_who_is_writing_is_shown_and_told(walk_in, shop, inside):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.wait_for_timeout(1500)
    with inside(shop):
        talk = db.session.query(Conversation).one()
        told = {"type": "typing", "conversation": str(talk.id), "author": "agent", "name": "Bob"}
        tell_guest_now(talk.guest_id, {"type": "typing", "data": told})
    expect(panel(page)).to_contain_text("Bob is writing…")
    expect(panel(page)).not_to_contain_text("Bob is writing…", timeout=8000)


# Who writes


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


def test_a_panel_that_is_open_when_the_chat_is_switched_off_says_so(walk_in, chatting):
    page = walk_in(html="lang=de")
    open_chat(page)
    write(page, "Hallo")
    expect(standing(page)).to_contain_text(re.compile("Gesendet|Zugestellt"))
    panel(page).locator("textarea").fill("Noch etwas")
    chatting(on=False)
    expect(panel(page)).to_contain_text("Der Chat ist zurzeit geschlossen.")
    expect(panel(page).locator("textarea")).to_have_count(0)
    expect(messages(page)).to_have_text(["Hallo"])
    chatting(on=True)
    expect(panel(page).locator("textarea")).to_have_value("Noch etwas")
    expect(panel(page)).not_to_contain_text("geschlossen")


def test_a_chat_that_was_off_when_it_was_opened_says_so_in_the_visitors_language(walk_in, chatting):
    page = walk_in(html="lang=fr")
    page.context.set_offline(True)
    chatting(on=False)
    page.context.set_offline(False)
    launcher(page).click()
    expect(panel(page)).to_contain_text("Le chat est fermé pour le moment.")
    expect(panel(page).get_by_role("button", name="Close")).to_be_visible()


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


# What is on the device


def test_nothing_is_kept_before_something_was_written_and_then_the_token_alone(walk_in):
    page = walk_in()
    open_chat(page)
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert page.evaluate(STORED) == NOTHING
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    kept = page.evaluate(STORED)
    assert list(kept["local"]) == ["candor-chat"]
    assert {**kept, "local": {}} == NOTHING


def test_where_nothing_may_be_kept_the_chat_works_all_the_same(walk_in, reply):
    page = walk_in(init="""Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("denied", "SecurityError") } });""")  # fmt: skip
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Hello yourself")
    expect(messages(page)).to_have_text(["Hello", "Hello yourself"])


def test_whoever_signs_out_leaves_no_chat_behind(walk_in):
    page = walk_in(init=STUB)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.evaluate("candor('reset')")
    page.wait_for_timeout(300)
    assert page.evaluate("localStorage.length") == 0
    open_chat(page)
    expect(messages(page)).to_have_count(0)


def test_on_a_strict_site_there_is_no_chat_before_consent(walk_in, shop, inside):
    with inside(shop):
        db.session.get_one(Site, shop.site_id).change(mode="strict")
        db.session.commit()
    published.forget("", None)
    page = walk_in(init=STUB)
    page.wait_for_timeout(500)
    expect(launcher(page)).to_have_count(0)
    page.evaluate("candor('consent', true)")
    page.mouse.move(300, 300)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.evaluate("candor('consent', false)")
    page.mouse.move(310, 310)
    expect(launcher(page)).to_have_count(0)
    expect(panel(page)).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


# Files, an end and several conversations


def test_files_are_sent_and_pictures_have_their_room(walk_in, said):
    page = walk_in(init=INSERTS)
    open_chat(page)
    choose = panel(page).locator("input[type=file]")
    choose.set_input_files({"name": "cart.png", "mimeType": "image/png", "buffer": PNG})
    picture = panel(page).locator("article img")
    expect(picture).to_have_attribute("width", "1")
    expect(picture).to_have_attribute("height", "1")
    expect(picture).to_have_attribute("alt", "cart.webp")
    choose.set_input_files({"name": "bill.txt", "mimeType": "text/plain", "buffer": b"12 euros"})
    bill = panel(page).get_by_role("link", name=re.compile("bill.txt"))
    expect(bill).to_contain_text("1 kB")
    broken = {"name": "a.png", "mimeType": "image/png", "buffer": b"\x7fELF\x00"}
    choose.set_input_files(broken)
    expect(panel(page).get_by_role("alert")).to_contain_text("Send a picture")
    large = {"name": "b.txt", "mimeType": "text/plain", "buffer": b"a" * (5 * 1024 * 1024 + 1)}
    choose.set_input_files(large)
    expect(panel(page).get_by_role("alert")).to_contain_text("at most 5 MB")
    assert len(said()) == 2


def test_a_file_can_be_pasted_and_dropped(walk_in):
    page = walk_in()
    open_chat(page)
    for kind, carries in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        panel(page).locator("textarea").evaluate(
            """(node, [kind, carries]) => {
              const data = new DataTransfer();
              data.items.add(new File(["text"], kind + ".txt", {type: "text/plain"}));
              const event = kind == "paste" ? new ClipboardEvent(kind, {[carries]: data, bubbles: true, composed: true})
                : new DragEvent(kind, {[carries]: data, bubbles: true, composed: true, cancelable: true});
              node.dispatchEvent(event);
            }""",
            [kind, carries],
        )
        expect(panel(page).get_by_role("link", name=re.compile(kind))).to_be_visible()


def menu(page, name):
    panel(page).locator("header summary").click()
    panel(page).locator("header").get_by_role("button", name=name).click()


def test_an_ended_conversation_is_rated_and_another_begun(walk_in, shop, inside):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "End conversation")
    expect(panel(page)).to_contain_text("This conversation has ended.")
    panel(page).get_by_role("button", name="4 / 5").click()
    panel(page).get_by_label("What could be better?").fill("More tea")
    panel(page).locator("fieldset").get_by_role("button", name="Send").click()
    expect(panel(page)).to_contain_text("Thank you!")
    with inside(shop):
        rated = db.session.query(Conversation).one()
        assert (rated.state, rated.rating, rated.comment) == ("closed", 4, "More tea")
    menu(page, "New conversation")
    write(page, "Another question")
    expect(messages(page)).to_have_text(["Another question"])
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "Conversations")
    rows = panel(page).locator("li")
    expect(rows).to_have_count(2)
    rows.filter(has_text="Hello").get_by_role("button").click()
    expect(messages(page)).to_have_text(["Hello"])


def test_a_transcript_asks_for_an_address_that_is_not_known(walk_in, work):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    menu(page, "Email me a transcript")
    email = panel(page).get_by_label("E-mail")
    expect(email).to_be_focused()
    email.fill("nonsense")
    email.press("Enter")
    expect(panel(page).get_by_role("alert")).to_have_text("This is not an e-mail address.")
    email.fill("ada@example.com")
    email.press("Enter")
    expect(panel(page)).to_contain_text("The transcript is on its way.")


# What is to be read


def test_a_reply_to_a_closed_panel_is_counted_until_it_is_read(walk_in, reply, shop, inside):
    page = walk_in(init=HEARD)
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    page.wait_for_timeout(1000)
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


# The host page


def test_it_is_opened_and_left_by_the_keyboard_alone(walk_in):
    page = walk_in(touch=False)
    expect(launcher(page)).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel(page).locator("textarea")).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(messages(page)).to_have_text(["Hello"])
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel(page).locator("textarea")).to_have_value("😀")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")


def test_a_strict_policy_of_the_host_page_is_kept(walk_in, program, reply):
    policy = (
        f"default-src 'self'; script-src {program.url}; img-src {program.url}; "
        f"connect-src {program.url} {program.url.replace('http', 'ws')}; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types candor"
    )
    page = walk_in(headers={"Content-Security-Policy": policy})
    open_chat(page)
    write(page, "<img src=x onerror=noticed.push('xss')> javascript:alert(1)")
    expect(messages(page)).to_have_text(
        ["<img src=x onerror=noticed.push('xss')> javascript:alert(1)"]
    )
    expect(messages(page).locator("a, img")).to_have_count(0)
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Fine")
    expect(messages(page)).to_have_count(2)


def test_the_open_panel_passes_axe(walk_in, chatting, reply):
    page = walk_in()
    open_chat(page)
    write(page, "Hello")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("Hello Ada")
    expect(messages(page)).to_have_count(2)
    page.evaluate(AXE_SCRIPT)

    def faults():
        found = page.evaluate("axe.run('candor-widget').then((result) => result.violations)")
        return [(each["id"], each["nodes"][0]["html"]) for each in found]

    assert faults() == []
    menu(page, "End conversation")
    expect(panel(page)).to_contain_text("This conversation has ended.")
    assert faults() == []
    menu(page, "Conversations")
    assert faults() == []


def test_on_a_phone_it_fills_the_screen(walk_in):
    page = walk_in(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    launcher(page).tap()
    expect(panel(page).locator("textarea")).to_be_visible()
    assert panel(page).bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(panel(page)).to_have_attribute("aria-modal", "true")
    # Nothing lies over the way to send.
    panel(page).locator("textarea").fill("Hello")
    panel(page).get_by_role("button", name="Send").tap()
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    panel(page).get_by_role("button", name="Close the chat").tap()
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_visible()


def test_each_side_has_its_edge_and_nothing_reaches_beyond_the_panel(walk_in, reply):
    page = walk_in()
    open_chat(page)
    write(page, "Tea?")
    expect(standing(page)).to_contain_text(re.compile("Sent|Delivered"))
    reply("See https://shop.example/" + "leaves-" * 12 + ". It is mild.")
    expect(messages(page)).to_have_count(2)
    room = page.locator("candor-widget section").bounding_box()
    own, theirs = (messages(page).nth(at).bounding_box() for at in (0, 1))
    assert own["x"] + own["width"] == room["x"] + room["width"] - 18
    assert theirs["x"] == room["x"] + 18
    menu(page, "Conversations")
    row = page.locator("candor-widget li button").bounding_box()
    box = panel(page).bounding_box()
    assert box["x"] < row["x"] and row["x"] + row["width"] < box["x"] + box["width"]


def test_it_speaks_the_language_of_the_page_from_right_to_left(walk_in, chatting):
    chatting(texts={"he": {"title": "שאלות?"}})
    page = walk_in(html="lang=he")
    expect(launcher(page)).to_have_attribute("aria-label", "שאלות?")
    open_chat(page)
    expect(panel(page)).to_have_attribute("dir", "rtl")
    expect(panel(page).locator("textarea")).to_have_attribute("placeholder", "כתיבת הודעה…")


def test_the_page_opens_and_closes_it(walk_in):
    page = walk_in(init=HEARD)
    page.evaluate("candor('open')")
    expect(panel(page)).to_be_visible()
    page.evaluate("candor('close')")
    expect(panel(page)).to_be_hidden()
    page.evaluate("candor('hide')")
    expect(launcher(page)).to_be_hidden()
    page.evaluate("candor('show')")
    expect(launcher(page)).to_be_visible()


# Somebody else's chat


def outside(url, **more):
    return {"url": url, "params": {"utm": True, "page": True, "time": True}, **more}


def test_an_outside_chat_is_opened_with_what_is_known_of_the_visit(walk_in, chatting, host):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room?x=1", target="tab"))
    page = walk_in(hash="?utm_source=newsletter&utm_campaign=spring&secret=1")
    page.wait_for_timeout(500)
    with page.context.expect_page() as opened:
        launcher(page).click()
    opened.value.wait_for_url(re.compile("room"))
    address = opened.value.url
    assert address.startswith(f"{there}room?x=1&utm_source=newsletter&utm_campaign=spring")
    assert "candor_page=" in address and "candor_time=" in address and "secret" not in address
    opened.value.close()


@pytest.mark.parametrize("target", ["same", "window", "frame"])
def test_an_outside_chat_has_its_place(walk_in, chatting, host, target):
    there = host({"room": "<title>Room</title>"})
    chatting(outside=outside(f"{there}room", target=target, width=400, height=500))
    page = walk_in()
    page.wait_for_timeout(500)
    if target == "window":
        with page.context.expect_page() as opened:
            launcher(page).click()
        opened.value.wait_for_url(re.compile("room"))
        assert opened.value.evaluate("[innerWidth, opener]") == [400, None]
        opened.value.close()
    elif target == "same":
        launcher(page).click()
        page.wait_for_url(re.compile("room"))
    else:
        launcher(page).click()
        assert page.frame_locator("candor-widget iframe").locator("title") is not None
        frame = page.locator("candor-widget iframe")
        expect(frame).to_have_attribute("src", re.compile("room.*candor_page"))
        launcher(page).click()
        expect(frame).to_have_count(0)


def test_a_frame_has_a_way_out_since_nobody_can_tell_whether_it_stays_empty(
    walk_in, chatting, host
):
    there = host({"room": "<title>Room</title>"}, **{"X-Frame-Options": "DENY"})
    second = host({"second": "<title>Second</title>"})
    chatting(outside=outside(f"{there}room", fallback=f"{second}second", target="frame"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    expect(page.locator("candor-widget iframe")).to_have_attribute("src", re.compile("room"))
    with page.context.expect_page() as opened:
        page.locator("candor-widget [role=dialog] > a").click()
    opened.value.wait_for_url(re.compile("second.*candor_page"))
    opened.value.close()


def test_where_it_does_not_answer_the_second_is_opened_in_the_frame(walk_in, chatting, host):
    there = host({"second": "<title>Second</title>"})
    dead = f"http://localhost:{free_port()}/room"
    chatting(outside=outside(dead, fallback=f"{there}second", target="frame"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    expect(page.locator("candor-widget iframe")).to_have_attribute("src", re.compile("second"))


def test_where_it_does_not_answer_the_second_is_opened(walk_in, chatting, host):
    there = host({"second": "<title>Second</title>"})
    dead = f"http://localhost:{free_port()}/room"
    chatting(outside=outside(dead, fallback=f"{there}second", target="same"))
    page = walk_in()
    page.wait_for_timeout(500)
    launcher(page).click()
    page.wait_for_url(re.compile("second"))
