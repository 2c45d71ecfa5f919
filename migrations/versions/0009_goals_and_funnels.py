"""Goals and funnels

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = '0009'
down_revision = '0008'


def upgrade() -> None:
    op.create_table('funnels',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('kept_steps', Document, nullable=False),
    sa.Column('window', sa.Integer(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_funnels_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_funnels_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_funnels')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_funnels_organization_id_id'))
    )
    op.create_index('ix_funnels_site_id', 'funnels', ['site_id', 'id'], unique=False)
    op.create_table('goals',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('match', sa.String(length=300), nullable=False),
    sa.Column('having', sa.String(length=300), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_goals_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_goals_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_goals')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_goals_organization_id_id'))
    )
    op.create_index('ix_goals_site_id', 'goals', ['site_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_goals_site_id', table_name='goals')
    op.drop_table('goals')
    op.drop_index('ix_funnels_site_id', table_name='funnels')
    op.drop_table('funnels')
