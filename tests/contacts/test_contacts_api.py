"""REST of contacts: found by address, added and corrected by the organization's own word."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import AuditEntry
from app.contacts.models import Contact
from app.core.db import db

BASE = "/api/v1/contacts"
ADA = {"email": "Ada@example.com", "name": "Ada"}


@pytest.fixture
def api(client, acme):
    def ask(method, path="", body=None, **headers):
        return client.open(
            f"{BASE}{path}", method=method, json=body, headers={**acme.bearer, **headers}
        )

    return ask


@pytest.fixture
def ada(api):
    answer = api("POST", "", ADA)
    assert answer.status_code == 201, answer.text
    return answer.json


def details(answer):
    assert answer.status_code == 422, answer.text
    return set(answer.json["error"]["details"])


def test_a_contact_is_added_listed_and_found_by_address(api, ada):
    assert (ada["name"], ada["email"]) == ("Ada", "Ada@example.com")
    assert api("GET", f"/{ada['id']}").json == ada
    api("POST", "", {"email": "bob@example.com"})
    assert len(api("GET").json["data"]) == 2
    assert api("GET", "?email=ada@EXAMPLE.com").json["data"] == [ada]
    assert api("GET", "?email=eve@example.com").json["data"] == []
    first = api("GET", "?limit=1").json
    assert api("GET", f"?limit=1&cursor={first['next_cursor']}").json["data"] == [ada]


def test_nobody_is_added_twice(api, ada):
    again = api("POST", "", {**ADA, "name": "Somebody else"})
    assert again.status_code == 409 and again.json["error"]["details"] == {"id": ada["id"]}
    assert api("GET", f"/{ada['id']}").json == ada
    key = {"Idempotency-Key": "one"}
    first, second = (api("POST", "", {"email": "eve@example.com"}, **key) for _ in range(2))
    assert first.status_code == second.status_code == 201 and first.json == second.json


def test_a_contact_is_corrected_and_found_by_the_new_address(api, ada, inside, acme):
    path = f"/{ada['id']}"
    assert api("PATCH", path, {"email": "ada@lovelace.example"}).json["name"] == "Ada"
    assert api("GET", "?email=ada@example.com").json["data"] == []
    [found] = api("GET", "?email=ada@lovelace.example").json["data"]
    assert found["id"] == ada["id"]
    assert api("PATCH", path, {"name": None}).json["name"] is None
    assert api("PATCH", path, {}).status_code == 200
    with inside(acme):
        actions = select(AuditEntry).filter_by(subject_kind="contacts").order_by(AuditEntry.number)
        entries = [(each.action, each.details) for each in db.session.scalars(actions)]
        assert entries == [
            ("contact.created", {}),
            ("contact.changed", {"fields": ["email"]}),
            ("contact.changed", {"fields": ["name"]}),
        ]
        # Kept encrypted.
        row = db.session.scalars(select(Contact)).one()
        assert b"lovelace" not in row.email_sealed


def test_an_address_is_one_contacts(api, ada):
    other = api("POST", "", {"email": "bob@example.com"}).json
    assert details(api("PATCH", f"/{other['id']}", {"email": "ADA@example.com"})) == {"email"}
    assert api("GET", f"/{other['id']}").json == other
    assert api("PATCH", f"/{ada['id']}", {"email": "ada@example.com"}).status_code == 200


@pytest.mark.parametrize(
    "change, field",
    [
        ({"email": "nonsense"}, "email"),
        ({"email": None}, "email"),
        ({"email": f"{'a' * 300}@example.com"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"phone": "1"}, "phone"),
    ],
)
def test_what_a_contact_cannot_be_is_refused_with_the_field(api, ada, change, field):
    assert details(api("POST", "", {"email": "eve@example.com", **change})) == {field}
    assert details(api("PATCH", f"/{ada['id']}", change)) == {field}
    assert api("GET").json["data"] == [ada]


def test_a_filter_that_there_is_not_is_refused(api):
    for query in ("name=Ada", "limit=x", "cursor=x"):
        assert api("GET", f"?{query}").status_code == 400, query


def test_what_is_anothers_is_not_there(ada, client, umbrella):
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"})):
        address = f"{BASE}/{ada['id']}"
        answer = client.open(address, method=method, json=body, headers=umbrella.bearer)
        assert answer.status_code == 404
    for path in ("", "?email=ada@example.com"):
        assert client.get(f"{BASE}{path}", headers=umbrella.bearer).json["data"] == []
    # Of each organization its own.
    assert client.post(BASE, json=ADA, headers=umbrella.bearer).status_code == 201
