"""The demo shop at /demo: a small page with the real snippet, whose "buy" is a signed webhook.

The server signs a delivery as Shopify would; the page posts it to the source's own hook. From
there on nothing knows that it is a demo.
"""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from sqlalchemy import select

from app.accounts.queries import organization_id_of
from app.core import clock, tenancy
from app.core.db import db
from app.core.errors import ApiError, not_found
from app.core.ratelimit import Buckets, address
from app.dashboard.demo_data import EMAIL, PASSWORD, SLUG
from app.dashboard.demo_people import CUSTOMERS, PRODUCTS
from app.sites.snippet import script_address
from app.sources.kinds import KINDS
from app.sources.kinds.base import Incoming, SampleOrder
from app.sources.models import Source

SIGNED = (
    "content-type",
    "x-shopify-topic",
    "x-shopify-hmac-sha256",
    "x-shopify-webhook-id",
    "x-shopify-shop-domain",
    "x-shopify-triggered-at",
    "x-shopify-api-version",
)

blueprint = Blueprint("demo", __name__, url_prefix="/demo")
orders = Buckets(rate=2, burst=20)


@blueprint.app_context_processor
def _sign_in() -> dict[str, Any]:
    """For the page that a new installation begins with."""
    return {"demo_sign_in": {"email": EMAIL, "password": PASSWORD}}


@blueprint.get("")
def shop() -> Any:
    source = _source()
    return render_template(
        "dashboard/demo/shop.html",
        products=PRODUCTS,
        site=source.site,
        snippet_src=script_address(source.site),
    )


@blueprint.post("/orders")
def order() -> Any:
    """A signed orders/paid delivery for `product`, to be sent to the hook."""
    source, product = _source(), _product(request.args.get("product", "0"))
    customer = random.choice(CUSTOMERS)
    sample = SampleOrder(
        id=str(random.randrange(10**13, 10**14)),
        person=customer.person,
        place=customer.place,
        product=product.product,
        price=product.price,
        at=clock.now(),
    )
    return {
        **_delivery(source, "paid", sample),
        "order": sample.id,
        "product": PRODUCTS.index(product),
    }


@blueprint.post("/refunds")
def refund() -> Any:
    """A signed refunds/create delivery for `order`."""
    source, product = _source(), _product(request.args.get("product", "0"))
    number = request.args.get("order", "")
    if not (number.isascii() and number.isdigit() and len(number) < 20):
        raise ApiError(400, "bad_order", "order is the number of an order.")
    customer = CUSTOMERS[0]
    sample = SampleOrder(
        id=number,
        person=customer.person,
        place=customer.place,
        product=product.product,
        price=product.price,
        at=clock.now(),
    )
    return _delivery(source, "refunded", sample)


def _delivery(source: Source, event: Any, sample: SampleOrder) -> dict[str, Any]:
    orders.demand(address())
    signed: Incoming = KINDS["shopify"].sample(event, sample, source.secret or "")
    headers = {name: value for name, value in signed.headers.items() if name in SIGNED}
    return {"url": source.hook_url, "headers": headers, "body": signed.body.decode()}


def _source() -> Source:
    """The demo organization's Shopify source; 404 where there is no demo."""
    organization_id: UUID | None = organization_id_of(SLUG)
    if organization_id is None:
        raise not_found()
    tenancy.enter(organization_id)
    found = select(Source).filter_by(kind="shopify").order_by(Source.created_at)
    source = db.session.scalars(found).first()
    if source is None:
        raise not_found()
    return source


def _product(text: str) -> Any:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    if not 0 <= number < len(PRODUCTS):
        raise ApiError(400, "bad_product", "product is the number of a product.")
    return PRODUCTS[number]
