"""Stripe's deliveries: checkouts and refunds, in the present shape and that of 2022-11-15."""

from datetime import UTC, datetime, timedelta

import pytest

from app.sources.facts import Money, OrderPaid, OrderRefunded, Person, Place, Product
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Refused, SampleOrder, Unmapped
from app.sources.kinds.stripe import stripe_money
from tests.sources.samples import (
    NOW,
    SECRET,
    body_of,
    stripe,
    stripe_charge,
    stripe_checkout,
    stripe_event,
    stripe_refund,
)

KIND = KINDS["stripe"]
CREATED = datetime.fromtimestamp(1777890000, UTC)
INTENT = "pi_1PgafyB7WZ01zgkWSjxsAJo3"


def read_event(kind, thing, **changes):
    return KIND.read(stripe(stripe_event(kind, thing, **changes)))


def read(kind="checkout.session.completed", **changes):
    return read_event(kind, stripe_checkout(**changes))


def test_a_paid_checkout_is_read_at_the_time_of_its_event():
    assert read() == [
        OrderPaid(
            external_id="cs_live_a1YS1URlnyQCN5fUUduORoQ7",
            occurred_at=CREATED,
            updated_at=CREATED,
            total=Money(2900, "USD"),
            reference=INTENT,
            person=Person("Dana", "van der Berg", "dana@example.com", "cus_QXg1o8vcGmoR32"),
            place=Place("Austin", "TX", "US"),
            products=(Product("Course on tea", "https://tea.example/c"),),
        )
    ]


def test_a_payment_that_arrives_later_is_read_alike():
    assert read("checkout.session.async_payment_succeeded") == read()


def test_the_shipping_address_goes_before_the_customer_s_in_both_shapes():
    shipped = {"name": "Dana", "address": {"city": "Oslo", "country": "NO", "state": None}}
    present = {"collected_information": {"shipping_details": shipped}}
    old = {"collected_information": None, "shipping_details": shipped}
    older = {"collected_information": None, "shipping": shipped}
    for shape in (present, old, older):
        assert read(**shape)[0].place == Place("Oslo", None, "NO")


def test_expanded_objects_are_read_like_named_ones():
    [fact] = read(
        payment_intent={"id": INTENT, "object": "payment_intent"},
        customer={"id": "cus_QXg1o8vcGmoR32", "object": "customer"},
        line_items={
            "data": [
                {"description": "Teapot", "quantity": 2},
                {"description": "Cup", "quantity": 1},
            ]
        },
        metadata={},
    )
    assert fact.reference == INTENT and fact.person.customer_id == "cus_QXg1o8vcGmoR32"
    assert fact.products == (Product("Teapot"), Product("Cup")) and fact.items == 3


def test_a_subscription_s_checkout_refers_to_its_invoice():
    assert read(payment_intent=None, invoice="in_1", mode="subscription")[0].reference == "in_1"
    assert read(payment_intent=None)[0].reference is None


def test_what_nobody_paid_is_no_purchase():
    with pytest.raises(Ignored, match="not paid yet"):
        read(payment_status="unpaid")
    with pytest.raises(Ignored, match="nothing was paid"):
        read(payment_status="no_payment_required", amount_total=0)
    with pytest.raises(Unmapped, match="payment_status"):
        read(payment_status="new state")


@pytest.mark.parametrize("livemode", [False, None, "true", 1])
def test_test_mode_is_ignored(livemode):
    with pytest.raises(Ignored, match="test mode"):
        read_event("checkout.session.completed", stripe_checkout(), livemode=livemode)


def test_a_full_refund_is_joined_by_its_payment_intent():
    previous = {"amount_refunded": 0, "refunded": False}
    assert read_event("charge.refunded", stripe_charge(), previous=previous) == [
        OrderRefunded(
            external_id=None,
            refund_id="ch_1PgafuB7WZ01zgkWXYmPNZs8:2900",
            occurred_at=CREATED,
            amount=Money(2900, "USD"),
            full=True,
            reference=INTENT,
        )
    ]


def test_partial_refunds_tell_what_each_of_them_gave_back():
    told = []
    for before, after in [(0, 1000), (1000, 1500), (1500, 2900)]:
        charge = stripe_charge(amount_refunded=after, refunded=after == 2900)
        told += read_event("charge.refunded", charge, previous={"amount_refunded": before})
    assert [(fact.amount.amount, fact.full) for fact in told] == [
        (1000, False),
        (500, False),
        (1400, True),
    ]
    assert len({fact.refund_id for fact in told}) == 3


