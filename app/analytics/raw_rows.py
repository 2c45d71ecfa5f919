"""Raw visits and events of a period one after the other, for a file: read in pages by key, so that
no more than a page is in memory, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, inspect, or_, select
from sqlalchemy.orm import Session as Reader

from app.analytics.days import LEFT_OUT, value_word, values_of, words_of
from app.analytics.dimensions import NONE, OF_SESSIONS
from app.analytics.filters import Filter
from app.analytics.questions import Question
from app.core.db import reading
from app.tracking.models import Event, Session

PAGE = 1000  # rows in memory
ASKED = 400  # sessions in one query

Row = Any


def count_events(question: Question) -> int:
    """Before the filters."""
    return _count(Event, Event.at, question)


def count_sessions(question: Question) -> int:
    return _count(Session, Session.started_at, question)


def events_in(question: Question, passed: Callable[[int], None]) -> Iterator[Row]:
    """In the order in which they happened: those of visits that match. `passed` hears how many
    rows were read since it heard last. Under the scope that there is while they are read."""
    number = question.site.number
    pages = _pages(Event, Event.at, _within(Event, Event.at, question))
    return _events(number, pages, question.filters, passed)


def _events(
    number: int,
    pages: Iterator[Sequence[Row]],
    filters: Sequence[Filter],
    passed: Callable[[int], None],
) -> Iterator[Row]:
    for rows in pages:
        passed(len(rows))
        if not filters:
            yield from rows
            continue
        visits = {each.session_id for each in rows if each.session_id is not None}
        matching = _matching(number, visits, filters)
        for each in rows:
            # An event without a visit is one of its own.
            alone = each.session_id is None and _matches({}, [each], filters)
            if alone or each.session_id in matching:
                yield each


def sessions_in(question: Question, passed: Callable[[int], None]) -> Iterator[Row]:
    """In the order in which they began."""
    number = question.site.number
    pages = _pages(Session, Session.started_at, _within(Session, Session.started_at, question))
    return _sessions(number, pages, question.filters, passed)


def _sessions(
    number: int,
    pages: Iterator[Sequence[Row]],
    filters: Sequence[Filter],
    passed: Callable[[int], None],
) -> Iterator[Row]:
    for rows in pages:
        passed(len(rows))
        if not filters:
            yield from rows
            continue
        matching = _matching(number, {each.id for each in rows}, filters)
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


def _pages(model: Any, moment: Any, within: Any) -> Iterator[Sequence[Row]]:
    """Each with a reader of its own: nothing stays open while whoever downloads takes his time."""
    found = select(*_columns(model)).where(*within)
    found = found.order_by(moment, model.id).limit(PAGE)
    after: Any = None
    while True:
        wanted = found if after is None else found.where(*after)
        with reading() as reader:
            rows = reader.execute(wanted).all()
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        at, last = getattr(rows[-1], moment.key), rows[-1].id
        after = (moment >= at, or_(moment > at, model.id > last))


def _columns(model: Any) -> list[Any]:
    """Rather than objects, which cost ten times as much."""
    return [getattr(model, each.key) for each in inspect(model).column_attrs]


def _matching(site_number: int, ids: set[UUID], filters: Sequence[Filter]) -> set[UUID]:
    """Those of these visits that match all filters, as the figures count them."""
    matching: set[UUID] = set()
    wanted = sorted(ids)
    with reading() as reader:
        for some in (wanted[place : place + ASKED] for place in range(0, len(wanted), ASKED)):
            happened = _events_of(reader, site_number, some) if _of_events(filters) else {}
            visits = _visits(reader, site_number, some)
            matching |= {
                each.id
                for each in visits
                if _matches(values_of(each), happened.get(each.id, ()), filters)
            }
    return matching


def _visits(reader: Reader, site_number: int, ids: Sequence[UUID]) -> Sequence[Row]:
    found = select(*_columns(Session)).where(
        Session.site_number == site_number, Session.id.in_(ids)
    )
    return reader.execute(found).all()


def _events_of(reader: Reader, site_number: int, ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    found = select(Event.session_id, Event.name, Event.url, Event.props).where(
        Event.site_number == site_number,
        Event.session_id.in_(ids),
        Event.name.not_in(LEFT_OUT),
    )
    happened: dict[UUID, list[Row]] = defaultdict(list)
    for row in reader.execute(found):
        happened[row.session_id].append(row)
    return happened


def _of_events(filters: Sequence[Filter]) -> bool:
    return any(each.of_events for each in filters)


def _matches(
    values: dict[str, str | None], events: Sequence[Row], filters: Sequence[Filter]
) -> bool:
    words = [words_of(each) for each in events] if _of_events(filters) else []
    kept = {name: value_word(values.get(name)) or NONE for name in OF_SESSIONS}
    for each in filters:
        if each.of_events:
            said = any(each.says(word) for one in words for word in one[each.dimension])
        else:
            said = each.says(kept[each.dimension])
        if said == each.negative:
            return False
    return True
