"""The live page: what it tells by one plain reading, and its socket against the real server."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
import requests
import websocket
from playwright.sync_api import expect
from sqlalchemy import select

from app.accounts.models import Member, User
from app.accounts.permissions import Role
from app.core.db import db
from app.sites.models import Site
from tests.conftest import PASSWORD
from tests.visits import BOT, FRANCE, PHONE, ago, event, send

VERA = "vera@acme.example"


@pytest.fixture
def read(acme, sign_in):
    def page(query="", email="alice@acme.example"):
        answer = sign_in(email).get(f"/o/{acme.slug}/live{query}")
        assert answer.status_code == 200
        return unescape(answer.text)

    return page


def test_it_tells_who_is_there_and_what_they_do(client, acme, read, eventually, join):
    join(VERA, Role.VIEWER)
    send(client, acme, event(acme, "/tea?utm_source=letter&utm_medium=email"), address=FRANCE)
    value = {"amount": 500, "currency": "USD"}
    send(
        client,
        acme,
        event(acme, "/cart", "cart_add", value=value),
        {**event(acme), "id": "x"},
        browser=PHONE,
    )
    send(client, acme, event(acme), browser=BOT)
    text = eventually(
        lambda: read(email=VERA), lambda page: '<strong class="live-now__number">2</strong>' in page
    )
    for words in (
        "visitors now", "/tea", "/cart", "France", "Desktop", "Mobile", "letter · E-mail", "Direct",
        "Cart add", "$5.00", "Bots", "Not an event", "Page views",
    ):  # fmt: skip
        assert words in text, words
    assert "198.51.100" not in text and FRANCE[:5] not in text


def test_when_nobody_is_there_it_tells_who_was_last(client, acme, read):
    send(client, acme, event(acme, "/goodbye", at=ago(hours=2)))
    text = read()
    assert 'live-now__number">0<' in text
    assert "The last one was here" in text and "/goodbye" in text


def test_before_the_snippet_is_in_it_leads_there(acme, read):
    text = read()
    assert "The snippet was not seen yet" in text and f"/sites/{acme.site_id}/snippet" in text


def test_where_all_that_came_was_dropped_it_says_so(client, acme, read, eventually, sign_in):
    send(client, acme, event(acme), browser=BOT)
    text = eventually(read, lambda text: "was dropped" in text)
    assert "One event came" in text and f"/sites/{acme.site_id}/drops" in text
    path = f"/o/{acme.slug}/sites/{acme.site_id}/events"
    assert "One event came" in sign_in("alice@acme.example").get(path).text


def test_among_several_sites_one_is_chosen_and_stays_in_the_address(acme, inside, client, read):
    with inside(acme):
        other = Site.create(name="Other shop", domains=["other.example"])
        db.session.commit()
        other_id = other.id
    assert "Choose a site" in read() and "Other shop" in read()
    assert "live-now" not in read(f"?site={other_id}") and "Other shop" in read(f"?site={other_id}")
    send(client, acme, event(acme))
    text = read(f"?site={acme.site_id}")
    assert "live-now" in text and f"/live?site={acme.site_id}" in text


# --- its socket ----------------------------------------------------------------------------------


@pytest.fixture
def enter(program):
    """A browser's cookie of a member."""

    def sign_in(email):
        session = requests.Session()
        form = session.get(f"{program.url}/sign-in", timeout=5).text
        token = form.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        data = {"email": email, "password": PASSWORD, "csrf_token": token}
        answer = session.post(f"{program.url}/sign-in", data=data, timeout=5)
        assert answer.ok and "/sign-in" not in answer.url
        return session

    return sign_in


@pytest.fixture
def listen(program, acme):
    opened = []

    def connect(session, tenant=acme, origin=None, site_id=None):
        address = program.url.replace("http", "ws")
        cookies = "; ".join(f"{each.name}={each.value}" for each in session.cookies)
        ws = websocket.create_connection(
            f"{address}/o/{tenant.slug}/live/{site_id or tenant.site_id}/ws",
            origin=origin or program.url,
            cookie=cookies,
            timeout=10,
        )
        opened.append(ws)
        return ws

    yield connect
    for ws in opened:
        ws.close()


class Through:
    """Events sent to the running program, as `send` does it."""

    def __init__(self, url):
        self.url = url

    def post(self, path, json, headers, environ_overrides):
        answer = requests.post(self.url + path, json=json, headers=headers, timeout=10)
        answer.json = answer.json()
        return answer


