from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.db import db
from app.core.outbound import check_url
from app.webhooks import outbox
from app.webhooks.jobs import sweep_due
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint
from app.webhooks.sending import turns
from tests.webhooks.receiver import Behaviour, Receiver


@pytest.fixture
def allow(app: Any) -> Iterator[Callable[..., None]]:
    """Let these `host:port` be reached though they are not public."""
    before = app.extensions["candor_settings"]

    def exempt(*entries: str) -> None:
        now = app.extensions["candor_settings"]
        allowed = now.outbound_allow | set(entries)
        app.extensions["candor_settings"] = replace(now, outbound_allow=allowed)

    yield exempt
    app.extensions["candor_settings"] = before


@pytest.fixture
def receive(allow: Callable[..., None]) -> Iterator[Callable[..., Receiver]]:
    """A receiver that may be reached: `receive(answering("500 Oh"))`."""
    started: list[Receiver] = []

    def start(behave: Behaviour | None = None) -> Receiver:
        receiver = Receiver(behave)
        started.append(receiver)
        allow(receiver.address)
        return receiver

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def sweep(app: Any) -> Callable[[], None]:
    """A look at what is due, and all that comes of it."""

    def look() -> None:
        with app.app_context():
            sweep_due()
        assert turns.finish(40, stop=False)

    return look


@pytest.fixture
def endpoint_of(inside: Any) -> Callable[..., UUID]:
    """An endpoint of a tenant that wants everything, at a receiver."""

    def make(tenant: Any, receiver: Receiver, **options: Any) -> UUID:
        with inside(tenant):
            check_url(receiver.url)
            made = Endpoint.create(receiver.url, options.pop("types", ["*"]), **options)
            db.session.commit()
            return made.id

    return make


@pytest.fixture
def tell(inside: Any) -> Callable[..., UUID]:
    """Write a delivery of the type's example, as something that happens does."""

    def write(tenant: Any, endpoint_id: UUID, kind: str = "order.created") -> UUID:
        with inside(tenant):
            endpoint = db.session.get_one(Endpoint, endpoint_id)
            payload = outbox.payload_of(kind, outbox.public_types()[kind].example)
            delivery = Delivery.write(endpoint, kind, payload)
            outbox.nudge(endpoint)
            db.session.commit()
            return delivery.id

    return write


@pytest.fixture
def log(inside: Any) -> Callable[..., list[Delivery]]:
    """The deliveries of a tenant, the earliest first."""

    def read(tenant: Any) -> list[Delivery]:
        with inside(tenant):
            found = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
            db.session.expunge_all()
            return list(found)

    return read


@pytest.fixture
def attempts(inside: Any) -> Callable[..., list[DeliveryAttempt]]:
    def read(tenant: Any) -> list[DeliveryAttempt]:
        with inside(tenant):
            found = db.session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.id)).all()
            db.session.expunge_all()
            return list(found)

    return read
