"""The event store: many events of many sites in one transaction, each stored once.

In the order in which it writes, which is the order of the keys, so that two processes cannot wait
for each other: visitors, where the session is chosen; events, of which only new ones count;
sessions, into which the new ones are folded; marks of the quarters of an hour that have changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, literal_column, select, tuple_, update
from sqlalchemy.engine import Connection

from app.core.ids import milliseconds_of, uuid7
from app.core.sql import ManyRows
from app.tracking.arrivals import PAGE_VIEW, Arrival, Circumstances
from app.tracking.models import BucketMark, Event, Session, Visitor
from app.tracking.models.rollup import BUCKET
from app.tracking.models.session import IDLE, LONGEST, exit_url_of, left_from_of

Key = tuple[int, int]  # of an event or a session: its site's number, and its id as a number
# From when to when the runs of this transaction are, by their sessions.
Spans = dict[Key, tuple[int, int]]

visitors: Any = Visitor.__table__
sessions: Any = Session.__table__
marks: Any = BucketMark.__table__


@dataclass
class Run:
    """Events of one visitor without a pause of half an hour, of a day at most: part of one session,
    or all of it."""

    arrivals: list[Arrival]
    session_id: UUID

    @property
    def key(self) -> tuple[int, bytes]:
        first = self.arrivals[0]
        assert first.who is not None
        return first.site_number, first.who.visitor

    @property
    def names(self) -> list[tuple[int, bytes]]:
        """The visitor's, and the one that he had before."""
        site_number, visitor = self.key
        before = self.arrivals[0].who.before if self.arrivals[0].who else None
        return [(site_number, visitor), *([(site_number, before)] if before else [])]

    @property
    def began(self) -> int:
        return self.arrivals[0].at

    @property
    def ended(self) -> int:
        return self.arrivals[-1].at


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
    session_of: dict[Key, UUID] = {}
    spans: Spans = {}
    for runs in _rounds(each for each in by_key.values() if each.who is not None):
        for run in _choose_sessions(connection, runs, spans, long_ago):
            session_of.update((key_of(each), run.session_id) for each in run.arrivals)
    new = _insert_events(connection, by_key, session_of)
    fresh = [each for key, each in by_key.items() if key in new]
    buckets = {(each.organization_id, each.site_number, _bucket(each.at)) for each in fresh}
    buckets |= _fold(connection, fresh, session_of) | _named_later(connection, fresh)
    MARKS.write(connection, [(*each, 1, 0) for each in sorted(buckets, key=itemgetter(1, 2))])
    return Stored(new, session_of)


def key_of(arrival: Arrival) -> Key:
    return arrival.site_number, arrival.id.int


def _rounds(arrivals: Iterable[Arrival]) -> Iterator[list[Run]]:
    """The runs of all visitors: their first ones, then their second ones, as far as there are."""
    of_visitor: dict[tuple[int, bytes], list[Arrival]] = defaultdict(list)
    for each in arrivals:
        assert each.who is not None
        of_visitor[each.site_number, each.who.visitor].append(each)
    columns = (list(_runs(of_visitor[key])) for key in sorted(of_visitor))
    for runs in zip_longest(*columns):
        yield [run for run in runs if run is not None]


def _runs(arrivals: list[Arrival]) -> Iterator[Run]:
    current: list[Arrival] = []
    for each in sorted(arrivals, key=attrgetter("at")):
        if current and (each.at - current[-1].at > IDLE or each.at - current[0].at > LONGEST):
            yield _new_run(current)
            current = []
        current.append(each)
    yield _new_run(current)


def _new_run(arrivals: list[Arrival]) -> Run:
    """A session that it begins says in its id when that was."""
    return Run(arrivals, uuid7(arrivals[0].at))


# --- 1: visitors ---------------------------------------------------------------------------------


