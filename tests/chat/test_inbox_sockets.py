"""What agents hear over their socket: each message once as HTML, who types, who looks, who is there."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from uuid import uuid4

import pytest
import requests
import websocket
from redis import Redis

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.core import bus, clock
from app.core.db import db
from tests.conftest import PASSWORD

ORIGIN = "https://shop.acme.example"


class Desk:
    """The inbox of an agent on the real server."""

    def __init__(self, url, slug, email):
        self.url, self.slug, self.ws = url, slug, None
        self.http = requests.Session()
        page = self.http.get(f"{url}/sign-in", timeout=10).text
        self.token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        form = {"email": email, "password": PASSWORD, "csrf_token": self.token}
        self.http.post(f"{url}/sign-in", data=form, timeout=20)

    def listen(self, origin=None):
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies)
        address = f"{self.url.replace('http', 'ws')}/o/{self.slug}/ws/inbox"
        self.ws = websocket.create_connection(
            address, origin=origin or self.url, cookie=cookie, timeout=8
        )

    def say(self, **frame):
        self.ws.send(json.dumps(frame))

    def hear(self, kind):
        """The next frame of this kind; `html` is a message."""
        while True:
            text = self.ws.recv()
            if not text.startswith("{"):
                if kind == "html":
                    return text
            elif (frame := json.loads(text))["type"] == kind:
                return frame

    def quiet(self, typing_since=None):
        """Nothing but what may always come; and that somebody types, told once before, is told once a
        second, should the server take that long to hear of it."""
        self.ws.settimeout(1)
        told = 1
        try:
            while True:
                text = self.ws.recv()
                if typing_since and '"typing"' in text:
                    told += 1
                    assert told <= 1 + time.monotonic() - typing_since, text
                    continue
                assert '"resync"' in text or '"here"' in text, text
        except websocket.WebSocketTimeoutException:
            self.ws.settimeout(8)


@pytest.fixture
def desks(program, acme, join, eventually):
    made, store = [], Redis.from_url(program.environ["REDIS_URL"])

    def there():
        """How many inboxes are open, as all processes know."""
        return sum(map(store.zcard, store.scan_iter(f"{bus.PREFIX}recent:agents:*")))

    def open_desk(email, role=Role.AGENT, slug=None, listen=True):
        if email.endswith("@acme.example") and not email.startswith("alice"):
            join(email, role)
        desk = Desk(program.url, slug or acme.slug, email)
        made.append(desk)
        if listen:
            before = there()
            desk.listen()
            # It is accepted a moment before it is told of anything.
            eventually(there, lambda number: number > before)
        return desk

    yield open_desk
    for desk in made:
        if desk.ws:
            desk.ws.close()


@pytest.fixture
def guest(program, acme, chatting):
    """Writes from a page; answers the conversation's id."""

    def write(body, conversation=None, token=""):
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {token}"}
        said = {"site": acme.site_key, "client_id": str(uuid4()), "body": body}
        more = f"/{conversation}/messages" if conversation else ""
        address = f"{program.url}/widget/v1/conversations{more}"
        answer = requests.post(address, json=said, headers=headers, timeout=10).json()
        return (answer.get("token"), answer["id"]) if not conversation else answer

    return write


def test_a_message_of_a_visitor_reaches_each_agent_as_the_html_of_the_page(desks, guest):
    bob, carol = desks("bob@acme.example"), desks("carol@acme.example")
    _token, conversation = guest("Do you <b>ship</b>?")
    told = [bob.hear("html"), carol.hear("html")]
    assert told[0] == told[1]
    page = bob.http.get(f"{bob.url}/o/{bob.slug}/inbox/{conversation}", timeout=10).text
    article = re.search(r"<article.*?</article>", told[0], re.S)[0]
    squeezed = re.sub(r"\s+", " ", page)
    assert re.sub(r"\s+", " ", article) in squeezed and "&lt;b&gt;ship" in article


def test_typing_and_looking_are_told_to_colleagues(desks, guest):
    bob, carol = desks("bob@acme.example"), desks("carol@acme.example")
    _token, conversation = guest("Hello")
    bob.say(type="looking", conversation=conversation)
    told = carol.hear("looking")
    assert (told["name"], told["conversation"]) == ("Bob", conversation)
    # Whoever comes later is told as well.
    carol.say(type="looking", conversation=conversation)
    while (told := carol.hear("looking"))["name"] != "Bob":
        pass
    bob.say(type="typing", conversation=conversation)
    told = carol.hear("typing")
    assert (told["name"], told["author"], told["note"]) == ("Bob", "agent", False)
    bob.say(type="looking", conversation=None)
    assert carol.hear("left")["name"] == "Bob"


