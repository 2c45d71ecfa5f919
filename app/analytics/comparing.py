"""How figures differ from those of the days before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from app.analytics.answers import Answer, Totals, ask
from app.analytics.chunks import read_chunks
from app.analytics.filters import Filter
from app.analytics.periods import Period, local_day
from app.analytics.rollups import as_of, first_day
from app.analytics.sums import Visits
from app.core import clock
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models.rollup import BUCKET

MULTIPLE = 10  # from which on a growth is told as a multiple


@dataclass(frozen=True)
class Before:
    """`answer`: of as many days just before. `totals`: of as much of them as the period is over
    by now. `since`: the first day of the site of which anything is known."""

    answer: Answer
    totals: Totals
    since: date | None

    @classmethod
    def of(cls, site: Site, period: Period, filters: Sequence[Filter]) -> Before:
        """Under the site's scope."""
        answer = ask(site, period.before(), filters, ())
        since, now = first_day(site), _now(site, period.zone)
        over = now >= period.ends
        compared = answer if over else _until(answer, period, max(now, period.begins))
        return cls(answer, compared.totals, since)

    @property
    def whole(self) -> bool:
        """Whether the site counted when they began, without which nothing is compared."""
        return self.since is not None and self.since < self.answer.period.first

    def change(
        self, now: float | None, then: float | None, good: int = 1
    ) -> tuple[str | None, str]:
        return change_of(now, then, good) if self.whole else (None, "neutral")


def change_of(now: float | None, then: float | None, good: int = 1) -> tuple[str | None, str]:
    """In words, None where there is nothing to compare with, and its tone: good, bad or neutral.
    `good`: -1 where less is better."""
    if now is None or not then:
        return None, "neutral"
    share = (now - then) / then
    if abs(share) < 0.0005:
        return "0%", "neutral"
    tone = "good" if share * good > 0 else "bad"
    if share >= MULTIPLE:
        return f"×{now / then:,.0f}", tone
    return f"{share * 100:+,.0f}%" if abs(share) >= 0.1 else f"{share * 100:+.1f}%", tone


def _now(site: Site, zone: ZoneInfo) -> int:
    """Up to when today is added up; where nothing of it is yet, or a day before is not, the moment
    that it is."""
    now, whole = clock.milliseconds(), as_of(site)
    return whole if local_day(whole, zone) == local_day(now, zone) else now


def _until(answer: Answer, period: Period, now: int) -> Answer:
    """As much of it as the period after it is over: without the days that correspond to those to
    come, and of the one that corresponds to today without those visits that began later by the
    clock than it is now."""
    zone = answer.period.zone
    here = datetime.fromtimestamp(now / 1000, zone)
    last = answer.period.first + (here.date() - period.first)
    until = int(datetime.combine(last, here.timetz()).timestamp() * 1000)
    begins = Period(last, last, zone).begins
    days = {day: row for day, row in answer.days.items() if day < last}
    quarters = {moment: row for moment, row in answer.quarters.items() if moment < begins}
    for chunk in read_chunks(answer.site, Period(last, last, zone), answer.filters, events=False):
        chosen = chunk.chosen & (chunk.sessions["begins"] < until)
        visits = in_native_thread(Visits, chunk.sessions, chosen)
        if len(visits):
            days[last] = visits.by(np.zeros(len(visits), np.int64), 1)[0]
            found, places = np.unique(visits.columns["begins"] // BUCKET, return_inverse=True)
            rows = visits.by(places, len(found))
            quarters.update(zip((int(each) * BUCKET for each in found), rows, strict=True))
    return replace(answer, days=days, quarters=quarters)
