"""A month of the demo: signed deliveries as shops and calendars send them, through verification,
mapping and the rest. Some are refunded, some refused, and since yesterday some fail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.core.db import db
from app.core.signing import standard_webhooks_sign
from app.dashboard.demo_people import CUSTOMERS, PRODUCTS, WORKSHOPS
from app.sources.kinds import KINDS
from app.sources.kinds.base import Incoming, SampleOrder, compact_json
from app.sources.models import InboundDelivery, Source
from app.sources.processing import process

SEED = 20
SPAN = timedelta(days=30)
ORDERS, REVIEWS, BOOKINGS, BROKEN = 120, 30, 40, 3
AT_ONCE = 40  # deliveries in one transaction

BOOKING_MAPPING = {
    "type": "kind",
    "external_id": "reference",
    "first_name": "guest.name",
    "email": "guest.mail",
    "product_name": "workshop.title",
    "city": "town",
    "country": "land",
}

Sent = tuple[datetime, Source, Incoming]


def tell_a_month(shop: Source, reviews: Source, school: Source) -> None:
    """Deliver everything in the order in which it happened."""
    chance = random.Random(SEED)
    sent = [*_orders(shop, chance), *_reviews(reviews, chance), *_bookings(school, chance)]
    for number, (moment, source, incoming) in enumerate(sorted(sent, key=lambda each: each[0])):
        _deliver(source, incoming, moment)
        if number % AT_ONCE == 0:
            db.session.commit()
    _refused(shop)
    db.session.commit()


def _moments(chance: random.Random, count: int) -> Iterator[tuple[int, datetime]]:
    """More of them lately than a month ago, as in a shop that grows."""
    now = clock.now()
    for number in range(count):
        yield number, now - SPAN * (1 - chance.random() ** 0.7)


def _orders(source: Source, chance: random.Random) -> Iterator[Sent]:
    kind = KINDS["shopify"]
    for number, moment in _moments(chance, ORDERS):
        ware, customer = chance.choice(PRODUCTS), chance.choice(CUSTOMERS)
        order = SampleOrder(
            id=str(5_400_000_000_000 + number),
            person=customer.person,
            place=customer.place,
            product=ware.product,
            price=ware.price,
            at=moment,
        )
        yield moment, source, kind.sample("paid", order, source.secret or "")
        if number % 20 == 7:
            later = moment + timedelta(seconds=90)
            yield later, source, kind.sample("refunded", order, source.secret or "")


def _reviews(source: Source, chance: random.Random) -> Iterator[Sent]:
    for number, moment in _moments(chance, REVIEWS):
        ware, customer = chance.choice(PRODUCTS), chance.choice(CUSTOMERS)
        body = {
            "type": "review",
            "external_id": f"review-{number}",
            "rating": chance.choice([5, 5, 5, 5, 4, 4, 3]),
            "person": {"first_name": customer.person.first_name, "email": customer.person.email},
            "place": {"city": customer.place.city, "country": customer.place.country},
            "product": {"name": ware.product.name},
        }
        yield moment, source, _signed(source, body, moment)


def _bookings(source: Source, chance: random.Random) -> Iterator[Sent]:
    for number, moment in _moments(chance, BOOKINGS):
        yield moment, source, _signed(source, _booking(number, chance, "kind"), moment)
    # Since yesterday the calendar calls it otherwise, and the mapping does not know yet.
    for number in range(BROKEN):
        moment = clock.now() - timedelta(hours=20 - 4 * number)
        renamed = _booking(BOOKINGS + number, chance, "category")
        yield moment, source, _signed(source, renamed, moment)


def _booking(number: int, chance: random.Random, kind: str) -> dict[str, Any]:
    customer = chance.choice(CUSTOMERS)
    return {
        kind: "booking",
        "reference": f"B-{1000 + number}",
        "guest": {"name": customer.person.first_name, "mail": customer.person.email},
        "workshop": {"title": chance.choice(WORKSHOPS)},
        "town": customer.place.city,
        "land": customer.place.country,
    }


def _signed(source: Source, body: dict[str, Any], moment: datetime) -> Incoming:
    raw = compact_json(body)
    message_id = f"msg_{body.get('external_id') or body['reference']}"
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": standard_webhooks_sign(source.secret or "", message_id, moment, raw),
    }
    return Incoming(headers, raw)


def _deliver(source: Source, incoming: Incoming, moment: datetime) -> None:
    kind = KINDS[source.kind]
    kind.verify(incoming, [source.secret or ""], moment)
    delivery = InboundDelivery.receive(
        source,
        key=kind.delivery_key(incoming),
        topic=kind.topic(incoming),
        headers=incoming.headers,
        body=incoming.body,
    )
    process(delivery)
    delivery.received_at = delivery.settled_at = moment


def _refused(source: Source) -> None:
    InboundDelivery.refuse(
        source,
        reason="The signature does not fit the body.",
        size=17,
        body=b'{"id":"forged"}',
        headers={"x-shopify-topic": "orders/paid", "content-type": "application/json"},
    )
