"""How many events an address and a site may send: each has a limit of its own, and neither is that
of others."""

from __future__ import annotations

import pytest

from tests.tracking.posting import event, post, post_raw

# Ten times as many at once, and ten minutes until they may be sent again.
MANY = "100000"


@pytest.fixture
def page(client_with):
    """A page's client of a program with these limits a second."""

    def start(address=MANY, site=MANY):
        return client_with(EVENTS_PER_ADDRESS=address, EVENTS_PER_SITE=site)

    return start


def status(client, tenant, number, address="198.51.100.7"):
    events = [event(tenant) for _ in range(number)]
    return post(client, tenant, *events, address=address).status_code


def test_an_address_sends_so_many_events_whatever_the_site(page, acme, umbrella):
    client = page(address="1")
    assert status(client, acme, 8) == 202
    assert status(client, acme, 8) == 429
    assert status(client, umbrella, 8) == 429
    assert status(client, acme, 8, "203.0.113.9") == 202


def test_a_site_is_sent_so_many_events_from_all_addresses_together(page, acme, umbrella):
    client = page(site="1")
    assert status(client, acme, 8) == 202
    for number in range(3):
        assert status(client, acme, 8, f"203.0.113.{number}") == 429
    assert status(client, umbrella, 8) == 202


def test_what_names_no_site_takes_of_what_an_address_may_as_well(page, acme):
    client = page(address="1")
    nowhere = '{"site": "%s", "events": []}' % ("0" * 32)
    assert {post_raw(client, acme, nowhere).status_code for _ in range(8)} == {404}
    assert status(client, acme, 8) == 429
