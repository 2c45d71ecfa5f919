"""/widget/v1/conversations: what a guest writes is there, in order, once, and only for him."""

from __future__ import annotations

import hashlib
import hmac
import struct
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from uuid import uuid4

import pytest
from PIL import Image

from app.chat import tokens
from app.chat.models import ChatSettings, Conversation, Guest
from app.chat.models.message import LONGEST
from app.contacts.models import Contact
from app.core.db import db
from tests.visits import event, send


def texts(answer):
    return [each.get("body") for each in answer.json["messages"]]


def test_a_conversation_begins_with_the_first_message(writer, acme, inside):
    opened = writer.begin("Do you ship to Norway?")
    assert opened.status_code == 201, opened.text
    assert opened.json["messages"][0]["seq"] == 1
    assert writer.write("By Friday?").json["seq"] == 2
    read = writer.read()
    assert texts(read) == ["Do you ship to Norway?", "By Friday?"]
    assert [each["previous"] for each in read.json["messages"]] == [0, 1]
    assert texts(writer.read(after=1)) == ["By Friday?"]


def test_the_same_client_id_twice_is_one_message(writer):
    writer.begin()
    name = str(uuid4())
    first, again = writer.write("Once", name), writer.write("Once", name)
    assert first.json == again.json
    assert texts(writer.read()) == ["Hello", "Once"]


def test_a_beginning_whose_answer_was_lost_is_not_a_second_conversation(
    writer, another, inside, acme
):
    name = str(uuid4())
    first = writer.begin("Hello", client_id=name)
    again = another().begin("Hello", client_id=name)
    assert again.status_code == 201 and again.json["id"] == first.json["id"]
    with inside(acme):
        assert db.session.query(Conversation).count() == db.session.query(Guest).count() == 1


