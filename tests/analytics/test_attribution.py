"""Attribution: to the last cent, whichever way, refunds off, and what nobody is known to have bought
is said to be so."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from app.analytics import rollups
from app.analytics.answers import ask
from app.analytics.attribution import MODELS, UNJOINED, attribution, share_out
from app.analytics.filters import read_filters
from app.analytics.forgetting import forget_raw_of
from app.analytics.models import RollupRun
from app.analytics.periods import Period, local_day
from app.commerce.models import Order
from app.core import clock
from app.core.db import db
from app.sites.models import Site
from app.sources.facts import Money, OrderPaid, OrderRefunded
from app.sources.models import Source
from app.tracking.models import Event
from tests.tracking.arriving import DIRECT, MINUTE, NOON, Shelf, who

DAY = 24 * 60


def around_noon(before: int = 2, after: int = 2) -> Period:
    clock = ZoneInfo("UTC")
    middle = local_day(NOON, clock)
    return Period(middle - timedelta(days=before), middle + timedelta(days=after), clock)


def at(minute: float) -> datetime:
    return datetime.fromtimestamp(NOON / 1000, UTC) + timedelta(minutes=minute)


@pytest.fixture
def source(site):
    return Source.connect(site, "shopify", "Shop")


@pytest.fixture
def buy(source):
    return partial(pay, source)


def pay(source, number, amount, minute=0.0, currency="EUR"):
    Order.pay(
        source,
        OrderPaid(
            external_id=str(number),
            total=Money(amount, currency),
            occurred_at=at(minute),
            updated_at=at(minute),
        ),
    )
    db.session.commit()


@pytest.fixture
def refund(source):
    def refund(number, amount, minute=1.0):
        Order.refund(
            source,
            OrderRefunded(
                external_id=str(number),
                refund_id=f"r{number}",
                amount=Money(amount, "EUR"),
                occurred_at=at(minute),
            ),
        )
        db.session.commit()

    return refund


def visit(shelf, name, minute, channel, order=None, agreed=True, **values):
    visitor = who(name)._replace(person=agreed) if name else None
    circumstances = DIRECT._replace(channel=channel)
    came = {"who": visitor, "circumstances": circumstances}
    shelf.store(shelf.arrival(minute, **came))
    if order is not None:
        shelf.store(
            shelf.arrival(minute + 1, name="purchase", props={"order_id": str(order)}, **came)
        )
    if values:
        shelf.store(shelf.arrival(minute + 1, name="purchase", **came, **values))


def credited(found, model) -> dict[str, int]:
    return {each.value: each.revenue[model] for each in found.rows if any(each.revenue.values())}


def test_the_visits_before_an_order_share_it_by_each_model(site, shelf, buy):
    visit(shelf, "ada", -14 * DAY, "paid_search")
    visit(shelf, "ada", -7 * DAY, "email")
    visit(shelf, "ada", -31 * DAY, "display")
    visit(shelf, "ada", -1 * DAY, "email")
    visit(shelf, "ada", 0, "direct", order=1)
    buy(1, 10_000, 1)
    rollups.rebuild(site)
    found = attribution(site, around_noon(), "channel")
    assert credited(found, "first") == {"direct": 0, "email": 0, "paid_search": 10_000}
    assert credited(found, "last") == {"direct": 10_000, "email": 0, "paid_search": 0}
    assert credited(found, "linear") == {"direct": 2500, "email": 5000, "paid_search": 2500}
    assert credited(found, "position") == {"direct": 4000, "email": 2000, "paid_search": 4000}
    # Ages of 14, 7, 1 days and the one minute of the visit itself.
    weights = [0.5 ** (days / 7) for days in (14 + 1 / DAY, 7 + 1 / DAY, 1 + 1 / DAY, 1 / DAY)]
    shares = [round(10_000 * each / sum(weights)) for each in weights]
    decayed = credited(found, "time_decay")
    assert abs(decayed["paid_search"] - shares[0]) <= 1 and abs(decayed["direct"] - shares[3]) <= 1
    assert sum(decayed.values()) == 10_000
    assert {each.value: each.orders for each in found.rows if each.orders} == {
        "direct": 1,
        "email": 1,
        "paid_search": 1,
    }


def test_refunds_are_off_and_orders_without_a_visit_stand_alone(site, shelf, buy, refund):
    visit(shelf, "ada", 0, "email", order=1)
    visit(shelf, "ben", 0, "direct", order=2)
    visit(shelf, None, 5, "direct", amount=300, currency="EUR", by_api=True)
    visit(shelf, "eva", 6, "referral", amount=700, currency="EUR", by_api=True)
    visit(shelf, "tom", 6, "referral", amount=9999, currency="EUR")
    for number, amount, currency in (
        (1, 5000, "EUR"),
        (2, 4000, "EUR"),
        (3, 2500, "EUR"),
        (4, 800, "USD"),
    ):
        buy(number, amount, 1, currency)
    refund(1, 1500)
    refund(2, 4000)
    refund(3, 500)
    buy(5, 7000, 9 * DAY)
    rollups.rebuild(site)
    found = attribution(site, around_noon(), "channel")
    for model in MODELS:
        assert credited(found, model) == {"email": 3500, "referral": 700}
    assert found.unjoined.value == UNJOINED
    assert found.unjoined.revenue == dict.fromkeys(MODELS, 2000 + 300)
    assert found.unjoined.orders == 2
    assert found.revenue == 3500 + 700 + 2300
    # All that the other pages call revenue, and the orders that no visit has named.
    assert found.revenue == ask(site, around_noon()).totals.revenue + 2000
    filtered = attribution(site, around_noon(), "channel", read_filters(["channel:is:email"]))
    assert (filtered.revenue, filtered.unjoined.orders) == (3500, 0)


def test_the_page_says_how_many_orders_all_revenue_is_of(inside, acme, sign_in):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf, source = (
            Shelf(site.organization_id, site.number),
            Source.connect(site, "shopify", ""),
        )
        visit(shelf, "ada", -1, "email")
        visit(shelf, "ada", 60, "direct", order=1)
        visit(shelf, "ben", 0, "direct", order=2, agreed=False)
        for number in (1, 2, 3):
            pay(source, number, 1000 * number)
        rollups.rebuild(site)
    period = around_noon()
    asked = f"site={acme.site_id}&from={period.first}&to={period.last}"
    alice, pages = sign_in("alice@acme.example"), f"/o/{acme.slug}/analytics"
    total = re.search("<tfoot>(.*?)</tfoot>", alice.get(f"{pages}/attribution?{asked}").text)[1]
    cells = re.findall("<td[^>]*>(.*?)</td>", total)
    assert cells == ["3", *["€60.00"] * len(MODELS)]
    # What no visit named is of no visit that matches.
    filtered = alice.get(f"{pages}/attribution?{asked}&f=channel:is:direct").text
    assert re.findall("<td[^>]*>(.*?)</td>", filtered.split("<tfoot>")[1])[0] == "2"
    # The other pages know two of them, and say where the third is.
    for path in ("/goals?", "?metric=revenue&"):
        assert "no visit named" in alice.get(f"{pages}{path}{asked}").text


def test_from_when_raw_events_are_gone_no_order_is_said_to_have_no_visit(site, shelf, buy):
    visit(shelf, "ada", 0, "email", order=1)
    buy(1, 1000, 1)
    buy(2, 500, 1)
    rollups.rebuild(site)
    day = local_day(NOON, ZoneInfo("UTC"))
    for since, revenue in ((day, 1500), (day + timedelta(days=1), 1000)):
        db.session.execute(update(RollupRun).values(raw_since=since))
        db.session.commit()
        assert attribution(site, around_noon(), "channel").revenue == revenue


@pytest.mark.parametrize("archive", [False, True])
def test_an_order_that_was_named_before_it_was_paid_counts_once_when_that_row_is_dropped(
    site, shelf, buy, archive
):
    visit(shelf, "ada", 0, "email", order=1)
    buy(1, 10_000, 2 * DAY)
    rollups.rebuild(site)
    kept = (clock.now() - at(0)).days - 1  # days: that of the visit goes, that of the payment stays
    assert attribution(site, around_noon(), "channel").revenue == 10_000
    assert forget_raw_of(site, kept, time.monotonic() + 10, archive=archive)
    assert db.session.query(Event).count() == 0
    found = attribution(site, around_noon(), "channel")
    assert credited(found, "last") == {"email": 10_000}
    assert (found.unjoined.orders, found.revenue) == (0, 10_000)
    assert ask(site, around_noon()).totals.revenue == 10_000


def test_of_two_sources_with_an_order_of_one_name_one_is_the_visit_s_and_the_other_stands_alone(
    site, shelf, buy, source
):
    other = Source.connect(site, "woocommerce", "Other shop")
    buy(17, 10_000)
    pay(other, 17, 2000)
    visit(shelf, "ada", 0, "email", order=17)
    rollups.rebuild(site)

    def counts():
        found = attribution(site, around_noon(), "channel")
        return credited(found, "last"), found.unjoined.revenue["last"], found.unjoined.orders

    assert counts() == ({"email": 2000}, 10_000, 1)
    assert ask(site, around_noon()).totals.revenue == 2000
    # So it stays when a third comes after its day was closed, and when the row is dropped.
    db.session.execute(update(Order).values(named_at=NOON))
    db.session.execute(delete(Event))
    pay(Source.connect(site, "stripe", "Third shop"), 17, 500)
    assert counts() == ({"email": 2000}, 10_500, 2)


def test_who_did_not_agree_has_only_the_visits_of_the_day(site, shelf, buy):
    visit(shelf, "ada yesterday", -DAY, "email", agreed=False)
    visit(shelf, "ada", -100, "paid_search", agreed=False)
    visit(shelf, "ada", 0, "direct", order=1, agreed=False)
    visit(shelf, "ada", 100, "email", agreed=False)
    buy(1, 1001)
    rollups.rebuild(site)
    found = attribution(site, around_noon(), "channel")
    assert credited(found, "linear") == {"direct": 500, "paid_search": 501}
    assert credited(found, "first") == {"direct": 0, "paid_search": 1001}


def test_an_order_counts_in_the_period_in_which_its_visit_began(site, shelf, buy):
    visit(shelf, "ada", -10 * DAY, "email")
    visit(shelf, "ada", 0, "direct", order=1)
    buy(1, 1000, 5 * DAY)
    rollups.rebuild(site)
    assert attribution(site, around_noon(), "channel").revenue == 1000
    assert attribution(site, around_noon(30, -5), "channel").revenue == 0
    told = db.session.scalars(select(Order.occurred_at)).one()
    assert told > at(2 * DAY)


ages = st.lists(st.integers(0, 30 * DAY * MINUTE), min_size=1, max_size=12).map(
    lambda each: sorted(each, reverse=True)
)


@given(amount=st.integers(-(10**12), 10**12), ages=ages, model=st.sampled_from(list(MODELS)))
def test_shares_add_up_and_none_is_off_by_a_unit(amount, ages, model):
    weights = MODELS[model](ages)
    shares = share_out(amount, weights)
    assert sum(shares) == amount
    whole = sum(map(Fraction, weights))
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - amount * Fraction(weight) / whole) < Fraction(1001, 1000)


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1, [1, 1], [1, 0]),
        (0, [1, 2], [0, 0]),
        (7, [0, 1], [0, 7]),
        (10, [0.4, 0.2, 0.4], [4, 2, 4]),
        (2**60 + 1, [1, 1], [2**59 + 1, 2**59]),
    ],
)
def test_what_is_left_over_goes_to_those_who_lost_most(amount, weights, shares):
    assert share_out(amount, weights) == shares


@pytest.mark.parametrize(
    ("number", "weights"),
    [(1, [1]), (2, [0.5, 0.5]), (3, [0.4, 0.2, 0.4]), (4, [0.4, 0.1, 0.1, 0.4])],
)
def test_the_ends_have_forty_each_two_half_each_and_one_all(number, weights):
    given = MODELS["position"]([0] * number)
    assert [each / sum(given) for each in given] == pytest.approx(weights)
