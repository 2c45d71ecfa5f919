"""Shopify's deliveries: signature, topics, and what an order in each state comes to."""

from datetime import UTC, datetime

import pytest

from app.sources.facts import (
    Money,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
    Person,
    Place,
    Product,
)
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Refused, SampleOrder, Unmapped
from tests.sources.samples import (
    NOW,
    SECRET,
    SHOPIFY_CUSTOMER_ID,
    SHOPIFY_ORDER_ID,
    base64_hmac,
    shopify,
    shopify_order,
    shopify_refund,
    shopify_transaction,
)

KIND = KINDS["shopify"]
ORDER = str(SHOPIFY_ORDER_ID)


def read(topic="orders/paid", **changes):
    return KIND.read(shopify(topic, shopify_order(**changes)))


def read_refund(*amounts, **changes):
    return KIND.read(shopify("refunds/create", shopify_refund(*amounts, **changes)))


def test_a_paid_order_is_read_with_person_place_products_and_exact_ids():
    assert read() == [
        OrderPaid(
            external_id="820982911946154508",
            occurred_at=datetime(2026, 5, 4, 10, 29, 51, tzinfo=UTC),
            updated_at=datetime(2026, 5, 4, 10, 29, 55, tzinfo=UTC),
            total=Money(5870, "EUR"),
            person=Person("Mira", "Keller", "mira@example.com", str(SHOPIFY_CUSTOMER_ID)),
            place=Place("Lyon", "Auvergne-Rhône-Alpes", "FR"),
            products=(Product("Stoneware kettle"), Product("Cup")),
            items=3,
        )
    ]


@pytest.mark.parametrize("topic", ["orders/create", "orders/paid", "orders/updated"])
def test_every_order_topic_tells_the_same_fact(topic):
    assert read(topic) == read()


def test_the_billing_address_stands_in_for_a_missing_shipping_address():
    [fact] = read(shipping_address=None)
    assert fact.place == Place("Bern", "Bern", "CH")
    [fact] = read(shipping_address=None, billing_address=None)
    assert fact.place is None


def test_an_order_without_a_customer_takes_name_and_email_from_what_there_is():
    [fact] = read(customer=None)
    assert fact.person == Person("Mira", "Keller", "mira@example.com")
    [fact] = read(
        customer=None, email="", contact_email=None, shipping_address=None, billing_address=None
    )
    assert fact.person is None


def test_a_test_order_is_ignored_by_its_field_and_by_the_header():
    with pytest.raises(Ignored, match="test order"):
        read(test=True)
    with pytest.raises(Ignored, match="test order"):
        KIND.read(shopify("orders/paid", shopify_order(), **{"x-shopify-test": "true"}))


def test_the_provider_s_own_test_order_never_pops_up():
    its_test_order = {
        "test": True,
        "cancelled_at": "2021-12-31T19:00:00-05:00",
        "financial_status": "voided",
    }
    with pytest.raises(Ignored):
        read("orders/create", **its_test_order)
    assert not isinstance(read("orders/create", **its_test_order | {"test": False})[0], OrderPaid)


@pytest.mark.parametrize("status", ["pending", "authorized", "partially_paid", "expired"])
def test_an_order_that_is_not_paid_yet_is_ignored(status):
    with pytest.raises(Ignored, match="not paid yet"):
        read("orders/create", financial_status=status)


def test_a_cancelled_or_voided_order_is_cancelled_whatever_its_topic():
    updated_at = datetime(2026, 5, 4, 10, 29, 55, tzinfo=UTC)
    assert read(cancelled_at="2026-05-04T12:29:55+02:00") == [
        OrderCancelled(ORDER, "cancelled", updated_at)
    ]
    assert read(
        "orders/cancelled", cancelled_at="2026-05-04T12:29:55+02:00", financial_status="refunded"
    ) == [OrderCancelled(ORDER, "cancelled", updated_at)]
    assert read("orders/updated", financial_status="voided") == [
        OrderCancelled(ORDER, "voided", updated_at)
    ]


def test_a_deleted_order_is_cancelled_though_only_its_id_is_sent():
    assert KIND.read(shopify("orders/delete", {"id": SHOPIFY_ORDER_ID})) == [
        OrderCancelled(ORDER, "deleted")
    ]


def test_a_refund_sums_its_successful_transactions():
    assert read_refund("10.00", "5.25") == [
        OrderRefunded(
            external_id=ORDER,
            refund_id="890088186047892319",
            occurred_at=datetime(2026, 5, 6, 7, 0, 1, tzinfo=UTC),
            amount=Money(1525, "EUR"),
        )
    ]


def test_transactions_that_failed_wait_or_are_no_refunds_do_not_count():
    others = [
        shopify_transaction("1.00", status="failure"),
        shopify_transaction("2.00", status="pending"),
        shopify_transaction("4.00", kind="sale"),
        shopify_transaction("8.00", test=True),
    ]
    [fact] = read_refund(transactions=[*others, shopify_transaction("16.00")])
    assert fact.amount == Money(1600, "EUR")
    with pytest.raises(Ignored, match="no money"):
        read_refund(transactions=others)
    with pytest.raises(Ignored, match="no money"):
        read_refund()


def test_a_refund_is_counted_in_the_shop_s_money():
    in_pounds = shopify_transaction(
        "8.50",
        currency="GBP",
        amount_set={
            "shop_money": {"amount": "10.00", "currency_code": "EUR"},
            "presentment_money": {"amount": "8.50", "currency_code": "GBP"},
        },
    )
    [fact] = read_refund(transactions=[in_pounds])
    assert fact.amount == Money(1000, "EUR")
    with pytest.raises(Unmapped, match="several currencies"):
        read_refund(
            transactions=[shopify_transaction("1", currency="GBP"), shopify_transaction("1")]
        )


