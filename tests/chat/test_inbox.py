"""The inbox: what agents see, write and decide, and what reaches them by socket."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from app.accounts.permissions import Role
from app.chat import inbox
from app.chat.models import Conversation, Label
from app.core.db import db
from tests.visits import event, send


@pytest.fixture
def agent(join, sign_in, acme):
    join("bob@acme.example", Role.AGENT)
    return sign_in("bob@acme.example")


@pytest.fixture
def path(acme):
    def of(writer, *more):
        return "/".join([f"/o/{acme.slug}/inbox/{writer.conversation}", *more])

    return of


def test_what_a_visitor_wrote_is_in_the_list_and_on_its_page(writer, agent, path, acme):
    writer.begin("Do you ship <b>to</b> Norway?", name="Ada", email="ada@example.com")
    page = agent.get(f"/o/{acme.slug}/inbox")
    assert page.status_code == 200 and "Do you ship &lt;b&gt;to&lt;/b&gt; Norway?" in page.text
    shown = agent.get(path(writer)).text
    assert "Ada" in shown and "ada@example.com" in shown and "Norway?" in shown


def test_what_a_visitor_did_is_told_by_the_readers_clock_as_the_messages_are(
    writer, agent, path, acme
):
    send(writer.client, acme, event(acme, "/prices"))
    writer.begin()
    shown = agent.get(path(writer)).text
    [journey] = re.findall(r'<ol class="visitor__journey">.*?</ol>', shown, re.S)
    assert "/prices" in journey and journey.count("data-clock") == journey.count("<time") == 1


def test_a_reply_is_read_by_the_guest_and_takes_the_conversation(writer, agent, path, inside, acme):
    writer.begin()
    name = str(uuid4())
    for _ in range(2):
        answer = agent.post(
            path(writer, "messages"), {"body": "Yes", "client_id": name}, path(writer)
        )
        assert answer.status_code == 302
    assert [each["body"] for each in writer.read().json["messages"]] == ["Hello", "Yes"]
    with inside(acme):
        conversation = db.session.query(Conversation).one()
        assert conversation.assignee.user.name == "Bob"
        assert conversation.waiting_since is None and conversation.first_reply_at


@pytest.mark.parametrize("number", ["9" * 30, "-" + "9" * 30, "1e9", "\u0663", "x"])
@pytest.mark.parametrize("name", ["after", "before", "seq"])
def test_a_number_that_no_message_can_have_is_no_fault(writer, agent, path, name, number):
    writer.begin()
    where = path(writer, "messages") if name != "seq" else path(writer)
    answer = agent.get(f"{where}?{name}={number}", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "Hello" in answer.text


def test_a_note_is_for_agents_alone(writer, agent, path):
    writer.begin()
    agent.post(path(writer, "messages"), {"body": "A regular", "note": "1"}, path(writer))
    assert "A regular" in agent.get(path(writer)).text
    assert "A regular" not in writer.read().text


@pytest.mark.parametrize("body", ["", "   ", "x" * 8001])
def test_what_cannot_be_sent_comes_back_with_its_text(writer, agent, path, body):
    writer.begin()
    answer = agent.post(path(writer, "messages"), {"body": body}, path(writer))
    assert answer.status_code == 422
    assert body.strip() in answer.text
    assert len(writer.read().json["messages"]) == 1


def test_closing_is_told_and_writing_opens_again(writer, agent, path, acme):
    writer.begin()
    agent.post(path(writer, "closure"), {}, path(writer))
    assert writer.read().json["state"] == "closed"
    assert "Hello" not in agent.get(f"/o/{acme.slug}/inbox").text
    assert "Hello" in agent.get(f"/o/{acme.slug}/inbox?view=closed").text
    agent.post(path(writer, "reopening"), {}, path(writer))
    assert writer.read().json["state"] == "open"


def test_snoozed_is_out_of_sight_until_the_guest_writes(writer, agent, path, acme):
    writer.begin()
    agent.post(path(writer, "snooze"), {"until": "hour"}, path(writer))
    assert "Hello" not in agent.get(f"/o/{acme.slug}/inbox").text
    writer.write("Are you there?")
    assert "Are you there?" in agent.get(f"/o/{acme.slug}/inbox").text


def test_views_of_mine_and_unassigned(writer, another, agent, path, acme, inside):
    writer.begin("First")
    second = another(address="203.0.113.9")
    second.begin("Second")
    page = agent.get(path(writer)).text
    bob = re.search(r'value="([0-9a-f-]{36})"[^>]*>Bob \(you\)<', page)[1]
    agent.post(path(writer, "assignment"), {"member_id": bob}, path(writer))
    inbox = f"/o/{acme.slug}/inbox"
    mine, nobody = agent.get(f"{inbox}?view=mine").text, agent.get(f"{inbox}?view=unassigned").text
    assert "First" in mine and "Second" not in mine
    assert "Second" in nobody and "First" not in nobody


def test_a_search_says_how_far_it_went_and_goes_on_in_older_messages(
    writer, another, agent, acme, monkeypatch
):
    monkeypatch.setattr(inbox, "SEARCHED", 3)
    monkeypatch.setattr(inbox, "PIECE", 2)
    monkeypatch.setattr(inbox, "NAMES", 1)
    writer.begin("My zebra is broken", name="Ada")
    other = another(address="198.51.100.9")
    other.begin("One", name="Grace")
    for body in ("Two", "Three", "Four", "Five"):
        other.write(body)
    path = f"/o/{acme.slug}/inbox?q=zebra"
    page = agent.get(path).text
    assert "Nobody wrote this lately." in page
    assert "Searched the newest 3 messages and the names of the newest 1 visitors" in page
    older = re.search(r'href="([^"]+)">Search older messages', page)[1].replace("&amp;", "&")
    page = agent.get(older).text
    assert "My <mark>zebra</mark> is broken" in page
    # Six there are: what was read now was the last of them.
    last = re.search(r'href="([^"]+)">Search older messages', page)[1].replace("&amp;", "&")
    page = agent.get(last).text
    assert "Nobody wrote this before either" in page and "Search older" not in page
    # A search that saw all says nothing of it.
    monkeypatch.setattr(inbox, "SEARCHED", 20)
    monkeypatch.setattr(inbox, "NAMES", 20)
    page = agent.get(path).text
    assert "My <mark>zebra</mark> is broken" in page and "Searched" not in page
    monkeypatch.setattr(inbox, "NAMES", 1)
    page = agent.get(f"/o/{acme.slug}/inbox?q=Ada").text
    assert "Searched all messages and the names of the newest 1 visitors" in page
    # Of older visitors it does not say that there is none, and says what finds them.
    assert "Nobody wrote this lately." in page and "An e-mail address finds them all." in page
    # What is no place in the list is no place.
    assert agent.get(f"{path}&below=x").status_code == 200


def test_search_finds_words_in_any_message_and_addresses(writer, another, agent, acme):
    writer.begin("My ZEBRA is broken", email="ada@example.com")
    writer.write("Please hurry")
    another(address="203.0.113.9").begin("Something else")
    inbox = f"/o/{acme.slug}/inbox"
    assert "My <mark>ZEBRA</mark> is broken" in agent.get(f"{inbox}?q=zebra").text
    assert "Something else" not in agent.get(f"{inbox}?q=zebra").text
    assert "Please hurry" in agent.get(f"{inbox}?q=Ada@example.com").text


def test_labels_sort_conversations(writer, agent, path, acme, inside):
    with inside(acme):
        label = Label.create("Refund").id
        db.session.commit()
    writer.begin()
    agent.post(path(writer, "labels"), {"labels": str(label)}, path(writer))
    found = agent.get(f"/o/{acme.slug}/inbox?label={label}").text
    assert "Hello" in found and "Refund" in found
    agent.post(path(writer, "labels"), {}, path(writer))
    assert "Hello" not in agent.get(f"/o/{acme.slug}/inbox?label={label}").text


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_who_may_not_read_conversations_sees_none(writer, join, sign_in, path, acme, role):
    writer.begin()
    join("eve@acme.example", role)
    eve = sign_in("eve@acme.example")
    assert eve.get(path(writer)).status_code == 403
    assert eve.get(f"/o/{acme.slug}/inbox").status_code == 403
