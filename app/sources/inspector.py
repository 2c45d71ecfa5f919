"""The inspector's filter: which of the deliveries that came in are meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import defer, joinedload

from app.core.db import db
from app.core.errors import ApiError
from app.core.ids import first_uuid7
from app.sources.facts import clean_text
from app.sources.models import BUILT_IN, InboundDelivery, Source

MOST_SOURCES = 500

Verdict = Literal["pending", "accepted", "ignored", "duplicate", "failed", "refused"]
FIELDS = ("verdict", "source_id", "topic", "external_id", "since", "until")


class Filter(BaseModel):
    """What is asked for in the address. Times are UTC."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict | None = None
    source_id: UUID | None = None
    topic: str | None = None
    external_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @field_validator("topic", "external_id")
    @classmethod
    def one_line(cls, text: str | None) -> str | None:
        return clean_text(text)

    @field_validator("since", "until")
    @classmethod
    def in_utc(cls, moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if not 2000 <= zoned.year < 2100:
            raise ValueError("not of our time")
        return zoned.astimezone(UTC)

    @classmethod
    def read(cls, arguments: Any) -> Self:
        """From an address; what is empty is not asked for. Raises 400 for what cannot be."""
        given = {name: arguments.get(name) for name in FIELDS if arguments.get(name)}
        try:
            return cls(**given)
        except ValidationError as error:
            names = sorted({str(problem["loc"][0]) for problem in error.errors()})
            message = f"This filter is not valid: {', '.join(names)}."
            raise ApiError(400, "invalid", message) from error

    def arguments(self) -> dict[str, str]:
        """For an address that finds the same."""
        return self.model_dump(mode="json", exclude_none=True)

    def statement(self) -> Select[Any]:
        """The deliveries, without their bodies: those are read one by one."""
        bodies = (defer(InboundDelivery.body_sealed), defer(InboundDelivery.headers_sealed))
        found = select(InboundDelivery).options(*bodies)
        exact = {
            name: getattr(self, name)
            for name in ("verdict", "source_id", "topic", "external_id")
            if getattr(self, name) is not None
        }
        found = found.filter_by(**exact)
        if self.since:
            # An id begins with the time at which the row was made, and ids have an index.
            found = found.where(
                InboundDelivery.id >= first_uuid7(self.since),
                InboundDelivery.received_at >= self.since,
            )
        if self.until:
            found = found.where(InboundDelivery.received_at < self.until)
        return found

    @property
    def asks_for_something(self) -> bool:
        return bool(self.arguments())


def webhook_sources() -> list[Source]:
    """Sources that can have sent a delivery, by name; of very many the first."""
    found = select(Source).where(Source.kind.not_in(BUILT_IN)).options(joinedload(Source.site))
    return list(db.session.scalars(found.order_by(Source.name, Source.id).limit(MOST_SOURCES)))


def topics() -> list[str]:
    """The topics that came in lately."""
    latest = select(InboundDelivery.topic).order_by(InboundDelivery.id.desc()).limit(1000)
    return sorted(set(filter(None, db.session.scalars(latest))))[:50]