def test_a_partial_refund_leaves_the_order_paid_and_tells_each_refund():
    refund = shopify_refund("5.00")
    paid, refunded = read("orders/updated", financial_status="partially_refunded", refunds=[refund])
    assert isinstance(paid, OrderPaid)
    assert refunded == read_refund("5.00")[0]


def test_a_full_refund_says_so_and_counts_its_money_once():
    refund, state = read(financial_status="refunded", refunds=[shopify_refund("58.70")])
    assert refund == read_refund("58.70")[0]
    assert state.full is True and state.amount is None
    assert state.refund_id != refund.refund_id


def test_other_topics_are_ignored_without_reading_the_body():
    for topic in ("products/update", "checkouts/create", ""):
        with pytest.raises(Ignored, match="not used"):
            KIND.read(Incoming({"x-shopify-topic": topic}, b"not even JSON"))


def test_a_topic_is_kept_printable_and_short():
    for topic in ("a\x00b\ud800", "x" * 5000):
        kept = KIND.topic(Incoming({"x-shopify-topic": topic}, b""))
        assert kept.isprintable() and kept.encode("utf-8") and len(kept) <= 100


def test_a_zero_order_is_paid_and_a_yen_order_has_no_decimals():
    assert read(total_price="0.00")[0].total == Money(0, "EUR")
    assert read(total_price="1200", currency="JPY")[0].total == Money(1200, "JPY")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 8.2e17},
        {"id": True},
        {"id": ["820982911946154508"]},
        {"id": "x" * 201},
        {"total_price": "NaN"},
        {"total_price": "Infinity"},
        {"total_price": "-1.00"},
        {"total_price": "1E+999999999"},
        {"total_price": "90071992547409.93"},
        {"total_price": None},
        {"total_price": {"amount": "1"}},
        {"total_price": True},
        {"currency": "EURO"},
        {"currency": 978},
        {"currency": None},
        {"processed_at": "yesterday"},
        {"processed_at": "0001-01-01T00:00:00+14:00"},
        {"processed_at": "9999-12-31T23:59:59-12:00"},
        {"processed_at": 1777890000},
        {"updated_at": []},
        {"financial_status": None},
        {"financial_status": 5},
        {"financial_status": "refunded", "updated_at": None},
        {"refunds": [{"transactions": [shopify_transaction("1.00")]}]},
    ],
)
def test_an_order_whose_essentials_are_malformed_is_not_mapped(changes):
    with pytest.raises(Unmapped) as caught:
        read(**changes)
    assert len(caught.value.reason) > 10


def test_malformed_decorations_do_not_cost_the_order():
    [fact] = read(
        customer=[1],
        email={"a": 1},
        contact_email=None,
        shipping_address="Lyon",
        billing_address={"city": 7, "province": None, "country_code": "France"},
        line_items=[
            None,
            3,
            {"title": ["x"], "quantity": "2"},
            {"title": "Cup\x07\n blue", "quantity": -1},
        ],
    )
    assert fact.person is None and fact.place is None
    assert fact.products == (Product("Cup blue"),) and fact.items == 0


def test_the_signature_is_checked_on_the_raw_body():
    incoming = shopify("orders/paid", shopify_order())
    KIND.verify(incoming, [SECRET], NOW)
    KIND.verify(incoming, ["new-secret", SECRET], NOW)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(Incoming(incoming.headers, incoming.body + b" "), [SECRET], NOW)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(incoming, ["another"], NOW)
    with pytest.raises(Refused, match="missing"):
        KIND.verify(Incoming({}, incoming.body), [SECRET], NOW)
    with pytest.raises(Refused, match="empty"):
        KIND.verify(incoming, [""], NOW)


def test_a_delivery_is_known_by_its_webhook_id_else_by_topic_and_body():
    incoming = shopify("orders/paid", shopify_order())
    assert KIND.delivery_key(incoming) == "94c7938d-b037-48f8-8216-35044f5f7d28"
    bare = {"x-shopify-topic": "orders/paid"}
    keys = {
        KIND.delivery_key(Incoming(bare, b"{}")),
        KIND.delivery_key(Incoming(bare, b"{ }")),
        KIND.delivery_key(Incoming({"x-shopify-topic": "orders/create"}, b"{}")),
        KIND.delivery_key(Incoming(bare | {"x-shopify-webhook-id": "x" * 300}, b"[]")),
    }
    assert len(keys) == 4 and all(len(key) == 64 for key in keys)


def test_a_sample_is_signed_like_a_real_one_and_reads_as_what_it_was_made_of():
    order = SampleOrder(
        id=ORDER,
        person=Person("Mira", "Keller", "mira@example.com", str(SHOPIFY_CUSTOMER_ID)),
        place=Place("Lyon", "Auvergne-Rhône-Alpes", "FR"),
        product=Product("Stoneware kettle"),
        price=Money(3990, "EUR"),
        at=NOW,
        quantity=2,
    )
    secret = KIND.new_secret()
    paid, refunded = (KIND.sample(event, order, secret) for event in ("paid", "refunded"))
    assert paid.headers["x-shopify-hmac-sha256"] == base64_hmac(paid.body, secret)
    assert KIND.topic(paid) == "orders/paid" and KIND.topic(refunded) == "refunds/create"
    assert KIND.delivery_key(paid) != KIND.delivery_key(refunded)
    assert KIND.read(paid) == [
        OrderPaid(
            ORDER,
            NOW,
            NOW,
            Money(7980, "EUR"),
            person=order.person,
            place=order.place,
            products=(order.product,),
            items=2,
        )
    ]
    [fact] = KIND.read(refunded)
    assert (fact.external_id, fact.amount) == (ORDER, Money(7980, "EUR"))