def test_who_closes_the_inbox_or_is_away_is_not_there(desks, guest, eventually):
    alice = desks("alice@acme.example", listen=False)
    _token, conversation = guest("Hello")

    def there():
        address = f"{alice.url}/o/{alice.slug}/inbox/{conversation}"
        page = alice.http.get(address, timeout=10).text
        return "Bob" in page.split('<optgroup label="Not available">')[0].split("Available")[-1]

    bob = desks("bob@acme.example")
    eventually(there, bool)
    bob.say(type="here", away=True)
    eventually(lambda: not there(), bool)
    bob.say(type="here", away=False)
    eventually(there, bool)
    bob.ws.close()
    eventually(lambda: not there(), bool)


@pytest.fixture
def member(inside, acme):
    def find(name):
        with inside(acme):
            found = db.session.query(Member).all()
            return next(each.id for each in found if each.user.name == name)

    return find


def test_another_organization_hears_nothing_and_tells_nothing(desks, guest, umbrella):
    bob = desks("bob@acme.example")
    charlie = desks("charlie@umbrella.example", slug=umbrella.slug)
    _token, conversation = guest("Hello")
    bob.hear("html")
    charlie.say(type="looking", conversation=conversation)
    charlie.say(type="typing", conversation=conversation)
    bob.quiet()
    charlie.quiet()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type": "typing"}',
        '{"type": "typing", "conversation": 7}',
        '{"type": "looking", "conversation": "x"}',
        '{"type": ["looking"], "conversation": null}',
        '{"type": "here", "away": {"a": 1}}',
        '{"a": ' * 2000,
    ],
)
def test_what_is_no_frame_breaks_nothing(desks, guest, text):
    bob = desks("bob@acme.example")
    bob.ws.send(text)
    guest("Still there?")
    assert "Still there?" in bob.hear("html")


def test_who_may_not_read_conversations_gets_no_socket(desks, program):
    vera = desks("vera@acme.example", Role.VIEWER, listen=False)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        vera.listen()
    assert refused.value.status_code == 403
    bob = desks("bob@acme.example", listen=False)
    with pytest.raises(websocket.WebSocketBadStatusException):
        bob.listen(origin="https://evil.example")


def test_who_is_suspended_hears_nothing_more(desks, inside, acme, member):
    bob = desks("bob@acme.example")
    with inside(acme):
        db.session.get_one(Member, member("Bob")).suspended_at = clock.now()
        db.session.commit()
    bob.ws.settimeout(15)
    codes = []
    while not codes:
        opcode, data = bob.ws.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            codes.append(int.from_bytes(data[:2]))
    assert codes == [1008]


def test_what_another_process_may_not_have_told_is_read_again(desks, app):
    bob = desks("bob@acme.example")
    bob.quiet()
    with app.app_context():
        bus.redis().publish(bus.PREFIX + bus.MISSED, "{}")
    assert bob.hear("resync")


def test_who_says_too_much_is_closed(desks):
    bob = desks("bob@acme.example")
    # It may be closed before all of it is said.
    with suppress(OSError, websocket.WebSocketException):
        for _ in range(400):
            bob.say(type="here", away=False)
    # Only read: whoever answered, as one does, would find that the other end is gone.
    frame = bob.ws.recv_frame()
    while frame.opcode != websocket.ABNF.OPCODE_CLOSE:
        frame = bob.ws.recv_frame()
    assert int.from_bytes(frame.data[:2]) == 1008


def test_one_member_leaves_room_for_the_others(desks, program):
    greedy, opened = desks("bob@acme.example", listen=False), []
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        for _ in range(200):
            greedy.listen()
            opened.append(greedy.ws)
    assert refused.value.status_code == 503 and 20 <= len(opened) <= 44
    desks("carol@acme.example").quiet()
    for each in opened:
        each.close()


def test_a_visitor_who_types_is_told_once_a_second(desks, guest, acme):
    bob = desks("bob@acme.example")
    token, conversation = guest("Hello")
    bob.hear("html")
    page = websocket.create_connection(
        f"{bob.url.replace('http', 'ws')}/widget/v1/ws", origin=ORIGIN, timeout=8
    )
    page.send(json.dumps({"type": "join_widget", "site": acme.site_key, "chat": token}))
    began = time.monotonic()
    for _ in range(5):
        page.send(json.dumps({"type": "typing", "conversation": conversation}))
    told = bob.hear("typing")
    assert (told["author"], told["conversation"]) == ("visitor", conversation)
    bob.quiet(typing_since=began)
    page.send(json.dumps({"type": "typing", "conversation": conversation}))
    assert bob.hear("typing")
    page.close()


def test_what_cannot_be_drawn_is_read_again_and_the_next_is_told(app, acme, desks, guest):
    bob = desks("bob@acme.example")
    guest("Are you there?")
    assert "Are you there?" in bob.hear("html")
    with app.app_context():
        bus.publish(
            f"inbox:{acme.id.hex}", {"type": "message", "message": "none", "conversation": "x"}
        )
    assert bob.hear("resync")
    guest("And this?")
    assert "And this?" in bob.hear("html")
