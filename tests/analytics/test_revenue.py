"""What visits earned: of orders that a shop has told of, less what was given back, and of nothing
that a page merely claims."""

from __future__ import annotations

import time
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.accounts.models import Organization
from app.analytics import rollups
from app.analytics.answers import ask
from app.analytics.forgetting import forget_raw_of
from app.analytics.periods import Period, local_day
from app.core.db import db
from app.sites.models import Site
from app.tracking.models import Event
from tests.shops import shopify, shopify_order, shopify_refund
from tests.tracking.arriving import DIRECT, NOON, Shelf

SEARCH = DIRECT._replace(channel="organic_search")


@pytest.fixture
def send(client, acme, work):
    def deliver(topic, payload):
        answer = client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, topic, payload))
        assert answer.status_code == 200
        work()

    return deliver


@pytest.fixture
def happen(inside, acme):
    """One event of a visitor."""

    def run(name, visitor="ada", minute=0, **values):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            shelf = Shelf(acme.id, site.number)
            shelf.store(shelf.arrival(minute, visitor, name=name, **values))

    return run


@pytest.fixture
def earned(inside, acme):
    """By channel: revenue and orders, after what changed was added up."""

    def read():
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            rollups.roll_up(site, at_once=True)
            zone = ZoneInfo(site.time_zone)
            middle = local_day(NOON, zone)
            answer = ask(
                site, Period(middle - timedelta(days=2), middle + timedelta(days=62), zone)
            )
            rows = answer.breakdown("channel", by="revenue").rows
            assert sum(row.totals.revenue for row in rows) == answer.totals.revenue
            return {row.value: (row.totals.revenue, row.totals.orders) for row in rows}

    return read


def test_an_order_counts_for_the_visit_that_named_it_whichever_comes_first(send, happen, earned):
    send("orders/paid", shopify_order(1))
    happen("conversion", circumstances=SEARCH, props={"order_id": "1"})
    happen("conversion", "ben", props={"order_id": "2"})
    assert earned() == {"organic_search": (1490, 1), "direct": (0, 0)}
    send("orders/paid", shopify_order(2))
    assert earned() == {"organic_search": (1490, 1), "direct": (1490, 1)}


def test_what_is_given_back_is_taken_off(send, happen, earned):
    send("orders/paid", shopify_order(1))
    happen("conversion", props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1)}
    send("refunds/create", shopify_refund(1, "4.90"))
    assert earned() == {"direct": (1000, 1)}
    send("refunds/create", shopify_refund(1, "10.00", refund=2))
    assert earned()["direct"][0] == 0


def test_an_order_that_is_named_twice_counts_once_where_it_was_named_first(send, happen, earned):
    send("orders/paid", shopify_order(1))
    happen("conversion", "ben", 1000, circumstances=SEARCH, props={"order_id": "1"})
    happen("conversion", "ada", 0, props={"order_id": "1"})
    happen("conversion", "ada", 1, props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1), "organic_search": (0, 0)}


@pytest.mark.parametrize("name", ["engagement", "web_vitals"])
def test_what_no_day_adds_up_takes_no_order_from_the_visit_that_named_it(
    send, happen, earned, name
):
    send("orders/paid", shopify_order(1))
    happen("conversion", props={"order_id": "1"})
    happen(name, "ben", -5, props={"order_id": "1"})
    assert earned()["direct"] == (1490, 1)


def test_an_order_goes_to_another_day_when_an_earlier_visit_that_named_it_arrives_late(
    send, happen, earned
):
    send("orders/paid", shopify_order(1))
    happen("conversion", "ben", 24 * 60, circumstances=SEARCH, props={"order_id": "1"})
    assert earned() == {"organic_search": (1490, 1)}
    happen("conversion", "ada", props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1), "organic_search": (0, 0)}


def test_an_order_whose_total_is_corrected_counts_with_the_new_one(send, happen, earned):
    send("orders/paid", shopify_order(1))
    happen("conversion", props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1)}
    send("orders/updated", shopify_order(1, total_price="8.00"))
    assert earned() == {"direct": (800, 1)}


def test_an_order_whose_payment_comes_after_its_refund_counts_as_when_all_is_added_up_anew(
    send, happen, earned, inside, acme
):
    send("refunds/create", shopify_refund(1, "14.90"))
    happen("conversion", props={"order_id": "1"})
    assert earned() == {"direct": (0, 0)}
    send("orders/paid", shopify_order(1))
    incremental = earned()
    with inside(acme):
        rollups.rebuild(db.session.get_one(Site, acme.site_id))
    assert incremental == earned() == {"direct": (0, 1)}


def test_another_currency_adds_up_anew_what_is_still_there(send, happen, earned, inside, acme):
    send("orders/paid", shopify_order(1))
    happen("conversion", props={"order_id": "1"})
    send("orders/paid", shopify_order(2, currency="USD"))
    happen("conversion", "ben", circumstances=SEARCH, props={"order_id": "2"})
    assert earned() == {"direct": (1490, 1), "organic_search": (0, 0)}
    with inside(acme):
        db.session.get_one(Organization, acme.id).change(currency="USD")
        db.session.commit()
    assert earned() == {"direct": (0, 0), "organic_search": (1490, 1)}


@pytest.mark.parametrize("archive", [False, True])
def test_an_order_is_not_counted_again_where_it_is_named_once_its_first_row_is_dropped(
    send, happen, earned, inside, acme, archive
):
    send("orders/paid", shopify_order(1))
    happen("conversion", props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1)}
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        assert forget_raw_of(site, 30, time.monotonic() + 10, archive=archive)
        assert db.session.query(Event).count() == 0
    happen("conversion", "ada", 60 * 24 * 60, circumstances=SEARCH, props={"order_id": "1"})
    assert earned() == {"direct": (1490, 1), "organic_search": (0, 0)}


def test_what_a_page_claims_is_no_revenue_unless_the_site_trusts_it(inside, acme, happen, earned):
    happen("donation", amount=500, currency="EUR")
    happen("donation", "ben", amount=700, currency="USD")
    assert earned() == {"direct": (0, 0)}
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.change(trusts_pages=True)
        db.session.commit()
        rollups.rebuild(site)
    assert earned() == {"direct": (500, 0)}


def test_what_a_server_says_is_revenue(happen, earned):
    happen("renewal", amount=2500, currency="EUR", by_api=True)
    assert earned() == {"direct": (2500, 0)}


def test_an_order_that_no_shop_tells_of_is_no_revenue(happen, earned):
    happen("conversion", amount=99_900, currency="EUR", props={"order_id": "77"}, by_api=True)
    assert earned() == {"direct": (0, 0)}
