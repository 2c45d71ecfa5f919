"""The delivery log's filter: which of the deliveries of an endpoint, or of all, are meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import defer

from app.core.errors import ApiError
from app.core.forms import clean_line
from app.core.ids import first_uuid7
from app.webhooks.models import Delivery

State = Literal["pending", "delivered", "failed"]
FIELDS = ("state", "type", "since", "until")


class Filter(BaseModel):
    """What is asked for in the address. Times are UTC."""

    model_config = ConfigDict(frozen=True)

    endpoint_id: UUID | None = None
    state: State | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @field_validator("type")
    @classmethod
    def one_line(cls, text: str | None) -> str | None:
        return clean_line(text)

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
    def read(cls, arguments: Any, endpoint_id: UUID | None = None) -> Self:
        """From an address; what is empty is not asked for. Raises 400 for what cannot be."""
        given = {name: arguments.get(name) for name in FIELDS if arguments.get(name)}
        try:
            return cls(endpoint_id=endpoint_id, **given)
        except ValidationError as error:
            names = sorted({str(problem["loc"][0]) for problem in error.errors()})
            message = f"This filter is not valid: {', '.join(names)}."
            raise ApiError(400, "invalid", message) from error

    def arguments(self) -> dict[str, str]:
        """For an address that finds the same."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"endpoint_id"})

    def statement(self) -> Select[Any]:
        """The deliveries, without their payloads: those are read one by one."""
        exact = {
            name: getattr(self, name)
            for name in ("endpoint_id", "state", "type")
            if getattr(self, name) is not None
        }
        found = select(Delivery).options(defer(Delivery.payload_sealed)).filter_by(**exact)
        if self.since:
            # An id begins with the time at which the row was made, and ids have an index.
            found = found.where(
                Delivery.id >= first_uuid7(self.since), Delivery.created_at >= self.since
            )
        if self.until:
            found = found.where(Delivery.created_at < self.until)
        return found

    @property
    def asks_for_something(self) -> bool:
        return bool(self.arguments())