def test_a_beginning_that_comes_eight_times_at_once_is_one_conversation(another, inside, acme):
    name = str(uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: another().begin("Hello", client_id=name), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    with inside(acme):
        assert db.session.query(Conversation).count() == db.session.query(Guest).count() == 1
    assert texts(another(token=answers[0].json["token"], conversation=answers[0].json["id"]).read())


def test_a_beginning_whose_answer_was_lost_is_asked_for_again_from_another_network(
    writer, another, chatting
):
    """As a phone does that leaves the house: its address is new, its words are not."""
    name = str(uuid4())
    first = writer.begin("Hello", client_id=name)
    moved = another(address="203.0.113.9")
    again = moved.begin("Hello", client_id=name)
    assert again.status_code == 201 and again.json["id"] == first.json["id"]
    assert texts(moved.read()) == ["Hello"]
    # Other words are somebody else's.
    for words in ("Hello?", None):
        assert another(address="192.0.2.7").begin(words, client_id=name).status_code == 409


def test_whoever_else_names_his_conversation_so_is_refused(writer, another):
    name = str(uuid4())
    writer.begin("Hello", client_id=name)
    stranger = another(address="203.0.113.9", browser="Opera")
    assert stranger.begin("Hello", client_id=name).status_code == 409


def test_twenty_at_once_are_twenty_numbers_in_a_row(writer, app, acme, chatting):
    writer.begin()

    def write(number):
        return (
            writer.__class__(app.test_client(), acme, writer.token, writer.conversation)
            .write(f"No. {number}")
            .json["seq"]
        )

    with ThreadPoolExecutor(8) as pool:
        seqs = list(pool.map(write, range(20)))
    assert sorted(seqs) == list(range(2, 22))
    assert [each["seq"] for each in writer.read().json["messages"]] == list(range(1, 22))


def test_a_colleague_behind_the_same_address_reads_nothing(writer, another, acme):
    writer.begin("My salary is …")
    colleague = another()
    seen = send(colleague.client, acme, event(acme))
    colleague.token = seen["visitor"]
    assert colleague.call("GET", f"chat/{acme.site_key}").json["conversations"] == []
    colleague.begin("Hi")
    assert colleague.conversation != writer.conversation
    colleague.conversation, own = writer.conversation, colleague.conversation
    assert colleague.read().status_code == 404
    assert own


def test_the_token_of_tracking_opens_a_conversation_whose_id_it_was_told(writer, acme):
    seen = send(writer.client, acme, event(acme))
    writer.token = seen["visitor"]
    opened = writer.begin("Hello")
    writer.token = seen["visitor"]
    assert opened.json["id"] == writer.conversation
    assert texts(writer.read()) == ["Hello"]


@pytest.mark.parametrize("token", ["", "nonsense", "c.0.0.0", "\u00e4"])
def test_without_a_good_token_there_is_nothing(writer, another, token):
    writer.begin()
    stranger = another(address="203.0.113.9", conversation=writer.conversation)
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    path = f"conversations/{writer.conversation}/messages"
    assert stranger.call("GET", path, headers=headers).status_code == 404
    assert stranger.call("POST", path, headers=headers, json={}).status_code == 404


def test_a_token_of_another_site_is_none_here(writer, another, umbrella, acme, inside):
    writer.begin()
    with inside(acme):
        guest = db.session.query(Guest).one().id
        foreign = tokens.issue(tokens.CHAT, umbrella.site_id, guest)
    stranger = another(token=foreign, address="203.0.113.9", conversation=writer.conversation)
    assert stranger.read().status_code == 404


def test_another_page_may_not_read_or_write(writer, acme):
    writer.begin()
    foreign = {"Origin": "https://evil.example"}
    assert writer.call("GET", f"chat/{acme.site_key}", headers=foreign).status_code == 403
    path = f"conversations/{writer.conversation}/messages"
    assert writer.call("GET", path, headers=foreign).status_code == 403
    assert writer.call("OPTIONS", path, headers=foreign).status_code == 403
    asked = writer.call("OPTIONS", path)
    assert asked.status_code == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert asked.headers["Access-Control-Allow-Origin"] == f"https://{acme.domain}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_told_that_a_conversation_exists(writer, another, umbrella, acme, inside, method):
    writer.begin()
    with inside(acme):
        guest = db.session.query(Guest).one().id
        theirs = tokens.issue(tokens.CHAT, umbrella.site_id, guest)
    said = {"json": {"client_id": str(uuid4()), "body": "Hm"}} if method == "POST" else {}
    for origin in (f"https://{umbrella.domain}", "https://evil.example"):
        for token in ("", theirs):
            stranger, headers = another(token=token, address="203.0.113.9"), {"Origin": origin}
            there, nowhere = (
                stranger.call(method, f"conversations/{each}/messages", headers=headers, **said)
                for each in (writer.conversation, uuid4())
            )
            assert there.status_code == nowhere.status_code == 404
            assert there.json["error"]["message"] == nowhere.json["error"]["message"]
            assert set(there.headers.keys()) == set(nowhere.headers.keys())


@pytest.mark.parametrize(
    "body", ["", "   ", "x" * (LONGEST + 1), 7, None, ["a"], {"a": 1}, "a\x00"]
)
def test_what_cannot_be_a_message_is_refused_with_the_reason(writer, body):
    writer.begin()
    answer = writer.write(body)
    assert answer.status_code in (400, 422)
    assert answer.json["error"]["message"]
    assert texts(writer.read()) == ["Hello"]


@pytest.mark.parametrize("client_id", [None, "", "short", "x" * 65, 7, "with\nline" * 3])
def test_a_message_needs_a_name_of_its_own(writer, client_id):
    writer.begin()
    path = f"conversations/{writer.conversation}/messages"
    answer = writer.call("POST", path, json={"client_id": client_id, "body": "Hi"})
    assert answer.status_code == 422


def test_a_site_that_asks_first_wants_an_address(writer, chatting, acme, inside):
    chatting(asks="required")
    assert writer.begin().status_code == 422
    assert writer.begin(email="no address").status_code == 422
    assert writer.begin(name="Ada", email="ada@example.com").status_code == 201
    with inside(acme):
        contact = db.session.query(Contact).one()
        assert (contact.name, contact.email) == ("Ada", "ada@example.com")
        assert db.session.query(Guest).one().contact_id == contact.id


def test_a_claimed_address_changes_nothing_that_is_known(writer, another, acme, inside):
    writer.begin(name="Ada", email="ada@example.com")
    another(address="203.0.113.9").begin(name="Mallory", email="Ada@example.com")
    with inside(acme):
        assert db.session.query(Contact).one().name == "Ada"
        assert {guest.name for guest in db.session.query(Guest)} == {"Ada", "Mallory"}
        assert not any(guest.verified for guest in db.session.query(Guest))


def png(size=(40, 30)):
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


def upload(writer, data, name, **fields):
    path = f"conversations/{writer.conversation}/messages"
    form = {"client_id": str(uuid4()), "file": (BytesIO(data), name), **fields}
    return writer.call("POST", path, data=form, content_type="multipart/form-data")


@pytest.mark.parametrize(
    "entry",
    [
        (0x10E, 11, 1, 0),  # a description that is a number
        (0x100, 1, 1, 0x41414141),  # a width that is a text
    ],
)
def test_a_picture_with_crooked_details_is_refused_with_the_reason(writer, entry):
    writer.begin()
    turned = (0x112, 3, 1, 6)
    entries = b"".join(struct.pack("<HHII", *each) for each in sorted([turned, entry]))
    details = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + entries + b"\0" * 64
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=details)
    answer = upload(writer, file.getvalue(), "a.jpg")
    assert answer.status_code == 422 and "picture" in answer.json["error"]["message"]


