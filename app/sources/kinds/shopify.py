"""Shopify: order and refund webhooks, signed with an HMAC of the raw body in base64.

Source: shopify.dev, "Webhooks" and the REST resources Order and Refund (2024-10).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.signing import hmac_sha256_base64, verify_base64
from app.sources.facts import (
    PRODUCTS_LIMIT,
    Fact,
    FactError,
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
    first_text,
    known_key,
    parse_json,
    part,
    rows,
    text,
)

ORDER_TOPICS = frozenset({"orders/create", "orders/paid", "orders/updated", "orders/cancelled"})


class Shopify(Kind):
    name = "shopify"
    label = "Shopify"
    signature_header = "x-shopify-hmac-sha256"

    def check_signature(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        verify_base64(incoming.header(self.signature_header), incoming.body, secrets)

    def delivery_key(self, incoming: Incoming) -> str:
        otherwise = self.topic(incoming).encode(), incoming.body
        return known_key(incoming.header("x-shopify-webhook-id"), *otherwise)

    def topic(self, incoming: Incoming) -> str:
        return text(incoming.header("x-shopify-topic"))[:100]

    def facts(self, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
        if text(incoming.header("x-shopify-test")) == "true":
            raise Ignored("test order")
        topic = self.topic(incoming)
        if topic in ORDER_TOPICS:
            return _order_facts(parse_json(incoming.body))
        if topic == "refunds/create":
            return _refund_facts(parse_json(incoming.body))
        if topic == "orders/delete":
            return [_deleted(parse_json(incoming.body))]
        raise Ignored(f"the topic {topic or '(none)'} is not used")

    def sample(self, event: Event, order: SampleOrder, secret: str) -> Incoming:
        topic, document = _SAMPLES[event](order)
        body = compact_json(document)
        headers = {
            "content-type": "application/json",
            "user-agent": "Shopify-Captain-Hook",
            "x-shopify-api-version": "2024-10",
            "x-shopify-hmac-sha256": hmac_sha256_base64(secret, body),
            "x-shopify-shop-domain": "demo-shop.myshopify.com",
            "x-shopify-topic": topic,
            "x-shopify-triggered-at": order.at.isoformat(),
            "x-shopify-webhook-id": str(UUID(digest(topic.encode(), body)[:32])),
        }
        return Incoming(headers, body)


def _order_facts(order: dict[str, Any]) -> list[Fact]:
    if order.get("test") not in (None, False):
        raise Ignored("test order")
    external_id = identifier(order.get("id"), "order's id")
    status = text(order.get("financial_status"))
    if order.get("cancelled_at") or status == "voided":
        return [_cancelled(order, external_id, status)]
    if status == "refunded":
        return [*_refunds_inside(order, external_id), _fully_refunded(order, external_id)]
    if status in ("paid", "partially_refunded"):
        return [_paid(order, external_id), *_refunds_inside(order, external_id)]
    if not status:
        raise Unmapped("the order has no financial_status")
    raise Ignored(f"not paid yet ({status[:40]})")


def _paid(order: dict[str, Any], external_id: str) -> OrderPaid:
    occurred_at = parse_time(order.get("processed_at") or order.get("created_at"), "order's time")
    items = rows(order, "line_items")
    return OrderPaid(
        external_id=external_id,
        occurred_at=occurred_at,
        updated_at=_updated_at(order) or occurred_at,
        total=Money.parse(order.get("total_price"), order.get("currency")),
        person=_person(order),
        place=_place(order),
        products=_products(items),
        items=sum(count(item.get("quantity")) for item in items),
    )


def _cancelled(order: dict[str, Any], external_id: str, status: str) -> OrderCancelled:
    reason = "voided" if status == "voided" else "cancelled"
    return OrderCancelled(external_id, reason, updated_at=_updated_at(order))


def _deleted(order: dict[str, Any]) -> OrderCancelled:
    return OrderCancelled(identifier(order.get("id"), "order's id"), "deleted")


def _fully_refunded(order: dict[str, Any], external_id: str) -> OrderRefunded:
    return OrderRefunded(
        external_id=external_id,
        refund_id=f"{external_id}:refunded",
        occurred_at=parse_time(order.get("updated_at"), "order's updated_at"),
        full=True,
    )


def _refunds_inside(order: dict[str, Any], external_id: str) -> list[Fact]:
    """The order's own list of refunds, so that a lost refunds/create costs nothing."""
    found = (_refund(refund, external_id) for refund in rows(order, "refunds"))
    return [refund for refund in found if refund is not None]


def _refund_facts(refund: dict[str, Any]) -> list[Fact]:
    fact = _refund(refund, identifier(refund.get("order_id"), "refund's order_id"))
    if fact is None:
        raise Ignored("no money was given back")
    return [fact]


