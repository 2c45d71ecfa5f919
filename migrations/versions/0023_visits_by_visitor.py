"""Visits by their visitor: what is told late looks for the one that it was part of

Revision: 0023
Follows: 0022
"""

from alembic import op

revision = '0023'
down_revision = '0022'

INDEX = 'ix_sessions_site_number_visitor'


def upgrade() -> None:
    op.create_index(INDEX, 'sessions', ['site_number', 'visitor', 'started_at'], unique=False)
    if op.get_bind().dialect.name == 'sqlite':
        # As in 0010: how many rows have the same first column, the same first two, all three.
        op.execute(f"INSERT INTO sqlite_stat1 VALUES ('sessions', '{INDEX}', '150000 7500 2 1')")


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute(f"DELETE FROM sqlite_stat1 WHERE tbl = 'sessions' AND idx = '{INDEX}'")
    op.drop_index(INDEX, table_name='sessions')