def closing_code(ws, seconds=15):
    """Why it is closed, within that long; pings come meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        opcode, data = ws.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return int.from_bytes(data[:2], "big")
    return None


def test_an_event_nudges_the_live_pages_of_its_site_and_no_others(
    program, acme, umbrella, enter, listen
):
    mine, theirs = (
        listen(enter("alice@acme.example")),
        listen(enter("charlie@umbrella.example"), umbrella),
    )
    send(Through(program.url), acme, event(acme))
    assert mine.recv() == '{"type":"live"}'
    theirs.settimeout(1.5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        theirs.recv()


def test_a_rush_is_told_at_most_twice_a_second(program, acme, enter, listen):
    ws = listen(enter("alice@acme.example"))
    started = time.monotonic()
    while time.monotonic() - started < 3:
        send(Through(program.url), acme, event(acme))
    ws.settimeout(1.5)
    nudges = 0
    try:
        while ws.recv():
            nudges += 1
    except websocket.WebSocketTimeoutException:
        pass
    # Two web processes, each of which tells at most twice a second.
    assert 2 <= nudges <= 2 * 2 * (time.monotonic() - started)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_origin_is_refused_before_the_upgrade(enter, listen, origin):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        listen(enter("alice@acme.example"), origin=origin)
    assert refused.value.status_code == 403


def test_nobody_else_gets_in(program, acme, umbrella, enter, listen):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": program.url}
    address = f"{program.url}/o/{acme.slug}/live/{acme.site_id}/ws"
    answer = requests.get(address, headers=upgrade, timeout=5, allow_redirects=False)
    assert answer.status_code == 302 and "/sign-in" in answer.headers["Location"]
    alice = enter("alice@acme.example")
    for tenant, site_id in ((umbrella, None), (acme, umbrella.site_id)):
        with pytest.raises(websocket.WebSocketBadStatusException) as stranger:
            listen(alice, tenant, site_id=site_id)
        assert stranger.value.status_code == 404


def test_who_is_suspended_or_signed_out_hears_nothing_more_within_five_seconds(
    program, acme, join, inside, enter, listen
):
    join(VERA, Role.VIEWER)
    vera, alice = enter(VERA), enter("alice@acme.example")
    hers, his = listen(vera), listen(alice)
    with inside(acme):
        found = select(Member).join(User).where(Member.role == "viewer")
        db.session.scalars(found).one().suspend(by=lambda role: True)
        db.session.commit()
    started = time.monotonic()
    assert closing_code(hers) == 1008
    assert time.monotonic() - started < 8, "five seconds, and a slow machine"
    page = alice.get(f"{program.url}/o/{acme.slug}/", timeout=5).text
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    assert alice.post(f"{program.url}/sign-out", data={"csrf_token": token}, timeout=5).ok
    assert closing_code(his) == 1008


def test_whatever_is_sent_to_it_breaks_nothing(program, acme, enter, listen):
    ws = listen(enter("alice@acme.example"))
    for text in ("", "{", '{"type": "join_widget"}', "x" * 10_000):
        ws.send(text)
    ws.send_binary(b"\x00\xff")
    send(Through(program.url), acme, event(acme))
    assert ws.recv() == '{"type":"live"}'


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def open_live(program, acme, browser):
    contexts = []

    def open_page():
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{program.url}/sign-in")
        page.get_by_label("E-mail").fill("alice@acme.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/o/{acme.slug}/")
        page.get_by_role("link", name="Live").first.click()
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_page_moves_by_itself(program, acme, open_live):
    page = open_live()
    expect(page.get_by_text("The snippet was not seen yet")).to_be_visible()
    with page.expect_response(lambda answer: "/live?site=" in answer.url, timeout=40_000):
        send(Through(program.url), acme, event(acme, "/first"))
    expect(page.get_by_role("heading", name="visitor now")).to_be_visible(timeout=40_000)
    send(Through(program.url), acme, event(acme, "/second"))
    expect(page.locator("#live").get_by_text("/second").first).to_be_visible(timeout=40_000)
    assert page.errors == []


def test_who_was_signed_out_is_asked_to_sign_in(program, acme, open_live, inside):
    page = open_live()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    expect(page.locator("[data-live]").first).to_be_attached()
    page.context.clear_cookies()
    send(Through(program.url), acme, event(acme))
    page.wait_for_url(re.compile("/sign-in\\?"), timeout=40_000)