def _refund(refund: dict[str, Any], external_id: str) -> OrderRefunded | None:
    amount = _given_back(refund)
    if amount is None:
        return None
    return OrderRefunded(
        external_id=external_id,
        refund_id=identifier(refund.get("id"), "refund's id"),
        occurred_at=parse_time(
            refund.get("processed_at") or refund.get("created_at"), "refund's time"
        ),
        amount=amount,
    )


def _given_back(refund: dict[str, Any]) -> Money | None:
    amounts = [
        _transaction_amount(transaction)
        for transaction in rows(refund, "transactions")
        if text(transaction.get("kind")) == "refund"
        and text(transaction.get("status")) == "success"
        and transaction.get("test") is not True
    ]
    if len({amount.currency for amount in amounts}) > 1:
        raise FactError("the refund's transactions are in several currencies")
    total = sum(amount.amount for amount in amounts)
    return Money(total, amounts[0].currency) if total else None


def _transaction_amount(transaction: dict[str, Any]) -> Money:
    # The shop's own money, as in the order's total: a buyer may have paid in another currency.
    own = part(transaction, "amount_set", "shop_money")
    if own:
        return Money.parse(own.get("amount"), own.get("currency_code"))
    return Money.parse(transaction.get("amount"), transaction.get("currency"))


def _person(order: dict[str, Any]) -> Person | None:
    customer = part(order, "customer")
    address = part(order, "shipping_address") or part(order, "billing_address")
    named = customer if first_text(customer.get("first_name")) else address
    person = Person(
        first_name=named.get("first_name"),
        last_name=named.get("last_name"),
        email=first_text(customer.get("email"), order.get("email"), order.get("contact_email")),
        customer_id=customer.get("id"),
    )
    return known_person(person)


def _place(order: dict[str, Any]) -> Place | None:
    return _place_of(part(order, "shipping_address")) or _place_of(part(order, "billing_address"))


def _place_of(address: dict[str, Any]) -> Place | None:
    place = Place(
        city=address.get("city"),
        region=address.get("province"),
        country=address.get("country_code"),
    )
    return known_place(place)


def _products(items: list[dict[str, Any]]) -> tuple[Product, ...]:
    named = (Product(name=first_text(item.get("title"), item.get("name"))) for item in items)
    unique = dict.fromkeys(product for product in named if known_product(product))
    return tuple(unique)[:PRODUCTS_LIMIT]


def _updated_at(order: dict[str, Any]) -> datetime | None:
    value = order.get("updated_at")
    return None if value is None else parse_time(value, "order's updated_at")


def _sample_order(order: SampleOrder) -> tuple[str, dict[str, Any]]:
    at, price = order.at.isoformat(), str(order.price.decimal())
    total = str(order.price.decimal() * order.quantity)
    address = {
        "first_name": order.person.first_name,
        "last_name": order.person.last_name,
        "city": order.place.city,
        "province": order.place.region,
        "country_code": order.place.country,
    }
    document = {
        "id": int(order.id) if order.id.isdecimal() else order.id,
        "name": f"#{order.id[-4:]}",
        "test": False,
        "cancelled_at": None,
        "created_at": at,
        "processed_at": at,
        "updated_at": at,
        "currency": order.price.currency,
        "financial_status": "paid",
        "total_price": total,
        "email": order.person.email,
        "customer": {
            "id": order.person.customer_id,
            "email": order.person.email,
            "first_name": order.person.first_name,
            "last_name": order.person.last_name,
        },
        "billing_address": address,
        "shipping_address": address,
        "line_items": [
            {
                "name": order.product.name,
                "title": order.product.name,
                "price": price,
                "quantity": order.quantity,
            }
        ],
        "refunds": [],
    }
    return "orders/paid", document


def _sample_refund(order: SampleOrder) -> tuple[str, dict[str, Any]]:
    at = order.at.isoformat()
    amount = str(order.price.decimal() * order.quantity)
    order_id = int(order.id) if order.id.isdecimal() else order.id
    document = {
        "id": int(digest(order.id.encode(), at.encode())[:15], 16),
        "order_id": order_id,
        "created_at": at,
        "processed_at": at,
        "note": None,
        "refund_line_items": [],
        "transactions": [
            {
                "id": int(digest(at.encode(), order.id.encode())[:15], 16),
                "order_id": order_id,
                "kind": "refund",
                "status": "success",
                "test": False,
                "amount": amount,
                "currency": order.price.currency,
            }
        ],
    }
    return "refunds/create", document


_SAMPLES = {"paid": _sample_order, "refunded": _sample_refund}
