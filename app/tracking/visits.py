"""Which visit the events of a visitor are part of: the first step of the event store.

A visitor's row knows his present session, and the moment of what came last of him. What continues
it is of it; what comes after a pause of half an hour, or a day after it began, begins another; and
what is told late, when the visitor has gone on to a later one, is of the one that it was part of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import case, literal_column, select, tuple_, update
from sqlalchemy.engine import Connection

from app.core.ids import milliseconds_of, uuid7
from app.core.sql import ManyRows
from app.tracking.arrivals import Arrival, Key
from app.tracking.models import Session, Visitor
from app.tracking.models.session import IDLE, LONGEST

Name = tuple[int, bytes]  # of a visitor: his site's number, and his 16 bytes

visitors: Any = Visitor.__table__
sessions: Any = Session.__table__


@dataclass
class Run:
    """Events of one visitor without a pause of half an hour, of a day at most: part of one session,
    or all of it."""

    arrivals: list[Arrival]
    # One of its own, until it is found to be part of another.
    session_id: UUID
    # The one that its visitor is in by now.
    present_id: UUID | None = None

    @property
    def name(self) -> Name:
        first = self.arrivals[0]
        assert first.who is not None
        return first.site_number, first.who.visitor

    @property
    def name_before(self) -> Name | None:
        """The one that the visitor had before, if that is known."""
        first = self.arrivals[0]
        before = first.who.before if first.who else None
        return (first.site_number, before) if before else None

    @property
    def names(self) -> list[Name]:
        return [self.name, self.name_before] if self.name_before else [self.name]

    @property
    def began(self) -> int:
        return self.arrivals[0].at

    @property
    def ended(self) -> int:
        return self.arrivals[-1].at


def rounds_of(arrivals: Iterable[Arrival]) -> Iterator[list[Run]]:
    """The runs of all visitors: their first ones, then their second ones, as far as there are."""
    of_visitor: dict[Name, list[Arrival]] = defaultdict(list)
    for each in arrivals:
        assert each.who is not None
        of_visitor[each.site_number, each.who.visitor].append(each)
    columns = (list(_runs(of_visitor[name])) for name in sorted(of_visitor))
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


def _visitor_row(run: Run) -> tuple[Any, ...]:
    first = run.arrivals[0]
    assert first.who is not None
    return (
        first.organization_id,
        *run.name,
        first.who.person,
        run.session_id,
        run.began,
        run.ended,
    )


class Visits:
    """Those that the runs of one transaction are part of. `forgotten`: runs may be of visits whose
    visitors have no row any more, so these are looked for as well."""

    def __init__(self, connection: Connection, forgotten: bool) -> None:
        self.connection = connection
        self.forgotten = forgotten
        # From when to when the runs chosen so far are, by their sessions.
        self.spans: dict[Key, tuple[int, int]] = {}

    def choose(self, runs: list[Run]) -> Sequence[Run]:
        """Give each run the session that it continues, or a new one; one that goes on after the end
        of its session becomes two."""
        self._continue_from_before(runs)
        late, rests = [], []
        for run, present_id, last_at in self._visitors(runs):
            run.present_id = present_id
            if self._ended_before(run, last_at):
                late.append(run)
                continue
            ends = self._ends(run, present_id, last_at)
            if last_at <= ends:
                run.session_id = present_id
            elif run.ended < last_at:
                # It lasted for a day before this began, which is not what came last.
                run.session_id = uuid7(run.began)
                late.append(run)
            else:
                rests.append(self._begin_another(run, present_id, ends))
        chosen = [run for run in (*runs, *rests) if run.arrivals]
        for run in chosen:
            self._add_span(run)
        if late:
            self._join_ended(late)
        return chosen

    def _visitors(self, runs: list[Run]) -> Iterator[tuple[Run, UUID, int]]:
        """Each run with its visitor's present session and when what came last of him was, after it
        has been told to his row."""
        by_name = {run.name: run for run in runs}
        written = VISITORS.write(self.connection, [_visitor_row(run) for run in runs])
        for site_number, visitor, session_id, last_at in written:
            yield by_name[site_number, bytes(visitor)], session_id, last_at

    def _ended_before(self, run: Run, last_at: int) -> bool:
        """Whether it belongs to a visit that is over, not to the present one."""
        begins_it = run.present_id == run.session_id
        return last_at - run.ended > IDLE or (self.forgotten and begins_it)

    def _ends(self, run: Run, session_id: UUID, last_at: int) -> int:
        """Up to when a session goes on at most, if the run is of it. Only of those that last for
        half a day this is looked up: its id knows the event that began it, and no session has any
        that is half a day older."""
        began = milliseconds_of(session_id)
        if last_at - min(began, run.began) <= LONGEST // 2:
            return last_at
        if run.began < began - LONGEST // 2:
            return run.began - 1
        site_number, _ = run.name
        here = (sessions.c.site_number == site_number, sessions.c.id == session_id)
        started_at = self.connection.execute(select(sessions.c.started_at).where(*here)).scalar()
        here_began, _ = self.spans.get((site_number, session_id.int), (None, None))
        moments = (began, run.began, started_at, here_began)
        return min(each for each in moments if each is not None) + LONGEST

    def _begin_another(self, run: Run, session_id: UUID, ends: int) -> Run:
        """What of a run comes after the end of its session, for a new one; with that goes on what
        comes next."""
        rest = _new_run([each for each in run.arrivals if each.at > ends])
        self._update_visitor(run, session_id=rest.session_id)
        run.arrivals, run.session_id = run.arrivals[: -len(rest.arrivals)], session_id
        return rest

    def _update_visitor(self, run: Run, **values: Any) -> None:
        site_number, visitor = run.name
        here = (visitors.c.site_number == site_number, visitors.c.visitor == visitor)
        self.connection.execute(update(visitors).where(*here).values(**values))

    def _add_span(self, run: Run) -> None:
        named = (run.name[0], run.session_id.int)
        began, ended = self.spans.get(named, (run.began, run.ended))
        self.spans[named] = min(began, run.began), max(ended, run.ended)

    # --- The name that a visitor had before -----------------------------------------------------

    def _continue_from_before(self, runs: list[Run]) -> None:
        """A visitor has a new name after midnight and after his consent, but the visit goes on."""
        before = {run.name_before: run for run in runs if run.name_before}
        if not before:
            return
        name = tuple_(visitors.c.site_number, visitors.c.visitor)
        found = select(
            visitors.c.site_number, visitors.c.visitor, visitors.c.session_id, visitors.c.last_at
        ).where(name.in_(list(before)))
        for row in self.connection.execute(found).all():
            run, last_at = before[row.site_number, bytes(row.visitor)], row.last_at
            if abs(run.began - last_at) > IDLE:
                continue
            last_at = max(run.ended, last_at)
            if last_at <= self._ends(run, row.session_id, last_at):
                run.session_id = row.session_id

    # --- Visits that are over -------------------------------------------------------------------

    def _join_ended(self, late: Sequence[Run]) -> None:
        """Give runs that are told after a later visit of their visitor the one that they were part
        of, if there is any: the nearest. Two visits that such a run lies between stay two."""
        near: dict[Any, list[Any]] = defaultdict(list)
        for visit in self._near(late):
            near[visit.site_number, bytes(visit.visitor)].append(visit)
            near[visit.site_number, visit.id].append(visit)
        for run in late:
            # The present one may be called by another of his names.
            known_by = [*run.names, (run.name[0], run.present_id)]
            visits = [each for name in known_by for each in near[name] if self._takes(each, run)]
            if visits:
                nearest = min(visits, key=lambda visit: (_pause(visit, run), visit.started_at))
                self._join(nearest, run)

    def _join(self, visit: Any, run: Run) -> None:
        if self.forgotten and run.session_id == run.present_id:
            # A visitor who was forgotten goes on with it.
            last_at = max(run.ended, visit.last_at)
            self._update_visitor(run, session_id=visit.id, last_at=last_at)
        run.session_id = visit.id
        self._add_span(run)

    def _near(self, late: Sequence[Run]) -> Sequence[Any]:
        """Visits that some of these runs may be part of, and others: by an index of those of a
        visitor, and the present ones by their key."""
        names = ("site_number", "id", "visitor", "started_at", "last_at")
        began, ended = min(run.began for run in late), max(run.ended for run in late)
        here = select(*(sessions.c[each] for each in names)).where(
            sessions.c.site_number.in_({run.name[0] for run in late}),
            # No visit is longer than a day.
            sessions.c.started_at.between(began - IDLE - LONGEST, ended + IDLE),
        )
        theirs = {visitor for run in late for _, visitor in run.names}
        of_them = here.where(sessions.c.visitor.in_(theirs))
        present = here.where(sessions.c.id.in_({run.present_id for run in late}))
        return self.connection.execute(of_them.union(present)).all()

    def _takes(self, visit: Any, run: Run) -> bool:
        """Whether a run is part of a visit, which lasts for a day at most with it; see `_ends`."""
        key = (visit.site_number, visit.id.int)
        began, ended = self.spans.get(key, (run.began, run.ended))
        began = min(began, run.began, visit.started_at)
        ended = max(ended, run.ended, visit.last_at)
        too_early = run.began < milliseconds_of(visit.id) - LONGEST // 2
        return _pause(visit, run) <= IDLE and ended - began <= LONGEST and not too_early


def _pause(visit: Any, run: Run) -> int:
    """Between a visit and a run, in milliseconds; 0 where they overlap."""
    return max(0, run.began - visit.last_at, visit.started_at - run.ended)
