"""Events, sessions and visitors, what was dropped and what was put into quarantine; numbers of sites

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import Guid
from app.core.sql import Document

revision = "0006"
down_revision = "0005"

NUMBER_SITES = """
UPDATE sites SET number = numbered.number FROM
(SELECT id, row_number() OVER (ORDER BY id) AS number FROM sites) AS numbered
WHERE numbered.id = sites.id
"""
REMEMBER_LAST = "INSERT INTO site_numbers (id, last) SELECT 1, count(*) FROM sites"


def upgrade() -> None:
    _number_sites()
    op.create_table('site_numbers',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_site_numbers'))
    )
    op.execute(REMEMBER_LAST)
    op.create_table('bucket_marks',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('bucket', sa.BigInteger(), nullable=False),
    sa.Column('dirty_seq', sa.BigInteger(), nullable=False),
    sa.Column('clean_seq', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_bucket_marks_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'bucket', name=op.f('pk_bucket_marks')),
    info={'system': ('SELECT', 'UPDATE')},
    sqlite_with_rowid=False
    )
    op.create_index('ix_bucket_marks_dirty', 'bucket_marks', ['site_number'], unique=False, sqlite_where=sa.text('dirty_seq > clean_seq'), postgresql_where=sa.text('dirty_seq > clean_seq'))
    op.create_table('event_drops',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('hour', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_event_drops_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'hour', 'reason', name=op.f('pk_event_drops')),
    info={'system': ('SELECT', 'DELETE')},
    sqlite_with_rowid=False
    )
    op.create_index('ix_event_drops_hour', 'event_drops', ['hour'], unique=False)
    op.create_table('events',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('session_id', Guid(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('url', sa.String(length=1000), nullable=False),
    sa.Column('referrer', sa.String(length=1000), nullable=True),
    sa.Column('title', sa.String(length=200), nullable=True),
    sa.Column('props', Document, nullable=True),
    sa.Column('amount', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.String(length=3), nullable=True),
    sa.Column('campaign_id', Guid(), nullable=True),
    sa.Column('experiments', Document, nullable=True),
    sa.Column('order_id', sa.String(length=200), nullable=True),
    sa.Column('by_api', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_events_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'id', name=op.f('pk_events')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_events_site_number_at', 'events', ['site_number', 'at'], unique=False)
    op.create_index(
        "ix_events_site_number_order_id",
        "events",
        ["site_number", "order_id"],
        sqlite_where=sa.text("order_id IS NOT NULL"),
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index('ix_events_site_number_session_id', 'events', ['site_number', 'session_id'], unique=False)
    op.create_table('quarantined_events',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=False),
    sa.Column('user_agent', sa.String(length=512), nullable=False),
    sa.Column('record', Document, nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_quarantined_events_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'id', name=op.f('pk_quarantined_events')),
    info={'system': ('SELECT', 'DELETE')},
    sqlite_with_rowid=False
    )
    op.create_index('ix_quarantined_events_at', 'quarantined_events', ['at'], unique=False)
    op.create_table('sessions',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('visitor', sa.LargeBinary(length=16), nullable=False),
    sa.Column('person', sa.Boolean(), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('last_at', sa.BigInteger(), nullable=False),
    sa.Column('events', sa.Integer(), nullable=False),
    sa.Column('page_views', sa.Integer(), nullable=False),
    sa.Column('active', sa.BigInteger(), nullable=False),
    sa.Column('entry_url', sa.String(length=1000), nullable=False),
    sa.Column('exit_url', sa.String(length=1000), nullable=False),
    sa.Column('referrer', sa.String(length=1000), nullable=True),
    sa.Column('referrer_host', sa.String(length=253), nullable=True),
    sa.Column('channel', sa.String(length=24), nullable=False),
    sa.Column('utm_source', sa.String(length=200), nullable=True),
    sa.Column('utm_medium', sa.String(length=200), nullable=True),
    sa.Column('utm_campaign', sa.String(length=200), nullable=True),
    sa.Column('utm_term', sa.String(length=200), nullable=True),
    sa.Column('utm_content', sa.String(length=200), nullable=True),
    sa.Column('parameters', Document, nullable=True),
    sa.Column('country', sa.String(length=2), nullable=True),
    sa.Column('region', sa.String(length=100), nullable=True),
    sa.Column('city', sa.String(length=100), nullable=True),
    sa.Column('device', sa.String(length=10), nullable=False),
    sa.Column('browser', sa.String(length=60), nullable=False),
    sa.Column('system', sa.String(length=60), nullable=False),
    sa.Column('language', sa.String(length=12), nullable=True),
    sa.Column('masked_address', sa.String(length=40), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_sessions_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'id', name=op.f('pk_sessions')),
    sqlite_with_rowid=False
    )
    op.create_index('ix_sessions_site_number_last_at', 'sessions', ['site_number', 'last_at'], unique=False)
    op.create_index('ix_sessions_site_number_started_at', 'sessions', ['site_number', 'started_at'], unique=False)
    op.create_table('visitors',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('visitor', sa.LargeBinary(length=16), nullable=False),
    sa.Column('person', sa.Boolean(), nullable=False),
    sa.Column('session_id', Guid(), nullable=False),
    sa.Column('first_at', sa.BigInteger(), nullable=False),
    sa.Column('last_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_visitors_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'visitor', name=op.f('pk_visitors')),
    info={'system': ('SELECT', 'DELETE')},
    sqlite_with_rowid=False
    )


def _number_sites() -> None:
    """Unique indexes rather than constraints, which SQLite cannot add."""
    op.add_column("sites", sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
    op.execute(NUMBER_SITES)
    op.create_index("ix_sites_number", "sites", ["number"], unique=True)
    columns = ["organization_id", "number"]
    op.create_index("ix_sites_organization_id_number", "sites", columns, unique=True)


def downgrade() -> None:
    op.drop_table('visitors')
    op.drop_index('ix_sessions_site_number_started_at', table_name='sessions')
    op.drop_index('ix_sessions_site_number_last_at', table_name='sessions')
    op.drop_table('sessions')
    op.drop_index('ix_quarantined_events_at', table_name='quarantined_events')
    op.drop_table('quarantined_events')
    op.drop_index('ix_events_site_number_session_id', table_name='events')
    op.drop_index('ix_events_site_number_at', table_name='events')
    op.drop_table('events')
    op.drop_index('ix_event_drops_hour', table_name='event_drops')
    op.drop_table('event_drops')
    op.drop_index('ix_bucket_marks_dirty', table_name='bucket_marks', sqlite_where=sa.text('dirty_seq > clean_seq'), postgresql_where=sa.text('dirty_seq > clean_seq'))
    op.drop_table('bucket_marks')
    op.drop_table('site_numbers')
    op.drop_index("ix_sites_organization_id_number", "sites")
    op.drop_index("ix_sites_number", "sites")
    op.drop_column("sites", "number")
