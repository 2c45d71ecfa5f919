"""Who a row belongs to, and the walls between tenants.

Every tenant table has `organization_id`. Reads through a session are filtered by the current
scope; on Postgres row-level security under a role that cannot bypass it is the real boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import ForeignKey, ForeignKeyConstraint, Select, event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import (
    Mapped,
    ORMExecuteState,
    Session,
    declared_attr,
    mapped_column,
    with_loader_criteria,
)

from app.core import sql
from app.core.db import APP_ROLE, SYSTEM_ROLE, Base, Guid, db
from app.core.ids import uuid7

_scope: ContextVar[tuple[UUID, ...]] = ContextVar("organizations", default=())


class TenancyError(Exception):
    """A row was about to cross from one organization to another. Always a bug, never input."""


class Owned:
    """Mixin of every table that belongs to an organization."""

    @declared_attr
    def organization_id(cls) -> Mapped[UUID]:
        key = ForeignKey("organizations.id", ondelete="CASCADE")
        return mapped_column(Guid, key, sort_order=-1)


class Tenant(Owned):
    """Mixin of those whose rows have an id of their own, which is nearly all."""

    id: Mapped[UUID] = mapped_column(Guid, primary_key=True, sort_order=-2)

    def __init__(self, **values: Any) -> None:
        # Sealed columns are bound to the row, so a row knows who it is from the start.
        self.id = values.pop("id", None) or uuid7()
        self.organization_id = values.pop("organization_id", None) or current_organization_id()
        for name, value in values.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no {name}")
            setattr(self, name, value)


def owned_by(table: str, column: str, *, ondelete: str = "CASCADE") -> ForeignKeyConstraint:
    """A foreign key that carries the organization, so that it cannot point at another's row."""
    target = [f"{table}.organization_id", f"{table}.id"]
    return ForeignKeyConstraint(["organization_id", column], target, ondelete=ondelete)


def current_organization_id() -> UUID:
    """The one organization of this request or job."""
    if len(_scope.get()) != 1:
        raise TenancyError("no single organization is in scope")
    return _scope.get()[0]


def enter(*organization_ids: UUID) -> None:
    """Make these the organizations of this request. Rows of others leave the session."""
    session = db.session()
    if session.new or session.dirty or session.deleted:
        raise TenancyError("unsaved changes belong to the scope they were made in")
    session.rollback()
    for row in list(session):
        if isinstance(row, Owned) and row.organization_id not in organization_ids:
            session.expunge(row)
    _scope.set(organization_ids)


def leave() -> None:
    _scope.set(())


@contextmanager
def scope(*organization_ids: UUID) -> Iterator[None]:
    """`enter` for a block: jobs, the command line, tests."""
    before = _scope.get()
    enter(*organization_ids)
    try:
        yield
    finally:
        db.session.rollback()
        enter(*before)


@contextmanager
def transaction(*organization_ids: UUID) -> Iterator[Connection]:
    """A transaction below the session, for what writes many rows of many organizations at once.
    Committed at the end. On Postgres it sees and writes no others' rows than theirs."""
    with current_app.extensions["candor_bulk"].connect() as connection:
        if connection.dialect.name == "postgresql":
            _enter_surely(connection, {"ids": _as_array(organization_ids)})
        else:
            connection.begin()
        yield connection
        connection.commit()


def _enter_surely(connection: Connection, parameters: dict[str, str]) -> None:
    """As the first statement, which is where it shows that the connection went while it was idle:
    nothing was written yet, so it goes on with another."""
    try:
        connection.exec_driver_sql(SET_ORGANIZATIONS, parameters)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.rollback()
        connection.exec_driver_sql(SET_ORGANIZATIONS, parameters)


def scoped(statement: Select[Any], model: type[Any]) -> Select[Any]:
    """The tenant's filter for a Core select, which the session's own filter does not see."""
    return statement.where(model.organization_id.in_(_scope.get()))


@event.listens_for(Session, "do_orm_execute")
def _filter_by_scope(state: ORMExecuteState) -> None:
    if state.is_column_load or not (state.is_select or state.is_update or state.is_delete):
        return
    organization_ids = _scope.get()
    state.statement = state.statement.options(
        with_loader_criteria(
            Owned,
            lambda cls: cls.organization_id.in_(organization_ids),
            include_aliases=True,
        )
    )


