"""The OpenAPI document is valid, says all that there is, and what it invites to breaks nothing."""

from __future__ import annotations

import re
import time
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

SECONDS = 15  # for all operations together
EXAMPLES = 24  # of each operation at most
PARAMETER, OPENED = re.compile(r"<(?:uuid:)?([a-z_]+)>"), r"{\1}"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(client) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return answer.json


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_the_document_is_valid(document):
    assert document["openapi"].startswith("3.1")
    schema = schemathesis.openapi.from_dict(document)
    assert schema.validate() is None
    for name, each in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **each}
        )
        assert each.get("type") or each.get("anyOf") or each.get("enum"), name


def test_who_asks_first_does_not_decide_where_it_points(spare_app):
    client = spare_app().test_client()
    for host in ("evil.example", "candor.test"):
        answer = client.get("/api/v1/openapi.json", headers={"Host": host})
        assert answer.json["servers"] == [{"url": "http://candor.test"}]


def test_each_reference_leads_somewhere(document):
    for reference in re.findall(r"'\$ref': '([^']+)'", str(document)):
        part: Any = document
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_each_route_of_the_api_is_in_it_and_says_who_may(app, document):
    described = operations(document)
    routes = {
        f"{method} {PARAMETER.sub(OPENED, rule.rule)}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint.rpartition(".")[0] != "specification"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {line for line in described if "/api/v1/" in line} == routes
    for line, operation in described.items():
        if "/api/v1/" in line:
            assert operation.get("security") or document.get("security"), line
            assert {"200", "201", "202", "204"} & set(operation["responses"]), line


def test_each_tag_is_declared_once(document):
    names = [tag["name"] for tag in document["tags"]]
    assert sorted(names) == sorted(set(names))


def test_it_says_400_of_a_query_and_422_of_a_body(client, acme, document):
    for line, operation in operations(document).items():
        if any(each["in"] == "query" for each in operation["parameters"]):
            assert "400" in operation["responses"], line
            assert ("422" in operation["responses"]) == ("requestBody" in operation), line
    answer = client.get("/api/v1/sites?limit=101", headers=acme.bearer)
    assert answer.status_code == 400


def test_it_says_what_a_key_may_not_do_and_how_a_write_is_repeated(client, acme, document):
    described = operations(document)
    for line, operation in described.items():
        assert {"401", "403"} <= set(operation["responses"]), line
        headers = [each["name"] for each in operation["parameters"] if each["in"] == "header"]
        assert headers == ["Idempotency-Key"] * ("409" in operation["responses"]), line
    for line in ("POST /api/v1/sites", "PATCH /api/v1/sites/{site_id}"):
        assert "409" in described[line]["responses"], line
    limited = [line for line, operation in described.items() if "429" in operation["responses"]]
    assert sorted(limited) == [
        "POST /api/v1/events",
        "POST /api/v1/invitations",
        "POST /api/v1/sites/{site_id}/commands",
    ]
    assert "409" not in described["GET /api/v1/sites"]["responses"]
    headers = {**acme.bearer, "Idempotency-Key": "a"}
    for name, status in (("One", 201), ("Two", 409)):
        body = {"name": name, "domain": "one.example"}
        assert client.post("/api/v1/sites", json=body, headers=headers).status_code == status


def attack(
    operation: Any, ends: float, headers: dict[str, str], asked: set[str], statuses: set[int]
) -> None:
    """Ask for one operation as its description invites to, until its share of the time is over."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        if time.monotonic() > ends and operation.label in asked:
            return
        answer = case.call(headers=headers)
        asked.add(operation.label)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (operation.label, answer.text)
        assert answer.status_code != 401, operation.label

    ask()


def test_nothing_that_the_document_invites_to_breaks_the_api(app, acme):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    asked, statuses = set(), set()
    deadline = time.monotonic() + SECONDS
    found = [result.ok() for result in schema.get_all_operations()]
    for number, operation in enumerate(found):
        ends = time.monotonic() + (deadline - time.monotonic()) / (len(found) - number)
        attack(operation, ends, acme.bearer, asked, statuses)
    assert asked == {operation.label for operation in found}
    assert {200, 422} <= statuses
