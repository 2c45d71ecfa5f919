"""Stripe: finished checkouts and refunded charges.

Read in the shape of 2022-11-15 and in the present one. A refund is counted from `charge.refunded`
alone: `refund.*` tells the same money again and names no total to compare it with.
Source: docs.stripe.com/api, "Checkout Session", "Charge", "Refund", "Event".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.core.signing import new_webhook_secret, stripe_sign, stripe_verify
from app.sources.facts import (
    PRODUCTS_LIMIT,
    Fact,
    FactError,
    Money,
    OrderPaid,
    OrderRefunded,
    Person,
    Place,
    Product,
    currency_code,
    exponent,
    identifier,
    known_person,
    known_place,
    known_product,
    optional_identifier,
    parse_epoch,
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
    first_text,
    known_key,
    lenient_json,
    parse_json,
    part,
    rows,
    text,
)

CHECKOUT_TYPES = frozenset(
    {"checkout.session.completed", "checkout.session.async_payment_succeeded"}
)
REFUND_TYPES = frozenset({"refund.created", "refund.updated", "charge.refund.updated"})

# Where Stripe's minor unit is not that of ISO 4217 (docs.stripe.com/currencies, "special cases").
STRIPE_EXPONENTS = {"ISK": 2, "MGA": 0, "UGX": 2}


class Stripe(Kind):
    name = "stripe"
    label = "Stripe"
    signature_header = "stripe-signature"

    def check_signature(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        stripe_verify(incoming.header(self.signature_header), incoming.body, secrets, now)

    def new_secret(self) -> str:
        return new_webhook_secret()

    def delivery_key(self, incoming: Incoming) -> str:
        return known_key(lenient_json(incoming.body).get("id"), incoming.body)

    def topic(self, incoming: Incoming) -> str:
        return text(lenient_json(incoming.body).get("type"))[:100]

    def facts(self, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
        event = parse_json(incoming.body)
        read = _READERS.get(text(event.get("type")))
        if read is None:
            raise Ignored(f"the type {text(event.get('type'))[:100] or '(none)'} is not used")
        if event.get("livemode") is not True:
            raise Ignored("test mode")
        return [read(event, part(event, "data", "object"))]

    def sample(self, event: Event, order: SampleOrder, secret: str) -> Incoming:
        body = compact_json(_SAMPLES[event](order))
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": stripe_sign(secret, order.at, body),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        return Incoming(headers, body)


def stripe_money(value: Any, currency: Any) -> Money:
    """A Stripe amount, which is in Stripe's own minor unit, as Money in that of ISO 4217."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise FactError("the amount is missing or not a whole number")
    code = currency_code(currency)
    places = STRIPE_EXPONENTS.get(code, exponent(code))
    return Money.parse(Decimal(value).scaleb(-places), code)


def _checkout(event: dict[str, Any], session: dict[str, Any]) -> OrderPaid:
    _require_paid(text(session.get("payment_status")))
    at = parse_epoch(event.get("created"), "event's created")
    items = rows(part(session, "line_items"), "data")
    return OrderPaid(
        external_id=identifier(session.get("id"), "session's id"),
        reference=_id_of(session.get("payment_intent")) or _id_of(session.get("invoice")),
        occurred_at=at,
        updated_at=at,
        total=stripe_money(session.get("amount_total"), session.get("currency")),
        person=_person(session),
        place=_place(session),
        products=_products(session, items),
        items=sum(count(item.get("quantity")) for item in items) or None,
    )


def _require_paid(status: str) -> None:
    if status == "paid":
        return
    if status == "no_payment_required":
        # A free trial or a full discount: to call it a purchase would not be true.
        raise Ignored("nothing was paid")
    if status == "unpaid":
        raise Ignored("not paid yet")
    raise Unmapped("the session has no payment_status that is known")


def _charge_refunded(event: dict[str, Any], charge: dict[str, Any]) -> OrderRefunded:
    charge_id = identifier(charge.get("id"), "charge's id")
    so_far = stripe_money(charge.get("amount_refunded"), charge.get("currency"))
    before = part(event, "data", "previous_attributes").get("amount_refunded", 0)
    earlier = stripe_money(before, charge.get("currency"))
    return OrderRefunded(
        external_id=None,
        reference=_id_of(charge.get("payment_intent")) or charge_id,
        refund_id=f"{charge_id}:{so_far.amount}",
        occurred_at=parse_epoch(event.get("created"), "event's created"),
        amount=Money(max(so_far.amount - earlier.amount, 0), so_far.currency),
        full=charge.get("refunded") is True,
    )


