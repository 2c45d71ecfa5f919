"""An event as a line of a list for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.countries import country_name
from app.core.money import money_words
from app.sites.models import Site
from app.tracking.models import Event, Session
from app.tracking.queries import moment, sessions_of
from app.tracking.words import path_of

NAMES = {"page_view": "Page view", "engagement": "Time on the page", "impression": "Campaign seen"}


@dataclass(frozen=True)
class Line:
    """An event, the session it is of, and when it was in the site's time zone."""

    event: Event
    session: Session | None
    at: datetime

    @property
    def name(self) -> str:
        return NAMES.get(self.event.name) or self.event.name.replace("_", " ").capitalize()

    @property
    def page(self) -> str:
        return path_of(self.event.url)

    @property
    def value(self) -> str | None:
        if self.event.amount is None or self.event.currency is None:
            return None
        return money_words(self.event.amount, self.event.currency)

    @property
    def country(self) -> str:
        return country_name(self.session.country) if self.session else ""

    @property
    def props(self) -> dict[str, Any]:
        return self.event.props or {}


def lines_of(
    site: Site, events: Iterable[Event], sessions: Mapping[UUID, Session] | None = None
) -> list[Line]:
    """In the order of the events. `sessions` are theirs, if they are known already."""
    events, zone = list(events), ZoneInfo(site.time_zone)
    known = sessions_of(site.number, events) if sessions is None else sessions
    return [
        Line(each, known.get(each.session_id) if each.session_id else None, local(each.at, zone))
        for each in events
    ]


def local(milliseconds: int, zone: ZoneInfo) -> datetime:
    return moment(milliseconds).astimezone(zone)
