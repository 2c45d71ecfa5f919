"""What is happening on a site at this moment: counted from presence and rows. Under a scope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reader

from app.core import clock
from app.core.countries import country_name
from app.core.db import reading
from app.tracking.arrivals import PAGE_VIEW
from app.tracking.models import Event, Session
from app.tracking.presence import WINDOW, visitors_now
from app.tracking.queries import Drops, drops_of, moment, sessions_by_id
from app.tracking.words import path_of, source_words

MINUTE = 60_000  # milliseconds
MINUTES = 30
LATEST = 20
SHOWN = 8  # rows of a list
MOST = 10_000  # sessions looked at


@dataclass(frozen=True)
class Counted:
    """A line of a list: what it is and how many visitors."""

    label: str
    visitors: int


@dataclass(frozen=True)
class Live:
    """A site now. `minutes` are page views in each of the last thirty minutes, the present one
    last. The lists are of visitors of the last five minutes, most first."""

    visitors: int
    as_of: datetime
    minutes: list[int]
    pages: list[Counted]
    sources: list[Counted]
    countries: list[Counted]
    devices: list[Counted]
    browsers: list[Counted]
    events: list[Event]
    sessions: dict[UUID, Session]
    last: Session | None
    drops: Drops

    @property
    def page_views(self) -> int:
        return sum(self.minutes)

    @property
    def last_at(self) -> datetime | None:
        return moment(self.last.last_at) if self.last else None


def live_of(site_number: int) -> Live:
    now = clock.now()
    milliseconds = clock.milliseconds(now)
    with reading(newest=True) as reader:
        here = _visitors_here(reader, site_number, milliseconds - WINDOW)
        events = _latest_events(reader, site_number)
        return Live(
            visitors=visitors_now(site_number),
            as_of=now,
            minutes=_page_views(reader, site_number, milliseconds),
            pages=_counted(here, lambda each: path_of(each.exit_url)),
            sources=_counted(here, source_words),
            countries=_counted(here, lambda each: country_name(each.country) or "Unknown"),
            devices=_counted(here, lambda each: each.device.capitalize()),
            browsers=_counted(here, lambda each: each.browser),
            events=events,
            sessions=sessions_by_id(reader, site_number, (each.session_id for each in events)),
            last=_last_session(reader, site_number),
            drops=drops_of(site_number, days=1),
        )


def _visitors_here(reader: Reader, site_number: int, since: int) -> list[Any]:
    """The newest session of each visitor who was heard of since then."""
    columns = (
        Session.visitor,
        Session.exit_url,
        Session.channel,
        Session.utm_source,
        Session.referrer_host,
        Session.country,
        Session.device,
        Session.browser,
    )
    found = (
        select(*columns)
        .where(Session.site_number == site_number, Session.last_at > since)
        .order_by(Session.last_at.desc())
        .limit(MOST)
    )
    oldest_first = reversed(reader.execute(found).all())
    return list({bytes(each.visitor): each for each in oldest_first}.values())


def _counted(sessions: Iterable[Any], label: Callable[[Any], str]) -> list[Counted]:
    numbers = Counter(label(each) for each in sessions)
    ordered = sorted(numbers.items(), key=lambda each: (-each[1], each[0]))
    return [Counted(*each) for each in ordered[:SHOWN]]


def _page_views(reader: Reader, site_number: int, now: int) -> list[int]:
    since = now - now % MINUTE - (MINUTES - 1) * MINUTE
    minute = ((Event.at - since) // MINUTE).label("minute")
    found = (
        select(minute, func.count().label("number"))
        .where(Event.site_number == site_number, Event.at >= since, Event.name == PAGE_VIEW)
        .group_by("minute")
    )
    numbers = {int(row.minute): row.number for row in reader.execute(found)}
    return [numbers.get(each, 0) for each in range(MINUTES)]


def _latest_events(reader: Reader, site_number: int) -> list[Event]:
    found = select(Event).where(Event.site_number == site_number)
    return list(reader.scalars(found.order_by(Event.at.desc(), Event.id.desc()).limit(LATEST)))


def _last_session(reader: Reader, site_number: int) -> Session | None:
    found = select(Session).where(Session.site_number == site_number)
    return reader.scalars(found.order_by(Session.last_at.desc()).limit(1)).first()
