"""Contacts and conversations

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment
from app.core.sql import Document

revision = '0015'
down_revision = '0014'


def upgrade() -> None:
    op.create_table('canned_replies',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('shortcut', sa.String(length=30), nullable=False),
    sa.Column('body', sa.String(length=4000), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_canned_replies_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_canned_replies')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_canned_replies_organization_id_id')),
    sa.UniqueConstraint('organization_id', 'shortcut', name=op.f('uq_canned_replies_organization_id_shortcut'))
    )
    op.create_table('contacts',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('name_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('email_index', sa.LargeBinary(length=16), nullable=True),
    sa.Column('user_index', sa.LargeBinary(length=16), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('last_seen_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_contacts_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts')),
    sa.UniqueConstraint('organization_id', 'email_index', name=op.f('uq_contacts_organization_id_email_index')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_contacts_organization_id_id')),
    sa.UniqueConstraint('organization_id', 'user_index', name=op.f('uq_contacts_organization_id_user_index'))
    )
    op.create_index('ix_contacts_organization_id_id', 'contacts', ['organization_id', 'id'], unique=False)
    op.create_table('labels',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('name', sa.String(length=30), nullable=False),
    sa.Column('folded', sa.String(length=60), nullable=False),
    sa.Column('colour', sa.String(length=10), nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_labels_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_labels')),
    sa.UniqueConstraint('organization_id', 'folded', name=op.f('uq_labels_organization_id_folded')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_labels_organization_id_id'))
    )
    op.create_table('chat_settings',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('on', sa.Boolean(), nullable=False),
    sa.Column('position', sa.String(length=20), nullable=False),
    sa.Column('accent', sa.String(length=7), nullable=False),
    sa.Column('asks', sa.String(length=10), nullable=False),
    sa.Column('takes_files', sa.Boolean(), nullable=False),
    sa.Column('asks_rating', sa.Boolean(), nullable=False),
    sa.Column('texts', Document, nullable=False),
    sa.Column('week', Document, nullable=True),
    sa.Column('holidays', Document, nullable=False),
    sa.Column('waiting_minutes', sa.Integer(), nullable=True),
    sa.Column('assignment', sa.String(length=12), nullable=False),
    sa.Column('outside', Document, nullable=True),
    sa.Column('reply_target', sa.Integer(), nullable=True),
    sa.Column('resolution_target', sa.Integer(), nullable=True),
    sa.Column('identity_secret_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('changed_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_chat_settings_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_chat_settings_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_chat_settings')),
    sa.UniqueConstraint('organization_id', 'site_id', name=op.f('uq_chat_settings_organization_id_site_id'))
    )
    op.create_table('guests',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('contact_id', Guid(), nullable=True),
    sa.Column('visitor', sa.LargeBinary(length=16), nullable=True),
    sa.Column('session_id', Guid(), nullable=True),
    sa.Column('name_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('verified', sa.Boolean(), nullable=False),
    sa.Column('user_agent_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('masked_address', sa.String(length=40), nullable=True),
    sa.Column('country', sa.String(length=2), nullable=True),
    sa.Column('city', sa.String(length=100), nullable=True),
    sa.Column('language', sa.String(length=12), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('last_seen_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'contact_id'], ['contacts.organization_id', 'contacts.id'], name=op.f('fk_guests_organization_id_contact_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_guests_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_guests_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guests')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_guests_organization_id_id'))
    )
    op.create_index('ix_guests_contact_id', 'guests', ['contact_id'], unique=False)
    op.create_index('ix_guests_site_id_visitor', 'guests', ['site_id', 'visitor'], unique=False)
    op.create_table('conversations',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('site_id', Guid(), nullable=False),
    sa.Column('guest_id', Guid(), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('assignee_id', Guid(), nullable=True),
    sa.Column('snoozed_until', Moment(), nullable=True),
    sa.Column('last_seq', sa.Integer(), nullable=False),
    sa.Column('last_public_seq', sa.Integer(), nullable=False),
    sa.Column('guest_read_seq', sa.Integer(), nullable=False),
    sa.Column('guest_delivered_seq', sa.Integer(), nullable=False),
    sa.Column('agent_read_seq', sa.Integer(), nullable=False),
    sa.Column('mailed_seq', sa.Integer(), nullable=False),
    sa.Column('excerpt_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('last_author', sa.String(length=10), nullable=True),
    sa.Column('session_id', Guid(), nullable=True),
    sa.Column('page', Document, nullable=False),
    sa.Column('utm', Document, nullable=False),
    sa.Column('rating', sa.Integer(), nullable=True),
    sa.Column('comment_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('opened_at', Moment(), nullable=True),
    sa.Column('last_at', Moment(), nullable=False),
    sa.Column('waiting_since', Moment(), nullable=True),
    sa.Column('first_reply_at', Moment(), nullable=True),
    sa.Column('closed_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['organization_id', 'assignee_id'], ['members.organization_id', 'members.id'], name=op.f('fk_conversations_organization_id_assignee_id'), ondelete='NO ACTION'),
    sa.ForeignKeyConstraint(['organization_id', 'guest_id'], ['guests.organization_id', 'guests.id'], name=op.f('fk_conversations_organization_id_guest_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'site_id'], ['sites.organization_id', 'sites.id'], name=op.f('fk_conversations_organization_id_site_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_conversations_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conversations')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_conversations_organization_id_id')),
    sa.UniqueConstraint('organization_id', 'site_id', 'client_id', name=op.f('uq_conversations_organization_id_site_id_client_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_conversations_guest_id', 'conversations', ['guest_id'], unique=False)
    op.create_index('ix_conversations_organization_id_assignee_id', 'conversations', ['organization_id', 'assignee_id', 'state', 'last_at'], unique=False)
    op.create_index('ix_conversations_organization_id_state', 'conversations', ['organization_id', 'state', 'last_at'], unique=False)
    op.create_index('ix_conversations_site_id_opened_at', 'conversations', ['site_id', 'opened_at'], unique=False)
    op.create_index('ix_conversations_snoozed_until', 'conversations', ['snoozed_until'], unique=False)
    op.create_table('attachments',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('conversation_id', Guid(), nullable=False),
    sa.Column('token', sa.String(length=32), nullable=False),
    sa.Column('name_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('content_type', sa.String(length=100), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.Column('data_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'conversation_id'], ['conversations.organization_id', 'conversations.id'], name=op.f('fk_attachments_organization_id_conversation_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_attachments_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachments')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_attachments_organization_id_id')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_attachments_conversation_id', 'attachments', ['conversation_id'], unique=False)
    op.create_index('ix_attachments_token', 'attachments', ['token'], unique=True)
    op.create_table('conversation_labels',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('conversation_id', Guid(), nullable=False),
    sa.Column('label_id', Guid(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'conversation_id'], ['conversations.organization_id', 'conversations.id'], name=op.f('fk_conversation_labels_organization_id_conversation_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'label_id'], ['labels.organization_id', 'labels.id'], name=op.f('fk_conversation_labels_organization_id_label_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_conversation_labels_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conversation_labels')),
    sa.UniqueConstraint('organization_id', 'conversation_id', 'label_id', name=op.f('uq_conversation_labels_organization_id_conversation_id_label_id'))
    )
    op.create_index('ix_conversation_labels_conversation_id', 'conversation_labels', ['conversation_id'], unique=False)
    op.create_index('ix_conversation_labels_label_id', 'conversation_labels', ['label_id', 'conversation_id'], unique=False)
    op.create_table('messages',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('conversation_id', Guid(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('previous', sa.Integer(), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=True),
    sa.Column('author', sa.String(length=10), nullable=False),
    sa.Column('member_id', Guid(), nullable=True),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('body_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('details', Document, nullable=True),
    sa.Column('attachment_id', Guid(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id', 'attachment_id'], ['attachments.organization_id', 'attachments.id'], name=op.f('fk_messages_organization_id_attachment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id', 'conversation_id'], ['conversations.organization_id', 'conversations.id'], name=op.f('fk_messages_organization_id_conversation_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_messages_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages')),
    sa.UniqueConstraint('organization_id', 'conversation_id', 'client_id', name=op.f('uq_messages_organization_id_conversation_id_client_id')),
    sa.UniqueConstraint('organization_id', 'conversation_id', 'seq', name=op.f('uq_messages_organization_id_conversation_id_seq')),
    sa.UniqueConstraint('organization_id', 'id', name=op.f('uq_messages_organization_id_id'))
    )
    op.create_index('ix_messages_conversation_id_seq', 'messages', ['conversation_id', 'seq'], unique=False)
