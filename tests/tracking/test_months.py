"""Events lie in a partition for each month on Postgres, and nobody who asks for them notices."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import delete, make_url, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs

from app.config import Settings
from app.core import clock, migrations, tenancy
from app.core.db import create_engine, db, system
from app.core.ids import first_uuid7
from app.sites.models import Site
from app.tracking.models import Event
from app.tracking.months import keep_months
from app.wiring import create_app
from tests.conftest import database, disconnect, found
from tests.tracking.arriving import Shelf

pytestmark = pytest.mark.skipif(database() != "postgres", reason="SQLite has one table")
FAR = 40  # months ahead, where nobody made one


def month(ahead):
    """The first moment of the month so many after this one."""
    now = clock.now()
    year, past = divmod(now.year * 12 + now.month - 1 + ahead, 12)
    return datetime(year, past + 1, 1, tzinfo=UTC)


def id_of(moment):
    """One that is made at that moment."""
    return UUID(int=first_uuid7(moment).int | secrets.randbits(62))


def of(ahead):
    return f"events_{month(ahead):%Y_%m}"


def owner_of(app):
    return create_engine(app.extensions["candor_settings"], role=None)


@pytest.fixture
def owner(app):
    """The login that owns the tables. What months were made or dropped is as before afterwards."""
    engine = owner_of(app)
    before = set(parts(engine))
    yield engine
    with engine.begin() as connection:
        for name in set(parts(engine)) - before:
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("SELECT keep_months()"))
    engine.dispose()


def ask(engine, question, **values):
    with engine.begin() as connection:
        return connection.execute(text(question), values).all()


def parts(engine):
    bounds = "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition"
    return dict(map(tuple, ask(engine, f"{bounds} AND relkind = 'r'")))


def make(engine, ahead, *most):
    values = ", ".join([f"'{month(ahead):%Y-%m-%d}'", *map(str, most)])
    return ask(engine, f"SELECT make_month({values})")[0][0]


def places(engine):
    """The id of each event and where it lies."""
    return dict(map(tuple, ask(engine, "SELECT id, tableoid::regclass::text FROM events")))


@pytest.fixture
def tell(shelf):
    """Store events with these ids; answers how many were new."""
    return lambda *ids: len(shelf.store(*(shelf.arrival(0, id=each) for each in ids)).new)


def test_an_event_lies_in_the_month_of_its_id(tell, owner):
    first, last = id_of(month(1)), id_of(month(1) - timedelta(milliseconds=1))
    assert tell(first, last) == 2
    assert places(owner) == {first: of(1), last: of(0)}


def test_the_months_to_come_are_there(owner):
    assert {of(0), of(1), of(2), of(3), "events_default"} <= set(parts(owner))
    assert of(4) not in parts(owner)


def test_what_has_no_month_is_taken_and_found_once_when_its_month_is_made(tell, owner):
    ids = [id_of(month(FAR) + timedelta(days=each)) for each in range(3)]
    beside = id_of(month(FAR + 1))
    assert tell(*ids, beside) == 4
    assert tell(*ids) == 0
    assert set(places(owner).values()) == {"events_default"}
    before = ask(owner, "SELECT * FROM events ORDER BY id")
    assert make(owner, FAR) == "made"
    assert places(owner) == {**dict.fromkeys(ids, of(FAR)), beside: "events_default"}
    assert ask(owner, "SELECT * FROM events ORDER BY id") == before
    assert tell(*ids, beside) == 0
    assert make(owner, FAR) is None


def test_too_much_to_move_at_once_stays_where_it_is(tell, owner):
    ids = [id_of(month(FAR)) for _ in range(2)]
    tell(*ids)
    assert make(owner, FAR, 1) == "crowded"
    assert places(owner) == dict.fromkeys(ids, "events_default")
    assert of(FAR) not in parts(owner)
    assert make(owner, FAR, 2) == "made"
    assert places(owner) == dict.fromkeys(ids, of(FAR))


def test_the_job_says_loudly_what_it_cannot_move(app, tell, owner):
    ask_away(owner, f"DROP TABLE {of(3)}")
    tell(id_of(month(3)))
    copies = (
        "INSERT INTO events SELECT (jsonb_populate_record(events, "
        "jsonb_build_object('id', overlay(id::text placing lpad(to_hex(n), 12, '0') from 25)))).* "
        "FROM events, generate_series(1, 20000) AS n"
    )
    ask_away(owner, copies)
    with app.app_context(), capture_logs() as said:
        keep_months()
    assert [(each["partition"], each["outcome"], each["log_level"]) for each in said] == [
        (of(3), "crowded", "error")
    ]
    assert len(places(owner)) == 20_001
    ask_away(owner, "DELETE FROM events")


def ask_away(engine, statement):
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_the_job_makes_what_is_missing(app, tell, owner):
    ask_away(owner, f"DROP TABLE {of(2)}, {of(3)}")
    id = id_of(month(2))
    tell(id)
    with app.app_context(), capture_logs() as said:
        keep_months()
        keep_months()
    assert [(each["partition"], each["outcome"]) for each in said] == [
        (of(2), "made"),
        (of(3), "made"),
    ]
    assert places(owner) == {id: of(2)}


def test_a_month_that_is_over_goes_when_it_is_empty_and_not_before(app, tell, owner):
    assert [make(owner, -5), make(owner, -4)] == ["made", "made"]
    id = id_of(month(-4))
    tell(id)
    with app.app_context():
        keep_months()
        assert of(-5) not in parts(owner)
        assert places(owner) == {id: of(-4)}
        ask_away(owner, "DELETE FROM events")
        keep_months()
    assert of(-4) not in parts(owner)
    assert tell(id_of(month(-5))) == 1


def test_a_month_in_which_ids_are_still_made_stays_though_it_is_empty(app, owner):
    with app.app_context():
        keep_months()
    assert {of(0), of(1)} <= set(parts(owner))


@pytest.mark.parametrize("what", ["make", "drop"])
def test_when_it_is_busy_the_job_gives_up_soon_and_comes_again(app, tell, owner, what):
    if what == "make":
        ask_away(owner, f"DROP TABLE {of(3)}")
    else:
        make(owner, -5)
    before = parts(owner)
    with app.app_context(), capture_logs() as said:
        with owner.begin() as reader:
            reader.execute(text("SELECT count(*) FROM events"))
            began = time.monotonic()
            keep_months()
            assert time.monotonic() - began < 5
            assert [each["outcome"] for each in said] == ["busy"]
        assert parts(owner) == before
        keep_months()
    assert (of(3) in parts(owner)) and (of(-5) not in parts(owner))


def test_with_nothing_to_do_the_job_locks_nothing(app, owner):
    with app.app_context(), capture_logs() as said, owner.begin() as holder:
        holder.execute(text("LOCK TABLE events_default, sites IN SHARE MODE"))
        holder.execute(text("LOCK TABLE ONLY events IN SHARE UPDATE EXCLUSIVE MODE"))
        keep_months()
    assert said == []


def test_events_are_stored_while_a_month_is_made(tell, owner):
    with owner.begin() as connection:
        connection.execute(text(f"SELECT make_month('{month(FAR):%Y-%m-%d}')"))
        assert tell(id_of(clock.now())) == 1


@pytest.fixture
def roles(app):
    with app.app_context():
        return {"app": db.engine, "system": app.extensions["candor_system"]}


DENIED = (
    "SELECT * FROM {part}",
    "DELETE FROM {part}",
    "UPDATE {part} SET name = 'mine'",
    "INSERT INTO {part} SELECT * FROM {part}",
    "TRUNCATE {part}",
    "DROP TABLE {part}",
    "ALTER TABLE events DETACH PARTITION {part}",
    "CREATE TABLE mine (LIKE {part})",
    "CREATE TABLE mine PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('{none}')",
    "SELECT make_month('2001-01-01')",
    "SELECT drop_month('{part}')",
    "SELECT close_partition('{part}')",
)


@pytest.mark.parametrize("statement", DENIED)
def test_the_program_reaches_no_partition_and_makes_none(roles, owner, acme, tell, statement):
    tell(id_of(clock.now()))
    none = UUID(int=0)
    for engine in roles.values():
        for part in (of(0), "events_default"):
            with (
                engine.connect() as connection,
                pytest.raises(ProgrammingError, match="denied|own"),
            ):
                mine = {"ids": f"{{{acme.id}}}"}
                connection.exec_driver_sql(tenancy.SET_ORGANIZATIONS, mine)
                connection.execute(text(statement.format(part=part, none=none)))


def test_only_the_system_role_keeps_the_months(roles):
    with roles["app"].connect() as connection, pytest.raises(ProgrammingError, match="denied"):
        connection.execute(text("SELECT keep_months()"))


def test_a_new_month_is_closed_whatever_new_tables_are_granted_to(owner, roles):
    given = "ALTER DEFAULT PRIVILEGES {} ALL ON TABLES {} candor_app, PUBLIC"
    ask_away(owner, given.format("GRANT", "TO"))
    try:
        make(owner, FAR)
    finally:
        ask_away(owner, given.format("REVOKE", "FROM"))
    for engine in roles.values():
        tenancy.check_walls(engine)
    assert ask(owner, f"SELECT relrowsecurity FROM pg_class WHERE relname = '{of(FAR)}'") == [
        (True,)
    ]


@pytest.mark.parametrize(
    "hole", ["GRANT SELECT ON {} TO candor_app", "ALTER TABLE {} DISABLE ROW LEVEL SECURITY"]
)
def test_it_refuses_to_start_with_a_partition_within_reach_and_a_migration_closes_it(
    app, owner, roles, hole
):
    ask_away(owner, hole.format(of(1)))
    try:
        with pytest.raises(tenancy.TenancyError, match=of(1)):
            tenancy.check_walls(roles["app"])
    finally:
        tenancy.enforce(owner)
    tenancy.check_walls(roles["app"])


def test_a_tenant_sees_his_own_rows_in_each_month(tell, owner, inside, umbrella, roles, acme):
    moments = [clock.now(), month(1), month(FAR)]
    mine = [id_of(each) for each in moments]
    tell(*mine)
    with inside(umbrella):
        theirs = Shelf(umbrella.id, db.session.get_one(Site, umbrella.site_id).number)
        theirs.store(*(theirs.arrival(0, id=id_of(each)) for each in moments))
    assert len(places(owner)) == 6
    with roles["app"].connect() as connection:
        assert connection.scalars(select(Event.id)).all() == []
        connection.exec_driver_sql(tenancy.SET_ORGANIZATIONS, {"ids": f"{{{acme.id}}}"})
        assert set(connection.scalars(select(Event.id))) == set(mine)
        assert connection.execute(delete(Event)).rowcount == 3


def test_with_its_site_an_event_goes_from_each_month(tell, owner, acme):
    tell(id_of(clock.now()), id_of(month(1)), id_of(month(FAR)))
    ask_away(owner, f"DELETE FROM sites WHERE id = '{acme.site_id}'")
    assert places(owner) == {}


# --- The migration -------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(environ, app, tmp_path):
    """An application on a database of its own, without tables, whose owner is no superuser."""
    name = f"elsewhere_{secrets.token_hex(4)}"
    url = make_url(environ["DATABASE_URL"])
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN CREATE ROLE candor_owner LOGIN CREATEROLE; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        connection.execute("GRANT candor_app, candor_system TO candor_owner WITH ADMIN OPTION")
        connection.execute(f"CREATE DATABASE {name} OWNER candor_owner")
        settings = {
            "CANDOR_DATA": str(tmp_path),
            "DATABASE_URL": url.set(username="candor_owner", database=name).render_as_string(False),
        }
        another = create_app(Settings.from_environment({**environ, **settings}))
        yield another
        disconnect(another)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def shape(engine):
    """What `events` is to whoever looks at it."""
    table = "'events'::regclass"
    return [
        ask(engine, question)
        for question in (
            f"SELECT attname, atttypid, attnotnull FROM pg_attribute WHERE attrelid = {table} "
            "AND attnum > 0 ORDER BY attnum",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = {table} AND contype <> 'n' ORDER BY 1",
            "SELECT indexname, replace(indexdef, 'ON ONLY', 'ON') FROM pg_indexes "
            "WHERE tablename = 'events' ORDER BY 1",
        )
    ]


def test_a_table_with_rows_becomes_the_first_partition_as_it_lies(elsewhere):
    owner = owner_of(elsewhere)
    with elsewhere.app_context():
        upgrade(directory=migrations.DIRECTORY, revision="0018")
        before = shape(owner)
        migrations.migrate()
        assert shape(owner) == before
        acme = found("Acme", "alice@acme.example", "shop.acme.example")
        with tenancy.scope(acme.id):
            shelf = Shelf(acme.id, db.session.get_one(Site, acme.site_id).number)
            ids = [id_of(month(each)) for each in (-30, -1, 0, FAR)]
            shelf.store(*(shelf.arrival(each, id=id) for each, id in enumerate(ids)))
            rows = db.session.execute(select(*Event.__table__.c).order_by(Event.id)).all()
            db.session.rollback()

            downgrade(directory=migrations.DIRECTORY, revision="0018")
            assert shape(owner) == before and parts(owner) == {}
            file = ask(owner, "SELECT pg_relation_filenode('events')")

            upgrade(directory=migrations.DIRECTORY, revision="0019")
            # Already before the walls are built, for those who go on storing.
            assert db.session.execute(select(*Event.__table__.c).order_by(Event.id)).all() == rows
            db.session.rollback()
            migrations.migrate()
            assert shape(owner) == before
            (former,) = (each for each in parts(owner) if each.startswith("events_before_"))
            assert ask(owner, f"SELECT pg_relation_filenode('{former}')") == file
            lying = (
                ask(owner, f"SELECT id FROM {former}"),
                ask(owner, "SELECT id FROM events_default"),
            )
            assert [{each.id for each in part} for part in lying] == [set(ids[:3]), {ids[3]}]
            assert shelf.store(*(shelf.arrival(0, id=id) for id in ids)).new == set()
            # Nothing is hidden from who looks whether a month is empty, though he is no superuser.
            make(owner, FAR)
            assert ask(owner, f"SELECT id FROM {of(FAR)}") == [(ids[3],)]
            ask_away(owner, f"ALTER TABLE {former} FORCE ROW LEVEL SECURITY")
            with pytest.raises(ProgrammingError, match="row-level security"):
                ask(owner, f"SELECT drop_month('{former}')")
            nobody = shelf.arrival(0, site_number=999)
            with pytest.raises(IntegrityError):
                shelf.store(nobody)
    owner.dispose()


def test_an_empty_table_leaves_nothing_behind(elsewhere):
    owner = owner_of(elsewhere)
    with elsewhere.app_context():
        migrations.migrate()
        names = set(parts(owner))
        assert (
            {of(0), of(3), "events_default"}
            <= names
            <= {of(each) for each in range(-1, 4)} | {"events_default"}
        )
        migrations.check_drift()
        with system() as connection:
            assert connection.execute(text("SELECT * FROM keep_months()")).all() == []
    owner.dispose()
