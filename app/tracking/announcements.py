"""What is told to the outside of what visitors did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from app.core import clock
from app.core.public import PublicAnnouncement
from app.sites.models import Site
from app.tracking.checks import UTM
from app.tracking.models import Event, Session
from app.tracking.queries import moment

ID = "0197a3f2-5c1e-7d40-9b1a-2f6c8e4d7a10"


@dataclass(frozen=True, kw_only=True)
class EventsRecorded(PublicAnnouncement):
    """Of one site, in the order in which they happened. `sessions` by id."""

    name: ClassVar[str] = "event.recorded"
    audited: ClassVar[bool] = False
    about: ClassVar[str] = "Visitors did what the endpoint names: in batches of at most 100 events."
    since: ClassVar[str] = "0.1.0"
    example: ClassVar[dict[str, Any]] = {
        "site_id": ID,
        "events": [
            {
                "id": ID,
                "name": "signup",
                "at": "2026-01-02T03:04:05.678Z",
                "session_id": ID,
                "page": {
                    "host": "shop.example",
                    "url": "https://shop.example/welcome",
                    "title": "Welcome",
                    "referrer": "https://search.example/",
                },
                "utm": {"source": "newsletter", "campaign": "spring"},
                "visitor": {
                    "id": "7f1c9f0c6f0b4a51a3f4a9e4b7a1d2c3",
                    "ip_masked": "203.0.113.0",
                    "country": "NL",
                    "device": "desktop",
                    "browser": "Firefox",
                    "system": "Linux",
                },
                "props": {"plan": "pro"},
                "value": {"amount": 2935, "currency": "EUR"},
                "campaign_id": ID,
                "by_api": False,
            }
        ],
    }
    nullable: ClassVar[frozenset[str]] = frozenset(
        f"events.{path}"
        for path in (
            "session_id",
            "page.host",
            "page.title",
            "page.referrer",
            "visitor",
            "visitor.ip_masked",
            "visitor.country",
            "value",
            "campaign_id",
        )
    )
    free: ClassVar[frozenset[str]] = frozenset({"events.utm", "events.props"})
    site: Site
    events: Sequence[Event]
    sessions: Mapping[UUID, Session]

    def public_site_id(self) -> UUID | None:
        return self.site.id

    def public_data(self) -> dict[str, Any]:
        return {
            "site_id": str(self.site.id),
            "events": [self._told(event) for event in self.events],
        }

    def _told(self, event: Event) -> dict[str, Any]:
        session = self.sessions.get(event.session_id) if event.session_id else None
        worth = event.amount is not None and event.currency is not None
        return {
            "id": str(event.id),
            "name": event.name,
            "at": clock.iso(moment(event.at)),
            "session_id": str(event.session_id) if event.session_id else None,
            "page": {
                "host": urlsplit(event.url).hostname,
                "url": event.url,
                "title": event.title,
                "referrer": event.referrer,
            },
            "utm": _utm(session) if session else {},
            "visitor": _visitor(session) if session else None,
            "props": event.props or {},
            "value": {"amount": event.amount, "currency": event.currency} if worth else None,
            "campaign_id": str(event.campaign_id) if event.campaign_id else None,
            "by_api": event.by_api,
        }


def _utm(session: Session) -> dict[str, Any]:
    """How the visit came."""
    said = {name.removeprefix("utm_"): getattr(session, name) for name in UTM}
    return {name: value for name, value in (said | (session.parameters or {})).items() if value}


def _visitor(session: Session) -> dict[str, Any]:
    """`id` is what commands name."""
    return {
        "id": session.visitor.hex(),
        "ip_masked": session.masked_address,
        "country": session.country,
        "device": session.device,
        "browser": session.browser,
        "system": session.system,
    }
