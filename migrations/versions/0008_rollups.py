"""Days that are added up

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment

revision = '0008'
down_revision = '0007'


def upgrade() -> None:
    op.create_table('day_rollups',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('part', sa.String(length=10), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_day_rollups_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'day', 'part', name=op.f('pk_day_rollups'))
    )
    if op.get_bind().dialect.name == 'postgresql':
        # Numbers in a row: to compress them costs more than to read them.
        op.execute('ALTER TABLE day_rollups ALTER COLUMN data SET STORAGE EXTERNAL')
    op.create_table('rolled_days',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('rolled_at', sa.BigInteger(), nullable=False),
    sa.Column('took', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_rolled_days_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', 'day', name=op.f('pk_rolled_days')),
    sqlite_with_rowid=False
    )
    op.create_table('rollup_runs',
    sa.Column('site_number', sa.Integer(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('zone', sa.String(length=60), nullable=False),
    sa.Column('turn', sa.BigInteger(), nullable=False),
    sa.Column('leased_until', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_number'], ['sites.organization_id', 'sites.number'], name=op.f('fk_rollup_runs_organization_id_site_number'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_number', name=op.f('pk_rollup_runs')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_rollup_runs_due_at', 'rollup_runs', ['due_at'], unique=False)
    op.create_index('ix_orders_site_id_external_id', 'orders', ['site_id', 'external_id'], unique=False)
    op.add_column('sites', sa.Column('trusts_pages', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column('sites', 'trusts_pages')
    op.drop_index('ix_orders_site_id_external_id', table_name='orders')
    op.drop_index('ix_rollup_runs_due_at', table_name='rollup_runs')
    op.drop_table('rollup_runs')
    op.drop_table('rolled_days')
    op.drop_table('day_rollups')
