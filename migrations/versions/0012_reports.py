"""Segments, shared links, reports, alerts and annotations

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = '0012'
down_revision = '0011'


def upgrade() -> None:
    op.create_table('alerts',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('metric', sa.String(length=20), nullable=False),
    sa.Column('direction', sa.String(length=10), nullable=False),
    sa.Column('unit', sa.String(length=10), nullable=False),
    sa.Column('percent', sa.Integer(), nullable=False),
    sa.Column('minimum', sa.BigInteger(), nullable=False),
    sa.Column('due_at', Moment(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_alerts_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_alerts_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alerts')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_alerts_organization_id_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_alerts_due_at', 'alerts', ['due_at'], unique=False)
    op.create_index('ix_alerts_site_id', 'alerts', ['site_id', 'id'], unique=False)
    op.create_table('annotations',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('text', sa.String(length=300), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_annotations_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_annotations_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_annotations'))
    )
    op.create_index('ix_annotations_site_id_day', 'annotations', ['site_id', 'day'], unique=False)
    op.create_table('reports',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('metrics', Document, nullable=False),
    sa.Column('dimensions', Document, nullable=False),
    sa.Column('filters', Document, nullable=False),
    sa.Column('period', sa.String(length=20), nullable=False),
    sa.Column('schedule', sa.String(length=10), nullable=True),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('next_at', Moment(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_reports_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_reports_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_reports_organization_id_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_reports_next_at', 'reports', ['next_at'], unique=False)
    op.create_index('ix_reports_site_id', 'reports', ['site_id', 'id'], unique=False)
    op.create_table('segments',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('filters', Document, nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_segments_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_segments_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segments')),
    sa.UniqueConstraint('organization_id', 'site_id', 'name', name=op.f('uq_segments_organization_id_site_id_name'))
    )
    op.create_table('shared_links',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=True),
    sa.Column('filters', Document, nullable=False),
    sa.Column('shows_revenue', sa.Boolean(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('expires_at', Moment(), nullable=True),
    sa.Column('revoked_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_shared_links_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_shared_links_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shared_links')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_shared_links_digest', 'shared_links', ['digest'], unique=True)
    op.create_index('ix_shared_links_site_id', 'shared_links', ['site_id'], unique=False)
    op.create_table('alert_firings',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('alert_id', Guid(), nullable=False),
    sa.Column('began_at', sa.BigInteger(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('usual', sa.BigInteger(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'alert_id'], ['alerts.organization_id', 'alerts.id'], name=op.f('fk_alert_firings_organization_id_alert_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_alert_firings_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_firings')),
    sa.UniqueConstraint('organization_id', 'alert_id', 'began_at', name=op.f('uq_alert_firings_organization_id_alert_id_began_at'))
    )
    op.create_table('alert_recipients',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('alert_id', Guid(), nullable=False),
    sa.Column('member_id', Guid(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'alert_id'], ['alerts.organization_id', 'alerts.id'], name=op.f('fk_alert_recipients_organization_id_alert_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'member_id'], ['members.organization_id', 'members.id'], name=op.f('fk_alert_recipients_organization_id_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_alert_recipients_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_recipients')),
    sa.UniqueConstraint('organization_id', 'alert_id', 'member_id', name=op.f('uq_alert_recipients_organization_id_alert_id_member_id'))
    )
    op.create_index('ix_alert_recipients_member_id', 'alert_recipients', ['member_id'], unique=False)
    op.create_table('report_recipients',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('report_id', Guid(), nullable=False),
    sa.Column('member_id', Guid(), nullable=True),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('email_index', sa.LargeBinary(length=16), nullable=True),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=True),
    sa.Column('expires_at', Moment(), nullable=True),
    sa.Column('confirmed_at', Moment(), nullable=True),
    sa.Column('unsubscribed_at', Moment(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'member_id'], ['members.organization_id', 'members.id'], name=op.f('fk_report_recipients_organization_id_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'report_id'], ['reports.organization_id', 'reports.id'], name=op.f('fk_report_recipients_organization_id_report_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_report_recipients_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_recipients')),
    sa.UniqueConstraint('organization_id', 'report_id', 'email_index', name=op.f('uq_report_recipients_organization_id_report_id_email_index')),
    sa.UniqueConstraint('organization_id', 'report_id', 'member_id', name=op.f('uq_report_recipients_organization_id_report_id_member_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_report_recipients_digest', 'report_recipients', ['digest'], unique=True)
    op.create_index('ix_report_recipients_member_id', 'report_recipients', ['member_id'], unique=False)
    op.create_index('ix_report_recipients_report_id', 'report_recipients', ['report_id'], unique=False)
    op.create_table('report_sendings',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('report_id', Guid(), nullable=False),
    sa.Column('due_at', Moment(), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'report_id'], ['reports.organization_id', 'reports.id'], name=op.f('fk_report_sendings_organization_id_report_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_report_sendings_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_sendings')),
    sa.UniqueConstraint('organization_id', 'report_id', 'due_at', name=op.f('uq_report_sendings_organization_id_report_id_due_at'))
    )
    op.add_column('outgoing_mail', sa.Column('unsubscribe_sealed', sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column('outgoing_mail', 'unsubscribe_sealed')
    op.drop_table('report_sendings')
    op.drop_index('ix_report_recipients_report_id', table_name='report_recipients')
    op.drop_index('ix_report_recipients_member_id', table_name='report_recipients')
    op.drop_index('ix_report_recipients_digest', table_name='report_recipients')
    op.drop_table('report_recipients')
    op.drop_index('ix_alert_recipients_member_id', table_name='alert_recipients')
    op.drop_table('alert_recipients')
    op.drop_table('alert_firings')
    op.drop_index('ix_shared_links_site_id', table_name='shared_links')
    op.drop_index('ix_shared_links_digest', table_name='shared_links')
    op.drop_table('shared_links')
    op.drop_table('segments')
    op.drop_index('ix_reports_site_id', table_name='reports')
    op.drop_index('ix_reports_next_at', table_name='reports')
    op.drop_table('reports')
    op.drop_index('ix_annotations_site_id_day', table_name='annotations')
    op.drop_table('annotations')
    op.drop_index('ix_alerts_site_id', table_name='alerts')
    op.drop_index('ix_alerts_due_at', table_name='alerts')
    op.drop_table('alerts')
