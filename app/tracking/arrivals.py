"""A validated event on its way into the store, and the session it would begin."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

PAGE_VIEW, ENGAGEMENT = "page_view", "engagement"
# Told of each view of a page, and added up in the session.
LEFT_OUT = (ENGAGEMENT, "web_vitals")
LONGEST_ORDER_ID = 200

Key = tuple[int, int]  # of an event or a session: its site's number, and its id as a number


class Who(NamedTuple):
    """Whose event it is: 16 bytes for a day, or with consent for longer."""

    visitor: bytes
    person: bool = False
    # The names of the same visitor until now, the latest first: before he agreed, before midnight.
    before: tuple[bytes, ...] = ()


class Circumstances(NamedTuple):
    """Where a visit comes from and what it is made with: kept of the event that begins it."""

    referrer: str | None
    referrer_host: str | None
    channel: str
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    parameters: dict[str, Any] | None
    country: str | None
    region: str | None
    city: str | None
    device: str
    browser: str
    system: str
    language: str | None
    masked_address: str | None


class Arrival(NamedTuple):
    """One event. `who` is None for a visitor who asked not to be followed: no session then."""

    organization_id: UUID
    site_number: int
    id: UUID
    at: int  # milliseconds since 1970, UTC
    name: str
    url: str
    who: Who | None
    circumstances: Circumstances
    referrer: str | None = None
    title: str | None = None
    props: dict[str, Any] | None = None
    amount: int | None = None
    currency: str | None = None
    campaign_id: UUID | None = None
    experiments: dict[str, Any] | None = None
    by_api: bool = False

    @property
    def order_id(self) -> str | None:
        """The external id of the order that it tells of, which joins that order and the visit. What
        no day adds up names none: the order would be nobody's."""
        if self.name in LEFT_OUT:
            return None
        named = (self.props or {}).get("order_id")
        return str(named)[:LONGEST_ORDER_ID] if named is not None else None

    @property
    def active(self) -> int:
        """Milliseconds of engagement that it tells of."""
        return (self.props or {}).get("active", 0) if self.name == ENGAGEMENT else 0


def key_of(arrival: Arrival) -> Key:
    return arrival.site_number, arrival.id.int
