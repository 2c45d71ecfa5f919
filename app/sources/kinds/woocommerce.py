"""WooCommerce: order webhooks, signed with an HMAC of the raw body in base64.

A webhook's body is the object of the REST API v3; its `*_gmt` times are UTC without saying so.
Source: woocommerce.github.io/woocommerce-rest-api-docs, "Webhooks", "Orders", "Product reviews".
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.core.signing import hmac_sha256_base64, verify_base64
from app.sources.facts import (
    PRODUCTS_LIMIT,
    ActivityReported,
    ActivityWithdrawn,
    Fact,
    Money,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
    Person,
    Place,
    Product,
    identifier,
    known_person,
    known_place,
    known_product,
    parse_time,
    split_name,
)
from app.sources.kinds.base import (
    Event,
    Ignored,
    Incoming,
    Kind,
    SampleOrder,
    Unmapped,
    compact_json,
    count,
    digest,
    parse_json,
    part,
    rows,
    text,
)

ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
REVIEW_RESOURCES = frozenset({"product_review", "review"})
PAID = frozenset({"processing", "completed"})
FALLEN_THROUGH = frozenset({"cancelled", "failed", "trash", "deleted"})

_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_TAG = re.compile(r"<[^<>]*>")
_MARKUP_LIMIT = 2000


class WooCommerce(Kind):
    name = "woocommerce"
    label = "WooCommerce"
    signature_header = "x-wc-webhook-signature"

    def check_signature(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        verify_base64(incoming.header(self.signature_header), incoming.body, secrets)

    def needs_signature(self, incoming: Incoming) -> bool:
        """False only for the form post `webhook_id=9` that a shop sends when a hook is created."""
        form = "application/x-www-form-urlencoded" in text(incoming.header("content-type"))
        signed = bool(incoming.header(self.signature_header))
        return signed or not form or not _PING.fullmatch(incoming.body)

    def delivery_key(self, incoming: Incoming) -> str:
        # X-WC-Webhook-Delivery-ID repeats for two deliveries within one second.
        return digest(self.topic(incoming).encode(), incoming.body)

    def topic(self, incoming: Incoming) -> str:
        return text(incoming.header("x-wc-webhook-topic"))[:100]

    def facts(self, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
        topic = self.topic(incoming)
        resource, _, event = topic.partition(".")
        if topic in ORDER_TOPICS:
            return _order_facts(parse_json(incoming.body))
        if topic == "order.deleted":
            return [_deleted(parse_json(incoming.body))]
        if resource in REVIEW_RESOURCES:
            return [_review(parse_json(incoming.body), event)]
        raise Ignored(f"the topic {topic or '(none)'} is not used")

    def sample(self, event: Event, order: SampleOrder, secret: str) -> Incoming:
        topic, document = _SAMPLES[event](order)
        body = compact_json(document)
        resource, _, happened = topic.partition(".")
        headers = {
            "content-type": "application/json",
            "user-agent": "WooCommerce/9.4.0 Hookshot (WordPress/6.7)",
            "x-wc-webhook-delivery-id": digest(body)[:32],
            "x-wc-webhook-event": happened,
            "x-wc-webhook-id": "9",
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-signature": hmac_sha256_base64(secret, body),
            "x-wc-webhook-source": "https://shop.example/",
            "x-wc-webhook-topic": topic,
        }
        return Incoming(headers, body)


def _order_facts(order: dict[str, Any]) -> list[Fact]:
    external_id = identifier(order.get("id"), "order's id")
    status = text(order.get("status"))
    if status in FALLEN_THROUGH:
        return [_cancelled(order, external_id, status)]
    if status == "refunded":
        return [*_refunds(order, external_id), _fully_refunded(order, external_id)]
    if not status:
        raise Unmapped("the order has no status")
    if status not in PAID or not order.get("date_paid_gmt"):
        raise Ignored(f"not paid yet ({status[:40]})")
    return [_paid(order, external_id), *_refunds(order, external_id)]


def _paid(order: dict[str, Any], external_id: str) -> OrderPaid:
    occurred_at = parse_time(order.get("date_paid_gmt"), "order's date_paid_gmt")
    items = rows(order, "line_items")
    return OrderPaid(
        external_id=external_id,
        occurred_at=occurred_at,
        updated_at=_modified_at(order) or occurred_at,
        total=Money.parse(order.get("total"), order.get("currency")),
        person=_person(order),
        place=_place_of(part(order, "shipping")) or _place_of(part(order, "billing")),
        products=_products(items),
        items=sum(count(item.get("quantity")) for item in items),
    )


def _cancelled(order: dict[str, Any], external_id: str, status: str) -> OrderCancelled:
    reason = "deleted" if status in ("trash", "deleted") else "cancelled"
    return OrderCancelled(external_id, reason, updated_at=_modified_at(order))


def _deleted(order: dict[str, Any]) -> OrderCancelled:
    return OrderCancelled(identifier(order.get("id"), "order's id"), "deleted")


def _fully_refunded(order: dict[str, Any], external_id: str) -> OrderRefunded:
    return OrderRefunded(
        external_id=external_id,
        refund_id=f"{external_id}:refunded",
        occurred_at=_required_modified_at(order),
        full=True,
    )


def _refunds(order: dict[str, Any], external_id: str) -> list[Fact]:
    """The order's own list of refunds: WooCommerce has no topic for a refund."""
    return [_refund(order, external_id, refund) for refund in rows(order, "refunds")]


