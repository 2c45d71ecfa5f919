"""Events by month on Postgres; nothing changes on SQLite

What there is becomes the first partition as it lies: no row is copied. Before the table is locked
it is looked through once for rows that do not belong there, while events go on being stored.

Revision: 0019
Follows: 0018
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

KEY = ["site_number", "id"]
OF_A_SITE = ["organization_id", "site_number"]
INDEXES = {
    "at": None,
    "order_id": "order_id IS NOT NULL",
    "session_id": "session_id IS NOT NULL",
}
MINE = "organization_id = ANY(NULLIF(current_setting('candor.organizations', true), '')::uuid[])"

# A month begins with the first id that can be made in it: an id begins with its milliseconds.
FIRST_ID = """
CREATE FUNCTION public.first_id(moment timestamptz) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$
"""

# All but the default one. `first` is null where it has no beginning.
MONTHS = r"""
CREATE FUNCTION public.months_of_events() RETURNS TABLE (named text, first uuid, beyond uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT part.relname::text,
        substring(bound FROM $r$FROM \('([0-9a-f-]{36})'\)$r$)::uuid,
        substring(bound FROM $r$TO \('([0-9a-f-]{36})'\)$r$)::uuid
    FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid,
        LATERAL pg_get_expr(part.relpartbound, part.oid) AS bound
    WHERE inhparent = 'public.events'::regclass AND bound <> 'DEFAULT'
$$
"""

# Only its owner reaches a partition itself. He must see its rows, so the policies are not forced
# on him; for anybody else there is none that would let him through.
CLOSE = """
CREATE FUNCTION public.close_partition(part regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held record;
BEGIN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
    FOR held IN
        SELECT DISTINCT CASE each.grantee WHEN 0 THEN 'PUBLIC' ELSE each.grantee::regrole::text END
            AS whom
        FROM pg_class, aclexplode(relacl) AS each
        WHERE oid = part AND each.grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', part, held.whom);
    END LOOP;
END
$$
"""

# Locks are taken in the order in which ingest takes them, and so that it goes on meanwhile. What
# is in the default partition goes by way of a table of its own, not into the month before it is
# attached: then the foreign key would be checked for the whole table at once, by a question that
# sees nothing of `sites`, whose policies are forced on the owner.
MAKE = """
CREATE FUNCTION public.make_month(month date, most bigint DEFAULT 20000) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text := to_char(month, '"events_"YYYY_MM');
    start uuid := public.first_id(date_trunc('month', month::timestamp) AT TIME ZONE 'UTC');
    after uuid := public.first_id(
        (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC');
    moving boolean;
BEGIN
    IF EXISTS (
        SELECT FROM public.months_of_events() AS there
        WHERE (there.first IS NULL OR there.first <= start) AND there.beyond > start
    ) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM public.events_default WHERE id >= start AND id < after OFFSET most
    ) THEN
        RETURN 'crowded';
    END IF;
    LOCK TABLE public.sites IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE ONLY public.events IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE public.events_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.events INCLUDING ALL)', named);
    PERFORM public.close_partition(format('public.%I', named)::regclass);
    moving := EXISTS (SELECT FROM public.events_default WHERE id >= start AND id < after);
    IF moving THEN
        CREATE TABLE public.events_moving (LIKE public.events);
        WITH moved AS (
            DELETE FROM public.events_default WHERE id >= start AND id < after RETURNING *
        ) INSERT INTO public.events_moving SELECT * FROM moved;
    END IF;
    EXECUTE format(
        'ALTER TABLE public.events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        named, start, after);
    IF moving THEN
        EXECUTE format('INSERT INTO public.%I SELECT * FROM public.events_moving', named);
        DROP TABLE public.events_moving;
    END IF;
    RETURN 'made';
END
$$
"""

# Where policies would hide rows it fails rather than find none.
DROP = """
CREATE FUNCTION public.drop_month(part regclass) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    used boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', part) INTO used;
    IF used THEN
        RETURN NULL;
    END IF;
    LOCK TABLE ONLY public.events IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', part) INTO used;
    IF used THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE %s', part);
    RETURN 'dropped';
END
$$
"""

# Eight days: an id may be a week old, by a clock that is a day slow.
KEEP = """
CREATE FUNCTION public.keep_months() RETURNS TABLE (named text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    oldest timestamptz := now() - interval '8 days';
    month timestamp;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7262) THEN
        RETURN;
    END IF;
    FOR month IN SELECT generate_series(
        date_trunc('month', oldest AT TIME ZONE 'UTC'),
        (now() AT TIME ZONE 'UTC') + interval '3 months',
        interval '1 month'
    ) LOOP
        named := to_char(month, '"events_"YYYY_MM');
        BEGIN
            outcome := public.make_month(month::date);
        EXCEPTION WHEN lock_not_available THEN
            outcome := 'busy';
        END;
        IF outcome IS NOT NULL THEN
            RETURN NEXT;
        END IF;
        EXIT WHEN outcome = 'busy';
    END LOOP;
    FOR named IN
        SELECT there.named FROM public.months_of_events() AS there
        WHERE there.beyond <= public.first_id(oldest) AND outcome IS DISTINCT FROM 'busy'
    LOOP
        BEGIN
            outcome := public.drop_month(format('public.%I', named)::regclass);
        EXCEPTION WHEN lock_not_available THEN
            outcome := 'busy';
        END;
        IF outcome IS NOT NULL THEN
            RETURN NEXT;
        END IF;
        EXIT WHEN outcome = 'busy';
    END LOOP;
END
$$
"""

FUNCTIONS = {
    "first_id(timestamptz)": FIRST_ID,
    "months_of_events()": MONTHS,
    "close_partition(regclass)": CLOSE,
    "make_month(date, bigint)": MAKE,
    "drop_month(regclass)": DROP,
    "keep_months()": KEEP,
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    month = _coming_month()
    beyond = UUID(int=int(month.timestamp()) * 1000 << 80)
    belong = _all_are_before(beyond)
    for signature, text in FUNCTIONS.items():
        op.execute(text)
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")
    op.execute("SET LOCAL statement_timeout = 0")
    former = f"events_before_{month:%Y_%m}"
    _rename(former)
    op.execute(
        f"CREATE TABLE events (LIKE {former} INCLUDING DEFAULTS INCLUDING STORAGE) "
        "PARTITION BY RANGE (id)"
    )
    _add_keys()
    op.execute("CREATE TABLE events_default PARTITION OF events DEFAULT")
    op.execute("SELECT close_partition('events_default')")
    _attach(former, beyond, belong)
    _open_to_the_program()
    op.execute("SELECT keep_months()")


def _coming_month() -> datetime:
    """The first that is more than a week ahead: no id that is made meanwhile is beyond it."""
    day = datetime.now(UTC) + timedelta(days=7)
    return datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)


def _all_are_before(beyond: UUID) -> bool:
    """Look through all rows without locking them, and have it stay so. Should what follows fail,
    the next try drops the constraint; whoever does not try again before the coming month drops it
    by hand, since it would refuse that month's events."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("ALTER TABLE events DROP CONSTRAINT IF EXISTS ck_events_before")
        op.execute(
            f"ALTER TABLE events ADD CONSTRAINT ck_events_before CHECK (id < '{beyond}') NOT VALID"
        )
        try:
            op.execute("ALTER TABLE events VALIDATE CONSTRAINT ck_events_before")
            belong = True
        except sa.exc.IntegrityError:
            belong = False
        op.execute("RESET statement_timeout")
    return belong


def _rename(former: str) -> None:
    op.execute("ALTER TABLE events NO FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS tenant ON events")
    op.execute(f"ALTER TABLE events RENAME TO {former}")
    op.execute(f"ALTER INDEX pk_events RENAME TO {former}_pkey")
    for column in INDEXES:
        name = f"ix_events_site_number_{column}"
        op.execute(f"ALTER INDEX {name} RENAME TO {former}_site_number_{column}_idx")


def _add_keys() -> None:
    op.create_primary_key(op.f("pk_events"), "events", KEY)
    op.create_foreign_key(
        op.f("fk_events_organization_id_site_number"),
        "events",
        "sites",
        OF_A_SITE,
        ["organization_id", "number"],
        ondelete="CASCADE",
    )
    for column, where in INDEXES.items():
        op.create_index(
            f"ix_events_site_number_{column}",
            "events",
            ["site_number", column],
            postgresql_where=sa.text(where) if where else None,
        )


def _attach(former: str, beyond: UUID, belong: bool) -> None:
    # Rather fail than find no row where policies hide some.
    op.execute("SET LOCAL row_security = off")
    empty = not op.get_bind().scalar(sa.text(f"SELECT EXISTS (SELECT FROM {former})"))
    if not empty and not belong:
        op.execute(
            f"WITH moved AS (DELETE FROM {former} WHERE id >= '{beyond}' RETURNING *) "
            "INSERT INTO events_default SELECT * FROM moved"
        )
    op.execute("SET LOCAL row_security = on")
    if empty:
        op.execute(f"DROP TABLE {former}")
        return
    op.execute(f"SELECT close_partition('{former}')")
    op.execute(
        f"ALTER TABLE events ATTACH PARTITION {former} FOR VALUES FROM (MINVALUE) TO ('{beyond}')"
    )
    op.execute(f"ALTER TABLE {former} DROP CONSTRAINT ck_events_before")


def _open_to_the_program() -> None:
    """As it was, at once: the program may be running."""
    there = sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'candor_app'")
    if op.get_bind().scalar(there):
        op.execute("ALTER TABLE events ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE events FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON events TO candor_app USING ({MINE}) WITH CHECK ({MINE})"
        )
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON events TO candor_app")


def downgrade() -> None:
    """Copies all rows into one table."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("ALTER TABLE events NO FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE events RENAME TO events_by_month")
    op.execute(
        "CREATE TABLE events (LIKE events_by_month INCLUDING DEFAULTS INCLUDING STORAGE)"
    )
    op.execute("SET LOCAL row_security = off")
    op.execute("INSERT INTO events SELECT * FROM events_by_month")
    op.execute("SET LOCAL row_security = on")
    op.execute("DROP TABLE events_by_month")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION public.{signature}")
    _add_keys()
    _open_to_the_program()
