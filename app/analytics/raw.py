"""Raw rows of a site, as they are stored, and what orders earned. Under a scope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reader

from app.commerce.models import PAID, REFUNDED, Order, Refund
from app.core.batches import batched
from app.core.db import reading
from app.tracking.models import Event, Session

AT_ONCE = 5000  # rows of one query
ASKED = 400  # ids of orders or visits in one query

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
    Event.id,
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


def sessions_begun(site_number: int, begins: int, ends: int) -> Iterator[Any]:
    """In the order in which they began. Times are milliseconds since 1970."""
    here = (Session.site_number == site_number,)
    for rows in in_pages(SESSION_COLUMNS, Session.started_at, begins, ends, here, newest=True):
        yield from rows


def events_between(
    site_number: int, begins: int, ends: int, leaving_out: Iterable[str]
) -> Iterator[Any]:
    """In the order in which they happened."""
    here = (Event.site_number == site_number, Event.name.not_in(list(leaving_out)))
    for rows in in_pages(EVENT_COLUMNS, Event.at, begins, ends, here, newest=True):
        yield from rows


def events_of(
    site_number: int, session_ids: Iterable[UUID], since: int, leaving_out: Iterable[str]
) -> list[Any]:
    """Those of these visits from a moment on, in the order in which they happened."""
    found = select(*EVENT_COLUMNS).where(
        Event.site_number == site_number, Event.name.not_in(list(leaving_out)), Event.at >= since
    )
    rows: list[Any] = []
    for some in batched(session_ids, ASKED):
        with reading(newest=True) as reader:
            rows += reader.execute(found.where(Event.session_id.in_(some))).all()
    return sorted(rows, key=attrgetter("at", "id"))


def columns_of(model: Any) -> list[Any]:
    """Rather than objects, which cost ten times as much."""
    return [getattr(model, column.name) for column in model.__table__.c]


def in_pages(
    columns: Iterable[Any],
    moment: Any,
    begins: int,
    ends: int,
    here: Iterable[Any],
    *,
    size: int = AT_ONCE,
    newest: bool = False,
) -> Iterator[Sequence[Any]]:
    """Rows by their moment and id, which are among the columns, each page with a reader of its own.
    For as long as one is open the database cannot clean up after what is written meanwhile: SQLite
    looks through all of it whenever somebody commits."""
    row_id = moment.class_.id
    found = select(*columns).where(*here, moment < ends).order_by(moment, row_id).limit(size)
    # One lower bound: of two, SQLite may begin each page at the first.
    after = moment >= begins
    while True:
        with reading(newest=newest) as reader:
            rows = reader.execute(found.where(after)).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        at, last = getattr(rows[-1], moment.key), rows[-1].id
        after = (moment >= at) & ((moment > at) | (row_id > last))


def orders_told(
    reader: Reader, site_id: UUID, site_number: int, ids: Iterable[str]
) -> dict[str, tuple[int, Money]]:
    """Of those of these orders that a source has told of as paid: when a page first named each,
    and its money. An order belongs to the visit that named it first, also where the row of that
    is dropped."""
    told: dict[str, tuple[int, Money]] = {}
    for some in batched(sorted(ids), ASKED):
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
        for name, (named_at, money) in _paid(reader, site_id, some).items():
            if name in first:
                told[name] = (min(first[name], named_at or first[name]), money)
    return told


def _paid(
    reader: Reader, site_id: UUID, names: Iterable[str]
) -> dict[str, tuple[int | None, Money]]:
    """When a row that is dropped by now named each, and its money."""
    columns = (Order.external_id, Order.status, Order.total, Order.currency, Order.named_at)
    found = select(Order.id, *columns).where(
        Order.site_id == site_id,
        Order.external_id.in_(list(names)),
        Order.status.in_((PAID, REFUNDED)),
        Order.total.is_not(None),
    )
    orders = list(reader.execute(found.order_by(Order.id)))
    refunded = refunds_of(reader, [each.id for each in orders])
    paid = {}
    for each in orders:
        left = net(each.total, each.currency, each.status, refunded[each.id])
        paid[each.external_id] = (each.named_at, Money(left, each.currency))
    return paid


def refunds_of(reader: Reader, order_ids: list[UUID]) -> dict[UUID, list[Any]]:
    refunded: dict[UUID, list[Any]] = defaultdict(list)
    for some in batched(order_ids, ASKED):
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
