"""WooCommerce's deliveries: the ping, the key, and what an order in each state comes to."""

from datetime import UTC, datetime

import pytest

from app.sources.facts import (
    ActivityReported,
    ActivityWithdrawn,
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
    base64_hmac,
    woocommerce,
    woocommerce_order,
    woocommerce_ping,
    woocommerce_review,
)

KIND = KINDS["woocommerce"]
MODIFIED = datetime(2026, 5, 4, 10, 20, 8, tzinfo=UTC)


def read(topic="order.updated", **changes):
    return KIND.read(woocommerce(topic, woocommerce_order(**changes)))


def test_a_paid_order_is_read_in_utc_with_entities_decoded():
    assert read("order.created") == [
        OrderPaid(
            external_id="727",
            occurred_at=datetime(2026, 5, 4, 10, 20, 6, tzinfo=UTC),
            updated_at=MODIFIED,
            total=Money(2935, "EUR"),
            person=Person("Tomás", "Silva", "tomas@example.com"),
            place=Place("Porto", "PT-13", "PT"),
            products=(
                Product("Green tea – Size: M & L", image="https://tea.example/green.jpg"),
                Product("Tin"),
            ),
            items=3,
        )
    ]


@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored"])
@pytest.mark.parametrize("status", ["processing", "completed"])
def test_every_order_topic_and_both_paid_states_tell_the_same_fact(topic, status):
    assert read(topic, status=status) == read()


@pytest.mark.parametrize(
    "status", ["pending", "on-hold", "checkout-draft", "auto-draft", "shipped"]
)
def test_an_order_that_is_not_paid_is_ignored(status):
    with pytest.raises(Ignored, match="not paid yet"):
        read("order.created", status=status)


@pytest.mark.parametrize("date_paid_gmt", [None, ""])
def test_an_order_that_is_processed_before_it_is_paid_is_ignored(date_paid_gmt):
    with pytest.raises(Ignored, match="not paid yet"):
        read(status="processing", date_paid_gmt=date_paid_gmt)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("cancelled", "cancelled"), ("failed", "cancelled"), ("trash", "deleted")],
)
def test_an_order_that_fell_through_is_cancelled(status, reason):
    assert read(status=status) == [OrderCancelled("727", reason, MODIFIED)]


def test_a_deleted_order_is_cancelled_though_only_its_id_is_sent():
    assert KIND.read(woocommerce("order.deleted", {"id": 727})) == [
        OrderCancelled("727", "deleted")
    ]


def test_refunds_inside_an_order_are_told_one_by_one():
    refunds = [{"id": 726, "reason": "", "total": "-10.00"}, {"id": 728, "total": "-0.35"}]
    paid, *told = read(refunds=refunds)
    assert isinstance(paid, OrderPaid)
    assert told == [
        OrderRefunded("727", "726", MODIFIED, Money(1000, "EUR")),
        OrderRefunded("727", "728", MODIFIED, Money(35, "EUR")),
    ]


def test_a_refunded_order_says_so_and_counts_its_money_once():
    refund, state = read(status="refunded", refunds=[{"id": 726, "total": "-29.35"}])
    assert refund == OrderRefunded("727", "726", MODIFIED, Money(2935, "EUR"))
    assert state == OrderRefunded("727", "727:refunded", MODIFIED, full=True)


def test_the_unsigned_ping_needs_no_signature_and_is_ignored():
    ping = woocommerce_ping()
    assert not KIND.needs_signature(ping)
    KIND.verify(ping, [SECRET], NOW)
    with pytest.raises(Ignored, match="ping"):
        KIND.read(ping)


@pytest.mark.parametrize(
    "incoming",
    [
        Incoming(woocommerce_ping().headers, b"webhook_id=9&status=completed"),
        Incoming(woocommerce_ping().headers, b'{"id": 727}'),
        Incoming({"content-type": "application/json"}, b"webhook_id=9"),
        Incoming(woocommerce_ping().headers | {"x-wc-webhook-signature": "AAAA"}, b"webhook_id=9"),
        Incoming({"x-wc-webhook-topic": "order.updated"}, b'{"id": 727}'),
    ],
)
def test_nothing_but_the_ping_passes_without_a_signature(incoming):
    assert KIND.needs_signature(incoming)
    with pytest.raises(Refused):
        KIND.verify(incoming, [SECRET], NOW)


