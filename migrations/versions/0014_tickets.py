"""Tickets and what conversations do by themselves

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment

revision = '0014'
down_revision = '0013'


def upgrade() -> None:
    op.create_table('tickets',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('conversation_id', Guid(), nullable=True),
    sa.Column('contact_id', Guid(), nullable=True),
    sa.Column('assignee_id', Guid(), nullable=True),
    sa.Column('person_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('subject_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('text_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('priority', sa.String(length=8), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('changed_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'assignee_id'], ['members.organization_id', 'members.id'], name=op.f('fk_tickets_organization_id_assignee_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_tickets_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_tickets_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tickets')),
    sa.UniqueConstraint('organization_id', 'conversation_id', name=op.f('uq_tickets_organization_id_conversation_id')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_tickets_organization_id_id')),
    sa.UniqueConstraint('organization_id', 'number', name=op.f('uq_tickets_organization_id_number'))
    )
    op.create_index('ix_tickets_organization_id_state', 'tickets', ['organization_id', 'state', 'id'], unique=False)
    op.add_column('conversations', sa.Column('mail_due_at', Moment(), nullable=True))
    op.add_column('conversations', sa.Column('waiting_due_at', Moment(), nullable=True))
    op.create_index('ix_conversations_mail_due_at', 'conversations', ['mail_due_at'], unique=False)
    op.create_index('ix_conversations_waiting_due_at', 'conversations', ['waiting_due_at'], unique=False)
