"""Events told to endpoints

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = '0018'
down_revision = '0017'


def upgrade() -> None:
    op.create_table('told_events',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('endpoint_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('bucket', sa.BigInteger(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('ready_at', sa.BigInteger(), nullable=False),
    sa.Column('told', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'endpoint_id'], ['endpoints.organization_id', 'endpoints.id'], name=op.f('fk_told_events_organization_id_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_told_events_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_told_events_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_told_events')),
    sa.UniqueConstraint('organization_id', 'endpoint_id', 'site_id', 'bucket', name=op.f('uq_told_events_organization_id_endpoint_id_site_id_bucket'))
    )
    op.create_index('ix_told_events_bucket', 'told_events', ['bucket'], unique=False)
    op.create_index('ix_told_events_endpoint_id', 'told_events', ['endpoint_id', 'site_id', 'bucket'], unique=False)
    op.create_index('ix_told_events_site_id', 'told_events', ['site_id'], unique=False)
    op.add_column('endpoints', sa.Column('event_names', Document, nullable=True))
    op.add_column('endpoints', sa.Column('events_since', sa.BigInteger(), nullable=True))
