"""A shop on another origin than Candor's, and its visitors' browsers."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.conftest import found
from tests.pages import OPEN_ROOTS, WATCH
from tests.services import free_port


@pytest.fixture
def shop(app):
    """A tenant whose site runs on localhost, where the host page is."""
    with app.app_context():
        return found("Acme", "alice@acme.example", "localhost")


@pytest.fixture
def host_page(program, shop):
    """Somebody's shop on another origin, whose policy allows the Candor host and nothing else."""
    sockets = program.url.replace("http", "ws")
    policy = (
        f"default-src 'self'; script-src {program.url}; connect-src {program.url} {sockets}; "
        f"img-src 'self' {program.url}; style-src 'self'; require-trusted-types-for 'script'; "
        "trusted-types candor"
    )
    snippet = f'<script async src="{program.url}/w/{shop.site_key}.js"></script>'
    body = f"<!doctype html><title>Shop</title><h1>Tea</h1><p>Very good tea.</p>{snippet}"
    server_app = Flask("host")
    server_app.add_url_rule("/", view_func=lambda: (body, {"Content-Security-Policy": policy}))
    server_app.add_url_rule("/favicon.ico", "icon", view_func=lambda: ("", 204))
    port = free_port()
    server = make_server("127.0.0.1", port, server_app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{port}/"
    server.shutdown()


@pytest.fixture
def visit(browser):
    contexts = []

    def open_page(address, watch=False):
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on(
            "console", lambda message: message.type == "error" and page.errors.append(message.text)
        )
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        if watch:
            page.add_init_script(WATCH + OPEN_ROOTS)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
