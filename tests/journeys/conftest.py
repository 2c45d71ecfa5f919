"""What the journeys share: browsers that notice errors, and somebody's pages on hosts of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from flask import Flask
from playwright.sync_api import Error, expect
from werkzeug.serving import make_server

from tests.conftest import PASSWORD, Tenant, found
from tests.pages import OPEN_ROOTS, WATCH
from tests.services import free_port

expect.set_options(timeout=10_000)

# A form that comes back is an answer like any other; htmx tells of each request that the next
# letter made needless.
EXPECTED = ("422", "htmx:afterRequest", "htmx:sendAbort")

PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36"
)
# A browser that a program drives says so, and would be a bot.
NOT_DRIVEN = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a browser of its own, which looks into the widget and keeps in `errors`
    what its console says."""
    contexts = []

    def open_page(address: str, watch: bool = False, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(OPEN_ROOTS)
        page = context.new_page()
        page.errors = []
        page.on("console", lambda message: _notice(page, message))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        if watch:
            page.add_init_script(WATCH)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


def is_ready(page: Any) -> None:
    """Waits until the scripts of the page that one came to listen to clicks and keys: what the server
    has drawn is there before them."""
    page.wait_for_load_state()


def until(page: Any, expression: str, argument: Any = None, seconds: float = 15) -> Any:
    """What that is in the page, once it is something. A policy that forbids `eval` lets playwright
    evaluate it once and not wait for it."""
    deadline = time.monotonic() + seconds
    while True:
        # The next page may be on its way.
        with suppress(Error):
            if found := page.evaluate(expression, argument):
                return found
        assert time.monotonic() < deadline, f"never {expression}"
        page.wait_for_timeout(50)


def _notice(page: Any, message: Any) -> None:
    if message.type == "error" and not any(words in message.text for words in EXPECTED):
        page.errors.append(message.text)


@pytest.fixture
def host() -> Iterator[Callable[..., str]]:
    """Serve a page with this snippet on localhost, and say its address."""
    servers = []

    def serve(snippet: str, **headers: str) -> str:
        body = f"<!doctype html><title>Shop</title><h1>Tea</h1><p>Very good tea.</p>{snippet}"
        app = Flask("host")
        app.add_url_rule("/", view_func=lambda: (body, headers))
        app.add_url_rule("/favicon.ico", "icon", view_func=lambda: ("", 204))
        port = free_port()
        server = make_server("127.0.0.1", port, app, threaded=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{port}/"

    yield serve
    for server in servers:
        server.shutdown()


@pytest.fixture
def shop(app: Any) -> Tenant:
    """A tenant whose site runs on localhost, where the host pages are."""
    with app.app_context():
        return found("Acme", "alice@acme.example", "localhost")


@pytest.fixture
def shop_page(program: Any, shop: Tenant, host: Any, visit: Any) -> Any:
    """An open page of the shop with its snippet, and the console's errors in `errors`."""
    return visit(host(f'<script async src="{program.url}/w/{shop.site_key}.js"></script>'))


@pytest.fixture
def walk_in(program: Any, shop: Tenant, host: Any, visit: Any) -> Callable[..., Any]:
    """Open the shop's page as a person does."""

    def walk_in(body: str = "", go: bool = True) -> Any:
        snippet = f'<script async src="{program.url}/w/{shop.site_key}.js"></script>'
        address = host(body + snippet)
        page = visit("about:blank", watch=True, user_agent=PERSON)
        page.add_init_script(NOT_DRIVEN)
        page.address = address
        if go:
            page.goto(address)
        return page

    return walk_in


@pytest.fixture
def published(program: Any, shop: Tenant) -> str:
    """The id of a campaign of recent activity that visitors see without a delay."""
    answer = requests.post(
        f"{program.url}/api/v1/campaigns",
        headers=shop.bearer,
        timeout=5,
        json={
            "site_id": str(shop.site_id),
            "name": "Bookings",
            "format": "recent_activity",
            "content": {
                "template": "{{first_name}} booked {{product}}",
                "types": ["booking"],
                "gap": 0,
            },
            "triggers": {"delay": 0},
            "status": "published",
        },
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.fixture
def dashboard(visit: Any, program: Any) -> Callable[..., Any]:
    """Sign in and be at home."""

    def open_dashboard(email: str = "alice@acme.example", **options: Any) -> Any:
        page = visit(f"{program.url}/sign-in", **options)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Home")).to_be_visible()
        is_ready(page)
        return page

    return open_dashboard
