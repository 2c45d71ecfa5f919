"""REST: endpoints, deliveries, and sending them again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Page, Schema, writes
from app.core.db import db
from app.core.errors import ApiError, invalid
from app.core.forms import clean_line
from app.core.public import PublicAnnouncement, public_types
from app.sites.models import Site
from app.webhooks.checks import (
    HIDDEN,
    check_events_named,
    checked_event_names,
    checked_headers,
    checked_types,
    checked_url,
    kept_at,
    unhidden,
)
from app.webhooks.log import FIELDS, Filter, State
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint, Refused
from app.webhooks.models.endpoint import RECORDED, wants
from app.webhooks.outbox import nudge, write_test
from app.webhooks.redeliveries import NotRedeliverable, Redelivery

CHECKS: dict[str, Callable[[Any], Any]] = {
    "url": checked_url,
    "types": checked_types,
    "headers": checked_headers,
    "event_names": checked_event_names,
}

blueprint = APIBlueprint("endpoints_api", __name__, url_prefix="/api/v1", tag="Webhooks")


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


@blueprint.get("/endpoints")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Endpoints)
def list_endpoints(query_data: ListQuery) -> Any:
    return Endpoints.read(select(Endpoint), Endpoint, query_data, EndpointOut.of)


@blueprint.post("/endpoints")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.input(EndpointIn)
@blueprint.output(EndpointOut, status_code=201)
@writes
def create_endpoint(json_data: EndpointIn) -> Any:
    """The address is looked up: it must be on the public internet."""
    site = get_or_404(Site, json_data.site_id) if json_data.site_id else None
    try:
        check_events_named(json_data.types, json_data.event_names or [])
        endpoint = Endpoint.create(site=site, **json_data.given(None))
    except Refused as error:
        raise invalid(error.field, str(error)) from error
    if json_data.enabled is False:
        endpoint.disable()
    return EndpointOut.of(endpoint, with_secret=True)


@blueprint.get("/endpoints/<uuid:endpoint_id>")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.output(EndpointOut)
def get_endpoint(endpoint_id: UUID) -> Any:
    return EndpointOut.of(get_or_404(Endpoint, endpoint_id))


@blueprint.patch("/endpoints/<uuid:endpoint_id>")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.input(EndpointChanges)
@blueprint.output(EndpointOut)
@writes
def change_endpoint(endpoint_id: UUID, json_data: EndpointChanges) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    _change(endpoint, json_data)
    if json_data.enabled is False:
        endpoint.disable()
    elif json_data.enabled:
        endpoint.enable()
        nudge(endpoint)
    return EndpointOut.of(endpoint)


def _change(endpoint: Endpoint, asked: EndpointChanges) -> None:
    """As far as what it would ask for and what it would name go together; a type that goes takes
    the names along."""
    try:
        changes = _told(endpoint, asked)
        types = changes.get("types", endpoint.types)
        kept = endpoint.events if wants(types, RECORDED) else []
        check_events_named(types, changes.get("event_names", kept))
    except Refused as error:
        raise invalid(error.field, str(error)) from error
    if changes:
        endpoint.change(**changes)


def _told(endpoint: Endpoint, asked: EndpointChanges) -> dict[str, Any]:
    """What changes. Raises Refused where headers would go to a host that was not told them."""
    before, headers = endpoint.url or "", endpoint.headers
    kept = kept_at(asked.url or before, before, headers)
    if headers and not kept and asked.headers is None:
        raise Refused("headers", "The host is another now: tell the headers anew, or {} for none.")
    return asked.given(kept)


@blueprint.delete("/endpoints/<uuid:endpoint_id>")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_endpoint(endpoint_id: UUID) -> Any:
    """With all of its deliveries."""
    get_or_404(Endpoint, endpoint_id).remove()


@blueprint.post("/endpoints/<uuid:endpoint_id>/secret")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.output(EndpointOut)
@writes
def rotate_secret(endpoint_id: UUID) -> Any:
    """A new secret. The one before signs as well for 24 hours."""
    endpoint = get_or_404(Endpoint, endpoint_id)
    endpoint.rotate_secret()
    return EndpointOut.of(endpoint, with_secret=True)


@blueprint.post("/endpoints/<uuid:endpoint_id>/tests")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.input(TestIn)
@blueprint.output(OutboundDelivery, status_code=201)
def send_test(endpoint_id: UUID, json_data: TestIn) -> Any:
    """Send the example of a type. 409 for an endpoint that is disabled."""
    endpoint = get_or_404(Endpoint, endpoint_id)
    if json_data.type not in public_types():
        raise invalid("type", "There is no such type.")
    if endpoint.disabled_at is not None:
        raise ApiError(409, "disabled", "The endpoint is disabled.")
    try:
        # Before anything is written.
        checked_url(endpoint.url or "")
    except Refused as error:
        raise invalid(error.field, str(error)) from error
    return _write_test(endpoint_id, json_data.type)


@writes
def _write_test(endpoint_id: UUID, kind: str) -> Any:
    return OutboundDelivery.of(write_test(get_or_404(Endpoint, endpoint_id), kind))


@blueprint.get("/deliveries")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.input(OutboundDeliveriesQuery, location="query")
@blueprint.output(OutboundDeliveries)
def list_deliveries(query_data: OutboundDeliveriesQuery) -> Any:
    if query_data.endpoint_id:
        get_or_404(Endpoint, query_data.endpoint_id)
    asked = _asked(query_data)
    return OutboundDeliveries.read(asked.statement(), Delivery, query_data, OutboundDelivery.of)


@blueprint.get("/deliveries/<uuid:outgoing_id>")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.output(OutboundDeliveryInFull)
def get_delivery(outgoing_id: UUID) -> Any:
    delivery = get_or_404(Delivery, outgoing_id)
    made = select(DeliveryAttempt).filter_by(delivery_id=delivery.id).order_by(DeliveryAttempt.id)
    return OutboundDeliveryInFull(
        **OutboundDelivery.of(delivery).model_dump(),
        payload=delivery.readable_payload,
        log=[AttemptOut.of(each) for each in db.session.scalars(made)],
    )


@blueprint.post("/deliveries/<uuid:outgoing_id>/redelivery")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.output(OutboundDelivery)
@writes
def redeliver(outgoing_id: UUID) -> Any:
    """Send it again, with the same id.

    409 while it still is to be sent, and once its payload was deleted."""
    delivery = get_or_404(Delivery, outgoing_id)
    if delivery.why_not_redeliverable:
        raise ApiError(409, "not_redeliverable", delivery.why_not_redeliverable)
    delivery.redeliver()
    nudge(delivery.endpoint)
    return OutboundDelivery.of(delivery)


@blueprint.post("/redeliveries")
@authorized(Permission.ENDPOINTS_WRITE)
@blueprint.input(RedeliveryIn)
@blueprint.output(RedeliveryOut, status_code=201)
@writes
def create_redelivery(json_data: RedeliveryIn) -> Any:
    """Send a range again, each with its own id. 409 where there is none, or more than 10,000."""
    endpoint, asked = get_or_404(Endpoint, json_data.endpoint_id), _asked(json_data)
    try:
        redelivery = Redelivery.begin(asked)
    except NotRedeliverable as error:
        raise ApiError(409, "not_redeliverable", str(error)) from error
    nudge(endpoint)
    return RedeliveryOut.of(redelivery)


@blueprint.get("/redeliveries/<uuid:redelivery_id>")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.output(RedeliveryOut)
def get_redelivery(redelivery_id: UUID) -> Any:
    return RedeliveryOut.of(get_or_404(Redelivery, redelivery_id))


@blueprint.get("/event-types")
@authorized(Permission.ENDPOINTS_READ)
@blueprint.output(Types)
def list_types() -> Any:
    """All types that an endpoint may want, each with an example of its `data`."""
    return Types(data=[TypeOut.of(kind) for kind in public_types().values()])


def _asked(said: OutboundDeliveriesQuery | RedeliveryIn) -> Filter:
    given = {name: getattr(said, name) for name in FIELDS}
    plain = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in given.items()
    }
    return Filter.read(plain, said.endpoint_id)
