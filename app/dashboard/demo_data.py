"""The demo organization: invented people in a shop that sells tea, through the real code paths."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

from app.accounts.models import Member, Organization, User
from app.accounts.permissions import Role
from app.accounts.queries import organization_id_of
from app.campaigns.models import Campaign
from app.core import clock, tenancy
from app.core.db import db
from app.sites.models import Site
from app.sources.facts import Money, Person, Place, Product
from app.sources.kinds import KINDS
from app.sources.kinds.base import SampleOrder
from app.sources.models import InboundDelivery, Source
from app.sources.processing import process

SLUG = "demo"
EMAIL = "demo@candor.example"
PASSWORD = "show me around"  # printed by `make up`; only ever the demo's
SEED = 20
PAST_ORDERS = 60
SPAN = timedelta(days=6)


@dataclass(frozen=True)
class Ware:
    product: Product
    price: Money
    colour: str
    text: str


@dataclass(frozen=True)
class Customer:
    person: Person
    place: Place


PRODUCTS = (
    Ware(Product("First Flush Darjeeling"), Money(1490, "EUR"), "leaf", "Light, floral, spring."),
    Ware(Product("Smoked Lapsang"), Money(1290, "EUR"), "ember", "Pinewood smoke, deep amber."),
    Ware(Product("Gyokuro"), Money(2990, "EUR"), "jade", "Shaded green, sweet and soft."),
    Ware(Product("Cast-iron pot"), Money(6900, "EUR"), "iron", "Keeps warm for an hour."),
)
_NAMES = [
    "Ada",
    "Ben",
    "Clara",
    "David",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Milan",
    "Nora",
    "Oskar",
    "Paula",
]
_PLACES = (
    Place("Lyon", "Auvergne-Rhône-Alpes", "FR"),
    Place("Hamburg", "Hamburg", "DE"),
    Place("Porto", "Porto", "PT"),
)
CUSTOMERS = tuple(
    Customer(Person(name, "Demo", f"{name.lower()}@customers.example"), place)
    for name in _NAMES
    for place in _PLACES
)


def create_demo() -> bool:
    """Create the demo organization unless it is there; answers whether it was created."""
    if organization_id_of(SLUG) is not None:
        return False
    organization = Organization.found("Demo Tea Shop")
    organization.slug, organization.demo = SLUG, True
    user = User.by_email(EMAIL) or User.register(email=EMAIL, name="Demo Owner", password=PASSWORD)
    user.verify_email()
    db.session.flush()
    Member.join(user, Role.OWNER)
    site = Site.create(name="Tea shop", domains=_hosts())
    source = Source.connect(site, "shopify", "Tea shop on Shopify")
    _campaigns(site)
    db.session.commit()
    with tenancy.scope(organization.id):
        _past_orders(source.id)
    return True


def _hosts() -> list[str]:
    own = urlsplit(current_app.extensions["candor_settings"].url).hostname or "localhost"
    return list(dict.fromkeys([own, "localhost", "127.0.0.1"]))


def _campaigns(site: Site) -> None:
    Campaign.draft(
        site,
        name="Recent purchases",
        format="recent_activity",
        content={
            "template": "{{first_name}} from {{city}} bought {{product}}",
            "accent": "#2f7d5b",
        },
        triggers={"delay": 2},
    ).publish()
    Campaign.draft(
        site,
        name="Summer opening hours",
        format="notice",
        content={"message": "Order before noon and your tea leaves today.", "tone": "info"},
    )


def _past_orders(source_id: Any) -> None:
    """A week of orders, with a refund, a test order and an unpaid one among them, as webhooks."""
    source = db.session.get_one(Source, source_id)
    chance = random.Random(SEED)
    start = clock.now() - SPAN
    moments = sorted(start + SPAN * chance.random() for _ in range(PAST_ORDERS))
    for number, moment in enumerate(moments):
        ware, customer = chance.choice(PRODUCTS), chance.choice(CUSTOMERS)
        order = SampleOrder(
            id=str(5_400_000_000_000 + number),
            person=customer.person,
            place=customer.place,
            product=ware.product,
            price=ware.price,
            at=moment,
        )
        _deliver(source, "paid", order)
        if number % 15 == 7:
            _deliver(source, "refunded", order)
    InboundDelivery.refuse(
        source,
        reason="The signature does not fit the body.",
        size=17,
        body=b'{"id":"forged"}',
        headers={"x-shopify-topic": "orders/paid", "content-type": "application/json"},
    )
    db.session.commit()


def _deliver(source: Source, event: Any, order: SampleOrder) -> None:
    kind = KINDS[source.kind]
    incoming = kind.sample(event, order, source.secret or "")
    kind.verify(incoming, [source.secret or ""], order.at)
    delivery = InboundDelivery.receive(
        source,
        key=kind.delivery_key(incoming),
        topic=kind.topic(incoming),
        headers=incoming.headers,
        body=incoming.body,
    )
    process(delivery)
    delivery.received_at = delivery.settled_at = order.at
    db.session.commit()