def test_a_picture_is_written_anew_and_shown(writer):
    writer.begin()
    sent = upload(writer, png(), "../../a cat<b>.png").json["file"]
    assert (sent["name"], sent["width"], sent["height"]) == ("a cat b.webp", 40, 30)
    got = writer.client.get(sent["url"].replace("http://candor.test", ""))
    assert got.status_code == 200 and got.content_type == "image/webp"
    assert got.data[:4] == b"RIFF"


def test_another_file_is_given_back_as_an_attachment_only(writer):
    writer.begin()
    sent = upload(writer, b"<script>alert(1)</script>", "page.html").json["file"]
    got = writer.client.get(sent["url"].replace("http://candor.test", ""))
    assert got.content_type == "text/plain; charset=utf-8" or got.content_type == "text/plain"
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"", "a.txt"), (b"\x7fELF\x00\x01", "tool.png"), (b"\x89PNG\r\n\x1a\nbroken", "a.png")],
)
def test_a_file_of_the_wrong_kind_is_refused_with_the_reason(writer, data, name):
    writer.begin()
    answer = upload(writer, data, name)
    assert answer.status_code == 422 and answer.json["error"]["details"]["file"]


def test_a_file_that_is_too_large_is_refused(writer):
    writer.begin()
    assert upload(writer, b"a" * (5 * 1024 * 1024 + 1), "big.txt").status_code in (413, 422)


def test_a_user_the_site_vouches_for_has_his_conversations_on_each_device(
    writer, another, acme, inside
):
    with inside(acme):
        secret = ChatSettings.of(acme.site_id).identity_secret
    digest = hmac.new(secret.encode(), b"user-7", hashlib.sha256).hexdigest()
    person = {"id": "user-7", "hash": digest, "name": "Ada", "email": "ada@example.com"}
    writer.begin()
    known = writer.call("PUT", f"chat/{acme.site_key}/identity", json=person)
    assert known.status_code == 200, known.text
    phone = another(address="203.0.113.9", browser="Opera")
    phone.token = phone.call("PUT", f"chat/{acme.site_key}/identity", json=person).json["token"]
    there = phone.call("GET", f"chat/{acme.site_key}").json["conversations"]
    assert [each["id"] for each in there] == [writer.conversation]
    wrong = {**person, "id": "user-8"}
    assert phone.call("PUT", f"chat/{acme.site_key}/identity", json=wrong).status_code == 403


def test_a_mailed_link_makes_another_device_his(writer, another, acme, inside):
    writer.begin()
    with inside(acme):
        guest = db.session.query(Guest).one().id
        link = tokens.issue(tokens.RESUME, acme.site_id, guest)
        chat = tokens.issue(tokens.CHAT, acme.site_id, guest)
    phone = another(address="203.0.113.9", conversation=writer.conversation)
    resumed = phone.call("POST", f"chat/{acme.site_key}/resumption", json={"token": link})
    phone.token = resumed.json["token"]
    assert texts(phone.read()) == ["Hello"]
    # Neither kind of token is the other.
    again = {"token": chat}
    assert phone.call("POST", f"chat/{acme.site_key}/resumption", json=again).status_code == 404
    phone.token = link
    assert phone.read().status_code == 404


def test_how_far_it_was_read_only_moves_forwards(writer):
    writer.begin()
    path = f"conversations/{writer.conversation}/reading"
    assert writer.call("PUT", path, json={"seq": 99}).json["seen"] == 1
    assert writer.call("PUT", path, json={"seq": 0}).json["seen"] == 1
    assert writer.call("PUT", path, json={"seq": "1"}).status_code == 422


def test_a_closed_conversation_opens_when_its_guest_writes(writer):
    writer.begin()
    closed = writer.call("PUT", f"conversations/{writer.conversation}/closure", json={})
    assert closed.json["state"] == "closed"
    rated = writer.call(
        "PUT", f"conversations/{writer.conversation}/rating", json={"rating": 5, "comment": "Kind"}
    )
    assert rated.json["rating"] == 5
    writer.write("One more thing")
    assert writer.read().json["state"] == "open"


@pytest.mark.parametrize("rating", [0, 6, True, "5", None, 2.5])
def test_a_rating_is_one_to_five(writer, rating):
    writer.begin()
    path = f"conversations/{writer.conversation}/rating"
    assert writer.call("PUT", path, json={"rating": rating}).status_code == 422


def test_where_the_chat_is_off_there_is_none(writer, chatting, acme):
    chatting(on=False)
    assert writer.begin().status_code == 404
    assert writer.call("GET", f"chat/{acme.site_key}").status_code == 404