def test_a_refund_of_a_charge_is_counted_from_the_charge_alone():
    for kind in ("refund.created", "refund.updated", "charge.refund.updated"):
        with pytest.raises(Ignored, match=r"charge\.refunded"):
            read_event(kind, stripe_refund(charge="ch_1"))


def test_a_refund_without_a_charge_is_counted_once_it_succeeded():
    [fact] = read_event("refund.updated", stripe_refund())
    assert fact.amount == Money(1000, "USD") and fact.full is None
    assert (fact.reference, fact.refund_id) == (INTENT, "re_1Pgc72B7WZ01zgkWqPvrRrPE")
    for status in ("pending", "failed", "canceled"):
        with pytest.raises(Ignored, match="not succeeded"):
            read_event("refund.created", stripe_refund(status=status))


def test_other_types_are_ignored():
    for kind in ("customer.subscription.updated", "invoice.paid", "", None, 5, ["charge.refunded"]):
        with pytest.raises(Ignored, match="not used"):
            read_event(kind, {})


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (2935, "usd", Money(2935, "USD")),
        (500, "jpy", Money(500, "JPY")),
        (1235, "kwd", Money(1235, "KWD")),
        (50000, "isk", Money(500, "ISK")),
        (50000, "ugx", Money(500, "UGX")),
        (500, "mga", Money(50000, "MGA")),
    ],
)
def test_stripe_s_minor_units_become_those_of_iso_4217(amount, currency, money):
    assert stripe_money(amount, currency) == money


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"amount_total": "2900"},
        {"amount_total": 29.0},
        {"amount_total": -1},
        {"amount_total": 2**53 + 1},
        {"amount_total": 10**4000},
        {"amount_total": None},
        {"currency": None},
        {"currency": "dollars"},
        {"payment_status": None},
        {"payment_status": {}},
    ],
)
def test_a_checkout_whose_essentials_are_malformed_is_not_mapped(changes):
    with pytest.raises(Unmapped):
        read(**changes)


@pytest.mark.parametrize("created", [None, "1777890000", -5, 10**30, True])
def test_an_event_without_its_time_is_not_mapped(created):
    with pytest.raises(Unmapped):
        read_event("checkout.session.completed", stripe_checkout(), created=created)


def test_a_refund_that_refers_to_nothing_is_not_mapped():
    with pytest.raises(Unmapped, match="payment_intent"):
        read_event("refund.created", stripe_refund(payment_intent=None))
    with pytest.raises(Unmapped):
        read_event("charge.refunded", stripe_charge(id=None))


def test_the_signature_is_checked_with_its_time():
    incoming = stripe(stripe_event("charge.refunded", stripe_charge()))
    KIND.verify(incoming, [SECRET], NOW)
    for later in (timedelta(seconds=301), timedelta(seconds=-301)):
        with pytest.raises(Refused, match="five minutes"):
            KIND.verify(incoming, [SECRET], NOW + later)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(Incoming(incoming.headers, incoming.body + b" "), [SECRET], NOW)
    with pytest.raises(Refused, match="missing"):
        KIND.verify(Incoming({}, incoming.body), [SECRET], NOW)


def test_a_delivery_is_known_by_its_event_s_id_and_type():
    incoming = stripe(stripe_event("charge.refunded", stripe_charge()))
    assert KIND.delivery_key(incoming) == "evt_1Pgb7rB7WZ01zgkW0001"
    assert KIND.topic(incoming) == "charge.refunded"
    for body in (b"", b"[", b"[]", body_of({"id": 5, "type": 5}), b"\xff"):
        assert len(KIND.delivery_key(Incoming({}, body))) == 64
        assert KIND.topic(Incoming({}, body)) == ""


def test_a_sample_is_signed_like_a_real_one_and_reads_as_what_it_was_made_of():
    order = SampleOrder(
        id="1042",
        person=Person("Dana", "van der Berg", "dana@example.com", "cus_1"),
        place=Place("Austin", "TX", "US"),
        product=Product("Teapot", "https://tea.example/pot"),
        price=Money(3990, "USD"),
        at=NOW,
    )
    secret = KIND.new_secret()
    assert secret.startswith("whsec_")
    paid, refunded = (KIND.sample(event, order, secret) for event in ("paid", "refunded"))
    KIND.verify(paid, [secret], NOW)
    KIND.verify(refunded, [secret], NOW)
    [order_paid], [refund] = KIND.read(paid), KIND.read(refunded)
    assert (order_paid.person, order_paid.place) == (order.person, order.place)
    assert order_paid.products == (order.product,) and order_paid.total == Money(3990, "USD")
    assert refund.reference == order_paid.reference and refund.full is True