def _refund(order: dict[str, Any], external_id: str, refund: dict[str, Any]) -> OrderRefunded:
    total = Money.parse(refund.get("total"), order.get("currency"), negative=True)
    return OrderRefunded(
        external_id=external_id,
        refund_id=identifier(refund.get("id"), "refund's id"),
        occurred_at=_required_modified_at(order),
        # Its total is what it adds to the order's: "-10.00".
        amount=Money(abs(total.amount), total.currency),
    )


def _review(review: dict[str, Any], event: str) -> Fact:
    external_id = identifier(review.get("id"), "review's id")
    if event != "deleted" and text(review.get("status")) == "approved":
        return _approved(review, external_id)
    if event == "created":
        raise Ignored("the review is not approved")
    return ActivityWithdrawn("review", external_id)


def _approved(review: dict[str, Any], external_id: str) -> ActivityReported:
    first_name, last_name = split_name(review.get("reviewer"))
    product = Product(name=_plain(review.get("product_name")), url=review.get("product_permalink"))
    data = {
        "rating": _rating(review.get("rating")),
        "verified": review.get("verified") is True,
        "text": _plain(review.get("review")),
    }
    return ActivityReported(
        type="review",
        external_id=external_id,
        occurred_at=parse_time(review.get("date_created_gmt"), "review's date_created_gmt"),
        person=known_person(Person(first_name, last_name, email=review.get("reviewer_email"))),
        product=known_product(product),
        data={name: value for name, value in data.items() if value is not None},
    )


def _rating(value: Any) -> int | None:
    stars = count(value)
    return stars if 1 <= stars <= 5 else None


def _person(order: dict[str, Any]) -> Person | None:
    billing = part(order, "billing")
    person = Person(
        first_name=billing.get("first_name"),
        last_name=billing.get("last_name"),
        email=billing.get("email"),
        customer_id=order.get("customer_id"),
    )
    return known_person(person)


def _place_of(address: dict[str, Any]) -> Place | None:
    place = Place(
        city=address.get("city"), region=address.get("state"), country=address.get("country")
    )
    return known_place(place)


def _products(items: list[dict[str, Any]]) -> tuple[Product, ...]:
    named = (
        Product(name=_plain(item.get("name")), image=part(item, "image").get("src"))
        for item in items
    )
    unique = dict.fromkeys(product for product in named if known_product(product))
    return tuple(unique)[:PRODUCTS_LIMIT]


def _plain(value: Any) -> str | None:
    """WordPress writes names and reviews as HTML: without its tags and entities."""
    if not isinstance(value, str):
        return None
    return html.unescape(_TAG.sub(" ", value[:_MARKUP_LIMIT]))


def _modified_at(order: dict[str, Any]) -> datetime | None:
    value = order.get("date_modified_gmt")
    return None if value is None else parse_time(value, "order's date_modified_gmt")


def _required_modified_at(order: dict[str, Any]) -> datetime:
    return parse_time(order.get("date_modified_gmt"), "order's date_modified_gmt")


def _sample_order(order: SampleOrder) -> tuple[str, dict[str, Any]]:
    return "order.created", _sample_document(order, "processing", refunds=[])


def _sample_refund(order: SampleOrder) -> tuple[str, dict[str, Any]]:
    refund = {"id": int(order.id) + 1, "reason": "", "total": f"-{_sample_total(order)}"}
    return "order.updated", _sample_document(order, "refunded", refunds=[refund])


def _sample_total(order: SampleOrder) -> str:
    return str(order.price.decimal() * order.quantity)


def _sample_document(
    order: SampleOrder, status: str, refunds: list[dict[str, Any]]
) -> dict[str, Any]:
    at = order.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    address = {
        "first_name": order.person.first_name,
        "last_name": order.person.last_name,
        "city": order.place.city,
        "state": order.place.region or "",
        "country": order.place.country,
    }
    item = {
        "id": 1,
        "name": html.escape(order.product.name or ""),
        "quantity": order.quantity,
        "total": _sample_total(order),
    }
    return {
        "id": int(order.id),
        "number": order.id,
        "status": status,
        "currency": order.price.currency,
        "date_created_gmt": at,
        "date_modified_gmt": at,
        "date_paid_gmt": at,
        "total": _sample_total(order),
        "customer_id": int(order.person.customer_id or 0),
        "billing": {**address, "email": order.person.email},
        "shipping": address,
        "line_items": [item],
        "refunds": refunds,
    }


_SAMPLES = {"paid": _sample_order, "refunded": _sample_refund}
