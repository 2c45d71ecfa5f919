"""Numbers of the home page. Each is counted from rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import reading
from app.proof.models import Activity
from app.sites.models import Site
from app.sites.queries import last_seen
from app.sources.models import BUILT_IN, InboundDelivery, Source

DAYS = 14
BUSIEST = 12
SOURCES = 8
DAY = timedelta(days=1)


@dataclass(frozen=True)
class SiteToday:
    """Activities of a site by day of its own time zone, the oldest first, today last."""

    id: UUID
    name: str
    client_name: str | None
    active: bool
    by_day: list[int]
    last_seen_at: datetime | None

    @property
    def today(self) -> int:
        return self.by_day[-1]

    @property
    def yesterday(self) -> int:
        return self.by_day[-2]


@dataclass(frozen=True)
class SourceHealth:
    """How a source did in the last 24 hours."""

    id: UUID
    name: str
    kind: str
    site_name: str
    last_delivery_at: datetime | None
    deliveries: int
    failed: int
    refused: int


@dataclass(frozen=True)
class Overview:
    """An organization's home: its days are of its own time zone, each site's of the site's."""

    today: int
    yesterday: int
    sites: list[SiteToday]
    site_count: int
    sources: list[SourceHealth]
    source_count: int


def overview(time_zone: str) -> Overview:
    with reading() as session:
        yesterday, today = _two_days(session, time_zone)
        return Overview(
            today=today,
            yesterday=yesterday,
            sites=_busiest(session),
            site_count=session.scalar(select(func.count(Site.id))) or 0,
            sources=_sources(session),
            source_count=session.scalar(_connected(select(func.count(Source.id)))) or 0,
        )


def midnights(time_zone: str, now: datetime) -> list[datetime]:
    """When each of the last days began there, the oldest first; today is the last."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    days = (today - DAY * back for back in reversed(range(DAYS)))
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]


def _day(begins: list[datetime]) -> Any:
    """The number of the day on which an activity occurred."""
    latest_first = reversed(list(enumerate(begins)))
    return case(*((Activity.occurred_at >= at, number) for number, at in latest_first)).label("day")


def _shown_since(statement: Any, moment: datetime) -> Any:
    return statement.where(Activity.occurred_at >= moment, Activity.retracted_at.is_(None))


def _two_days(session: Session, time_zone: str) -> list[int]:
    """Activities of yesterday and of today."""
    begins = midnights(time_zone, clock.now())[-2:]
    counted = _shown_since(select(_day(begins), func.count().label("number")), begins[0])
    found = {row.day: row.number for row in session.execute(counted.group_by("day"))}
    return [found.get(0, 0), found.get(1, 0)]


def _most_active(session: Session, days: int) -> list[UUID]:
    number = func.count().label("number")
    counted = _shown_since(select(Activity.site_id, number), clock.now() - days * DAY)
    busiest = counted.group_by(Activity.site_id).order_by(number.desc(), Activity.site_id)
    return [row.site_id for row in session.execute(busiest.limit(BUSIEST))]


def _shown_sites(session: Session) -> list[UUID]:
    """The busiest of the last two days; those of the last weeks and then others by name fill up."""
    ids = _most_active(session, 2)
    if len(ids) < BUSIEST:
        ids = list(dict.fromkeys([*ids, *_most_active(session, DAYS)]))[:BUSIEST]
    if len(ids) < BUSIEST:
        others = Site.matching("").with_only_columns(Site.id).where(Site.id.not_in(ids))
        ids += session.scalars(others.limit(BUSIEST - len(ids)))
    return ids


def _busiest(session: Session) -> list[SiteToday]:
    ids = _shown_sites(session)
    columns = (Site.id, Site.name, Site.client_name, Site.active, Site.time_zone)
    rows = {row.id: row for row in session.execute(select(*columns).where(Site.id.in_(ids)))}
    counts, seen = _by_day(session, rows.values()), last_seen(session, ids)
    return [
        SiteToday(row.id, row.name, row.client_name, row.active, counts[row.id], seen.get(row.id))
        for row in (rows[each] for each in ids)
    ]


def _by_day(session: Session, sites: Iterable[Any]) -> dict[UUID, list[int]]:
    """One question for each time zone among the sites."""
    zones = defaultdict(list)
    for site in sites:
        zones[site.time_zone].append(site.id)
    counts: dict[UUID, list[int]] = defaultdict(lambda: [0] * DAYS)
    for time_zone, ids in zones.items():
        begins = midnights(time_zone, clock.now())
        columns = (Activity.site_id, _day(begins), func.count().label("number"))
        counted = _shown_since(select(*columns).where(Activity.site_id.in_(ids)), begins[0])
        for row in session.execute(counted.group_by(Activity.site_id, "day")):
            counts[row.site_id][row.day] = row.number
    return counts


def _connected(statement: Any) -> Any:
    return statement.where(Source.kind.not_in(BUILT_IN))


def _sources(session: Session) -> list[SourceHealth]:
    """Those that had trouble first, then those that told something last."""
    verdicts = _verdicts(session)
    troubled = [each for each, counts in verdicts.items() if _trouble(counts)]
    columns = (Source.id, Source.name, Source.kind, Source.last_delivery_at, Site.name)
    found = _connected(select(*columns).join(Site, Site.id == Source.site_id))
    first = case((Source.id.in_(troubled), 0), else_=1)
    order = (first, Source.last_delivery_at.is_(None), Source.last_delivery_at.desc(), Source.name)
    return [
        SourceHealth(
            id=identifier,
            name=name,
            kind=kind,
            site_name=site_name,
            last_delivery_at=at,
            deliveries=sum(verdicts[identifier].values()),
            failed=verdicts[identifier].get("failed", 0),
            refused=verdicts[identifier].get("refused", 0),
        )
        for identifier, name, kind, at, site_name in session.execute(
            found.order_by(*order).limit(SOURCES)
        )
    ]


def _verdicts(session: Session) -> dict[UUID, dict[str, int]]:
    """What became of the deliveries of the last 24 hours, by source."""
    columns = (InboundDelivery.source_id, InboundDelivery.verdict)
    counted = (
        select(*columns, func.count().label("number"))
        .where(InboundDelivery.received_at > clock.now() - DAY)
        .group_by(*columns)
    )
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for row in session.execute(counted):
        found[row.source_id][row.verdict] = row.number
    return found


def _trouble(counts: dict[str, int]) -> bool:
    return bool(counts.get("failed") or counts.get("refused"))