@event.listens_for(Session, "before_flush")
def _refuse_foreign_rows(session: Session, _context: Any, _instances: Any) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Owned) and row.organization_id not in _scope.get():
            raise TenancyError(f"a {type(row).__name__} is of another organization")


@event.listens_for(Session, "after_begin")
def _tell_postgres(_session: Session, _transaction: Any, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(SET_ORGANIZATIONS, {"ids": _as_array(_scope.get())})


SET_ORGANIZATIONS = "SELECT set_config('candor.organizations', %(ids)s, true)"


def _as_array(organization_ids: Iterable[UUID]) -> str:
    return "{" + ",".join(str(each) for each in organization_ids) + "}"


# --- Postgres: roles, grants and policies -------------------------------------------------------

# What is asked of a table goes by the table's policies, what is asked of a part of it does not.
WITHIN_REACH = """
SELECT relname FROM pg_class WHERE relispartition AND relname = ANY(:names) AND (
    NOT relrowsecurity OR has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
)
"""
MINE = "{column} = ANY(NULLIF(current_setting('candor.organizations', true), '')::uuid[])"


def tenant_column(table: Any) -> str | None:
    """The column that says whose a row is; None for tables that belong to nobody."""
    if table.name == "organizations":
        return "id"
    return "organization_id" if "organization_id" in table.c else None


def enforce(engine: Engine) -> None:
    """Create the roles, grants and policies on Postgres; nothing to do on SQLite. Idempotent.

    Runs after each migration as the login of DATABASE_URL, from the models themselves, so that
    a new table cannot be forgotten.
    """
    if engine.dialect.name != "postgresql":
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(7261)"))
        for statement in _role_statements():
            connection.execute(text(statement))
        for table in Base.metadata.sorted_tables:
            for statement in _table_statements(table):
                connection.execute(text(statement))
        for name in sql.partitions(connection, Base.metadata.tables):
            connection.execute(text(f"SELECT close_partition('{name}')"))
        connection.execute(text(f"GRANT EXECUTE ON FUNCTION keep_months() TO {SYSTEM_ROLE}"))


def _role_statements() -> Iterator[str]:
    for role in (APP_ROLE, SYSTEM_ROLE):
        yield (
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOBYPASSRLS NOSUPERUSER; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        yield f"GRANT {role} TO CURRENT_USER"
        yield f"GRANT USAGE ON SCHEMA public TO {role}"
        yield f"GRANT SELECT ON alembic_version TO {role}"


def _table_statements(table: Any) -> Iterator[str]:
    name = table.name
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {APP_ROLE}"
    yield f"REVOKE ALL ON {name} FROM {SYSTEM_ROLE}"
    granted = table.info.get("system", ())
    if granted:
        yield f"GRANT {', '.join(granted)} ON {name} TO {SYSTEM_ROLE}"
    column = tenant_column(table)
    if column is None:
        return
    mine = MINE.format(column=column)
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS tenant ON {name}"
    yield f"CREATE POLICY tenant ON {name} TO {APP_ROLE} USING ({mine}) WITH CHECK ({mine})"
    yield f"DROP POLICY IF EXISTS system ON {name}"
    if granted:
        yield f"CREATE POLICY system ON {name} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)"


def check_walls(engine: Engine) -> None:
    """Refuse to start on Postgres unless row-level security really holds for this pool."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        role = connection.execute(
            text(
                "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles "
                "WHERE rolname = current_user"
            )
        ).one()
        if role[1]:
            raise TenancyError(f"the database role {role[0]} bypasses row-level security")
        open_tables = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relname = ANY(:names) "
                "AND NOT (relrowsecurity AND relforcerowsecurity)"
            ),
            {"names": [t.name for t in Base.metadata.sorted_tables if tenant_column(t)]},
        ).scalars()
        names = sorted(open_tables)
        parts = {"names": sql.partitions(connection, Base.metadata.tables)}
        within_reach = sorted(connection.execute(text(WITHIN_REACH), parts).scalars())
    if names:
        raise TenancyError(f"row-level security is not forced on: {', '.join(names)}")
    if within_reach:
        raise TenancyError(f"partitions are reached past their table: {', '.join(within_reach)}")
