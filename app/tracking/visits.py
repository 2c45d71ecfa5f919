"""Which visit the events of a visitor are part of: the first step of the event store.

A visitor's row knows his present session, and the moment of what came last of him. What continues
it is of it; what comes after a pause of half an hour, or a day after it began, begins another; and
what is told late, when the visitor has gone on to a later one, is of the one that it was part of.

Who agrees in the midst of a visit takes it with him: what comes later under the name that he had
may be anybody's, and is never of his visit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, literal_column, select, tuple_, update
from sqlalchemy.engine import Connection

from app.core.ids import milliseconds_of, uuid7
from app.core.sql import ManyRows
from app.tracking.arrivals import Arrival, Key
from app.tracking.models import Session, Visitor
from app.tracking.models.session import IDLE, LONGEST

Name = tuple[int, bytes]  # of a visitor: his site's number, and his 16 bytes
Row = tuple[UUID, int]  # of a visitor: his present session, and when what came last of him was

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
    def person(self) -> bool:
        who = self.arrivals[0].who
        return who is not None and who.person

    @cached_property
    def before(self) -> list[Name]:
        """The names that the visitor had before, the latest first, as far as they are known."""
        site_number, _ = self.name
        names = (name for each in self.arrivals if each.who for name in each.who.before)
        return [(site_number, name) for name in dict.fromkeys(names)]

    @property
    def renamed_at(self) -> int:
        """What came under a name before until then may be of the same visitor."""
        return max(each.at for each in self.arrivals if each.who and each.who.before)

    @property
    def names(self) -> list[Name]:
        """Those whose visits that are over may be his: a person's are under his own alone."""
        return [self.name] if self.person else [self.name, *self.before]

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