def test_the_signature_is_checked_on_the_raw_body():
    incoming = woocommerce("order.updated", woocommerce_order())
    KIND.verify(incoming, [SECRET], NOW)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(Incoming(incoming.headers, incoming.body[:-1]), [SECRET], NOW)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(incoming, ["another"], NOW)


def test_a_delivery_is_known_by_topic_and_body_never_by_its_delivery_id():
    first = woocommerce("order.updated", woocommerce_order())
    same_id = woocommerce("order.updated", woocommerce_order(status="completed"))
    again = Incoming(first.headers | {"x-wc-webhook-delivery-id": "another"}, first.body)
    assert first.headers["x-wc-webhook-delivery-id"] == same_id.headers["x-wc-webhook-delivery-id"]
    assert KIND.delivery_key(first) != KIND.delivery_key(same_id)
    assert KIND.delivery_key(first) == KIND.delivery_key(again)
    assert KIND.delivery_key(first) != KIND.delivery_key(
        woocommerce("order.created", woocommerce_order())
    )


def read_review(topic="product_review.created", **changes):
    return KIND.read(woocommerce(topic, woocommerce_review(**changes)))


def test_an_approved_review_is_reported_with_its_rating():
    assert read_review() == [
        ActivityReported(
            type="review",
            external_id="22",
            occurred_at=datetime(2026, 5, 3, 16, 59, 17, tzinfo=UTC),
            person=Person("Ana", "Maria Lopes", "ana@example.com"),
            product=Product("Green tea", "https://tea.example/product/green-tea/"),
            data={"rating": 5, "verified": True, "text": "Lovely & fresh!"},
        )
    ]


def test_a_review_that_is_held_back_is_not_shown_and_one_taken_down_is_withdrawn():
    with pytest.raises(Ignored, match="not approved"):
        read_review(status="hold")
    assert read_review("product_review.updated", status="spam") == [
        ActivityWithdrawn("review", "22")
    ]
    assert read_review("product_review.deleted") == [ActivityWithdrawn("review", "22")]


@pytest.mark.parametrize("rating", [None, 0, 6, "5", True, [5], 10**400])
def test_a_rating_that_is_no_count_of_stars_is_left_out(rating):
    [fact] = read_review(rating=rating)
    assert "rating" not in fact.data


def test_other_topics_are_ignored():
    for topic in ("product.updated", "coupon.created", "action.woocommerce_add_to_cart", ""):
        with pytest.raises(Ignored, match="not used"):
            KIND.read(Incoming({"x-wc-webhook-topic": topic}, b"x"))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 0.5},
        {"id": None},
        {"status": None},
        {"status": ["processing"]},
        {"total": "NaN"},
        {"total": "-29.35"},
        {"total": "twenty"},
        {"total": []},
        {"currency": ""},
        {"date_paid_gmt": "2026-13-45T00:00:00"},
        {"date_paid_gmt": 5},
        {"date_modified_gmt": "soon"},
        {"refunds": [{"id": 1, "total": "much"}]},
        {"refunds": [{"total": "-1.00"}]},
        {"status": "refunded", "date_modified_gmt": None},
    ],
)
def test_an_order_whose_essentials_are_malformed_is_not_mapped(changes):
    with pytest.raises(Unmapped):
        read(**changes)


def test_a_sample_is_signed_like_a_real_one_and_reads_as_what_it_was_made_of():
    order = SampleOrder(
        id="731",
        person=Person("Tomás", "Silva", "tomas@example.com", "12"),
        place=Place("Porto", "PT-13", "PT"),
        product=Product("Tea & <Tin>"),
        price=Money(1200, "JPY"),
        at=NOW,
    )
    secret = KIND.new_secret()
    paid, refunded = (KIND.sample(event, order, secret) for event in ("paid", "refunded"))
    assert paid.headers["x-wc-webhook-signature"] == base64_hmac(paid.body, secret)
    KIND.verify(refunded, [secret], NOW)
    assert KIND.read(paid) == [
        OrderPaid(
            "731",
            NOW,
            NOW,
            Money(1200, "JPY"),
            person=order.person,
            place=order.place,
            products=(order.product,),
            items=1,
        )
    ]
    assert [fact.amount for fact in KIND.read(refunded)] == [Money(1200, "JPY"), None]
