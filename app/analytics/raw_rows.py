"""Raw visits and events of a period one after the other, for a file: read in pages by key, so that
no more than a page is in memory, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
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
    rows were read since it heard last."""
    number = question.site.number
    for rows in _pages(Event, Event.at, question):
        passed(len(rows))
        if not question.filters:
            yield from rows
            continue
        visits = {each.session_id for each in rows if each.session_id is not None}
        matching = _matching(number, visits, question.filters)
        for each in rows:
            # An event without a visit is one of its own.
            alone = each.session_id is None and _matches({}, [each], question.filters)
            if alone or each.session_id in matching:
                yield each


def sessions_in(question: Question, passed: Callable[[int], None]) -> Iterator[Row]:
    """In the order in which they began."""
    number = question.site.number
    for rows in _pages(Session, Session.started_at, question):
        passed(len(rows))
        if not question.filters:
            yield from rows
            continue
        matching = _matching(number, {each.id for each in rows}, question.filters)
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
    """Each with a reader of its own: nothing stays open while whoever downloads takes his time."""
    found = select(*model.__table__.c).where(*_within(model, moment, question))
    found = found.order_by(moment, model.id).limit(PAGE)
    after: Any = None
    while True:
        wanted = found if after is None else found.where(tuple_(moment, model.id) > after)
        with reading() as reader:
            rows = reader.execute(wanted).all()
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        last = rows[-1]
        after = tuple_(getattr(last, moment.key), last.id)


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
    columns = Session.__table__.c
    found = select(*columns).where(Session.site_number == site_number, Session.id.in_(ids))
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