COLUMNS = (
    "organization_id",
    "site_number",
    "visitor",
    "person",
    "session_id",
    "first_at",
    "last_at",
)
VISITORS = ManyRows(
    visitors,
    COLUMNS,
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


# For rows that VISITORS has locked, so in any order.
GO_ON_WITH = (
    update(visitors)
    .where(
        visitors.c.site_number == bindparam("of_site"),
        visitors.c.visitor == bindparam("of_visitor"),
    )
    .values(session_id=bindparam("with_id"))
)


class Visits:
    """Those that the runs of one transaction are part of. `forgotten`: runs may be of visits whose
    visitors have no row any more, so these are looked for as well."""

    def __init__(self, connection: Connection, forgotten: bool) -> None:
        self.connection = connection
        self.forgotten = forgotten
        # From when to when the runs chosen so far are, by their sessions.
        self.spans: dict[Key, tuple[int, int]] = {}
        self.rows: dict[Name, Row] = {}
        # Sessions that persons have taken over.
        self.taken: set[Key] = set()

    def choose(self, runs: list[Run]) -> Sequence[Run]:
        """Give each run the session that it continues, or a new one; one that goes on after the end
        of its session becomes two."""
        rows_before = self._write_visitors(runs)
        chosen: list[Run] = []
        late = []
        # Who has a new name comes after those who may have had it before.
        for run in sorted(runs, key=lambda run: (run.person, bool(run.before))):
            if run.before:
                self._continue_from_before(run, rows_before, chosen)
            run.present_id, last_at = self.rows[run.name]
            parts = [run]
            if self._ended_before(run, last_at):
                late.append(run)
            elif last_at <= (ends := self._ends(run, run.present_id, last_at)):
                run.session_id = run.present_id
            elif run.ended < last_at:
                # It lasted for a day before this began, which is not what came last.
                run.session_id = uuid7(run.began)
                late.append(run)
            else:
                parts.append(self._begin_another(run, run.present_id, ends))
            self._add(chosen, parts)
        if late:
            self._join_ended(late)
        return chosen

    def _write_visitors(self, runs: list[Run]) -> dict[Name, Row]:
        """Tell the runs to the rows of their visitors. The rows of their names before are locked
        by the same statement, which leaves them as they are. Answers what these said until now."""
        rows = {run.name: _visitor_row(run) for run in runs}
        found = self._find({name for run in runs for name in run.before})
        for name, row in found.items():
            rows.setdefault(name, tuple(row))
        written = VISITORS.write(self.connection, [rows[name] for name in sorted(rows)])
        for site_number, visitor, session_id, last_at in written:
            self.rows[site_number, bytes(visitor)] = session_id, last_at
        return {name: (row.session_id, row.last_at) for name, row in found.items()}

    def _find(self, names: set[Name]) -> dict[Name, Any]:
        """The rows of these visitors, as far as there are any."""
        if not names:
            return {}
        name = tuple_(visitors.c.site_number, visitors.c.visitor)
        found = select(*(visitors.c[each] for each in COLUMNS)).where(name.in_(list(names)))
        rows = self.connection.execute(found).all()
        return {(row.site_number, bytes(row.visitor)): row for row in rows}

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
        self._update_visitor(run, rest.session_id, self.rows[run.name][1])
        run.arrivals, run.session_id = run.arrivals[: -len(rest.arrivals)], session_id
        return rest

    def _update_visitor(self, run: Run, session_id: UUID, last_at: int) -> None:
        site_number, visitor = run.name
        here = (visitors.c.site_number == site_number, visitors.c.visitor == visitor)
        values = {"session_id": session_id, "last_at": last_at}
        self.connection.execute(update(visitors).where(*here).values(values))
        self.rows[run.name] = session_id, last_at

    def _add(self, chosen: list[Run], parts: Iterable[Run]) -> None:
        for run in parts:
            if run.arrivals:
                chosen.append(run)
                self._add_span(run)

    def _add_span(self, run: Run) -> None:
        named = (run.name[0], run.session_id.int)
        began, ended = self.spans.get(named, (run.began, run.ended))
        self.spans[named] = min(began, run.began), max(ended, run.ended)

    # --- The names that a visitor had before ----------------------------------------------------

    def _continue_from_before(
        self, run: Run, rows_before: dict[Name, Row], chosen: list[Run]
    ) -> None:
        """A visitor has a new name after midnight and after his consent, but the visit goes on."""
        if self.rows[run.name][0] != run.session_id:
            return  # with one that began under the new name
        for name in run.before:
            for session_id, last_at in self._visits_before(run, name, rows_before, chosen):
                if self._goes_on(run, session_id, last_at):
                    self._go_on_with(run, session_id, chosen)
                    return

    def _visits_before(
        self, run: Run, name: Name, rows_before: dict[Name, Row], chosen: list[Run]
    ) -> Iterator[Row]:
        """The sessions of an earlier name that a run may go on with, and when what came last of
        each was. Others may have that name too: theirs is what of it comes after a person's."""
        before, now = rows_before.get(name), self.rows.get(name)
        if before and now and before[0] != now[0] and not self._is_persons(name[0], before[0]):
            yield before
        if now is None:
            return
        if not run.person or now[1] <= run.renamed_at:
            yield now
            return
        with_it = [each for each in chosen if each.name == name and each.session_id == now[0]]
        moments = [each.at for other in with_it for each in other.arrivals]
        by_then = [each for each in moments if each <= run.renamed_at]
        if before and before[0] == now[0]:
            by_then.append(before[1])
        if by_then:
            yield now[0], max(by_then)

    def _is_persons(self, site_number: int, session_id: UUID) -> bool:
        """By now: what a row said before it was locked may have become so meanwhile."""
        here = (sessions.c.site_number == site_number, sessions.c.id == session_id)
        known = self.connection.execute(select(sessions.c.person).where(*here)).scalar()
        return bool(known) or (site_number, session_id.int) in self.taken

    def _goes_on(self, run: Run, session_id: UUID, last_at: int) -> bool:
        too_late = run.person and last_at > run.renamed_at
        if too_late or abs(run.began - last_at) > IDLE:
            return False
        last_at = max(run.ended, last_at)
        return last_at <= self._ends(run, session_id, last_at)

    def _go_on_with(self, run: Run, session_id: UUID, chosen: list[Run]) -> None:
        """Write the session that a visitor had before to the row of his new name. Once it is a
        person's, the rows of those before have others."""
        run.session_id = session_id
        changed = {run.name: session_id}
        if run.person:
            self.taken.add((run.name[0], session_id.int))
            changed |= {name: uuid7(run.renamed_at) for name in self._known_by(run, session_id)}
            changed |= self._part(run, chosen)
        for name, its_id in changed.items():
            self.rows[name] = its_id, self.rows[name][1]
        rows = [
            {"of_site": number, "of_visitor": visitor, "with_id": its_id}
            for (number, visitor), its_id in changed.items()
        ]
        self.connection.execute(GO_ON_WITH, rows)

    def _known_by(self, run: Run, session_id: UUID) -> list[Name]:
        """The names before whose present session it is."""
        rows = ((name, self.rows.get(name)) for name in run.before)
        return [name for name, row in rows if row and row[0] == session_id]

    def _part(self, run: Run, chosen: list[Run]) -> dict[Name, UUID]:
        """What came under other names after a person took a session over is of another one.
        Answers which, by those names."""
        parted = {}
        for other in [each for each in chosen if each.session_id == run.session_id]:
            if other.person or other.ended <= run.renamed_at:
                continue
            rest = _new_run([each for each in other.arrivals if each.at > run.renamed_at])
            parted[rest.name] = rest.session_id
            other.arrivals = other.arrivals[: -len(rest.arrivals)]
            if not other.arrivals:
                chosen.remove(other)
            self._add(chosen, [rest])
        return parted

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
            self._update_visitor(run, visit.id, last_at)
        run.session_id = visit.id
        self._add_span(run)

    def _near(self, late: Sequence[Run]) -> Sequence[Any]:
        """Visits that some of these runs may be part of, and others: by an index of those of a
        visitor, and the present ones by their key."""
        names = ("site_number", "id", "visitor", "person", "started_at", "last_at")
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
        """Whether a run is part of a visit, which lasts for a day at most with it; see `_ends`.
        What may be anybody's is of no person's."""
        key = (visit.site_number, visit.id.int)
        if not run.person and (visit.person or key in self.taken):
            return False
        began, ended = self.spans.get(key, (run.began, run.ended))
        began = min(began, run.began, visit.started_at)
        ended = max(ended, run.ended, visit.last_at)
        too_early = run.began < milliseconds_of(visit.id) - LONGEST // 2
        return _pause(visit, run) <= IDLE and ended - began <= LONGEST and not too_early


def _pause(visit: Any, run: Run) -> int:
    """Between a visit and a run, in milliseconds; 0 where they overlap."""
    return max(0, run.began - visit.last_at, visit.started_at - run.ended)
