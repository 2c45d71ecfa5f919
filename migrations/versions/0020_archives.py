"""Archives of raw rows that were dropped

Revision: 0020
Follows: 0019
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment

revision = '0020'
down_revision = '0019'


def upgrade() -> None:
    op.create_table('archives',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('first_at', sa.BigInteger(), nullable=False),
    sa.Column('last_at', sa.BigInteger(), nullable=False),
    sa.Column('events', sa.Integer(), nullable=False),
    sa.Column('sessions', sa.Integer(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('checksum', sa.String(length=64), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('dropped_at', Moment(), nullable=True),
    sa.Column('restored_until', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_archives_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_archives_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_archives'))
    )
    op.create_index('ix_archives_site_id', 'archives', ['site_id'], unique=False)
    op.add_column('organizations', sa.Column('keeps_archives', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('rollup_runs', sa.Column('lost_before', sa.Date(), nullable=True))
    op.add_column('rollup_runs', sa.Column('archive_problem', sa.String(length=200), nullable=True))
    # What was dropped until now is in no archive. The owner of a table sees its rows while it is not
    # forced upon him otherwise, as it is again once all migrations are done.
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('ALTER TABLE rollup_runs NO FORCE ROW LEVEL SECURITY')
    op.execute('UPDATE rollup_runs SET lost_before = raw_since')


def downgrade() -> None:
    op.drop_column('rollup_runs', 'archive_problem')
    op.drop_column('rollup_runs', 'lost_before')
    op.drop_column('organizations', 'keeps_archives')
    op.drop_index('ix_archives_site_id', table_name='archives')
    op.drop_table('archives')
