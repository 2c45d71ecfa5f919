"""REST of tickets: opened by programs, sorted and settled as agents do."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.contacts.models import Contact
from app.core.db import db
from app.webhooks.models import Delivery, Endpoint

BASE = "/api/v1/tickets"


@pytest.fixture
def api(client, acme):
    def ask(method, path="", body=None, **headers):
        return client.open(
            f"{BASE}{path}", method=method, json=body, headers={**acme.bearer, **headers}
        )

    return ask


@pytest.fixture
def asked(acme):
    return {
        "site_id": str(acme.site_id),
        "email": "ada@example.com",
        "person": "Ada",
        "text": "My tea is cold.\nWhat now?",
    }


@pytest.fixture
def ticket(api, asked):
    answer = api("POST", "", asked)
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.fixture
def agent(join, inside, acme):
    join("bob@acme.example", Role.AGENT)
    with inside(acme):
        return str(db.session.scalars(select(Member.id).filter_by(role="agent")).one())


def details(answer):
    assert answer.status_code == 422, answer.text
    return set(answer.json["error"]["details"])


def test_a_ticket_is_opened_for_a_contact(api, ticket, inside, acme):
    assert (ticket["number"], ticket["subject"]) == (1, "My tea is cold.")
    assert (ticket["state"], ticket["priority"], ticket["assignee_id"]) == ("open", "normal", None)
    assert ticket["text"].endswith("What now?")
    assert api("GET", f"/{ticket['id']}").json == ticket
    with inside(acme):
        contact = db.session.scalars(select(Contact)).one()
        assert str(contact.id) == ticket["contact_id"] and contact.name == "Ada"


def test_an_idempotency_key_opens_one(api, asked):
    key = {"Idempotency-Key": "one"}
    first, again = (api("POST", "", asked, **key) for _ in range(2))
    assert first.json == again.json and len(api("GET").json["data"]) == 1


def test_tickets_are_listed_by_state_priority_and_assignee(api, asked, agent, acme):
    urgent = api("POST", "", {**asked, "priority": "urgent", "assignee_id": agent}).json
    plain = api("POST", "", asked).json
    assert (urgent["priority"], urgent["assignee_id"]) == ("urgent", agent)
    for query, wanted in (
        ("", [plain, urgent]),
        ("state=open", [plain, urgent]),
        ("state=closed", []),
        ("priority=urgent", [urgent]),
        (f"assignee={agent}", [urgent]),
        ("assignee=none", [plain]),
        (f"site_id={acme.site_id}&priority=normal", [plain]),
    ):
        listed = api("GET", f"?{query}").json["data"]
        assert [each["id"] for each in listed] == [each["id"] for each in wanted], query
    first = api("GET", "?limit=1").json
    assert (
        api("GET", f"?limit=1&cursor={first['next_cursor']}").json["data"][0]["id"]
        == (urgent["id"])
    )


def test_it_is_changed_and_what_is_left_out_stays(api, ticket, agent):
    path = f"/{ticket['id']}"
    assert api("PATCH", path, {"state": "in_progress", "assignee_id": agent}).status_code == 200
    changed = api("PATCH", path, {"priority": "high"}).json
    assert (changed["state"], changed["priority"]) == ("in_progress", "high")
    assert changed["assignee_id"] == agent and changed["changed_at"] > ticket["changed_at"]
    assert api("PATCH", path, {"assignee_id": None}).json["assignee_id"] is None


def test_its_opening_and_its_change_are_told(acme, api, asked, inside):
    with inside(acme):
        Endpoint.create("https://93.184.215.14/", ["ticket.created", "ticket.updated"])
        db.session.commit()
    ticket = api("POST", "", asked).json
    api("PATCH", f"/{ticket['id']}", {"state": "resolved"})
    with inside(acme):
        found = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
        assert [each.type for each in found] == ["ticket.created", "ticket.updated"]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"email": "nonsense"}, "email"),
        ({"text": " "}, "text"),
        ({"text": "x" * 8001}, "text"),
        ({"person": "x" * 121}, "person"),
        ({"priority": "soon"}, "priority"),
        ({"assignee_id": "00000000-0000-4000-8000-000000000000"}, "assignee_id"),
        ({"number": 7}, "number"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_the_field(api, asked, change, field):
    assert details(api("POST", "", {**asked, **change})) == {field}
    assert api("GET").json["data"] == []


@pytest.mark.parametrize(
    "change, field",
    [
        ({"state": "gone"}, "state"),
        ({"priority": "soon"}, "priority"),
        ({"assignee_id": "00000000-0000-4000-8000-000000000000"}, "assignee_id"),
        ({"email": "eve@example.com"}, "email"),
    ],
)
def test_what_it_cannot_become_is_refused_with_the_field(api, ticket, change, field):
    assert details(api("PATCH", f"/{ticket['id']}", change)) == {field}
    assert api("GET", f"/{ticket['id']}").json == ticket


def test_a_filter_that_there_is_not_is_refused(api):
    for query in ("state=gone", "status=open", "priority=soon", "assignee=me", "site_id=x"):
        assert api("GET", f"?{query}").status_code == 400, query


def test_what_is_anothers_is_not_there(ticket, client, umbrella, acme, asked, agent):
    for method, path, body in (
        ("GET", f"/{ticket['id']}", None),
        ("PATCH", f"/{ticket['id']}", {"state": "closed"}),
        ("POST", "", asked),
        ("GET", f"?site_id={acme.site_id}", None),
        ("GET", f"?assignee={agent}", None),
    ):
        answer = client.open(f"{BASE}{path}", method=method, json=body, headers=umbrella.bearer)
        assert answer.status_code == 404, path
    assert client.get(BASE, headers=umbrella.bearer).json["data"] == []
    own = {**asked, "site_id": str(umbrella.site_id), "assignee_id": agent}
    assert client.post(BASE, json=own, headers=umbrella.bearer).status_code == 422


@pytest.mark.parametrize("text", ["\u001c", "\u001f\u001e", "\u200b", " \n "])
def test_a_text_of_which_nothing_can_be_seen_is_none(api, asked, text):
    answer = api("POST", "", {**asked, "text": text})
    assert answer.status_code == 422 and "text" in answer.json["error"]["details"]


def test_of_many_wrong_fields_a_few_are_told(api, asked):
    answer = api("POST", "", {**asked, **{f"unknown_{number}": 1 for number in range(5000)}})
    assert answer.status_code == 422 and len(answer.json["error"]["details"]) == 20
