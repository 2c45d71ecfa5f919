"""Find anything: what there is and may be seen, by the words of its name."""

from __future__ import annotations

import html
import re

import pytest

from app.accounts.permissions import Role


@pytest.fixture
def find(acme, client, sign_in):
    site = {"site_id": str(acme.site_id)}
    notice = {"name": "Opening hours", "format": "notice", "content": {"message": "Hello"}}
    client.post("/api/v1/campaigns", json={**site, **notice}, headers=acme.bearer)

    def search(text, email="alice@acme.example", **options):
        page = sign_in(email).get(f"/o/{acme.slug}/search?q={text}", **options).text
        groups = re.split(r'results__heading">', page)[1:]
        return {
            html.unescape(group.split("<")[0]): [
                html.unescape(name) for name in re.findall(r'result__name">([^<]*)<', group)
            ]
            for group in groups
        }

    return search


def test_each_kind_of_thing_is_found(find):
    assert find("acme") == {
        "Sites": ["Acme shop"],
        "Sources": ["Acme on Shopify"],
        "Members": ["Alice"],
    }
    assert find("SHOP.acme.ex") == {"Sites": ["Acme shop"]}
    assert find("hours+open") == {"Campaigns": ["Opening hours"]}
    assert find("api+keys") == {"Pages": ["Settings › API keys"]}
    assert find("alice@acme") == {"Members": ["Alice"]}
    assert find("nothing-like-this") == {} and find("%25") == {} and find("_") == {}


def test_without_words_it_shows_where_one_can_go(find):
    [(label, pages)] = find("").items()
    assert label == "Pages" and {"Home", "Sites", "Settings › Members"} <= set(pages)


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.EDITOR, {"Sites", "Sources"}),
        (Role.VIEWER, {"Sites"}),
        (Role.AGENT, {"Sites"}),
    ],
)
def test_a_role_finds_what_it_may_see(find, join, role, kinds):
    join("bob@acme.example", role)
    assert set(find("acme", "bob@acme.example")) == kinds
    pages = find("", "bob@acme.example")["Pages"]
    assert "Settings › API keys" not in pages and "Home" in pages
    assert ("Sites › Add site" in pages) == (role is Role.EDITOR)


def test_nothing_of_another_organization_is_found(find, umbrella):
    assert find("umbrella") == {} and find("charlie") == {}


def test_typing_gets_the_results_alone(find, acme, sign_in):
    alice = sign_in("alice@acme.example")
    part = alice.get(f"/o/{acme.slug}/search?q=acme", headers={"HX-Request": "true"})
    assert 'data-results="acme"' in part.text and "<html" not in part.text
    assert part.headers["Vary"] == "HX-Request" or "HX-Request" in part.headers["Vary"]


def test_every_page_offers_it(find, acme, sign_in):
    page = sign_in("alice@acme.example").get(f"/o/{acme.slug}/campaigns").text
    assert f'href="/o/{acme.slug}/search"' in page and 'id="search"' in page
