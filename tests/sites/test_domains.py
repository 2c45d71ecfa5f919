"""Which domains a site may have, how they are written, and on which hosts its snippet then runs."""

from __future__ import annotations

import json

import pytest
import websocket

from app.sites.domains import DomainError, domains_of, normal_domain


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("shop.example", "shop.example"),
        (" Shop.Example. ", "shop.example"),
        ("*.shop.example", "*.shop.example"),
        ("*.münchen.example", "*.xn--mnchen-3ya.example"),
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
    ],
)
def test_a_domain_is_kept_in_one_way_of_writing(written, kept):
    assert normal_domain(written) == kept


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("https://shop.example", "Write the domain alone: shop.example"),
        ("https://*.Shop.example/x?y", "Write the domain alone: *.shop.example"),
        ("shop.example/", "Write the domain alone: shop.example"),
        ("shop.example:8080", "Write the domain alone: shop.example"),
        ("me@shop.example", "Write the domain alone: shop.example"),
        ("[::1]:80", "Write the domain alone: ::1"),
        ("*.com", "*. stands before a whole domain, as in *.shop.example."),
        ("*.10.0.0.1", "*. stands before a whole domain, as in *.shop.example."),
        ("*.0.1", "*. stands before a whole domain, as in *.shop.example."),
        ("*", "A domain looks like shop.example."),
        ("*.", "A domain looks like shop.example."),
        ("*.*.example", "A domain looks like shop.example."),
        ("a.*.example", "A domain looks like shop.example."),
        ("a b.example", "A domain looks like shop.example."),
    ],
)
def test_what_is_not_a_domain_alone_is_answered_with_what_to_write(written, message):
    with pytest.raises(DomainError) as refused:
        normal_domain(written)
    assert str(refused.value) == message


def test_a_host_is_named_by_itself_and_by_every_domain_above_it():
    assert domains_of("a.b.shop.example") == (
        "a.b.shop.example",
        "*.b.shop.example",
        "*.shop.example",
    )
    assert domains_of("shop.example") == ("shop.example",)
    assert domains_of("10.0.0.1") == ("10.0.0.1",)


def test_everything_below_a_domain_may_be_named_but_not_the_domain_itself(client, acme, make):
    _, key = make("Shops", ["*.shops.example"])
    for origin, status in (
        ("https://lyon.shops.example", 200),
        ("https://old.lyon.shops.example:8443", 200),
        ("https://shops.example", 403),
        ("https://othershops.example", 403),
        ("https://lyon.shops.example.evil.example", 403),
        ("null", 403),
    ):
        answer = client.get(f"/widget/v1/config/{key}", headers={"Origin": origin})
        assert answer.status_code == status, origin
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if status == 200 else None)


def test_a_socket_joins_from_below_a_domain_and_from_nowhere_else(program, acme, make):
    _, key = make("Shops", ["*.shops.example"])
    address = program.url.replace("http", "ws") + "/widget/v1/ws"
    for origin, allowed in (
        ("https://lyon.shops.example", True),
        ("https://shops.example", False),
        ("https://othershops.example", False),
    ):
        if not allowed:
            with pytest.raises(websocket.WebSocketBadStatusException):
                websocket.create_connection(address, origin=origin, timeout=5)
            continue
        ws = websocket.create_connection(address, origin=origin, timeout=5)
        ws.send(json.dumps({"type": "join_widget", "site": key}))
        assert json.loads(ws.recv())["type"] == "joined"
        ws.close()


def test_a_domain_with_a_scheme_comes_back_as_typed_with_what_to_write(alice, acme):
    form = {"name": "Tea", "domains": "https://tea.example/shop"}
    answer = alice.post(f"/o/{acme.slug}/sites", form)
    assert answer.status_code == 422
    assert "Write the domain alone: tea.example" in answer.text
    assert "https://tea.example/shop</textarea>" in answer.text and 'value="Tea"' in answer.text


def test_the_api_is_as_strict(client, acme):
    body = {"name": "Tea", "domain": "https://tea.example"}
    answer = client.post("/api/v1/sites", json=body, headers=acme.bearer)
    assert answer.status_code == 422
    assert "Write the domain alone: tea.example" in str(answer.json["error"]["details"]["domain"])
    body["domain"] = "*.tea.example"
    assert client.post("/api/v1/sites", json=body, headers=acme.bearer).status_code == 201