def _keep_session(insert: Any) -> Any:
    came: Any = insert.excluded
    idle: Any = literal_column(str(IDLE))
    earlier, later = came.first_at < visitors.c.first_at, came.last_at > visitors.c.last_at
    return insert.on_conflict_do_update(
        index_elements=["site_number", "visitor"],
        set_={
            "session_id": case(
                (came.first_at - visitors.c.last_at > idle, came.session_id),
                else_=visitors.c.session_id,
            ),
            "last_at": case((later, came.last_at), else_=visitors.c.last_at),
            # Who came before is not new, also where that is told late.
            "first_at": case((earlier, came.first_at), else_=visitors.c.first_at),
        },
    )


VISITORS = ManyRows(
    visitors,
    (
        "organization_id",
        "site_number",
        "visitor",
        "person",
        "session_id",
        "first_at",
        "last_at",
    ),
    _keep_session,
    returning=("site_number", "visitor", "session_id", "last_at"),
)


def _choose_sessions(
    connection: Connection, runs: list[Run], spans: Spans, long_ago: bool
) -> Sequence[Run]:
    """Give each run the session that it continues, or a new one; one that goes on after the end of
    its session becomes two."""
    _continue_from_before(connection, runs, spans)
    rows = [_visitor_row(run) for run in runs]
    by_key = {run.key: run for run in runs}
    rest, late = [], []
    for site_number, visitor, session_id, last_at in VISITORS.write(connection, rows):
        run = by_key[site_number, bytes(visitor)]
        # What arrives very late belongs to a visit that has ended, not to the present one.
        if last_at - run.ended > IDLE or (long_ago and session_id == run.session_id):
            late.append((run, session_id))
            continue
        ends = _ends(connection, run, session_id, last_at, spans)
        if last_at <= ends:
            run.session_id = session_id
        elif run.ended < last_at:
            run.session_id = uuid7(run.began)
            late.append((run, session_id))
        else:
            rest.append(_begin_another(connection, run, session_id, ends))
    chosen = [run for run in (*runs, *rest) if run.arrivals]
    for run in chosen:
        _span(spans, run)
    if late:
        _join_ended(connection, late, spans, long_ago)
    return chosen


def _span(spans: Spans, run: Run) -> None:
    named = (run.key[0], run.session_id.int)
    began, ended = spans.get(named, (run.began, run.ended))
    spans[named] = min(began, run.began), max(ended, run.ended)


def _join_ended(
    connection: Connection, late: Sequence[tuple[Run, UUID]], spans: Spans, long_ago: bool
) -> None:
    """Give runs that are told after a later visit of their visitor the one that they were part of,
    if there is any: the nearest. Two visits that such a run lies between stay two. With each run
    the id of the visitor's present session, which may be called by another of his names."""
    near: dict[Any, list[Any]] = defaultdict(list)
    for visit in _near(connection, late):
        near[visit.site_number, bytes(visit.visitor)].append(visit)
        near[visit.site_number, visit.id].append(visit)
    for run, present in late:
        known_by = [*run.names, (run.key[0], present)]
        visits = [visit for name in known_by for visit in near[name] if _takes(visit, run, spans)]
        if visits:
            nearest = min(visits, key=lambda visit: (_pause(visit, run), visit.started_at))
            if long_ago and run.session_id == present:
                _make_present(connection, run, nearest)
            run.session_id = nearest.id
            _span(spans, run)


def _make_present(connection: Connection, run: Run, visit: Any) -> None:
    """A visitor who was forgotten goes on with it."""
    last_at = max(run.ended, visit.last_at)
    _update_visitor(connection, run, session_id=visit.id, last_at=last_at)


def _near(connection: Connection, late: Sequence[tuple[Run, UUID]]) -> Sequence[Any]:
    """Visits that some of these runs may be part of, and others: by an index of those of a visitor,
    and the present ones by their key."""
    columns = (
        sessions.c[each] for each in ("site_number", "id", "visitor", "started_at", "last_at")
    )
    began, ended = min(run.began for run, _ in late), max(run.ended for run, _ in late)
    here = select(*columns).where(
        sessions.c.site_number.in_({run.key[0] for run, _ in late}),
        # No visit is longer than a day.
        sessions.c.started_at.between(began - IDLE - LONGEST, ended + IDLE),
    )
    names = {visitor for run, _ in late for _, visitor in run.names}
    theirs = here.where(sessions.c.visitor.in_(names))
    present = here.where(sessions.c.id.in_({id for _, id in late}))
    return connection.execute(theirs.union(present)).all()


