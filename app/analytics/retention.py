"""Who comes back: people by when they first came, and how many of them were there again later.

Only those who agreed to be known can be known again. All others are new each day, whoever they are,
so they are not part of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core import clock
from app.core.db import reading
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models import Visitor

UNITS = {"day": 14, "week": 12, "month": 12}  # and how many of them unless somebody says
FEWEST, MOST = 2, 24
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cohort:
    """Those who first came in one day, week or month, which began on `begins`. `returned` says how
    many of them were there in it, in the next one, and so on up to now."""

    begins: date
    returned: list[int]

    @property
    def size(self) -> int:
        return self.returned[0]

    def share(self, number: int) -> float | None:
        return self.returned[number] / self.size if self.size else None


@dataclass(frozen=True)
class Retention:
    """In the days of `period`, of the visits that were asked for: `people` were there who can be
    known again; theirs were `visits` of `of` visits. The last number of each cohort is of a time
    that is not over."""

    unit: str
    period: Period
    cohorts: list[Cohort]
    people: int
    visits: int
    of: int

    @property
    def share(self) -> float | None:
        return self.visits / self.of if self.of else None

    @property
    def new(self) -> int:
        """Those who first came in these days."""
        return sum(each.size for each in self.cohorts)


def retention(
    site: Site, unit: str, number: int, filters: Sequence[Filter] = (), today: date | None = None
) -> Retention:
    """Of the last `number` days, weeks or months by the site's clock, this one included. A cohort
    are those whose first visit matches the filters. Under the site's scope."""
    zone = ZoneInfo(site.time_zone)
    today = today or clock.now().astimezone(zone).date()
    begins = spans(today, unit, number)
    period = Period(begins[0], today, zone)
    sums = Sums(begins)
    for chunk in read_chunks(site, period, filters, events=False):
        in_native_thread(sums.add, chunk)
    new = _new_since(site, period)
    return Retention(unit, period, in_native_thread(sums.cohorts, new), *sums.counted())


def spans(today: date, unit: str, number: int) -> list[date]:
    """The first days of the last ones, the oldest first."""
    starts = [_start(today, unit)]
    while len(starts) < number:
        starts.append(_start(starts[-1] - DAY, unit))
    return starts[::-1]


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _new_since(site: Site, period: Period) -> Array:
    """The people who first came within the period."""
    found = select(Visitor.visitor).where(
        Visitor.site_number == site.number,
        Visitor.person.is_(True),
        Visitor.first_at >= period.begins,
    )
    with reading() as reader:
        keys = [int.from_bytes(bytes(each)[:8], "big") for each in reader.scalars(found)]
    return np.array(keys, np.uint64)


@dataclass
class Sums:
    begins: list[date]
    seen: list[tuple[Array, Array, Array]] = field(default_factory=list)  # who, when, chosen
    visits: int = 0
    of: int = 0

    def add(self, chunk: Chunk) -> None:
        days = np.searchsorted(self._days(self.begins), self._days(chunk.days), "right") - 1
        real = (chunk.sessions["visitor"] != NOBODY) & (days[chunk.sessions["day"]] >= 0)
        person = real & (chunk.sessions["person"] != 0)
        self.of += int((real & chunk.chosen).sum())
        self.visits += int((person & chunk.chosen).sum())
        self.seen.append(
            (
                chunk.sessions["visitor_key"][person],
                days[chunk.sessions["day"][person]],
                chunk.chosen[person],
            )
        )

    def cohorts(self, new: Array) -> list[Cohort]:
        """`new`: who never came before."""
        number = len(self.begins)
        table = np.zeros((number, number), np.int64)
        who, when, chosen = self._seen()
        people, first, place = np.unique(who, return_index=True, return_inverse=True)
        cohort = np.where(np.isin(people, new) & chosen[first], when[first], -1)
        mine = cohort[place]
        pairs = np.unique(np.stack([place, when])[:, mine >= 0], axis=1)
        began = cohort[pairs[0]]
        np.add.at(table, (began, pairs[1] - began), 1)
        return [
            Cohort(begins, table[row][: number - row].tolist())
            for row, begins in enumerate(self.begins)
        ]

    def counted(self) -> tuple[int, int, int]:
        who, _when, chosen = self._seen()
        return len(np.unique(who[chosen])), self.visits, self.of

    def _seen(self) -> tuple[Array, ...]:
        """In the order in which they came."""
        if not self.seen:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, bool)
        return tuple(np.concatenate(each) for each in zip(*self.seen, strict=True))

    @staticmethod
    def _days(days: Sequence[date]) -> Array:
        return np.array([each.toordinal() for each in days], np.int64)
