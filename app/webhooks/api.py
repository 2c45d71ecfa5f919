"""REST: endpoints, deliveries, and sending them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, writes
from app.core.db import db
from app.core.errors import ApiError, invalid
from app.core.public import public_types
from app.sites.models import Site
from app.webhooks.checks import check_events_named, checked_url, kept_at
from app.webhooks.log import FIELDS, Filter
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint, NotRedeliverable, Refused
from app.webhooks.models.endpoint import RECORDED, wants
from app.webhooks.outbox import nudge, write_test
from app.webhooks.redeliveries import Redelivery
from app.webhooks.schemas import (
    AttemptOut,
    EndpointChanges,
    EndpointIn,
    EndpointOut,
    Endpoints,
    OutboundDeliveries,
    OutboundDeliveriesQuery,
    OutboundDelivery,
    OutboundDeliveryInFull,
    RedeliveryIn,
    RedeliveryOut,
    TestIn,
    TypeOut,
    Types,
)

blueprint = APIBlueprint("endpoints_api", __name__, url_prefix="/api/v1", tag="Webhooks")


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
    """Send it again, with the same id, or now where it waits for a later attempt.

    409 while it is about to be sent or waits for a disabled endpoint, and once its payload was
    deleted."""
    delivery = get_or_404(Delivery, outgoing_id)
    try:
        delivery.redeliver()
    except NotRedeliverable as error:
        raise ApiError(409, "not_redeliverable", str(error)) from error
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
        redelivery = Redelivery.begin(endpoint, asked)
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
