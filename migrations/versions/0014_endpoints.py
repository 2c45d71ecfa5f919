"""Endpoints and deliveries

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = '0014'
down_revision = '0013'


def upgrade() -> None:
    op.create_table('endpoints',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=True),
    sa.Column('description', sa.String(length=120), nullable=False),
    sa.Column('url_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('types', Document, nullable=False),
    sa.Column('headers_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('secret_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('old_secret_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('old_secret_until', Moment(), nullable=True),
    sa.Column('disabled_at', Moment(), nullable=True),
    sa.Column('disabled_reason', sa.String(length=10), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('failing_since', Moment(), nullable=True),
    sa.Column('waits_until', Moment(), nullable=True),
    sa.Column('delivered_at', Moment(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_endpoints_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_endpoints_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_endpoints')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_endpoints_organization_id_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_endpoints_site_id', 'endpoints', ['site_id'], unique=False)
    op.create_table('deliveries',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('endpoint_id', Guid(), nullable=False),
    sa.Column('type', sa.String(length=60), nullable=False),
    sa.Column('test', sa.Boolean(), nullable=False),
    sa.Column('payload_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('payload_until', Moment(), nullable=True),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', Moment(), nullable=True),
    sa.Column('redelivery_id', Guid(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('settled_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'endpoint_id'], ['endpoints.organization_id', 'endpoints.id'], name=op.f('fk_deliveries_organization_id_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_deliveries_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_deliveries_organization_id_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_deliveries_endpoint_id_id', 'deliveries', ['endpoint_id', 'id', 'state'], unique=False)
    op.create_index('ix_deliveries_endpoint_id_state', 'deliveries', ['endpoint_id', 'state', 'next_attempt_at'], unique=False)
    op.create_index('ix_deliveries_payload_until', 'deliveries', ['payload_until'], unique=False)
    op.create_index('ix_deliveries_redelivery_id', 'deliveries', ['redelivery_id', 'state'], unique=False)
    op.create_index('ix_deliveries_state_next_attempt_at', 'deliveries', ['state', 'next_attempt_at'], unique=False)
    op.create_table('redeliveries',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('endpoint_id', Guid(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'endpoint_id'], ['endpoints.organization_id', 'endpoints.id'], name=op.f('fk_redeliveries_organization_id_endpoint_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_redeliveries_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_redeliveries'))
    )
    op.create_table('delivery_attempts',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('delivery_id', Guid(), nullable=False),
    sa.Column('at', Moment(), nullable=False),
    sa.Column('milliseconds', sa.Integer(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error', sa.String(length=300), nullable=True),
    sa.Column('sent_headers_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('headers_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('body_sealed', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'delivery_id'], ['deliveries.organization_id', 'deliveries.id'], name=op.f('fk_delivery_attempts_organization_id_delivery_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_delivery_attempts_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_attempts'))
    )
    op.create_index('ix_delivery_attempts_delivery_id_id', 'delivery_attempts', ['delivery_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_delivery_attempts_delivery_id_id', table_name='delivery_attempts')
    op.drop_table('delivery_attempts')
    op.drop_table('redeliveries')
    op.drop_index('ix_deliveries_state_next_attempt_at', table_name='deliveries')
    op.drop_index('ix_deliveries_redelivery_id', table_name='deliveries')
    op.drop_index('ix_deliveries_payload_until', table_name='deliveries')
    op.drop_index('ix_deliveries_endpoint_id_state', table_name='deliveries')
    op.drop_index('ix_deliveries_endpoint_id_id', table_name='deliveries')
    op.drop_table('deliveries')
    op.drop_index('ix_endpoints_site_id', table_name='endpoints')
    op.drop_table('endpoints')
