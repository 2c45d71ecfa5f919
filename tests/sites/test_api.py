"""REST: a site is listed, searched, changed and deleted."""

from __future__ import annotations

import pytest

STANDARD_PARAMETERS = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]
STANDARD_PARAMETERS += ["gclid", "fbclid", "msclkid"]


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
        "mode": "strict",
        "parameters": ["utm_source", "gclid", "ref"],
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
        {"mode": "off"},
        {"mode": None, "parameters": ["a b"]},
        {"parameters": ["9"]},
        {"parameters": ["_a"]},
        {"parameters": ["a" * 41]},
        {"parameters": [""]},
        {"parameters": ["<script>"]},
        {"parameters": ["utm_source[]"]},
        {"parameters": [f"own{number}" for number in range(11)]},
        {"parameters": ["a"] * 19},
        {"parameters": "utm_source"},
        {"parameters": {"utm_source": True}},
        {"parameters": [["utm_source"]]},
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
    assert patch(**nothing, mode=None, parameters=None).json == before


def test_parameters_are_kept_once_in_lower_case_and_may_all_be_switched_off(patch):
    assert patch().json["parameters"] == STANDARD_PARAMETERS
    assert patch().json["mode"] == "anonymous"
    sent = ["Ref", "gclid", "UTM_Source", "ref", "a_1", "gclid"]
    assert patch(parameters=sent).json["parameters"] == ["utm_source", "gclid", "ref", "a_1"]
    own = [f"own{number}" for number in range(10)]
    everything = patch(parameters=[*own, *STANDARD_PARAMETERS]).json["parameters"]
    assert everything == [*STANDARD_PARAMETERS, *own]
    assert patch(parameters=[]).json["parameters"] == []


def test_what_a_page_loads_follows_the_mode_and_the_parameters(patch, client, acme):
    def config():
        return client.get(f"/widget/v1/config/{acme.site_key}").json

    assert config()["mode"] == "anonymous" and "params" not in config()
    before = config()["revision"]
    patch(mode="strict", parameters=["ref", "gclid"])
    assert config()["mode"] == "strict" and config()["params"] == ["gclid", "ref"]
    assert config()["revision"] > before, "an open page would not hear of it"
    script = client.get(f"/w/{acme.site_key}.js").text
    assert '"mode":"strict"' in script and '"params":["gclid","ref"]' in script
    patch(mode="anonymous", parameters=[])
    assert config()["mode"] == "anonymous" and config()["params"] == []
    patch(parameters=STANDARD_PARAMETERS)
    assert "params" not in config()


def test_going_back_brings_the_mode_and_the_parameters_of_then(patch, client, acme):
    then = patch(mode="strict", parameters=["ref"]).json["revision"]
    patch(mode="anonymous", parameters=[])
    publication = f"/api/v1/sites/{acme.site_id}/publication"
    answer = client.post(publication, json={"revision": then}, headers=acme.bearer)
    assert answer.status_code == 200, answer.text
    assert (patch().json["mode"], patch().json["parameters"]) == ("strict", ["ref"])


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
