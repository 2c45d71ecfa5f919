"""Which visits earned what: the revenue of a period, shared among the visits before each order.

Visits of the same person within 30 days up to the order count, the one of the order among them.
Somebody who did not agree to be known again has only the visits of that day. Each order is shared
out to the last cent, so what the rows have adds up to the revenue, whichever way it is shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from app.accounts.models import Organization
from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.models import RollupRun
from app.analytics.periods import Period, midnight
from app.analytics.raw import net, refunds_of
from app.analytics.sums import NOBODY
from app.commerce.models import PAID, REFUNDED, Order
from app.core.db import db, reading
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models import Event

LOOK_BACK = timedelta(days=30)
DAY = 86_400_000  # milliseconds
HALF_LIFE = 7 * DAY
ENDS = 0.4  # of each end, where there are more than two
BY = ("channel", "referrer", "utm_source", "utm_medium", "utm_campaign", "entry_page", "country")
UNJOINED = "\n"  # in place of a value: no visit is known


def _first(ages: Sequence[int]) -> list[float]:
    return [1.0, *[0.0] * (len(ages) - 1)]


def _last(ages: Sequence[int]) -> list[float]:
    return [*[0.0] * (len(ages) - 1), 1.0]


def _linear(ages: Sequence[int]) -> list[float]:
    return [1.0] * len(ages)


def _time_decay(ages: Sequence[int]) -> list[float]:
    return [0.5 ** (age / HALF_LIFE) for age in ages]


def _position(ages: Sequence[int]) -> list[float]:
    if len(ages) < 3:
        return [1.0] * len(ages)
    between = (1 - 2 * ENDS) / (len(ages) - 2)
    return [ENDS, *[between] * (len(ages) - 2), ENDS]


# What each visit weighs, the oldest first, by how long before the order it began (milliseconds).
MODELS: dict[str, Callable[[Sequence[int]], list[float]]] = {
    "first": _first,
    "last": _last,
    "linear": _linear,
    "time_decay": _time_decay,
    "position": _position,
}
LABELS = {
    "first": "First visit",
    "last": "Last visit",
    "linear": "Linear",
    "time_decay": "Time decay",
    "position": "Position",
}


@dataclass(frozen=True)
class Row:
    """What visits with one value of a dimension earned by each model, in minor units of the
    organization's currency, and in how many orders (or amounts) they had a part."""

    value: str
    revenue: dict[str, int]
    orders: int


@dataclass(frozen=True)
class Attribution:
    """`unjoined`: orders, and amounts told by servers, of which no visit is known. The rows and it
    together are `revenue`, by any model; `orders` are all of them, each once."""

    dimension: str
    rows: list[Row]
    unjoined: Row
    revenue: int
    orders: int


def attribution(
    site: Site, period: Period, dimension: str, filters: Sequence[Filter] = ()
) -> Attribution:
    """Of orders in visits that began in the period and match the filters, and without filters also
    of those of which no visit is known. Under the site's scope."""
    sums = Sums(period)
    longer = Period(period.first - LOOK_BACK, period.last, period.zone)
    for chunk in read_chunks(site, longer, filters):
        in_native_thread(sums.add, chunk, dimension)
    in_native_thread(sums.join)
    unjoined = [] if filters else _unjoined(site, period)
    return sums.result(dimension, unjoined)


def share_out(amount: int, weights: Sequence[float]) -> list[int]:
    """Whole units by weight that add up to the amount: what is left over goes one by one to those
    who lost most by rounding down, the first of equals first."""
    total = sum(weights)
    exact = [abs(amount) * weight / total for weight in weights]
    shares = [int(each) for each in exact]
    left = abs(amount) - sum(shares)
    order = sorted(range(len(exact)), key=lambda at: shares[at] - exact[at])
    # Beyond 2**53 a float cannot tell units apart, and more or less than one each is left.
    for turn in range(abs(left)):
        shares[order[turn % len(order)]] += 1 if left > 0 else -1
    return shares if amount >= 0 else [-each for each in shares]


def _unjoined(site: Site, period: Period) -> list[int]:
    """What is left after refunds of each order that happened in the period and is no visit's. Only
    since there are raw events: before, nobody can say which ones were named."""
    organization = db.session.get_one(Organization, site.organization_id)
    since = db.session.scalar(select(RollupRun.raw_since).filter_by(site_number=site.number))
    begins = max(period.begins, midnight(since, ZoneInfo(site.time_zone)) if since else 0)
    found = select(Order.id, Order.total, Order.currency, Order.status).where(
        Order.site_id == site.id,
        Order.status.in_((PAID, REFUNDED)),
        Order.total.is_not(None),
        Order.currency == organization.currency,
        Order.occurred_at >= _moment(begins),
        Order.occurred_at < _moment(period.ends),
        ~(_named(site) & ~_told_again()),
    )
    with reading(newest=True) as reader:
        orders = list(reader.execute(found))
        refunds = refunds_of(reader, [each.id for each in orders])
    return [net(each.total, each.currency, each.status, refunds[each.id]) for each in orders]


