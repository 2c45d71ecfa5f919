"""POST /hooks/<source_id>: verified on the raw body, stored, then acknowledged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request
from sqlalchemy import select

from app.core import clock, tenancy
from app.core.db import db, system
from app.core.errors import ApiError, not_found
from app.core.metrics import DELIVERIES
from app.core.ratelimit import Buckets
from app.sources.jobs import process_delivery
from app.sources.kinds import KINDS
from app.sources.kinds.base import Incoming, Refused
from app.sources.models import InboundDelivery, Source

LARGEST_BODY = 1024 * 1024
# What helps to see why a delivery was refused or misread; nothing that tells who carried it.
KEPT = ("content-type", "content-length", "user-agent", "x-signature", "stripe-signature")
KEPT_PREFIXES = ("x-shopify-", "x-wc-", "webhook-")
LONGEST_HEADER = 2000

blueprint = Blueprint("hooks", __name__)

# Refused deliveries are written down, and anybody can cause them: not more than this a source.
refused_kept = Buckets(rate=1, burst=20)


@blueprint.post("/hooks/<uuid:source_id>")
def receive(source_id: UUID) -> Any:
    # Read first: who sends it slowly keeps no connection to the database meanwhile.
    body, size = _body()
    source = _enter(source_id)
    if size > LARGEST_BODY:
        _keep_refused(source, _headers(), body, "The body is larger than 1 MB.", size)
        raise ApiError(413, "too_large", "A delivery is at most 1 MB.")
    incoming = Incoming(_headers(), body)
    kind = KINDS[source.kind]
    try:
        kind.verify(incoming, [source.secret or ""], clock.now())
        key, topic = kind.delivery_key(incoming), kind.topic(incoming)
    except Refused as error:
        raise _refused(source, incoming, str(error), len(incoming.body)) from error
    if not kind.needs_signature(incoming):
        # Anybody could send it: answered, as its sender wants, and not written down.
        return {"received": True}
    delivery = InboundDelivery.receive(
        source, key=key, topic=topic, headers=incoming.headers, body=incoming.body
    )
    if delivery.verdict == "pending":
        process_delivery.enqueue(delivery_id=delivery.id)
    verdict = delivery.verdict
    db.session.commit()
    DELIVERIES.labels(kind.name, verdict).inc()
    return {"received": True}


def _enter(source_id: UUID) -> Source:
    with system() as connection:
        found = select(Source.organization_id).where(Source.id == source_id)
        organization_id = connection.scalar(found)
    if organization_id is None:
        raise not_found()
    tenancy.enter(organization_id)
    source = db.session.get_one(Source, source_id)
    if not source.takes_webhooks:
        raise not_found()
    return source


def _headers() -> dict[str, str]:
    named = ((name.lower(), value) for name, value in request.headers.items())
    return {
        name: value[:LONGEST_HEADER]
        for name, value in named
        if name in KEPT or name.startswith(KEPT_PREFIXES)
    }


def _body() -> tuple[bytes, int]:
    """The raw body, read no further than one byte over the limit, and how large it is."""
    size = request.content_length or 0
    body = b"" if size > LARGEST_BODY else request.stream.read(LARGEST_BODY + 1)
    return body, size or len(body)


def _refused(source: Source, incoming: Incoming, reason: str, size: int) -> ApiError:
    _keep_refused(source, incoming.headers, incoming.body, reason, size)
    DELIVERIES.labels(source.kind, "refused").inc()
    return ApiError(401, "bad_signature", reason)


def _keep_refused(
    source: Source, headers: dict[str, str], body: bytes, reason: str, size: int
) -> None:
    if refused_kept.take(str(source.id)):
        InboundDelivery.refuse(source, reason=reason, headers=headers, body=body, size=size)
        db.session.commit()


def redacted(headers: dict[str, str]) -> dict[str, str]:
    """Headers as the inspector shows them: of a signature only how it begins and ends, which is
    enough to compare and too little to use."""
    return {
        name: _abridged(value) if "signature" in name or "hmac" in name else value
        for name, value in headers.items()
    }


def _abridged(value: str) -> str:
    return f"{value[:8]}…{value[-4:]}" if len(value) > 24 else "…"
