"""What the demo's visitors did within the last month, by way of the event store: the same events
for the same seed and end, as far as the demo itself (its sites, campaigns and orders) is the same.
The sessions' ids are the store's own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import func, select

from app.campaigns.models import Campaign
from app.commerce.models import Order
from app.core import clock
from app.core.db import db
from app.dashboard.demo_origins import CRAWLERS, SCHOOL, SHOP, Range
from app.dashboard.demo_visits import Bought, Guests, Stage, Visit, id_at
from app.sites.models import Site
from app.tracking.arrivals import Arrival
from app.tracking.committer import DROPS, QUARANTINED
from app.tracking.models import Event, forget_visitors
from app.tracking.store import store

SEED = 20
DEFAULT = 20_000
MOST = 100_000_000
AT_ONCE = 4000  # events in one transaction
MINUTE, HOUR = 60_000, 3_600_000  # milliseconds
HOURS = 30 * 24
# By the clock of the site, from midnight on, and from Monday on.
DAY = (8, 5, 3, 2, 2, 4, 9, 17, 27, 36, 42, 45, 46, 45, 43, 43, 45, 49, 56, 66, 72, 66, 45, 22)
WEEK = (1.05, 1.0, 0.98, 0.97, 0.93, 1.02, 1.25)
GROWTH = 0.3  # over the month
SCHOOLS_SHARE = 0.15
ORDERING = 8 * MINUTE  # from the first page to the order
EVENTS_PER_BOT = 300
RANGES = {"Tea shop": SHOP, "Tea school": SCHOOL}
ADDRESSES = {"Tea school": "https://school.tea.example"}
DROPPED = {"origin": 6, "rate": 2, "invalid": 4, "time": 2, "properties": 1}  # in 100 hours


def tell_events(number: int, seed: int = SEED, end: datetime | None = None) -> int:
    """Have the demo's sites together hold `number` events of the month before `end` (this minute).

    Under the scope of the demo. Answers how many events were added: none if there are enough.
    """
    until = int((end or clock.now()).timestamp()) // 60 * MINUTE
    sites = stages()
    missing = number - _stored(sites, until)
    if missing <= 0 or not sites:
        return 0
    of_school = int(missing * SCHOOLS_SHARE) if len(sites) > 1 else 0
    for stage, share in zip(sites, (missing - of_school, of_school), strict=False):
        chance = Random(f"{seed}/{until}/{number}/{stage.address}")  # noqa: S311
        _tell(Month(stage, share, until, chance))
    # As it is done each hour: of last week's visitors nobody is known any more.
    forget_visitors()
    return missing


def stages() -> list[Stage]:
    """The shop and the school, unless they were deleted."""
    sites = db.session.scalars(select(Site).where(Site.name.in_(RANGES)).order_by(Site.number))
    own = current_app.extensions["candor_settings"].url
    return [_stage(site, ADDRESSES.get(site.name, own), RANGES[site.name]) for site in sites]


def _stage(site: Site, address: str, has: Range) -> Stage:
    shown = select(Campaign.id).filter_by(site_id=site.id, status="published").order_by("id")
    campaigns = db.session.scalars(shown).all()
    zone = ZoneInfo(site.time_zone)
    return Stage(site.organization_id, site.number, address, zone, has, campaigns)


def _stored(stages: list[Stage], until: int) -> int:
    """With those of the day before, or the same command would add some again in the evening."""
    numbers = [stage.site_number for stage in stages]
    found = select(func.count()).where(
        Event.site_number.in_(numbers), Event.at >= until - (HOURS + 24) * HOUR, Event.at < until
    )
    return db.session.scalar(found) or 0


def _tell(month: Month) -> None:
    for events in month.batches(AT_ONCE):
        store(db.session.connection(), events)
        db.session.commit()
    connection = db.session.connection()
    QUARANTINED.write(connection, list(month.bots()))
    DROPS.write(connection, list(month.drops()))
    db.session.commit()


@dataclass
class Month:
    """`number` events of a site before `until`."""

    stage: Stage
    number: int
    until: int
    chance: Random

    @property
    def began(self) -> int:
        return self.until - HOURS * HOUR

    def batches(self, size: int) -> Iterator[list[Arrival]]:
        """All events in the order in which they happened."""
        waiting: list[Arrival] = []
        for events in self._hours():
            waiting += events
            while len(waiting) >= size:
                yield waiting[:size]
                del waiting[:size]
        if waiting:
            yield waiting

    def _hours(self) -> Iterator[list[Arrival]]:
        guests, made = Guests(self.stage, self.chance), 0
        orders, going_on = self._orders(), list[Arrival]()
        for begin, wanted in zip(self._begins(), self._wanted(), strict=True):
            while orders and orders[-1].at < begin + HOUR and made < self.number:
                order = self._order(guests, begin, orders.pop())
                going_on += (events := self._take(made, order))
                made += len(events)
            while made < wanted:
                going_on += (events := self._take(made, self._visit(guests, begin)))
                made += len(events)
            going_on.sort(key=attrgetter("at"))
            past = bisect_left(going_on, begin + HOUR, key=attrgetter("at"))
            yield going_on[:past]
            del going_on[:past]

    def _begins(self) -> range:
        return range(self.began, self.until, HOUR)

    def _wanted(self) -> Iterator[int]:
        """How many events there are to be by the end of each hour."""
        weights = [self._weight(begin) for begin in self._begins()]
        done, total = 0.0, sum(weights)
        for weight in weights[:-1]:
            done += weight
            yield int(self.number * done / total)
        yield self.number

    def _weight(self, begin: int) -> float:
        local = datetime.fromtimestamp(begin / 1000, self.stage.zone)
        growth = 1 + GROWTH * (begin - self.began) / (self.until - self.began)
        return DAY[local.hour] * WEEK[local.weekday()] * growth * self.chance.uniform(0.85, 1.15)

    def _orders(self) -> list[Bought]:
        """Those of the shop that there are, the last one first."""
        latest = datetime.fromtimestamp(self.until / 1000, tz=clock.now().tzinfo)
        earliest = latest - timedelta(hours=HOURS)
        found = (
            select(Order.occurred_at, Order.external_id, Order.total)
            .join(Site, Site.id == Order.site_id)
            .where(Site.number == self.stage.site_number, Order.total.is_not(None))
            .where(Order.occurred_at >= earliest, Order.occurred_at < latest)
            .order_by(Order.occurred_at.desc(), Order.external_id)
        )
        rows = db.session.execute(found).all()
        return [Bought(clock.milliseconds(at), id or "", total or 0) for at, id, total in rows]

    def _order(self, guests: Guests, begin: int, bought: Bought) -> Visit:
        began = max(begin, bought.at - ORDERING)
        visit = Visit(self.stage, guests.pick(began), began, self.chance)
        visit.order(bought)
        return visit

    def _visit(self, guests: Guests, begin: int) -> Visit:
        began = begin + self.chance.randrange(HOUR)
        visit = Visit(self.stage, guests.pick(began), began, self.chance)
        visit.stroll()
        return visit

    def _take(self, made: int, visit: Visit) -> list[Arrival]:
        """What of a visit has happened already and is still wanted."""
        events = visit.events[: self.number - made]
        return [each for each in events if each.at < self.until]

    def bots(self) -> Iterator[tuple[Any, ...]]:
        stage, chance = self.stage, self.chance
        for at in self._moments(self.number // EVENTS_PER_BOT + 1):
            page = stage.range.landing.pick(chance)
            event = {"name": "page_view", "url": stage.address + page.path, "title": page.title}
            agent = chance.choice(CRAWLERS)
            owner, number = stage.organization_id, stage.site_number
            yield owner, number, id_at(at, chance), at, "crawler", agent, event

    def _moments(self, number: int) -> list[int]:
        return sorted(self.chance.randrange(self.began, self.until) for _ in range(number))

    def drops(self) -> Iterator[tuple[Any, ...]]:
        owner, number = self.stage.organization_id, self.stage.site_number
        for begin in self._begins():
            hour = begin // HOUR * HOUR // 1000
            for reason in sorted(DROPPED):
                if self.chance.random() < DROPPED[reason] / 100:
                    yield owner, number, hour, reason, self.chance.randrange(1, 9)
