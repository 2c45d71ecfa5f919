"""REST: what bodies say of endpoints, deliveries and sending again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from app.core.api import ListQuery, Page, Schema
from app.core.forms import clean_line
from app.core.public import PublicAnnouncement
from app.webhooks.checks import (
    HIDDEN,
    checked_event_names,
    checked_headers,
    checked_types,
    checked_url,
    unhidden,
)
from app.webhooks.log import State
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint, Refused
from app.webhooks.redeliveries import Redelivery

CHECKS: dict[str, Callable[[Any], Any]] = {
    "url": checked_url,
    "types": checked_types,
    "headers": checked_headers,
    "event_names": checked_event_names,
}


class EndpointChanges(Schema):
    """What is left out stays. `types` are names of types, or `["*"]` for all, also later ones.
    `headers` are sent with each delivery and never shown again; `(hidden)` keeps a value, as long
    as the address keeps its host.
    `enabled` true sends what waited. `event_names` go with the type `event.recorded`: the events
    that are told, from now on.
    """

    url: str | None = Field(None, min_length=1, max_length=2048)
    description: str | None = Field(None, max_length=120)
    types: list[str] | None = Field(None, max_length=200)
    headers: dict[str, str] | None = None
    event_names: list[str] | None = Field(None, max_length=200)
    enabled: bool | None = None

    @field_validator("description", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    # While the body is read, before anything is written.
    @field_validator("url", "types", "headers", "event_names")
    @classmethod
    def may_be(cls, value: Any, info: ValidationInfo) -> Any:
        try:
            return value if value is None else CHECKS[info.field_name or ""](value)
        except Refused as error:
            raise ValueError(str(error)) from error

    def given(self, kept: dict[str, str] | None) -> dict[str, Any]:
        """Raises Refused for a header whose hidden value is not among the `kept` ones."""
        names = {"url", "description", "types", "headers", "event_names"}
        given = self.model_dump(include=names, exclude_none=True)
        return given | ({"headers": unhidden(self.headers, kept)} if self.headers else {})


class EndpointIn(EndpointChanges):
    """`site_id`: only what happens on that site; without, on all of them."""

    url: str = Field(min_length=1, max_length=2048)
    types: list[str] = Field(max_length=200)
    site_id: UUID | None = None


class EndpointOut(Schema):
    """`secret` is only in the answers that created it or rotated it. `disabled_reason`: `member`,
    `gone` (it answered 410) or `failing` (nothing was taken for five days). `failing_since`: since
    when no delivery was taken. `waits_until`: it failed several times, and is left alone so long.
    """

    id: UUID
    site_id: UUID | None
    url: str
    description: str
    types: list[str]
    event_names: list[str]
    headers: dict[str, str]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None
    waits_until: datetime | None
    last_delivered_at: datetime | None
    created_at: datetime
    secret: str | None = None

    @classmethod
    def of(cls, endpoint: Endpoint, *, with_secret: bool = False) -> EndpointOut:
        alike = (
            "id",
            "site_id",
            "url",
            "description",
            "types",
            "disabled_at",
            "disabled_reason",
            "failing_since",
            "waits_until",
            "created_at",
        )
        return cls(
            **{name: getattr(endpoint, name) for name in alike},
            event_names=endpoint.events,
            headers=dict.fromkeys(endpoint.headers or {}, HIDDEN),
            enabled=endpoint.disabled_at is None,
            last_delivered_at=endpoint.delivered_at,
            secret=endpoint.secret if with_secret else None,
        )


class Endpoints(Page[EndpointOut]):
    pass


class TestIn(Schema):
    """Of which type the example is sent."""

    __test__ = False

    type: str = Field(max_length=60)


class OutboundDelivery(Schema):
    """`message_id` is the `webhook-id`. `attempts`: since it was written or last sent again."""

    id: UUID
    message_id: str
    endpoint_id: UUID
    type: str
    test: bool
    state: State
    attempts: int
    next_attempt_at: datetime | None
    size: int
    created_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> OutboundDelivery:
        return cls(**{name: getattr(delivery, name) for name in OutboundDelivery.model_fields})


class OutboundDeliveries(Page[OutboundDelivery]):
    pass


class OutboundDeliveriesQuery(ListQuery):
    """Times are UTC: `since` counts in, `until` does not."""

    endpoint_id: UUID | None = None
    state: State | None = None
    type: str | None = Field(None, max_length=60)
    since: datetime | None = None
    until: datetime | None = None


class AttemptOut(Schema):
    """`error`: why there was no answer. Of an answer's body the first 8 KB are kept."""

    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    request_headers: dict[str, str]
    headers: dict[str, str]
    body: str

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> AttemptOut:
        return cls(
            at=attempt.at,
            milliseconds=attempt.milliseconds,
            status=attempt.status,
            error=attempt.error,
            request_headers=attempt.sent_headers or {},
            headers=attempt.headers or {},
            body=attempt.readable_body,
        )


class OutboundDeliveryInFull(OutboundDelivery):
    """`payload` to the letter; null once it was deleted, after 30 days."""

    payload: str | None
    log: list[AttemptOut]


class RedeliveryIn(Schema):
    """Those of the endpoint in this range of time and in this state. Times are UTC."""

    endpoint_id: UUID
    state: State | None = None
    type: str | None = Field(None, max_length=60)
    since: datetime | None = None
    until: datetime | None = None


class RedeliveryOut(Schema):
    id: UUID
    endpoint_id: UUID
    total: int
    pending: int
    delivered: int
    failed: int
    created_at: datetime

    @classmethod
    def of(cls, redelivery: Redelivery) -> RedeliveryOut:
        states = {"pending": 0, "delivered": 0, "failed": 0, **redelivery.states()}
        return cls(
            id=redelivery.id,
            endpoint_id=redelivery.endpoint_id,
            total=redelivery.total,
            created_at=redelivery.created_at,
            **states,
        )


class TypeOut(Schema):
    """`nullable` and `free` are dotted paths: what may be null, and objects with any keys."""

    name: str
    about: str
    since: str
    version: int
    example: dict[str, Any]
    nullable: list[str]
    free: list[str]

    @classmethod
    def of(cls, kind: type[PublicAnnouncement]) -> TypeOut:
        return cls(
            name=kind.name,
            about=kind.about,
            since=kind.since,
            version=kind.version,
            example=kind.example,
            nullable=sorted(kind.nullable),
            free=sorted(kind.free),
        )


class Types(Schema):
    data: list[TypeOut]
