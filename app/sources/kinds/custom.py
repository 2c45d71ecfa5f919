"""Anything that can post JSON: signed as Standard Webhooks or with X-Signature, and mapped.

What a mapping does not name is looked for under its own name, at the top or inside `person`,
`place`, `product` and `value`, as in POST /api/v1/activities.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.core.signing import (
    SignatureError,
    new_webhook_secret,
    standard_webhooks_sign,
    standard_webhooks_verify,
    verify_hex,
)
from app.sources.facts import (
    ActivityReported,
    ActivityWithdrawn,
    Fact,
    FactError,
    Money,
    Person,
    Place,
    Product,
    activity_type,
    clean_data,
    identifier,
    known_person,
    known_place,
    known_product,
    parse_epoch,
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
    digest,
    known_key,
    lenient_json,
    parse_json,
    text,
)
from app.sources.mapping import MappingError, apply

DEFAULT_MAPPING = {
    "type": "type",
    "event": "event",
    "status": "status",
    "external_id": "external_id",
    "occurred_at": "occurred_at",
    "first_name": "person.first_name || first_name",
    "last_name": "person.last_name || last_name",
    "email": "person.email || email",
    "customer_id": "person.customer_id || customer_id",
    "city": "place.city || city",
    "region": "place.region || region",
    "country": "place.country || country",
    "product_name": "product.name || product_name",
    "product_url": "product.url || product_url",
    "product_image": "product.image || product_image",
    "amount": "amount",
    "amount_minor": "value.amount || amount_minor",
    "currency": "value.currency || currency",
    "rating": "rating",
    "data": "data",
}
AMOUNTS = frozenset({"amount", "amount_minor"})

WITHDRAWN = frozenset(
    {"refunded", "cancelled", "canceled", "deleted", "voided", "withdrawn", "retracted"}
)
NOT_YET = frozenset(
    {"pending", "unpaid", "failed", "declined", "draft", "on-hold", "on_hold", "rejected", "spam"}
)

# Unix times beyond this are in milliseconds: as seconds it is the year 5138.
_MILLISECONDS = 10**11


class Custom(Kind):
    name = "custom"
    label = "Custom webhook"
    signature_header = "webhook-signature"

    def check_signature(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        if incoming.header("webhook-id"):
            return standard_webhooks_verify(incoming.headers, incoming.body, secrets, now)
        scheme, _, signature = incoming.header("x-signature").partition("=")
        if not scheme:
            raise SignatureError("neither webhook-id nor X-Signature is there")
        if scheme.strip().lower() != "sha256":
            raise SignatureError("the X-Signature is not of the form sha256=<hex>")
        return verify_hex(signature, incoming.body, secrets)

    def new_secret(self) -> str:
        return new_webhook_secret()

    def delivery_key(self, incoming: Incoming) -> str:
        return known_key(incoming.header("webhook-id"), incoming.body)

    def topic(self, incoming: Incoming) -> str:
        document = lenient_json(incoming.body)
        return (text(document.get("event")) or text(document.get("type")))[:100]

    def facts(self, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
        said = _said(parse_json(incoming.body), mapping or {})
        kind = _type(said["type"])
        if _word(said["status"]) in WITHDRAWN or _word(said["event"]) in WITHDRAWN:
            return [ActivityWithdrawn(kind, identifier(said["external_id"], "external_id"))]
        if _word(said["status"]) in NOT_YET:
            raise Ignored(f"its status is {_word(said['status'])}")
        return [_reported(kind, said, incoming, self.delivery_key(incoming))]

    def sample(self, event: Event, order: SampleOrder, secret: str) -> Incoming:
        body = compact_json(_SAMPLES[event](order))
        message_id = f"msg_{digest(body)[:24]}"
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(order.at.timestamp())),
            "webhook-signature": standard_webhooks_sign(secret, message_id, order.at, body),
        }
        return Incoming(headers, body)


def _said(document: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    """What was said for every target; None for what is neither mapped nor there."""
    # A field of the same name may be in the other unit: whoever maps one amount has mapped both.
    replaced = AMOUNTS if AMOUNTS & mapping.keys() else frozenset()
    defaults = {name: path for name, path in DEFAULT_MAPPING.items() if name not in replaced}
    try:
        return dict.fromkeys(DEFAULT_MAPPING) | apply(defaults | mapping, document)
    except MappingError as error:
        raise Unmapped(f"the mapping of {error}") from None


def _type(value: Any) -> str:
    if value is None:
        raise Unmapped("there is no type; map it, for example to 'purchase' in single quotes")
    return activity_type(value)


def _word(value: Any) -> str:
    """What a status or event comes to: "order.refunded" → "refunded"."""
    return text(value).replace("/", ".").replace(":", ".").rpartition(".")[2][:40]


def _reported(
    kind: str, said: dict[str, Any], incoming: Incoming, otherwise: str
) -> ActivityReported:
    named = said["external_id"]
    return ActivityReported(
        type=kind,
        external_id=otherwise if named is None else identifier(named, "external_id"),
        occurred_at=_occurred_at(said["occurred_at"], incoming),
        person=_person(said),
        place=known_place(Place(said["city"], said["region"], said["country"])),
        product=_product(said),
        value=_value(said),
        data=_data(said),
    )


def _occurred_at(value: Any, incoming: Incoming) -> datetime | None:
    if value is None:
        sent_at = incoming.header("webhook-timestamp")
        # The signature covers it, so it was checked; X-Signature covers no header.
        signed = incoming.header("webhook-id") and sent_at.isascii() and sent_at.isdecimal()
        return parse_epoch(int(sent_at[:12]), "webhook-timestamp") if signed else None
    if isinstance(value, str):
        return parse_time(value, "occurred_at")
    milliseconds = type(value) in (int, float) and _MILLISECONDS < value < _MILLISECONDS * 1000
    return parse_epoch(value / 1000 if milliseconds else value, "occurred_at")


def _person(said: dict[str, Any]) -> Person | None:
    person = Person(said["first_name"], said["last_name"], said["email"], said["customer_id"])
    return known_person(person)


def _product(said: dict[str, Any]) -> Product | None:
    product = Product(said["product_name"], said["product_url"], said["product_image"])
    return known_product(product)


def _value(said: dict[str, Any]) -> Money | None:
    """The money, from either unit; an amount that names no currency says nothing."""
    if said["currency"] is None:
        return None
    if said["amount_minor"] is not None:
        return Money.minor(said["amount_minor"], said["currency"])
    if said["amount"] is not None:
        return Money.parse(said["amount"], said["currency"])
    return None


def _data(said: dict[str, Any]) -> dict[str, str | int | float | bool]:
    data = clean_data(said["data"])
    return data if said["rating"] is None else data | {"rating": _rating(said["rating"])}


def _rating(value: Any) -> int | float:
    try:
        stars = float(value) if isinstance(value, str) else value
    except ValueError:
        stars = None
    if isinstance(stars, bool) or not isinstance(stars, (int, float)) or not 0 <= stars <= 100:
        raise FactError("the rating is not a number from 0 to 100")
    return int(stars) if stars == int(stars) else stars


def _sample_purchase(order: SampleOrder) -> dict[str, Any]:
    person, place, product = order.person, order.place, order.product
    return {
        "type": "purchase",
        "external_id": order.id,
        "occurred_at": order.at.isoformat(),
        "person": {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
        },
        "place": {"city": place.city, "region": place.region, "country": place.country},
        "product": {"name": product.name, "url": product.url, "image": product.image},
        "value": {
            "amount": order.price.amount * order.quantity,
            "currency": order.price.currency,
        },
    }


def _sample_refund(order: SampleOrder) -> dict[str, Any]:
    return {"type": "purchase", "external_id": order.id, "status": "refunded"}


_SAMPLES = {"paid": _sample_purchase, "refunded": _sample_refund}
