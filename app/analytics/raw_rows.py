"""Raw visits and events of a period one after the other, for a file: read in pages by key, so that
no more than a page is in memory, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Reader

from app.accounts.models import Organization
from app.analytics import raw
from app.analytics.days import value_word, values_of, words_of
from app.analytics.dimensions import GOAL, NONE, OF_SESSIONS
from app.analytics.filters import Filter
from app.analytics.matches import ORDER, Match
from app.analytics.models import Goal
from app.analytics.questions import Question
from app.core.batches import batched
from app.core.db import db, reading
from app.tracking.arrivals import LEFT_OUT
from app.tracking.models import Event, Session

PAGE = 1000  # rows in memory
ASKED = 400  # sessions in one query

Row = Any


@dataclass(frozen=True)
class Wanted:
    """Which visits a file has. `goals` are those of the site by name, if a filter asks for them;
    `currency` is the organization's, in which orders count. Plain values: the rows are read when
    the request is over."""

    site_id: UUID
    number: int
    filters: Sequence[Filter]
    goals: Sequence[tuple[str, Match]]
    currency: str

    @classmethod
    def by(cls, question: Question) -> Wanted:
        site, filters = question.site, question.filters
        asked = any(each.dimension == GOAL.name for each in filters)
        goals = [(each.name, each.wanted) for each in Goal.of(site)] if asked else []
        currency = db.session.get_one(Organization, site.organization_id).currency
        return cls(site.id, site.number, filters, goals, currency)

    @property
    def of_events(self) -> bool:
        return any(each.of_events for each in self.filters)

    @property
    def of_orders(self) -> bool:
        return any(match.kind == ORDER for _name, match in self.goals)

    def says(
        self, values: Mapping[str, str | None], events: Sequence[Row], paid: Mapping[str, int]
    ) -> bool:
        """Of a visit by its values and events. `paid`: when each paid order was first named."""
        words = [self._words(each, paid) for each in events] if self.of_events else []
        kept = {name: value_word(values.get(name)) or NONE for name in OF_SESSIONS}
        for each in self.filters:
            if each.of_events:
                said = any(each.says(word) for one in words for word in one[each.dimension])
            else:
                said = each.says(kept[each.dimension])
            if said == each.negative:
                return False
        return True

    def _words(self, event: Row, paid: Mapping[str, int]) -> dict[str, list[str]]:
        words = words_of(event)
        first = event.order_id is not None and paid.get(event.order_id) == event.at
        met = [name for name, match in self.goals if match.is_met(event.name, words, first)]
        return {**words, GOAL.name: met}


def count_events(question: Question) -> int:
    """Before the filters."""
    return _count(Event, Event.at, question)


def count_sessions(question: Question) -> int:
    return _count(Session, Session.started_at, question)


def events_in(question: Question, passed: Callable[[int], None]) -> Iterator[Row]:
    """In the order in which they happened: those of visits that match. `passed` hears how many
    rows were read since it heard last. Under the scope that there is while they are read."""
    pages = _pages(Event, Event.at, question)
    return _events(Wanted.by(question), pages, passed)


def _events(
    wanted: Wanted, pages: Iterator[Sequence[Row]], passed: Callable[[int], None]
) -> Iterator[Row]:
    for rows in pages:
        passed(len(rows))
        if not wanted.filters:
            yield from rows
            continue
        visits = {each.session_id for each in rows if each.session_id is not None}
        matching = _matching(wanted, visits)
        for each in rows:
            # An event without a visit is one of its own.
            alone = each.session_id is None and wanted.says({}, [each], {})
            if alone or each.session_id in matching:
                yield each


def sessions_in(question: Question, passed: Callable[[int], None]) -> Iterator[Row]:
    """In the order in which they began."""
    pages = _pages(Session, Session.started_at, question)
    return _sessions(Wanted.by(question), pages, passed)


def _sessions(
    wanted: Wanted, pages: Iterator[Sequence[Row]], passed: Callable[[int], None]
) -> Iterator[Row]:
    for rows in pages:
        passed(len(rows))
        if not wanted.filters:
            yield from rows
            continue
        matching = _matching(wanted, {each.id for each in rows})
        yield from (each for each in rows if each.id in matching)


def _count(model: Any, moment: Any, question: Question) -> int:
    with reading() as reader:
        return reader.scalar(select(func.count()).where(*_within(model, moment, question))) or 0


def _within(model: Any, moment: Any, question: Question) -> tuple[Any, ...]:
    period = question.period
    return (
        model.site_number == question.site.number,
        moment >= period.begins,
        moment < period.ends,
    )


def _pages(model: Any, moment: Any, question: Question) -> Iterator[Sequence[Row]]:
    begins, ends = question.period.begins, question.period.ends
    here = (model.site_number == question.site.number,)
    return raw.in_pages(raw.columns_of(model), moment, begins, ends, here, size=PAGE)


def _matching(wanted: Wanted, ids: set[UUID]) -> set[UUID]:
    """Those of these visits that match all filters, as the figures count them."""
    matching: set[UUID] = set()
    with reading() as reader:
        for some in batched(sorted(ids), ASKED):
            happened = _events_of(reader, wanted.number, some) if wanted.of_events else {}
            paid = _paid(reader, wanted, happened.values()) if wanted.of_orders else {}
            visits = _visits(reader, wanted.number, some)
            matching |= {
                each.id
                for each in visits
                if wanted.says(values_of(each), happened.get(each.id, ()), paid)
            }
    return matching


def _visits(reader: Reader, site_number: int, ids: Sequence[UUID]) -> Sequence[Row]:
    found = select(*raw.columns_of(Session)).where(
        Session.site_number == site_number, Session.id.in_(ids)
    )
    return reader.execute(found).all()


def _events_of(reader: Reader, site_number: int, ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    columns = (Event.session_id, Event.at, Event.name, Event.url, Event.props, Event.order_id)
    found = select(*columns).where(
        Event.site_number == site_number,
        Event.session_id.in_(ids),
        Event.name.not_in(LEFT_OUT),
    )
    happened: dict[UUID, list[Row]] = defaultdict(list)
    for row in reader.execute(found):
        happened[row.session_id].append(row)
    return happened


def _paid(reader: Reader, wanted: Wanted, visits: Iterable[Sequence[Row]]) -> dict[str, int]:
    """When each order that was paid was first named, of those that these visits name."""
    named = {each.order_id for events in visits for each in events if each.order_id is not None}
    told = raw.orders_told(reader, wanted.site_id, wanted.number, named)
    return {name: at for name, (at, money) in told.items() if money.currency == wanted.currency}
