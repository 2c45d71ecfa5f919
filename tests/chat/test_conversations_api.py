"""REST of conversations: whoever has a key reads, answers and sorts them as agents do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat.models import Label, Message
from app.core import clock
from app.core.db import db

BASE = "/api/v1/conversations"


@pytest.fixture
def api(client, acme):
    """Ask as Acme does: `api("GET", "?state=open")`."""

    def ask(method, path="", body=None, **headers):
        return client.open(
            f"{BASE}{path}", method=method, json=body, headers={**acme.bearer, **headers}
        )

    return ask


@pytest.fixture
def talk(writer):
    """The id of a conversation in which a visitor has asked."""
    assert writer.begin("Do you ship to Norway?", name="Ada", email="ada@example.com")
    return f"/{writer.conversation}"


@pytest.fixture
def agent(join, inside, acme):
    """The id of Bob, who may answer."""
    join("bob@acme.example", Role.AGENT)
    with inside(acme):
        return str(db.session.scalars(select(Member.id).filter_by(role="agent")).one())


def details(answer):
    assert answer.status_code == 422, answer.text
    return set(answer.json["error"]["details"])


def test_a_guest_is_verified_with_all_that_is_said_of_him(api, writer, identify):
    def guest():
        return {name: api("GET").json["data"][0]["guest"][name] for name in ("email", "verified")}

    identify(writer, "ada")
    writer.begin("Hello")
    assert guest() == {"email": None, "verified": True}
    # The site knows him without an address, so this one is what he says.
    writer.begin("Hello", email="somebody@example.com")
    assert guest() == {"email": "somebody@example.com", "verified": False}
    identify(writer, "ada", email="ada@example.com")
    assert guest() == {"email": "ada@example.com", "verified": True}
    # What the site told is not his to change.
    writer.begin("Hello", email="somebody@example.com")
    assert guest() == {"email": "ada@example.com", "verified": True}
    identify(writer, "ada")
    assert guest() == {"email": "ada@example.com", "verified": True}


def test_a_conversation_is_read_with_its_guest_and_messages(api, talk, acme, writer):
    [listed] = api("GET").json["data"]
    assert listed["id"] == writer.conversation and listed["site_id"] == str(acme.site_id)
    assert (listed["state"], listed["unread"], listed["labels"]) == ("open", True, [])
    assert listed["guest"]["name"] == "Ada" and listed["guest"]["email"] == "ada@example.com"
    whole = api("GET", talk).json
    assert {name: whole[name] for name in listed} == listed
    assert [(each["author"], each["body"]) for each in whole["messages"]] == [
        ("visitor", "Do you ship to Norway?")
    ]
    assert whole["more"] is False
    assert api("GET", f"{talk}?after=1").json["messages"] == []
    assert api("GET", f"{talk}?after=-1").status_code == 400


def test_a_reply_reaches_the_visitor_and_a_note_does_not(api, talk, writer, inside, acme):
    note = api("POST", f"{talk}/messages", {"body": "A regular", "note": True})
    reply = api("POST", f"{talk}/messages", {"body": "We do."})
    assert (note.status_code, note.json["kind"]) == (201, "note")
    assert reply.status_code == 201 and reply.json["member_id"] is None
    heard = [(each["author"], each["body"]) for each in writer.read().json["messages"]]
    assert heard == [("visitor", "Do you ship to Norway?"), ("agent", "We do.")]
    whole = api("GET", talk).json
    assert [each["kind"] for each in whole["messages"]] == ["text", "note", "text"]
    assert whole["assignee_id"] is None and whole["waiting_since"] is None
    assert whole["first_reply_at"] and whole["last_author"] == "agent"


def test_a_reply_with_an_idempotency_key_is_said_once(api, talk, inside, acme):
    key = {"Idempotency-Key": "one"}
    first, again = (api("POST", f"{talk}/messages", {"body": "We do."}, **key) for _ in range(2))
    assert first.json == again.json
    assert api("POST", f"{talk}/messages", {"body": "Else"}, **key).status_code == 409
    with inside(acme):
        said = db.session.scalars(select(Message).filter_by(author="agent")).all()
        assert [each.body for each in said] == ["We do."]


def test_its_state_is_changed_and_a_reply_opens_it(api, talk, writer):
    assert api("PATCH", talk, {"state": "closed"}).json["closed_at"]
    assert writer.read().json["state"] == "closed"
    assert api("PATCH", talk, {"state": "open"}).json["state"] == "open"
    until = clock.now() + timedelta(days=2)
    snoozed = api("PATCH", talk, {"state": "snoozed", "snoozed_until": clock.iso(until)}).json
    assert snoozed["state"] == "snoozed" and snoozed["snoozed_until"].startswith(
        until.isoformat()[:19]
    )
    assert api("POST", f"{talk}/messages", {"body": "Back"}).status_code == 201
    assert api("GET", talk).json["state"] == "open"


def test_it_is_assigned_and_labelled_and_found_by_both(api, talk, agent, inside, acme, writer):
    with inside(acme):
        Label.create("Refund", "bad")
        Label.create("VIP")
        db.session.commit()
    changed = api("PATCH", talk, {"assignee_id": agent, "labels": ["vip", "Refund"]}).json
    assert (changed["assignee_id"], changed["labels"]) == (agent, ["Refund", "VIP"])
    # What is left out stays.
    assert api("PATCH", talk, {"state": "closed"}).json["labels"] == ["Refund", "VIP"]
    for query, found in (
        ("state=closed", 1),
        ("state=open", 0),
        (f"assignee={agent}", 1),
        ("assignee=none", 0),
        ("label=refund", 1),
        (f"site_id={acme.site_id}&state=closed&label=VIP&assignee={agent}", 1),
    ):
        assert len(api("GET", f"?{query}").json["data"]) == found, query
    changed = api("PATCH", talk, {"assignee_id": None, "labels": []}).json
    assert (changed["assignee_id"], changed["labels"]) == (None, [])
    assert len(api("GET", "?assignee=none").json["data"]) == 1


def test_pages_of_the_list_go_on_where_the_one_before_ended(api, another):
    begun = []
    for number in range(3):
        page = another(address=f"198.51.100.{number}")
        page.begin()
        begun.append(page.conversation)
    first = api("GET", "?limit=2").json
    second = api("GET", f"?limit=2&cursor={first['next_cursor']}").json
    listed = [each["id"] for each in (*first["data"], *second["data"])]
    assert listed == begun[::-1] and second["next_cursor"] is None


def test_what_has_not_begun_is_nothing_to_agents(api, writer):
    writer.begin(body=None)
    assert api("GET").json["data"] == []
    assert api("GET", f"/{writer.conversation}").status_code == 404


@pytest.mark.parametrize(
    "body, field",
    [
        ({"state": "gone"}, "state"),
        ({"state": "snoozed"}, "snoozed_until"),
        ({"snoozed_until": "2100-01-01T00:00:00Z", "state": "snoozed"}, "snoozed_until"),
        ({"snoozed_until": "2020-01-01T00:00:00Z", "state": "snoozed"}, "snoozed_until"),
        ({"assignee_id": "x"}, "assignee_id"),
        ({"assignee_id": "00000000-0000-4000-8000-000000000000"}, "assignee_id"),
        ({"labels": ["None such"]}, "labels"),
        ({"rating": 5}, "rating"),
    ],
)
def test_what_it_cannot_become_is_refused_with_the_field(api, talk, body, field):
    before = api("GET", talk).json
    assert details(api("PATCH", talk, body)) == {field}
    assert api("GET", talk).json == before


def test_snoozing_says_until_when(api, talk):
    until = clock.iso(clock.now() + timedelta(days=1))
    assert details(api("PATCH", talk, {"snoozed_until": until})) == {"snoozed_until"}


def test_a_message_is_words(api, talk):
    for body, field in (({"body": " "}, "body"), ({"body": "x" * 8001}, "body"), ({}, "body")):
        assert details(api("POST", f"{talk}/messages", body)) == {field}


def test_a_filter_that_there_is_not_is_refused(api, talk):
    for query in ("state=gone", "status=open", "assignee=me", "label=None", "site_id=x", "limit=0"):
        assert api("GET", f"?{query}").status_code == 400, query


def test_what_is_anothers_is_not_there(api, talk, client, umbrella, agent, acme):
    for method, path, body in (
        ("GET", talk, None),
        ("PATCH", talk, {"state": "closed"}),
        ("POST", f"{talk}/messages", {"body": "Hello"}),
        ("GET", f"?site_id={acme.site_id}", None),
        ("GET", f"?assignee={agent}", None),
    ):
        answer = client.open(f"{BASE}{path}", method=method, json=body, headers=umbrella.bearer)
        assert answer.status_code == 404, path
    assert client.get(BASE, headers=umbrella.bearer).json["data"] == []


def test_the_inbox_says_that_a_program_wrote(api, talk, sign_in, acme):
    api("POST", f"{talk}/messages", {"body": "We do."})
    page = sign_in("alice@acme.example").get(f"/o/{acme.slug}/inbox{talk}").text
    assert "By the API" in page and "former colleague" not in page
