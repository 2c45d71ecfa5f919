"""Replays, imports, opt-outs

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column('activities', sa.Column('import_id', Guid(), nullable=True))
    op.create_index('ix_activities_import_id', 'activities', ['import_id'], unique=False)
    op.create_index('ix_activities_person_index', 'activities', ['organization_id', 'person_index'], unique=False)
    op.add_column('inbound_deliveries', sa.Column('subject', sa.String(length=60), nullable=True))
    op.add_column('inbound_deliveries', sa.Column('external_id', sa.String(length=200), nullable=True))
    op.create_index('ix_inbound_deliveries_external_id', 'inbound_deliveries', ['organization_id', 'external_id'], unique=False)
    op.create_index('ix_inbound_deliveries_organization_id_id', 'inbound_deliveries', ['organization_id', 'id'], unique=True)
    op.create_index('ix_inbound_deliveries_topic_id', 'inbound_deliveries', ['organization_id', 'topic', 'id'], unique=False)
    op.create_index('ix_inbound_deliveries_verdict_id', 'inbound_deliveries', ['organization_id', 'verdict', 'id'], unique=False)
    op.create_table('opt_outs',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('person_index', sa.LargeBinary(length=16), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_opt_outs_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_opt_outs')),
    sa.UniqueConstraint('organization_id', 'person_index', name=op.f('uq_opt_outs_organization_id_person_index'))
    )
    op.create_table('replay_ranges',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('filter_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('actor_kind', sa.String(length=10), nullable=False),
    sa.Column('actor_id', Guid(), nullable=True),
    sa.Column('last_id', Guid(), nullable=False),
    sa.Column('position_id', Guid(), nullable=True),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('moved_at', Moment(), nullable=False),
    sa.Column('finished_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_replay_ranges_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replay_ranges')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_replay_ranges_finished_at', 'replay_ranges', ['finished_at', 'moved_at'], unique=False)
    op.create_table('imports',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('file_name_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('upload_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('columns', Document, nullable=False),
    sa.Column('otherwise', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('created', sa.Integer(), nullable=False),
    sa.Column('left_out', sa.Integer(), nullable=False),
    sa.Column('report_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('moved_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_imports_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_imports_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imports')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_imports_organization_id_id', 'imports', ['organization_id', 'id'], unique=False)
    op.create_index('ix_imports_state', 'imports', ['state', 'moved_at'], unique=False)
    op.create_table('replays',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('delivery_id', Guid(), nullable=False),
    sa.Column('actor_kind', sa.String(length=10), nullable=False),
    sa.Column('actor_id', Guid(), nullable=True),
    sa.Column('before', sa.String(length=10), nullable=False),
    sa.Column('before_reason_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('after', sa.String(length=10), nullable=False),
    sa.Column('after_reason_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'delivery_id'], ['inbound_deliveries.organization_id', 'inbound_deliveries.id'], name=op.f('fk_replays_organization_id_delivery_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_replays_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replays'))
    )
    op.create_index('ix_replays_delivery_id_id', 'replays', ['delivery_id', 'id'], unique=False)
