"""REST: sources and inbound deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.core.api import ListQuery, Page, Schema, writes
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.sites.models import Site
from app.sources.inspector import Filter, Verdict
from app.sources.mapping import MappingError, validate
from app.sources.models import InboundDelivery, Source
from app.sources.replays import NotReplayable, Replay

blueprint = APIBlueprint("sources_api", __name__, url_prefix="/api/v1", tag="Sources")


class SourceIn(Schema):
    """`secret` is the provider's signing secret; without one Candor makes it. `mapping` names for
    each field of an activity a JMESPath expression (custom sources only)."""

    site_id: UUID
    kind: Literal["shopify", "woocommerce", "stripe", "custom"]
    name: str = Field(min_length=1, max_length=120)
    secret: str | None = Field(None, min_length=8, max_length=200)
    mapping: dict[str, str] | None = None

    @field_validator("name", "secret", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("mapping")
    @classmethod
    def compiles(cls, mapping: dict[str, str] | None) -> dict[str, str] | None:
        try:
            return mapping if mapping is None else validate(mapping)
        except MappingError as error:
            raise ValueError(str(error)) from error


class SourceOut(Schema):
    """`secret` is only in the answer that created the source."""

    id: UUID
    site_id: UUID
    kind: str
    name: str
    hook_url: str | None
    mapping: dict[str, Any] | None
    created_at: datetime
    secret: str | None = None

    @classmethod
    def of(cls, source: Source, *, with_secret: bool = False) -> SourceOut:
        return cls(
            id=source.id,
            site_id=source.site_id,
            kind=source.kind,
            name=source.name,
            hook_url=source.hook_url,
            mapping=source.mapping,
            created_at=source.created_at,
            secret=source.secret if with_secret else None,
        )


class Sources(Page[SourceOut]):
    pass


class Became(Schema):
    type: str
    id: UUID


class DeliveryOut(Schema):
    id: UUID
    source_id: UUID
    topic: str | None
    external_id: str | None
    verdict: Verdict
    reason: str | None
    became: Became | None
    size: int
    received_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, delivery: InboundDelivery) -> DeliveryOut:
        became = None
        if delivery.became_type and delivery.became_id:
            became = Became(type=delivery.became_type, id=delivery.became_id)
        names = cls.model_fields.keys() - {"became"}
        return cls(became=became, **{name: getattr(delivery, name) for name in names})


class Deliveries(Page[DeliveryOut]):
    pass


class DeliveriesQuery(ListQuery):
    source_id: UUID | None = None
    verdict: Verdict | None = None


@blueprint.get("/sources")
@authorized(Permission.SOURCES_READ)
@blueprint.input(ListQuery, location="query")
@blueprint.output(Sources)
def list_sources(query_data: ListQuery) -> Any:
    return Sources.read(select(Source), Source, query_data, SourceOut.of)


@blueprint.post("/sources")
@authorized(Permission.SOURCES_WRITE)
@blueprint.input(SourceIn)
@blueprint.output(SourceOut, status_code=201)
@writes
def create_source(json_data: SourceIn) -> Any:
    site = get_or_404(Site, json_data.site_id)
    source = Source.connect(
        site, json_data.kind, json_data.name, json_data.secret, json_data.mapping
    )
    return SourceOut.of(source, with_secret=True)


@blueprint.get("/inbound-deliveries")
@authorized(Permission.SOURCES_READ)
@blueprint.input(DeliveriesQuery, location="query")
@blueprint.output(Deliveries)
def list_deliveries(query_data: DeliveriesQuery) -> Any:
    asked = Filter(source_id=query_data.source_id, verdict=query_data.verdict)
    return Deliveries.read(asked.statement(), InboundDelivery, query_data, DeliveryOut.of)


@blueprint.post("/inbound-deliveries/<uuid:delivery_id>/replay")
@authorized(Permission.SOURCES_WRITE)
@blueprint.output(DeliveryOut)
@writes
def replay_delivery(delivery_id: UUID) -> Any:
    """Read a delivery again with the present mapping.

    What it has become counts once, and one that was accepted stays so. 409 for what cannot be
    replayed: refused, a repeat, or without a body."""
    delivery = get_or_404(InboundDelivery, delivery_id)
    try:
        Replay.of(delivery)
    except NotReplayable as error:
        raise ApiError(409, "not_replayable", str(error)) from error
    return DeliveryOut.of(delivery)
