"""What happens in a conversation reaches the pages of its guest over the socket, and no other."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
import requests
import websocket

from app.accounts.models import Member
from app.chat.models import Conversation
from app.core.db import db

ORIGIN = "https://shop.acme.example"


class Page:
    """A page of a visitor on the real server."""

    def __init__(self, url, key):
        self.url, self.key, self.token, self.ws = url, key, "", None

    def call(self, method, path, **options):
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {self.token}"}
        address = f"{self.url}/widget/v1/{path}"
        return requests.request(method, address, headers=headers, timeout=10, **options)

    def begin(self, body="Hello"):
        said = {"site": self.key, "client_id": str(uuid4()), "body": body}
        answer = self.call("POST", "conversations", json=said).json()
        self.token, self.conversation = answer["token"], answer["id"]

    def write(self, body):
        said = {"client_id": str(uuid4()), "body": body}
        path = f"conversations/{self.conversation}/messages"
        return self.call("POST", path, json=said).json()

    def join(self, token=None):
        address = self.url.replace("http", "ws") + "/widget/v1/ws"
        self.ws = websocket.create_connection(address, origin=ORIGIN, timeout=5)
        self.say(type="join_widget", site=self.key, chat=token or self.token)
        assert self.hear("joined")

    def say(self, **frame):
        self.ws.send(json.dumps(frame))

    def hear(self, kind):
        """The next frame of this kind."""
        while True:
            frame = json.loads(self.ws.recv())
            if frame["type"] == kind:
                return frame


@pytest.fixture
def pages(program, acme, chatting):
    made = []

    def make():
        made.append(Page(program.url, acme.site_key))
        return made[-1]

    yield make
    for page in made:
        if page.ws:
            page.ws.close()


@pytest.fixture
def reply(inside, acme):
    def send(page, body, note=False):
        with inside(acme):
            conversation = db.session.get_one(Conversation, UUID(page.conversation))
            member = db.session.query(Member).first()
            (conversation.note if note else conversation.reply)(member, body)
            db.session.commit()

    return send


@pytest.fixture
def quiet():
    def check(page):
        page.say(type="ping")
        while (frame := json.loads(page.ws.recv()))["type"] != "pong":
            assert frame["type"] not in ("message", "status", "typing"), frame

    return check


def test_a_reply_reaches_both_tabs_and_nobody_else(pages, reply, quiet):
    first, other = pages(), pages()
    first.begin()
    second = pages()
    second.token = first.token
    other.begin("Mine")
    for page in (first, second, other):
        page.join()
    reply(first, "Yes, we do")
    for page in (first, second):
        told = page.hear("message")["data"]
        assert (told["body"], told["seq"], told["previous"]) == ("Yes, we do", 2, 1)
        assert told["author"] == "agent" and told["name"] == "Alice"
    quiet(other)


def test_a_note_is_told_to_no_visitor_and_leaves_no_gap(pages, reply):
    page = pages()
    page.begin()
    page.join()
    reply(page, "He is a regular", note=True)
    reply(page, "Hello Ada")
    told = page.hear("message")["data"]
    assert (told["body"], told["seq"], told["previous"]) == ("Hello Ada", 3, 1)
    read = page.call("GET", f"conversations/{page.conversation}/messages").json()
    assert "regular" not in json.dumps(read)


def test_what_is_written_in_one_tab_is_seen_in_the_other(pages):
    first, second = pages(), pages()
    first.begin()
    second.token = first.token
    second.join()
    sent = first.write("From the first")
    assert second.hear("message")["data"] == sent


def test_a_forged_token_joins_but_hears_nothing(pages, reply, quiet):
    page, thief = pages(), pages()
    page.begin()
    thief.join(token=page.token[:-2] + ("AA" if page.token[-2:] != "AA" else "BB"))
    reply(page, "Secret")
    quiet(thief)


def test_reading_is_told_over_the_socket_and_only_of_his_own(pages, reply, quiet):
    page, other = pages(), pages()
    page.begin()
    other.begin()
    page.join()
    other.join()
    reply(page, "Hello")
    page.hear("message")
    page.say(type="read", conversation=page.conversation, seq=2)
    while page.hear("status")["data"]["seen"] != 2:
        pass
    other.say(type="read", conversation=page.conversation, seq=2)
    assert other.hear("error")["code"] == "not_yours"
    other.say(type="typing", conversation=page.conversation)
    assert other.hear("error")["code"] == "not_yours"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "read"},
        {"type": "read", "conversation": 7, "seq": 1},
        {"type": "read", "conversation": "x", "seq": True},
        {"type": "read", "conversation": "x", "seq": 10**30},
        {"type": "typing", "conversation": {"a": []}},
        {"type": "typing"},
    ],
)
def test_hostile_frames_are_answered_and_break_nothing(pages, frame):
    page = pages()
    page.begin()
    page.join()
    page.say(**frame)
    assert page.hear("error")["code"]
    page.say(type="ping")
    assert page.hear("pong")
