"""Imports of tables: an upload waits for its confirmation, becomes activities in batches, and can
be taken back as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, func, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.commerce.models import customer_index
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, SealedBytes, SealedDocument
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, owned_by
from app.core.threads import in_native_thread
from app.proof import opt_outs
from app.proof.models import Activity
from app.proof.recording import report_activity
from app.sites.models import Site
from app.sources.facts import ActivityReported
from app.sources.models import Source
from app.sources.table import Reading, Table, TableError, read_facts, read_table

WAITING, RUNNING, DONE, UNDOING, UNDONE = "waiting", "running", "done", "undoing", "undone"
UPLOADS_KEPT = timedelta(days=1)
REPORTS_KEPT = timedelta(days=30)
BATCH = 100
MOST_WAITING = 5


class ImportClosed(Exception):
    """An import that is beyond what was asked of it; written for a person."""


class Import(Tenant, Base):
    """One uploaded table and what becomes of it. `columns` says what each column means."""

    __tablename__ = "imports"
    __table_args__ = (
        owned_by("sites", "site_id"),
        Index("ix_imports_organization_id_id", "organization_id", "id"),
        Index("ix_imports_state", "state", "moved_at"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    file_name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    file_name = Sealed("file_name_sealed")
    # The file itself, until the import is through or a day has passed.
    upload_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    upload = SealedBytes("upload_sealed")
    columns: Mapped[list[Any]]
    otherwise: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    total: Mapped[int] = mapped_column(default=0)
    # Rows gone through; of them those that are new.
    done: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[int] = mapped_column(default=0)
    report_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    report = SealedDocument("report_sealed")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    moved_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Import.site_id) == Site.id)

    @classmethod
    def receive(cls, site: Site, file_name: str, raw: bytes, otherwise: str) -> Import:
        """Keep an upload until it is confirmed. Raises TableError for what is no table."""
        waiting = select(func.count(cls.id)).filter_by(state=WAITING)
        if (db.session.scalar(waiting) or 0) >= MOST_WAITING:
            raise TableError(f"{MOST_WAITING} tables wait already. Confirm or delete one first.")
        table = in_native_thread(read_table, raw)
        received = cls(site_id=site.id, columns=table.guess(), otherwise=otherwise)
        received.file_name, received.upload = file_name, raw
        received.state = WAITING
        db.session.add(received)
        db.session.flush()
        return received

    def describe(self, columns: list[str], otherwise: str) -> None:
        """Say what the columns mean."""
        self._demand(WAITING)
        self.columns, self.otherwise = columns, otherwise

    def table(self) -> Table:
        return in_native_thread(read_table, self.upload or b"")

    def reading(self, table: Table) -> Reading:
        return in_native_thread(read_facts, table, self.columns, self.otherwise)

    def confirm(self, columns: list[str] | None = None, otherwise: str | None = None) -> None:
        """Begin, by what is said of the columns now or was before: what the rows are is decided
        here, a job makes activities of them. The file is read before anything is locked: it takes
        a while, and never changes."""
        self._demand(WAITING)
        columns, otherwise = columns or self.columns, otherwise or self.otherwise
        table = self.table()
        reading = in_native_thread(read_facts, table, columns, otherwise)
        exclusive(f"import:{self.id}")
        self.describe(columns, otherwise)
        self.total, self.left_out = len(reading.facts), len(reading.left_out)
        if reading.left_out:
            self.report = {"header": table.header, "rows": reading.left_out}
        self._move_to(RUNNING)
        announce(ImportConfirmed(imported=self))

    def take(self, facts: list[ActivityReported]) -> bool:
        """Record the next batch of the facts of its table; answers whether more are left."""
        batch = facts[self.done : self.done + BATCH]
        source = Source.built_in(self.site, "csv")
        people = (customer_index(fact.person, self.organization_id, source.id) for fact in batch)
        opt_outs.hold(*filter(None, people))
        for fact in batch:
            _activity, new = report_activity(source, fact, self.id)
            self.created += new
        self.done += len(batch)
        self.moved_at = clock.now()
        if self.done >= len(facts):
            self._move_to(DONE)
            self.upload = None
        return self.state == RUNNING

    def undo(self) -> None:
        """Begin to take back everything that it brought."""
        exclusive(f"import:{self.id}")
        self._demand(DONE)
        self._move_to(UNDOING)
        announce(ImportUndone(imported=self))

    def take_back(self) -> bool:
        """Retract the next batch of its activities; answers whether more are left."""
        found = select(Activity).filter_by(import_id=self.id)
        batch = db.session.scalars(found.order_by(Activity.id).limit(BATCH)).all()
        for activity in batch:
            activity.undo()
            activity.import_id = None
        self.moved_at = clock.now()
        if len(batch) < BATCH:
            self._move_to(UNDONE)
        return self.state == UNDOING

    def discard(self) -> None:
        """Throw an upload away that was not confirmed."""
        exclusive(f"import:{self.id}")
        self._demand(WAITING)
        db.session.delete(self)

    def tell_report(self) -> Iterator[list[Any]]:
        """The rows that were left out, as a table: number, reason and what was in them."""
        report = self.report or {"header": [], "rows": []}
        announce(ImportReportTaken(imported=self))
        yield ["Row", "Why it was left out", *report["header"]]
        for number, reason, cells in report["rows"]:
            yield [number, reason, *cells]

    @property
    def known_before(self) -> int:
        """Rows that an earlier import or another file had brought already."""
        return self.done - self.created

    def _demand(self, state: str) -> None:
        if self.state != state:
            raise ImportClosed(_CLOSED[self.state])
        if state == WAITING and self.upload_sealed is None:
            raise ImportClosed("The uploaded file was deleted after a day. Upload it again.")

    def _move_to(self, state: str) -> None:
        self.state, self.moved_at = state, clock.now()


_CLOSED = {
    WAITING: "This import has not been confirmed.",
    RUNNING: "This import is under way.",
    DONE: "This import is done.",
    UNDOING: "This import is being taken back.",
    UNDONE: "This import was taken back.",
}


def forget_old() -> None:
    """Uploads wait for a day, reports of rows left out for thirty."""
    _forget(Import.upload_sealed, clock.now() - UPLOADS_KEPT, (WAITING, DONE, UNDONE))
    _forget(Import.report_sealed, clock.now() - REPORTS_KEPT, (DONE, UNDONE))


def _forget(column: Any, before: datetime, states: tuple[str, ...]) -> None:
    db.session.execute(
        update(Import)
        .where(Import.created_at < before, Import.state.in_(states), column.is_not(None))
        .values({column: None})
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, kw_only=True)
class ImportAnnouncement(Announcement):
    imported: Import

    def details(self) -> dict[str, Any]:
        return {"site_id": str(self.imported.site_id), "rows": self.imported.total}


@dataclass(frozen=True, kw_only=True)
class ImportConfirmed(ImportAnnouncement):
    name: ClassVar[str] = "import.confirmed"


@dataclass(frozen=True, kw_only=True)
class ImportUndone(ImportAnnouncement):
    name: ClassVar[str] = "import.undone"


@dataclass(frozen=True, kw_only=True)
class ImportReportTaken(ImportAnnouncement):
    name: ClassVar[str] = "import.report_taken"