def _refund(event: dict[str, Any], refund: dict[str, Any]) -> OrderRefunded:
    if text(refund.get("status")) != "succeeded":
        raise Ignored("the refund has not succeeded")
    if refund.get("charge") is not None:
        raise Ignored("counted from charge.refunded, which the endpoint must send too")
    return OrderRefunded(
        external_id=None,
        reference=identifier(_id_of(refund.get("payment_intent")), "refund's payment_intent"),
        refund_id=identifier(refund.get("id"), "refund's id"),
        occurred_at=parse_epoch(refund.get("created"), "refund's created"),
        amount=stripe_money(refund.get("amount"), refund.get("currency")),
    )


_READERS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Fact]] = {
    **dict.fromkeys(CHECKOUT_TYPES, _checkout),
    "charge.refunded": _charge_refunded,
    **dict.fromkeys(REFUND_TYPES, _refund),
}


def _id_of(value: Any) -> str | None:
    """The id of an object that is either named or, expanded, given whole."""
    return optional_identifier(value.get("id") if isinstance(value, dict) else value)


def _person(session: dict[str, Any]) -> Person | None:
    details = part(session, "customer_details")
    shipped_to = _shipping(session).get("name")
    first_name, last_name = split_name(first_text(details.get("name"), shipped_to))
    person = Person(
        first_name=first_name,
        last_name=last_name,
        email=first_text(details.get("email"), session.get("customer_email")),
        customer_id=_id_of(session.get("customer")),
    )
    return known_person(person)


def _place(session: dict[str, Any]) -> Place | None:
    shipped_to = _place_of(part(_shipping(session), "address"))
    return shipped_to or _place_of(part(session, "customer_details", "address"))


def _shipping(session: dict[str, Any]) -> dict[str, Any]:
    present = part(session, "collected_information", "shipping_details")
    return present or part(session, "shipping_details") or part(session, "shipping")


def _place_of(address: dict[str, Any]) -> Place | None:
    place = Place(
        city=address.get("city"), region=address.get("state"), country=address.get("country")
    )
    return known_place(place)


def _products(session: dict[str, Any], items: list[dict[str, Any]]) -> tuple[Product, ...]:
    """From expanded line items; an event has none, so shops name it in the session's metadata."""
    metadata = part(session, "metadata")
    fallback = first_text(metadata.get("product_name"), metadata.get("product"))
    names = [item.get("description") for item in items] or [fallback]
    named = (Product(name=name, url=metadata.get("product_url")) for name in names)
    unique = dict.fromkeys(product for product in named if known_product(product))
    return tuple(unique)[:PRODUCTS_LIMIT]


def _stripe_amount(order: SampleOrder) -> int:
    code = order.price.currency
    places = STRIPE_EXPONENTS.get(code, exponent(code))
    return int(order.price.decimal().scaleb(places)) * order.quantity


def _sample_event(kind: str, order: SampleOrder, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{digest(kind.encode(), order.id.encode(), order.at.isoformat().encode())[:24]}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(order.at.timestamp()),
        "data": data,
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def _sample_checkout(order: SampleOrder) -> dict[str, Any]:
    person = order.person
    session = {
        "id": f"cs_live_{order.id}",
        "object": "checkout.session",
        "amount_subtotal": _stripe_amount(order),
        "amount_total": _stripe_amount(order),
        "created": int(order.at.timestamp()),
        "currency": order.price.currency.lower(),
        "customer": person.customer_id,
        "customer_details": {
            "address": {
                "city": order.place.city,
                "country": order.place.country,
                "state": order.place.region,
            },
            "email": person.email,
            "name": " ".join(filter(None, (person.first_name, person.last_name))),
        },
        "livemode": True,
        "metadata": {"product_name": order.product.name, "product_url": order.product.url},
        "mode": "payment",
        "payment_intent": f"pi_{order.id}",
        "payment_status": "paid",
        "status": "complete",
    }
    return _sample_event("checkout.session.completed", order, {"object": session})


def _sample_refund(order: SampleOrder) -> dict[str, Any]:
    charge = {
        "id": f"ch_{order.id}",
        "object": "charge",
        "amount": _stripe_amount(order),
        "amount_refunded": _stripe_amount(order),
        "currency": order.price.currency.lower(),
        "livemode": True,
        "paid": True,
        "payment_intent": f"pi_{order.id}",
        "refunded": True,
        "status": "succeeded",
    }
    changed = {"amount_refunded": 0, "refunded": False}
    data = {"object": charge, "previous_attributes": changed}
    return _sample_event("charge.refunded", order, data)


_SAMPLES = {"paid": _sample_checkout, "refunded": _sample_refund}
