"""Events on their way into the store, by the minute."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.core.db import db
from app.core.ids import uuid7
from app.tracking.arrivals import Arrival, Circumstances, Who
from app.tracking.models import Event, Session
from app.tracking.store import Stored, store

MINUTE = 60_000  # milliseconds
NOON = 1_790_000_100_000 // (15 * MINUTE) * (15 * MINUTE)
DIRECT = Circumstances(
    referrer=None,
    referrer_host=None,
    channel="direct",
    utm_source=None,
    utm_medium=None,
    utm_campaign=None,
    utm_term=None,
    utm_content=None,
    parameters=None,
    country=None,
    region=None,
    city=None,
    device="desktop",
    browser="Firefox",
    system="Linux",
    language=None,
    masked_address=None,
)


def who(name: str) -> Who:
    return Who(sha256(name.encode()).digest()[:16])


@dataclass
class Shelf:
    """Where the events of one site are stored, each batch in a transaction of its own."""

    organization_id: UUID
    site_number: int

    def arrival(self, minute: float, visitor: str | None = "ada", **values: Any) -> Arrival:
        made: dict[str, Any] = {
            "organization_id": self.organization_id,
            "site_number": self.site_number,
            "id": uuid7(),
            "at": NOON + round(minute * MINUTE),
            "name": "page_view",
            "url": f"https://shop.acme.example/{minute:g}",
            "who": who(visitor) if visitor else None,
            "circumstances": DIRECT,
        }
        return Arrival(**{**made, **values})

    def store(self, *arrivals: Arrival) -> Stored:
        stored = store(db.session.connection(), arrivals)
        db.session.commit()
        return stored

    def visits(self) -> list[tuple[float, float, int]]:
        """Of each session from when to when it was, in minutes, and its events."""
        found = select(Session.started_at, Session.last_at, Session.events)
        rows = db.session.execute(found.order_by(Session.started_at, Session.last_at))
        return [((a - NOON) / MINUTE, (b - NOON) / MINUTE, events) for a, b, events in rows]

    def session(self) -> Session:
        return db.session.scalars(select(Session)).one()

    def count(self) -> int:
        return len(db.session.scalars(select(Event.id)).all())