def _named(site: Site) -> Any:
    """Whether a visit has named an order, also where the row of that is dropped."""
    in_a_row = exists().where(
        Event.site_number == site.number,
        Event.order_id == Order.external_id,
        Event.session_id.is_not(None),
    )
    return Order.named_at.is_not(None) | in_a_row


def _told_again() -> Any:
    """Whether another source of the site has told of an order of the same name. Of several the
    last is the visit's that named it (`raw.orders_told`): of a closed day, the last that was there
    by then."""
    other = aliased(Order)
    return exists().where(
        other.site_id == Order.site_id,
        other.external_id == Order.external_id,
        other.id > Order.id,
        other.status.in_((PAID, REFUNDED)),
        other.total.is_not(None),
        Order.named_at.is_(None) | other.named_at.is_not(None),
    )


@dataclass
class Sums:
    period: Period
    words: dict[str, int] = field(default_factory=dict)
    # Of people who are known on other days: their visits and what they earned, until all is there.
    visits: list[tuple[Array, Array, Array]] = field(default_factory=list)
    earned: list[tuple[Array, Array, Array]] = field(default_factory=list)
    revenue: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(_nothing))
    orders: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    joined: int = 0
    nobody: list[int] = field(default_factory=list)

    def add(self, chunk: Chunk, dimension: str) -> None:
        visits, events = chunk.sessions, chunk.events
        words = [self.words.setdefault(each, len(self.words)) for each in chunk.words[dimension]]
        value = np.array(words, np.int64)[visits[dimension]]
        visit = events["session"][events["earning_event"]]
        counted = chunk.chosen[visit] & (visits["begins"][visit] >= self.period.begins)
        visit, amount = visit[counted], events["earning_amount"][counted]
        at = visits["begins"][visit] + events["offset"][events["earning_event"][counted]]
        real, person = visits["visitor"] != NOBODY, visits["person"] != 0
        self.nobody += amount[~real[visit]].tolist()
        for known, who in (
            (real & ~person, visits["visitor"].astype(np.uint64)),
            (real & person, visits["visitor_key"]),
        ):
            theirs = (who[known], visits["begins"][known], value[known])
            mine = known[visit]
            money = (who[visit[mine]], at[mine], amount[mine])
            if who is visits["visitor_key"]:
                self.visits.append(theirs)
                self.earned.append(money)
            else:
                self._credit(theirs, money)

    def join(self) -> None:
        if self.visits:
            self._credit(_together(self.visits), _together(self.earned))

    def result(self, dimension: str, unjoined: Iterable[int]) -> Attribution:
        words = list(self.words)
        rows = [
            Row(words[code], dict(each), self.orders[code]) for code, each in self.revenue.items()
        ]
        rows.sort(key=lambda each: (-each.revenue["last"], -each.orders, each.value))
        alone = [*self.nobody, *unjoined]
        rest = Row(UNJOINED, dict.fromkeys(MODELS, sum(alone)), len(alone))
        total = sum(each.revenue["last"] for each in rows) + sum(alone)
        return Attribution(dimension, rows, rest, total, self.joined + len(alone))

    def _credit(self, visits: tuple[Array, ...], earned: tuple[Array, ...]) -> None:
        who, begins, value = visits
        order = np.lexsort((begins, who))
        who, begins, value = who[order], begins[order], value[order]
        buyers, moments, amounts = earned
        self.joined += len(amounts)
        first = np.searchsorted(who, buyers, "left")
        after = np.searchsorted(who, buyers, "right")
        reach = moments - LOOK_BACK // timedelta(milliseconds=1)
        for start, end, since, moment, amount in zip(
            *(each.tolist() for each in (first, after, reach, moments, amounts)), strict=True
        ):
            low = start + int(np.searchsorted(begins[start:end], since, "left"))
            high = start + int(np.searchsorted(begins[start:end], moment, "right"))
            # A visit that began earlier than it can count still had its own order.
            low = min(low, high - 1)
            ages = [moment - each for each in begins[low:high].tolist()]
            self._share(value[low:high].tolist(), ages, amount)

    def _share(self, values: Sequence[int], ages: Sequence[int], amount: int) -> None:
        for value in set(values):
            self.orders[value] += 1
        for model, weigh in MODELS.items():
            shares = [amount] if len(values) == 1 else share_out(amount, weigh(ages))
            for value, share in zip(values, shares, strict=True):
                self.revenue[value][model] += share


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _nothing() -> dict[str, int]:
    return dict.fromkeys(MODELS, 0)


def _together(pieces: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
    return tuple(np.concatenate(each) for each in zip(*pieces, strict=True))
