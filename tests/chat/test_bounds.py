"""What the chat's address refuses, however it is asked: too much, too often, of somebody else, or
where there is none."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from app.accounts.models import Member
from app.chat import tokens
from app.chat.models import ChatSettings, Conversation, Guest
from app.core import bus, pictures
from app.core.db import db
from app.embed import chat_limits, conversations, published
from app.sites.models import Site
from app.tracking.models import Visitor
from app.webhooks.models import Delivery, Endpoint
from tests.chat.test_writing import png, texts, upload
from tests.visits import FIREFOX, event, send

NEVER = [[] for _ in range(7)]


@pytest.fixture
def spend(monkeypatch):
    """This key has done all that it may, and for an hour nothing is added."""

    def take(name, key):
        buckets = getattr(chat_limits, name)
        monkeypatch.setattr(buckets, "_rate", 1 / 3600)
        while buckets.take(key):
            pass

    return take


def guest_of(inside, acme):
    with inside(acme):
        return db.session.query(Guest).one().id


# How often


def test_one_address_begins_so_many_and_learns_when_it_may_again(another, monkeypatch):
    monkeypatch.setattr(chat_limits, "BEGINNINGS_OF_ADDRESS", "5 per minute; 2 per hour")
    for _ in range(2):
        assert another().begin().status_code == 201
    refused = another().begin()
    assert refused.status_code == 429 and refused.headers["Retry-After"] == "3600"
    assert another(address="203.0.113.9").begin().status_code == 201


def test_one_guest_writes_so_often_and_another_is_not_hindered(
    writer, another, inside, acme, spend
):
    writer.begin()
    spend("writers", guest_of(inside, acme).hex)
    refused = writer.write("More")
    assert refused.status_code == 429 and refused.headers["Retry-After"]
    assert writer.begin("Another beginning").status_code == 429
    other = another(address="203.0.113.9")
    assert other.begin().status_code == 201
    assert texts(writer.read()) == ["Hello"]


def test_one_address_writes_so_often_and_another_is_not_hindered(writer, another, acme, spend):
    writer.begin()
    spend("addresses", writer.address)
    assert writer.write("More").status_code == 429
    assert another().begin().status_code == 429
    for method, path, said in (
        ("GET", f"chat/{acme.site_key}", None),
        ("POST", f"chat/{acme.site_key}/openings", {}),
        ("POST", f"chat/{acme.site_key}/resumption", {}),
        ("PUT", f"chat/{acme.site_key}/identity", {}),
    ):
        assert writer.call(method, path, json=said).status_code == 429, path
    assert another(address="203.0.113.9").begin().status_code == 201
    # What was said already may be read all the same.
    assert writer.read().status_code == 200
    spend("readers", writer.address)
    assert writer.read().status_code == 429
    assert writer.call("GET", "files/a-token-that-nobody-has").status_code == 429


def test_one_address_opens_panels_so_often_and_receivers_are_told_no_more(
    writer, another, acme, inside, monkeypatch
):
    monkeypatch.setattr(chat_limits, "PANELS_OF_ADDRESS", "5 per minute")
    with inside(acme):
        Endpoint.create("https://example.com/hook", ["*"])
        db.session.commit()
    paths = [f"chat/{acme.site_key}/{noun}" for noun in ("openings", "closings")]
    answers = [writer.call("POST", path, json={}) for path in paths * 4]
    assert [each.status_code for each in answers] == [204] * 5 + [429] * 3
    assert answers[-1].headers["Retry-After"] == "60"
    assert another(address="203.0.113.9").call("POST", paths[0], json={}).status_code == 204
    with inside(acme):
        told = [each.type for each in db.session.query(Delivery)]
    assert sorted(told) == ["chat.closed"] * 2 + ["chat.opened"] * 4
    # He may write all the same.
    assert writer.begin().status_code == 201


def test_files_come_at_a_measured_pace(writer, spend):
    writer.begin()
    spend("uploads", writer.address)
    assert upload(writer, png(), "a.png").status_code == 429
    assert writer.write("Words may come").status_code == 201


def test_no_mailbox_is_filled_by_another_spelling(another, chatting):
    chatting(week=NEVER)
    for email in ("victim@example.com", "Victim@example.com", "victim@Example.com"):
        assert another().begin("Hello", email=email).status_code == 201
    page = another()
    page.begin("Hello", email="VICTIM@example.com")
    path = f"conversations/{page.conversation}/transcript"
    assert page.call("POST", path, json={}).status_code == 429


def test_one_address_sends_so_much_mail_through_all_processes_together(another, chatting, app):
    page = another()
    page.begin("Hello", email="ada@example.com")
    path = f"conversations/{page.conversation}/transcript"
    for number in range(10):
        said = {"email": f"ada{number}@example.com"}
        assert page.call("POST", path, json=said).status_code == 202
    answer = page.call("POST", path, json={})
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "3600"
    # No process remembers it by itself.
    with app.app_context():
        bus.redis().flushall()
    assert page.call("POST", path, json={}).status_code == 202


def test_one_address_begins_so_much_through_all_processes_together(another, app):
    codes = [another().begin().status_code for _ in range(31)]
    assert codes == [201] * 30 + [429]
    assert another(address="203.0.113.9").begin().status_code == 201
    # The same house has a million other addresses of the new kind.
    assert another(address="2001:db8::1").begin().status_code == 201
    for number in range(2, 31):
        assert another(address=f"2001:db8::{number:x}").begin().status_code == 201
    assert another(address="2001:db8::ffff:ffff").begin().status_code == 429
    # No process remembers it by itself.
    with app.app_context():
        bus.redis().flushall()
    assert another().begin().status_code == 201


def test_one_address_sends_so_many_files_through_all_processes_together(writer, app, monkeypatch):
    monkeypatch.setattr(chat_limits, "UPLOADS_OF_ADDRESS", "3 per hour")
    writer.begin()
    codes = [upload(writer, png(), "a.png").status_code for _ in range(4)]
    assert codes == [201, 201, 201, 429]
    assert writer.write("Words may come").status_code == 201
    with app.app_context():
        bus.redis().flushall()
    assert upload(writer, png(), "a.png").status_code == 201


def test_nobody_waits_for_a_picture_that_waits_for_others(writer, another):
    writer.begin()
    pictures._turn.acquire()
    try:
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(upload, writer, png(), "a.png")
            time.sleep(0.5)
            began = time.monotonic()
            assert another(address="203.0.113.9").begin().status_code == 201
            assert time.monotonic() - began < 2
            pictures._turn.release()
            assert sent.result().status_code == 201
    finally:
        pictures._turn = threading.BoundedSemaphore(1)


# What


def test_more_than_a_message_needs_is_refused_unread(writer, acme):
    for said in ({"name": "x" * 200_000}, {"body": "x" * 200_000}):
        answer = writer.begin(**said)
        assert answer.status_code == 413
        assert answer.headers["Access-Control-Allow-Origin"] == f"https://{acme.domain}"
    assert writer.begin("\U0001f600" * 8000).status_code == 201
    assert writer.write("\U0001f600" * 8000).status_code == 201
    assert writer.write("x" * 200_000).status_code == 413
    for noun in ("reading", "rating", "closure"):
        path = f"conversations/{writer.conversation}/{noun}"
        assert writer.call("PUT", path, json={"x": "x" * 200_000}).status_code == 413, noun


def test_an_address_of_a_hundred_thousand_blanks_is_refused_at_once(writer, client):
    address = "a" + " " * 100_000 + "@b.example"
    began = time.process_time()
    for _ in range(5):
        assert writer.begin(email=address).status_code == 422
    assert time.process_time() - began < 0.5


def test_files_are_refused_where_the_site_takes_none(writer, chatting):
    chatting(takes_files=False)
    writer.begin()
    answer = upload(writer, png(), "a.png")
    assert answer.status_code == 422 and "takes no files" in answer.json["error"]["message"]


def test_what_is_off_hears_nothing_more_also_in_what_was_begun(writer, chatting):
    writer.begin()
    chatting(on=False)
    assert writer.write("Still there?").json["error"]["code"] == "no_chat"
    assert texts(writer.read()) == ["Hello"]


def test_a_comment_has_its_length(writer):
    writer.begin()
    path = f"conversations/{writer.conversation}/rating"
    assert writer.call("PUT", path, json={"rating": 5, "comment": "x" * 2001}).status_code == 422
    assert writer.call("PUT", path, json={"rating": 5, "comment": "x" * 2000}).status_code == 200


@pytest.mark.parametrize("body", ["\ud800", "a\ud83d"])
def test_what_cannot_be_stored_is_no_message(writer, body):
    writer.begin()
    answer = writer.write(body)
    assert answer.status_code in (400, 422), answer.status_code
    assert texts(writer.read()) == ["Hello"]


def test_a_long_conversation_is_read_in_pages(writer, inside, acme, monkeypatch):
    monkeypatch.setattr(conversations, "MOST_READ", 3)
    writer.begin("1")
    for number in range(2, 6):
        writer.write(str(number))
    first, rest = writer.read(), writer.read(after=3)
    assert (texts(first), first.json["more"]) == (["1", "2", "3"], True)
    assert (texts(rest), rest.json["more"]) == (["4", "5"], False)


def test_nobody_there_wants_an_address_though_the_site_asks_for_none(writer, chatting):
    chatting(week=NEVER, asks="nothing")
    assert writer.begin().json["error"]["details"] == {
        "email": ["Tell us your e-mail address first."]
    }
    assert writer.begin(email="ada@example.com").status_code == 201


def test_nobody_there_is_said_once(writer, chatting):
    chatting(week=NEVER, texts={"en": {"away": "We are asleep."}})
    writer.begin("Hello", email="ada@example.com")
    writer.write("Hello?")
    assert texts(writer.read()) == ["Hello", "We are asleep.", "Hello?"]


def test_what_is_in_a_file_does_nothing_here(writer):
    writer.begin()
    sent = upload(writer, png(), "a.png").json["file"]
    got = writer.client.get(sent["url"].replace("http://candor.test", ""))
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got.headers["X-Content-Type-Options"] == "nosniff"


def test_he_stands_where_he_wrote_last(writer, inside, acme):
    chat_limits.noted.reset()
    writer.begin()
    chat_limits.noted.reset()
    writer.address = "203.0.113.9"
    writer.write("On my way")
    with inside(acme):
        assert db.session.query(Guest).one().masked_address == "203.0.113.0"


# Whose


@pytest.fixture
def second_site(inside, acme):
    """Another site of the same organization that chats: its key, and its id."""
    with inside(acme):
        site = Site.create(name="Second shop", domains=[acme.domain, "second.acme.example"])
        ChatSettings.of(site.id).change(site, on=True)
        db.session.commit()
        return site.key, site.id


def test_a_link_is_good_on_its_site_alone(writer, another, inside, acme, second_site):
    writer.begin()
    key, site_id = second_site
    guest = guest_of(inside, acme)
    with inside(acme):
        own, foreign = (
            tokens.issue(tokens.RESUME, each, guest) for each in (acme.site_id, site_id)
        )
    phone = another(address="203.0.113.9")
    assert phone.call("POST", f"chat/{acme.site_key}/resumption", json={"token": own}).json["token"]
    for at, token in ((acme.site_key, foreign), (key, own), (key, foreign)):
        answer = phone.call("POST", f"chat/{at}/resumption", json={"token": token})
        assert answer.status_code == 404, at


def test_another_guest_of_the_site_reads_and_writes_nothing(writer, another):
    writer.begin("My salary is …")
    other = another(address="203.0.113.9", browser="Opera")
    other.begin("Hi")
    other.conversation = writer.conversation
    assert other.read().status_code == other.write("Hm").status_code == 404
    for noun, said in (
        ("reading", {"seq": 1}),
        ("rating", {"rating": 1}),
        ("closure", {}),
    ):
        path = f"conversations/{writer.conversation}/{noun}"
        assert other.call("PUT", path, json=said).status_code == 404, noun
    path = f"conversations/{writer.conversation}/transcript"
    assert other.call("POST", path, json={"email": "me@example.com"}).status_code == 404


@pytest.mark.parametrize("claimed", [None, "", "0" * 64, 7, "é"])
def test_nobody_is_whom_the_site_does_not_vouch_for(writer, acme, claimed, inside):
    person = {"id": "user-7", "hash": claimed, "name": "Ada"}
    answer = writer.call("PUT", f"chat/{acme.site_key}/identity", json=person)
    assert answer.status_code == 403
    # Nor where the site has no secret yet, whose hash anybody could make.
    nothing = hmac.new(b"", b"user-7", hashlib.sha256).hexdigest()
    answer = writer.call("PUT", f"chat/{acme.site_key}/identity", json={**person, "hash": nothing})
    assert answer.status_code == 403
    with inside(acme):
        assert db.session.query(Guest).count() == 0


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_who_asks_not_to_be_followed_is_nobody_to_tracking(writer, acme, inside, header):
    asked = {header: "1"}
    said = {"site": acme.site_key, "client_id": str(uuid4()), "body": "Hello"}
    assert writer.call("POST", "conversations", json=said, headers=asked).status_code == 201
    with inside(acme):
        guest = db.session.query(Guest).one()
        assert guest.visitor is None and guest.session_id is None


def test_a_strict_site_follows_nobody_who_has_not_agreed(writer, acme, inside):
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(mode="strict")
        db.session.commit()
    published.forget("", None)
    writer.begin()
    with inside(acme):
        assert db.session.query(Guest).one().visitor is None
        assert db.session.query(Visitor).count() == 0


def test_a_browser_with_a_long_name_is_one_visitor_to_tracking_and_to_the_chat(
    writer, acme, inside
):
    writer.browser = f"{FIREFOX} {'x' * 1000}"
    send(writer.client, acme, event(acme), browser=writer.browser)
    writer.begin()
    with inside(acme):
        guest, visitor = db.session.query(Guest).one(), db.session.query(Visitor).one()
        assert guest.visitor == visitor.visitor and guest.session_id == visitor.session_id


PAGE = {"page": {"url": "https://shop.acme.example/?utm_source=friend", "title": "Shop"}}


@pytest.fixture
def panels(writer, told_outside, acme, inside):
    """What others hear of a panel that is opened and closed with these words and headers."""

    def tell(headers=None, **said):
        for noun in ("openings", "closings"):
            path = f"chat/{acme.site_key}/{noun}"
            answer = writer.call("POST", path, json={**PAGE, **said}, headers=headers or {})
            assert answer.status_code == 204, answer.text
        with inside(acme):
            told = db.session.query(Delivery).where(Delivery.type.startswith("chat."))
            found = [json.loads(each.payload)["data"] for each in told]
            told.delete(synchronize_session=False)
            db.session.commit()
        return found

    return tell


def test_on_a_strict_site_nobody_hears_of_a_panel_before_consent(
    writer, panels, acme, inside, client
):
    seen = send(client, acme, event(acme))["visitor"]
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(mode="strict")
        db.session.commit()
    published.forget("", None)
    assert panels() == panels({"Sec-GPC": "1"}) == panels(visitor=seen) == []
    agreed = send(client, acme, event(acme), consent=True)["visitor"]
    opened, closed = panels(visitor=agreed)
    assert opened["visitor"]["id"] == closed["visitor"]["id"] == agreed[:32]
    # Who writes there has agreed, and may be known by the token of the chat alone.
    writer.begin()
    token, writer.token = writer.token, ""
    assert len(panels(chat=token)) == 2
    assert panels(chat="nonsense") == []


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_of_the_panel_of_who_asks_not_to_be_followed_no_more_is_told_than_that_it_was_opened(
    panels, acme, header
):
    unknown = {"id": None, "ip_masked": None, "user_agent": "", "country": None}
    told = panels({header: "1", "Accept-Language": "nl"})
    assert told == 2 * [
        {
            "site_id": str(acme.site_id),
            "session_id": None,
            "utm": {},
            "page": {"host": None, "url": None, "referrer": None},
            "visitor": unknown,
        }
    ]
    opened, _ = panels()
    assert opened["utm"] == {"source": "friend"} and opened["visitor"]["ip_masked"]


def test_whoever_agreed_is_known_by_the_token_of_tracking(writer, another, acme):
    agreed = send(writer.client, acme, event(acme), consent=True)["visitor"]
    writer.token = agreed
    writer.begin("As a person")
    elsewhere = another(token=agreed, address="203.0.113.9", browser="Opera")
    there = elsewhere.call("GET", f"chat/{acme.site_key}").json["conversations"]
    assert [each["id"] for each in there] == [writer.conversation]


def test_a_contact_is_new_once(writer, another, told_outside):
    writer.begin(name="Ada", email="ada@example.com")
    another(address="203.0.113.9").begin(name="Ada", email="ada@example.com")
    assert told_outside("lead.captured") == 1


@pytest.fixture
def told_outside(inside, acme):
    """How many deliveries of a type were written for an endpoint that wants everything."""
    with inside(acme):
        Endpoint.create("https://example.com/hook", ["*"])
        db.session.commit()

    def number(kind):
        with inside(acme):
            return db.session.query(Delivery).filter_by(type=kind).count()

    return number


def test_what_is_told_outside_is_what_was_said_and_no_note(writer, told_outside, inside, acme):
    writer.begin()
    with inside(acme):
        conversation, member = (
            db.session.query(Conversation).one(),
            db.session.query(Member).first(),
        )
        conversation.note(member, "A regular")
        conversation.reply(member, "Yes")
        conversation.close(by=member)
        conversation.close(by=member)
        db.session.commit()
    kinds = ("conversation.opened", "conversation.message", "conversation.closed")
    assert [told_outside(kind) for kind in kinds] == [1, 2, 1]
