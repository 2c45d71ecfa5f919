"""The event store: many events of many sites in one transaction, each stored once.

In the order in which it writes, which is the order of the keys, so that two processes cannot wait
for each other: visitors, where the session is chosen; events, of which only new ones count;
sessions, into which the new ones are folded; marks of the quarters of an hour that have changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, literal_column, select
from sqlalchemy.engine import Connection

from app.core.sql import ManyRows
from app.tracking.arrivals import PAGE_VIEW, Arrival, Circumstances, Key, key_of
from app.tracking.models import BucketMark, Event, Session
from app.tracking.models.rollup import BUCKET
from app.tracking.models.session import IDLE, exit_url_of, left_from_of
from app.tracking.visits import Visits, rounds_of

sessions: Any = Session.__table__
marks: Any = BucketMark.__table__


@dataclass(frozen=True)
class Stored:
    """Which events were new, and the session of each that has one."""

    new: set[Key]
    sessions: dict[Key, UUID]


def store(connection: Connection, arrivals: Sequence[Arrival], long_ago: bool = False) -> Stored:
    """Write events in the connection's transaction, each once. `long_ago`: they may be of visits
    whose visitors are forgotten by now, so these are looked for as well."""
    # An id that two visitors claim is one event of one of them.
    by_key = {key_of(each): each for each in arrivals}
    session_of = _choose_sessions(connection, by_key.values(), long_ago)
    new = _insert_events(connection, by_key, session_of)
    fresh = [each for key, each in by_key.items() if key in new]
    buckets = {(each.organization_id, each.site_number, _bucket(each.at)) for each in fresh}
    buckets |= _fold(connection, fresh, session_of) | _named_later(connection, fresh)
    MARKS.write(connection, [(*each, 1, 0) for each in sorted(buckets, key=itemgetter(1, 2))])
    return Stored(new, session_of)


# --- 1: visitors ---------------------------------------------------------------------------------


def _choose_sessions(
    connection: Connection, arrivals: Iterable[Arrival], long_ago: bool
) -> dict[Key, UUID]:
    session_of: dict[Key, UUID] = {}
    visits = Visits(connection, forgotten=long_ago)
    for runs in rounds_of(each for each in arrivals if each.who is not None):
        for run in visits.choose(runs):
            session_of.update((key_of(each), run.session_id) for each in run.arrivals)
    return session_of


# --- 2: events -----------------------------------------------------------------------------------

EVENTS = ManyRows(
    Event.__table__,
    (
        "organization_id",
        "site_number",
        "id",
        "session_id",
        "at",
        "name",
        "url",
        "referrer",
        "title",
        "props",
        "amount",
        "currency",
        "campaign_id",
        "experiments",
        "order_id",
        "by_api",
    ),
    lambda insert: insert.on_conflict_do_nothing(index_elements=["site_number", "id"]),
    returning=("site_number", "id"),
)


def _insert_events(
    connection: Connection, by_key: dict[Key, Arrival], session_of: dict[Key, UUID]
) -> set[Key]:
    rows = [_event_row(by_key[key], session_of.get(key)) for key in sorted(by_key)]
    return {(number, id.int) for number, id in EVENTS.write(connection, rows)}


def _event_row(arrival: Arrival, session_id: UUID | None) -> tuple[Any, ...]:
    return (
        arrival.organization_id,
        arrival.site_number,
        arrival.id,
        session_id,
        arrival.at,
        arrival.name,
        arrival.url,
        arrival.referrer,
        arrival.title,
        arrival.props,
        arrival.amount,
        arrival.currency,
        arrival.campaign_id,
        arrival.experiments,
        arrival.order_id,
        arrival.by_api,
    )


# --- 3: sessions ---------------------------------------------------------------------------------


def _add_up(insert: Any) -> Any:
    came, kept = insert.excluded, sessions.c
    earlier, later = came.started_at < kept.started_at, came.last_at >= kept.last_at
    entry_url = case((earlier, came.entry_url), else_=kept.entry_url)
    # In the table it is empty where it is the entry's.
    exit_url = case(
        (later, exit_url_of(came.exit_url, came.entry_url)),
        else_=exit_url_of(kept.exit_url, kept.entry_url),
    )
    return insert.on_conflict_do_update(
        index_elements=["site_number", "id"],
        set_={
            "started_at": case((earlier, came.started_at), else_=kept.started_at),
            "entry_url": entry_url,
            "last_at": case((later, came.last_at), else_=kept.last_at),
            "exit_url": left_from_of(exit_url, entry_url),
            "events": kept.events + came.events,
            "page_views": kept.page_views + came.page_views,
            "active": kept.active + came.active,
            # Who agrees in the midst of a visit has made it as that person.
            "visitor": case((came.person, came.visitor), else_=kept.visitor),
            "person": case((came.person, came.person), else_=kept.person),
        },
    )


SESSIONS = ManyRows(
    sessions,
    (
        "organization_id",
        "site_number",
        "id",
        "visitor",
        "person",
        "started_at",
        "last_at",
        "events",
        "page_views",
        "active",
        "entry_url",
        "exit_url",
        *Circumstances._fields,
    ),
    _add_up,
    returning=("site_number", "id", "started_at", "events"),
)


def _fold(
    connection: Connection, fresh: list[Arrival], session_of: dict[Key, UUID]
) -> set[tuple[UUID, int, int]]:
    """Add new events to their sessions. Answers the buckets that those count in: a session counts
    where it began, and one that turns out to have begun earlier no more where it seemed to."""

    came: dict[Key, list[Arrival]] = defaultdict(list)
    for each in sorted(fresh, key=attrgetter("at")):
        if each.who is not None:
            came[each.site_number, session_of[key_of(each)].int].append(each)
    visits = [came[key] for key in sorted(came)]
    rows = [_session_row(session_of[key_of(visit[0])], visit) for visit in visits]
    changed = set()
    for number, id, started_at, events in SESSIONS.write(connection, rows):
        group = came[number, id.int]
        owner = group[0].organization_id
        changed.add((owner, number, _bucket(started_at)))
        if started_at == group[0].at and events > len(group):
            past = range(_bucket(started_at), group[-1].at + IDLE + 1, BUCKET)
            changed.update((owner, number, bucket) for bucket in past)
    return changed


def _named_later(connection: Connection, fresh: Sequence[Arrival]) -> set[tuple[UUID, int, int]]:
    """The buckets of visits that named an order after an event that arrives only now: it is not
    theirs any more."""
    first: dict[int, dict[str, Arrival]] = defaultdict(dict)
    for each in sorted(fresh, key=attrgetter("at"), reverse=True):
        if each.order_id is not None and each.who is not None:
            first[each.site_number][each.order_id] = each
    changed = set()
    for number, named in first.items():
        for order_id, at, started_at in connection.execute(_naming(number, named)):
            if at > named[order_id].at:
                changed.add((named[order_id].organization_id, number, _bucket(started_at)))
    return changed


def _naming(site_number: int, order_ids: Iterable[str]) -> Any:
    """When events named these orders, and when their visits began."""
    of_visit = and_(Session.site_number == Event.site_number, Session.id == Event.session_id)
    found = select(Event.order_id, Event.at, Session.started_at).join(Session, of_visit)
    return found.where(Event.site_number == site_number, Event.order_id.in_(list(order_ids)))


def _session_row(id: UUID, arrivals: list[Arrival]) -> tuple[Any, ...]:
    first, last = arrivals[0], arrivals[-1]
    of_persons = (each.who for each in arrivals if each.who and each.who.person)
    who = next(of_persons, first.who)
    assert who is not None
    return (
        first.organization_id,
        first.site_number,
        id,
        who.visitor,
        who.person,
        first.at,
        last.at,
        len(arrivals),
        sum(each.name == PAGE_VIEW for each in arrivals),
        sum(each.active for each in arrivals),
        first.url,
        last.url if last.url != first.url else "",
        *first.circumstances,
    )


# --- 4: marks ------------------------------------------------------------------------------------

MARKS = ManyRows(
    marks,
    ("organization_id", "site_number", "bucket", "dirty_seq", "clean_seq"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["site_number", "bucket"],
        set_={"dirty_seq": marks.c.dirty_seq + literal_column("1")},
    ),
)


def _bucket(at: int) -> int:
    return at - at % BUCKET
