"""The rows of one local day of a site, as they are stored. Under a scope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reader

from app.commerce.models import PAID, REFUNDED, Order, Refund
from app.tracking.models import Event, Session

AT_ONCE = 5000  # rows in memory
ASKED = 400  # order ids in one query

SESSION_COLUMNS = (
    Session.id,
    Session.visitor,
    Session.person,
    Session.started_at,
    Session.last_at,
    Session.page_views,
    Session.active,
    Session.entry_url,
    Session.exit_url,
    Session.channel,
    Session.referrer_host,
    Session.utm_source,
    Session.utm_medium,
    Session.utm_campaign,
    Session.utm_term,
    Session.utm_content,
    Session.country,
    Session.region,
    Session.city,
    Session.device,
    Session.browser,
    Session.system,
    Session.language,
)
EVENT_COLUMNS = (
    Event.session_id,
    Event.at,
    Event.name,
    Event.url,
    Event.props,
    Event.amount,
    Event.currency,
    Event.campaign_id,
    Event.order_id,
    Event.by_api,
)


@dataclass(frozen=True)
class Money:
    """Of an order: what is left of it after refunds, in minor units."""

    amount: int
    currency: str


def sessions_begun(reader: Reader, site_number: int, begins: int, ends: int) -> list[Any]:
    """In the order in which they began. Times are milliseconds since 1970."""
    found = (
        select(*SESSION_COLUMNS)
        .where(
            Session.site_number == site_number,
            Session.started_at >= begins,
            Session.started_at < ends,
        )
        .order_by(Session.started_at, Session.id)
    )
    return list(reader.execute(found))


def events_between(
    reader: Reader, site_number: int, begins: int, ends: int, leaving_out: Iterable[str]
) -> Iterator[Any]:
    """In the order in which they happened."""
    found = (
        select(*EVENT_COLUMNS)
        .where(
            Event.site_number == site_number,
            Event.at >= begins,
            Event.at < ends,
            Event.name.not_in(list(leaving_out)),
        )
        .order_by(Event.at, Event.id)
        .execution_options(yield_per=AT_ONCE)
    )
    yield from reader.execute(found)


def orders_told(
    reader: Reader, site_id: UUID, site_number: int, ids: Iterable[str]
) -> dict[str, tuple[int, Money]]:
    """Of those of these orders that a source has told of as paid: when a page first named each,
    and its money. An order belongs to the visit that named it first."""
    told: dict[str, tuple[int, Money]] = {}
    for some in _some(sorted(ids)):
        first = dict(
            reader.execute(
                select(Event.order_id, func.min(Event.at))
                .where(
                    Event.site_number == site_number,
                    Event.order_id.in_(some),
                    Event.session_id.is_not(None),
                )
                .group_by(Event.order_id)
            ).all()
        )
        for name, money in _money_of(reader, site_id, some).items():
            if name in first:
                told[name] = (first[name], money)
    return told


def _money_of(reader: Reader, site_id: UUID, names: Iterable[str]) -> dict[str, Money]:
    found = select(Order.id, Order.external_id, Order.status, Order.total, Order.currency).where(
        Order.site_id == site_id,
        Order.external_id.in_(list(names)),
        Order.status.in_((PAID, REFUNDED)),
        Order.total.is_not(None),
    )
    orders = list(reader.execute(found.order_by(Order.id)))
    refunded = refunds_of(reader, [each.id for each in orders])
    money = {}
    for each in orders:
        left = net(each.total, each.currency, each.status, refunded[each.id])
        money[each.external_id] = Money(left, each.currency)
    return money


def refunds_of(reader: Reader, order_ids: list[UUID]) -> dict[UUID, list[Any]]:
    refunded: dict[UUID, list[Any]] = defaultdict(list)
    for some in _some(order_ids):
        found = select(Refund.order_id, Refund.amount, Refund.currency).where(
            Refund.order_id.in_(some)
        )
        for row in reader.execute(found):
            refunded[row.order_id].append(row)
    return refunded


def net(total: int, currency: str, status: str, refunds: Iterable[Any]) -> int:
    """What is left of an order: nothing once it is refunded in full, never less than nothing."""
    if status == REFUNDED:
        return 0
    given_back = sum(each.amount or 0 for each in refunds if each.currency == currency)
    return max(0, total - given_back)


def _some(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[place : place + ASKED] for place in range(0, len(values), ASKED))
