"""REST: a site is listed, searched, changed and deleted."""

from __future__ import annotations

import pytest


@pytest.fixture
def patch(client, acme):
    def send(**body):
        return client.patch(f"/api/v1/sites/{acme.site_id}", json=body, headers=acme.bearer)

    return send


def test_each_setting_can_be_changed_and_what_is_left_out_stays(patch, acme):
    changes = {
        "name": "Tea",
        "client_name": "Leaf",
        "domains": ["tea.example", "*.tea.example"],
        "time_zone": "Europe/Paris",
        "language": "fr",
        "person_style": "initial",
        "k": 9,
    }
    before = patch().json
    for name, value in changes.items():
        answer = patch(**{name: value})
        assert answer.status_code == 200, answer.text
        changed = {k: v for k, v in answer.json.items() if v != before[k]}
        assert changed.pop(name) in (value, sorted(value) if name == "domains" else value)
        assert set(changed) <= {"revision", "domain"}, name
        before = answer.json
    assert patch(client_name=None).json["client_name"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": " "},
        {"domains": []},
        {"domains": ["https://tea.example"]},
        {"domains": "tea.example"},
        {"domains": ["a.example"] * 51},
        {"time_zone": "Mars/Base"},
        {"time_zone": {"x": 1}},
        {"language": "tlh"},
        {"person_style": "full_name"},
        {"k": 2},
        {"k": "many"},
        {"active": "perhaps"},
        {"key": "0" * 32},
        {"organization_id": "x"},
        {"revision_number": 5},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(patch, body):
    before = patch().json
    assert patch(**body).status_code == 422
    assert patch().json == before


def test_null_takes_nothing_away_that_a_site_needs(patch):
    before = patch().json
    nothing = {"name": None, "domains": None, "k": None, "language": None, "active": None}
    assert patch(**nothing).json == before


def test_a_site_is_switched_off_and_on(patch, client, acme):
    script = f"/w/{acme.site_key}.js"
    assert patch(active=False).json["active"] is False
    assert "not active" in client.get(script).text
    assert patch(active=True).json["active"] is True
    assert "not active" not in client.get(script).text


def test_a_deleted_site_is_gone(client, acme):
    address = f"/api/v1/sites/{acme.site_id}"
    answer = client.delete(address, headers=acme.bearer)
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.delete(address, headers=acme.bearer).status_code == 404
    assert client.get(address, headers=acme.bearer).status_code == 404
    assert "not active" in client.get(f"/w/{acme.site_key}.js").text


def test_the_list_can_be_searched_and_paged_at_once(client, acme, make):
    for name in ("Tea one", "Tea two", "Books"):
        make(name)
    first = client.get("/api/v1/sites?q=tea&limit=1", headers=acme.bearer).json
    cursor = first["next_cursor"]
    second = client.get(f"/api/v1/sites?q=tea&limit=1&cursor={cursor}", headers=acme.bearer).json
    assert [row["name"] for row in first["data"] + second["data"]] == ["Tea two", "Tea one"]
    assert second["next_cursor"] is None
    assert client.get(f"/api/v1/sites?q={'a' * 101}", headers=acme.bearer).status_code == 400
