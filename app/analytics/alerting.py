"""Whether a figure is far from the usual, and who is told.

The usual is the middle of what the same hour of the same weekday was (or the same weekday) in the
last four weeks. A spike is told as soon as it is one, also within the hour; a drop once the hour
or day is over and all of it is counted. Each is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.accounts.models import Organization
from app.analytics.answers import Answer, ask
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.figures import LABELS
from app.analytics.models import Alert
from app.analytics.models.alert import DAY as WHOLE_DAY
from app.analytics.models.alert import DROP, HOUR, SPIKE, Watched
from app.analytics.periods import Period
from app.analytics.rollups import as_of
from app.analytics.sums import COLUMN, NOBODY
from app.core import clock
from app.core.db import db
from app.core.due import do_what_is_due
from app.core.letters import public_url, write
from app.core.mail import send
from app.core.money import money_words
from app.sites.models import Site
from app.tracking.models.rollup import BUCKET

WATCHED = ("visitors", "sessions", "page_views", "events", "revenue")
WEEKS = 4
FEWEST = 2  # of these weeks, in which the site was there
EVERY = timedelta(minutes=5)
AT_ONCE = 200
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Judged:
    """An hour or a day. `began` is local; `usual` None: too little is known. `over`: it is, and
    all of it is counted."""

    began: datetime
    value: int
    usual: int | None
    over: bool

    def is_far(self, watched: Watched) -> bool:
        if self.usual is None:
            return False
        if watched.direction == SPIKE:
            most = self.usual * (1 + watched.percent / 100)
            return self.value >= watched.minimum and self.value > 0 and self.value >= most
        least = self.usual * (1 - watched.percent / 100)
        return self.over and self.usual >= watched.minimum and self.value <= least


def check_alerts() -> None:
    """A worker's turn: those that were not looked at for some minutes."""
    do_what_is_due(Alert, Alert.due_at, look, at_once=AT_ONCE, later=EVERY)


def look(alert: Alert) -> int:
    """Tell of what is far from the usual and was not told yet; how often."""
    site = db.session.get_one(Site, alert.site_id)
    told = 0
    for judged in judge(site, alert.watched):
        began_at = int(judged.began.timestamp() * 1000)
        far = judged.is_far(alert.watched)
        if far and alert.fire(began_at, judged.value, judged.usual or 0):
            _tell(alert, site, judged)
            told += 1
    alert.due_at = clock.now() + EVERY
    return told


def judge(site: Site, watched: Watched) -> list[Judged]:
    """The hour or day that is, and the one before."""
    zone = ZoneInfo(site.time_zone)
    now = clock.now().astimezone(zone)
    period = Period(now.date() - (7 * WEEKS + 1) * DAY, now.date(), zone)
    # First: what is added up while it is asked may be in the answer or not.
    whole = as_of(site) / 1000
    answer = ask(site, period, (), ())
    first = _first_day(answer.days)
    if first is None:
        return []
    judged = []
    for began in _begun(now, watched.unit):
        ends = _ends(began, watched.unit)
        value = _value(answer, began, ends, watched.metric)
        before = [_moved(began, -7 * week) for week in range(1, WEEKS + 1)]
        known = [
            _value(answer, each, _ends(each, watched.unit), watched.metric)
            for each in before
            if each.date() >= first and _ends(each, watched.unit).timestamp() <= whole
        ]
        usual = round(median(known)) if len(known) >= FEWEST else None
        # By time that passes: of two times of one zone only the clocks are compared.
        judged.append(Judged(began, value, usual, ends.timestamp() <= whole))
    return judged


def _first_day(days: Mapping[Any, Array]) -> Any:
    return min((day for day, row in days.items() if row.any()), default=None)


def _begun(now: datetime, unit: str) -> tuple[datetime, datetime]:
    """When the unit before the one that is began, and that one."""
    if unit == HOUR:
        began = now.replace(minute=0, second=0, microsecond=0)
        return _hours_on(began, -1), began
    began = datetime.combine(now.date(), time(), now.tzinfo)
    return _moved(began, -1), began


def _ends(began: datetime, unit: str) -> datetime:
    return _hours_on(began, 1) if unit == HOUR else _moved(began, 1)


def _hours_on(moment: datetime, hours: int) -> datetime:
    """By time that passes, also in a night in which clocks are changed."""
    return (moment.astimezone(UTC) + timedelta(hours=hours)).astimezone(moment.tzinfo)


def _moved(moment: datetime, days: int) -> datetime:
    """The same time by the clock on another day: datetimes of one zone are added so."""
    return moment + days * DAY


def _value(answer: Answer, began: datetime, ends: datetime, metric: str) -> int:
    first, last = (int(each.timestamp() * 1000) for each in (began, ends))
    if metric == "visitors":
        if began.time() == ends.time() == time():
            row = answer.days.get(began.date())
            return 0 if row is None else int(row[COLUMN[metric]])
        return _visitors(answer.site, began, first, last)
    quarters = answer.quarters
    moments = range(first - first % BUCKET, last, BUCKET)
    rows = [quarters[each] for each in moments if each in quarters]
    return sum(int(row[COLUMN[metric]]) for row in rows)


def _visitors(site: Site, began: datetime, first: int, last: int) -> int:
    """Different ones of a part of a day. Its quarters do not add up: who came in two is one."""
    day = Period(began.date(), began.date(), ZoneInfo(site.time_zone))
    found = [np.zeros(0, np.uint64)]
    for chunk in read_chunks(site, day, events=False):
        visits, begins = chunk.sessions, chunk.sessions["begins"]
        within = (begins >= first) & (begins < last) & (visits["visitor"] != NOBODY)
        found.append(visits["visitor_key"][within])
    return len(np.unique(np.concatenate(found)))


def _tell(alert: Alert, site: Site, judged: Judged) -> None:
    organization = db.session.get_one(Organization, alert.organization_id)
    letter = write(
        "alert",
        link=public_url("alerts.index", organization=organization.slug, site=site.id),
        site=site.name,
        how=how_words(alert.metric, alert.direction),
        words=words_of(alert.metric),
        when=when_words(judged.began, alert.unit),
        zone=site.time_zone,
        value=value_words_of(judged.value, alert.metric, organization.currency),
        usual=value_words_of(judged.usual or 0, alert.metric, organization.currency),
    )
    for recipient in alert.recipients:
        member = recipient.member
        if member.suspended_at is None and member.user.email:
            send(member.user.email, *letter)


def words_of(metric: str) -> str:
    return LABELS[metric].lower()


def how_words(metric: str, direction: str) -> str:
    if direction == SPIKE:
        return "more"
    return "less" if metric == "revenue" else "fewer"


def value_words_of(value: int, metric: str, currency: str) -> str:
    return money_words(value, currency) if metric == "revenue" else f"{value:,}"


def when_words(began: datetime, unit: str) -> str:
    day = f"{began:%A}, {began.day} {began:%B}"
    return day if unit == WHOLE_DAY else f"{day}, from {began:%H:%M} on"


__all__ = ["DROP", "WATCHED", "Judged", "check_alerts", "judge", "look"]
