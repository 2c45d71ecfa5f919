"""Lists of sites: searched by name, client and domain, a page at a time, and the choice of one."""

from __future__ import annotations

import re

import pytest

from app.core.db import db
from app.sites.listing import PAGE
from app.sites.models import Site

NAMES = ("Ärztehaus", "tea house", "Book shop")


@pytest.fixture
def names(alice, acme):
    def read(query="", **options):
        page = alice.get(f"/o/{acme.slug}/sites{query}", **options).text
        return re.findall(r'<th scope="row"><a class="table__link"[^>]*>([^<]*)</a>', page)

    return read


@pytest.fixture
def many(inside, acme):
    with inside(acme):
        for number in range(PAGE + 10):
            Site.create(name=f"Shop {number:03}", domains=[f"s{number}.example"])
        db.session.commit()


def test_sites_are_found_by_name_client_and_domain_in_either_case(names, make):
    make("Ärztehaus", ["praxis.example"], client_name="Dr. Ömer")
    make("tea house", ["tea.example", "www.chai.example"])
    make("Book shop", ["*.books.example"], client_name="Ink & Co")
    for text, found in (
        ("", ["Acme shop", "Book shop", "tea house", "Ärztehaus"]),
        ("ÄRZTE", ["Ärztehaus"]),
        ("ömer", ["Ärztehaus"]),
        ("TEA", ["tea house"]),
        ("chai", ["tea house"]),
        ("ink book", ["Book shop"]),
        ("shop ink books.ex", ["Book shop"]),
        ("ink tea", []),
        ("%", []),
        ("_", []),
        ("<b>", []),
    ):
        assert names("?q=" + text.replace("%", "%25").replace("&", "%26")) == found, text


def test_a_renamed_site_is_found_by_its_new_name_only(names, make, client, acme):
    site_id, _ = make("Tea")
    body = {"name": "Coffee", "client_name": "Bean"}
    client.patch(f"/api/v1/sites/{site_id}", json=body, headers=acme.bearer)
    assert names("?q=coffee+bean") == ["Coffee"] and names("?q=tea") == []


def test_a_long_list_comes_in_pages(names, many, alice, acme):
    first, second = names(), names("?page=2")
    assert len(first) == PAGE and len(second) == 11
    assert first + second == sorted(first + second)
    page = alice.get(f"/o/{acme.slug}/sites?q=shop&page=2").text
    assert "51 to 61 of 61" in page and "q=shop&amp;page=1" in page
    assert names("?page=99") == [] and names("?page=-1") == names("?page=x") == first


def test_live_search_and_the_plain_page_show_the_same(names, make):
    make("Tea")
    assert names("?q=tea") == names("?q=tea", headers={"HX-Request": "true"}) == ["Tea"]


def test_no_match_offers_the_way_back_and_no_site_the_way_on(alice, acme, client):
    page = alice.get(f"/o/{acme.slug}/sites?q=nothing").text
    assert "No site matches" in page and "Show all sites" in page
    client.delete(f"/api/v1/sites/{acme.site_id}", headers=acme.bearer)
    assert "Add your first site" in alice.get(f"/o/{acme.slug}/sites").text


@pytest.mark.parametrize("path", ["sources/new", "activities/new", "campaigns/new"])
def test_one_site_of_many_is_chosen_before_what_is_for_it(alice, acme, many, path):
    address = f"/o/{acme.slug}/{path}"
    page = alice.get(address).text
    assert "Choose a site" in page and "49 more" in page
    assert f'action="/o/{acme.slug}/{path.split("/")[0]}"' not in page
    found = alice.get(f"{address}?q=s41.ex").text
    [link] = re.findall(r'class="pick" href="([^"]*)"', found)
    partial = alice.get(f"{address}?q=s41.ex", headers={"HX-Request": "true"}).text
    assert link in partial and "<html" not in partial
    chosen = alice.get(link).text
    assert "Shop 041" in _main(chosen) and "Another site" in chosen
    assert link.split("site=")[1] in re.findall(
        r'type="hidden" name="site[^"]*" value="([^"]*)"', chosen
    )


def test_the_only_site_needs_no_choice(alice, acme):
    for path in ("sources/new", "activities/new", "campaigns/new"):
        page = _main(alice.get(f"/o/{acme.slug}/{path}").text)
        assert "Choose a site" not in page and f'value="{acme.site_id}"' in page


def test_a_site_that_is_none_is_refused_with_the_choice(alice, acme, many):
    for site_id in ("", "x", "00000000-0000-4000-8000-000000000000"):
        form = {"site_id": site_id, "kind": "custom", "name": "Mine"}
        answer = alice.post(f"/o/{acme.slug}/sources", form)
        assert answer.status_code == 422 and "Choose a site" in answer.text


def _main(page):
    return page.split("<main")[1].split("</main>")[0]