def _takes(visit: Any, run: Run, spans: Spans) -> bool:
    """Whether a run is part of a visit, which lasts for a day at most with it; see `_ends`."""
    began, ended = spans.get((visit.site_number, visit.id.int), (run.began, run.ended))
    began = min(began, run.began, visit.started_at)
    ended = max(ended, run.ended, visit.last_at)
    too_early = run.began < milliseconds_of(visit.id) - LONGEST // 2
    return _pause(visit, run) <= IDLE and ended - began <= LONGEST and not too_early


def _pause(visit: Any, run: Run) -> int:
    """Between a visit and a run, in milliseconds; 0 where they overlap."""
    return max(0, run.began - visit.last_at, visit.started_at - run.ended)


def _ends(connection: Connection, run: Run, session_id: UUID, last_at: int, spans: Spans) -> int:
    """Up to when a session goes on at most, if the run is of it. Only of those that last for half a
    day this is looked up: its id knows the event that began it, and no session has any that is
    half a day older."""
    began = milliseconds_of(session_id)
    if last_at - min(began, run.began) <= LONGEST // 2:
        return last_at
    if run.began < began - LONGEST // 2:
        return run.began - 1
    site_number = run.key[0]
    here = (sessions.c.site_number == site_number, sessions.c.id == session_id)
    started_at = connection.execute(select(sessions.c.started_at).where(*here)).scalar()
    here_began, _ = spans.get((site_number, session_id.int), (None, None))
    moments = (began, run.began, started_at, here_began)
    return min(each for each in moments if each is not None) + LONGEST


def _begin_another(connection: Connection, run: Run, session_id: UUID, ends: int) -> Run:
    """What of a run comes after the end of its session, for a new one; with that goes on what
    comes next."""
    rest = _new_run([each for each in run.arrivals if each.at > ends])
    _update_visitor(connection, run, session_id=rest.session_id)
    run.arrivals, run.session_id = run.arrivals[: -len(rest.arrivals)], session_id
    return rest


def _update_visitor(connection: Connection, run: Run, **values: Any) -> None:
    site_number, visitor = run.key
    here = (visitors.c.site_number == site_number, visitors.c.visitor == visitor)
    connection.execute(update(visitors).where(*here).values(**values))


def _visitor_row(run: Run) -> tuple[Any, ...]:
    first = run.arrivals[0]
    assert first.who is not None
    return (
        first.organization_id,
        *run.key,
        first.who.person,
        run.session_id,
        run.began,
        run.ended,
    )


def _continue_from_before(connection: Connection, runs: list[Run], spans: Spans) -> None:
    """A visitor has a new name after midnight and after his consent, but the visit goes on."""
    before = {
        (run.key[0], run.arrivals[0].who.before): run
        for run in runs
        if run.arrivals[0].who and run.arrivals[0].who.before
    }
    if not before:
        return
    key = tuple_(visitors.c.site_number, visitors.c.visitor)
    found = select(
        visitors.c.site_number, visitors.c.visitor, visitors.c.session_id, visitors.c.last_at
    ).where(key.in_(list(before)))
    for row in connection.execute(found).all():
        run, last_at = before[row.site_number, bytes(row.visitor)], row.last_at
        if abs(run.began - last_at) > IDLE:
            continue
        last_at = max(run.ended, last_at)
        if last_at <= _ends(connection, run, row.session_id, last_at, spans):
            run.session_id = row.session_id


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
    assert first.who is not None
    return (
        first.organization_id,
        first.site_number,
        id,
        first.who.visitor,
        first.who.person,
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
