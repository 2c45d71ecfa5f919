"""Events by their session: those that have one, and found by it on SQLite too

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'

INDEX = 'ix_events_site_number_session_id'

# How many rows there are, then how many of them have the same first column, the same first two.
# Without this SQLite believes that a site has ten rows, and to find those of a session it reads
# all that the site has. What it would count by itself in an empty table is no better.
STATISTICS = {
    ('events', 'events'): '1000000 50000 1',
    ('events', 'ix_events_site_number_at'): '1000000 50000 2',
    ('events', INDEX): '1000000 50000 7',
    ('events', 'ix_events_site_number_order_id'): '10000 500 2',
    ('sessions', 'sessions'): '150000 7500 1',
    ('sessions', 'ix_sessions_site_number_started_at'): '150000 7500 2',
    ('sessions', 'ix_sessions_site_number_last_at'): '150000 7500 2',
    ('visitors', 'visitors'): '10000 500 1',
}


def upgrade() -> None:
    # Nobody looks for events without a session by it, and they are a good part of all.
    op.drop_index(INDEX, table_name='events')
    op.create_index(
        INDEX,
        'events',
        ['site_number', 'session_id'],
        sqlite_where=sa.column('session_id').is_not(None),
        postgresql_where=sa.column('session_id').is_not(None),
    )
    if op.get_bind().dialect.name == 'sqlite':
        # Makes the table of statistics and nothing else.
        op.execute('ANALYZE sqlite_schema')
        for (table, index), numbers in STATISTICS.items():
            op.execute(f"INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{numbers}')")


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for table, index in STATISTICS:
            op.execute(f"DELETE FROM sqlite_stat1 WHERE tbl = '{table}' AND idx = '{index}'")
    op.drop_index(INDEX, table_name='events')
    op.create_index(INDEX, 'events', ['site_number', 'session_id'], unique=False)
