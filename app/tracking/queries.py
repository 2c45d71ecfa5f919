"""What is stored of a site's visitors and what was refused, for pages and the API. Under a scope;
reads off the event loop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reader

from app.core import clock
from app.core.api import ListQuery, page
from app.core.db import reading
from app.tracking.models import Drop, Event, Quarantined, Session
from app.tracking.models.event import HOUR

SAMPLE = 1000  # of the newest events, whose names are offered
MOST_OF_A_SESSION = 500
SUSPECTS = 10

DAY = 24 * HOUR  # seconds


def moment(milliseconds: int) -> datetime:
    """Of milliseconds since 1970, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def events_of(
    site_number: int, query: ListQuery, name: str | None = None
) -> tuple[list[Event], str | None]:
    """A page of the site's events, newest first by id, and the cursor of the next one."""
    found = select(Event).where(Event.site_number == site_number)
    if name:
        found = found.where(Event.name == name)
    with reading(newest=True) as reader:
        return page(found, Event, query, reader)


def latest_names(site_number: int) -> list[str]:
    """What the newest events of the site are called."""
    newest = (
        select(Event.name)
        .where(Event.site_number == site_number)
        .order_by(Event.id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    with reading() as reader:
        return sorted(reader.scalars(select(newest.c.name).distinct()))


def session_of(site_number: int, session_id: UUID) -> Session | None:
    with reading(newest=True) as reader:
        return sessions_by_id(reader, site_number, [session_id]).get(session_id)


def sessions_by_id(
    reader: Reader, site_number: int, ids: Iterable[UUID | None]
) -> dict[UUID, Session]:
    wanted = {each for each in ids if each is not None}
    found = select(Session).where(Session.site_number == site_number, Session.id.in_(wanted))
    return {each.id: each for each in reader.scalars(found)} if wanted else {}


def sessions_of(site_number: int, events: Iterable[Event]) -> dict[UUID, Session]:
    """The sessions of these events, by id."""
    with reading(newest=True) as reader:
        return sessions_by_id(reader, site_number, (each.session_id for each in events))


def events_of_session(site_number: int, session_id: UUID) -> list[Event]:
    """In the order in which they happened."""
    found = (
        select(Event)
        .where(Event.site_number == site_number, Event.session_id == session_id)
        .order_by(Event.at, Event.id)
        .limit(MOST_OF_A_SESSION)
    )
    with reading(newest=True) as reader:
        return list(reader.scalars(found))


# --- what was refused ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Drops:
    """What was refused of a site's events within some days: how many by reason, most first."""

    days: int
    by_reason: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


def drops_of(site_number: int, days: int) -> Drops:
    count = func.sum(Drop.count).label("number")
    found = (
        select(Drop.reason, count)
        .where(Drop.site_number == site_number, Drop.hour > _now() - days * DAY)
        .group_by(Drop.reason)
        .order_by(count.desc(), Drop.reason)
    )
    with reading(newest=True) as reader:
        return Drops(days, {row.reason: int(row.number) for row in reader.execute(found)})


@dataclass(frozen=True)
class Quarantine:
    """Events of bots, which are kept apart: how many, and of each bot of which there are newest
    ones the newest and how many it has. That is what can be given back at once (quarantine.py)."""

    count: int
    newest: list[tuple[Quarantined, int]]


def quarantine_of(site_number: int, days: int) -> Quarantine:
    since = (_now() - days * DAY) * 1000
    here = (Quarantined.site_number == site_number, Quarantined.at > since)
    bot = (Quarantined.user_agent, Quarantined.reason)
    last = func.max(Quarantined.at).label("last")
    bots = select(*bot, last, func.count().label("number")).where(*here).group_by(*bot)
    with reading(newest=True) as reader:
        count = reader.scalar(select(func.count()).select_from(Quarantined).where(*here)) or 0
        found = reader.execute(bots.order_by(last.desc(), *bot).limit(SUSPECTS)).all()
        # One by one: who gives all of his events the same time has many of that time.
        last_ones = [(reader.scalar(_last_of(here, *each[:3])), each.number) for each in found]
    return Quarantine(count, [(row, number) for row, number in last_ones if row is not None])


def _last_of(here: tuple[Any, ...], user_agent: str, reason: str, at: int) -> Any:
    found = select(Quarantined).where(*here, Quarantined.at == at)
    return found.filter_by(user_agent=user_agent, reason=reason).limit(1)


def _now() -> int:
    return int(clock.now().timestamp())
