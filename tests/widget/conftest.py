import threading
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import expect
from werkzeug.serving import make_server

from app.accounts.models import Member
from app.chat.models import ChatSettings, Conversation, Message
from app.core.db import db
from app.embed import published
from app.sites.models import Site
from tests.conftest import found
from tests.pages import OPEN_ROOTS, WATCH

from .chat import MOVES, NOT_DRIVEN, PERSON
from .hosts import watch
from .stand_in import StandIn

expect.set_options(timeout=10_000)


@pytest.fixture
def candor():
    """The stand-in of the server."""
    stand_in = StandIn()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def open_page(browser, candor):
    """Opens the host page of `candor`; the page must not have noticed anything when the test ends."""
    contexts = []

    def open_page(init="", go=True, closed=False, **options):
        # What is measured stands still, unless a test is about motion.
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.console_errors = []
        page.on("console", lambda m: m.type == "error" and page.console_errors.append(m.text))
        watch(page)
        page.add_init_script(WATCH + ("" if closed else OPEN_ROOTS))
        if init:
            page.add_init_script(init)
        if go:
            page.goto(candor.page_url)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            noticed, shift = page.evaluate("[window.noticed || [], window.shift || 0]")
            assert noticed == []
            assert shift == 0
        context.close()


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

        server = make_server("127.0.0.1", 0, app, threaded=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{server.port}/"

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
        watch(page)
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
