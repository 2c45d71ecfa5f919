"""Sign-up, invitations, settings of organizations

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Guid, Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table('account_mail',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('recipient_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('subject_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('text_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('html_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', Moment(), nullable=True),
    sa.Column('last_error_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('sent_at', Moment(), nullable=True),
    sa.Column('erase_at', Moment(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_mail')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_account_mail_erase_at', 'account_mail', ['erase_at'], unique=False)
    op.create_index('ix_account_mail_state_next_attempt_at', 'account_mail', ['state', 'next_attempt_at'], unique=False)
    op.create_table('sign_ups',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('name_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('organization_name', sa.String(length=120), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_ups')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_sign_ups_token_digest')),
    info={'system': ('SELECT', 'DELETE')}
    )
    op.create_index(op.f('ix_sign_ups_expires_at'), 'sign_ups', ['expires_at'], unique=False)
    op.create_table('email_verifications',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.Column('user_id', Guid(), nullable=False),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_email_verifications_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_email_verifications')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_email_verifications_token_digest')),
    info={'system': ('SELECT', 'DELETE')}
    )
    op.create_index(op.f('ix_email_verifications_expires_at'), 'email_verifications', ['expires_at'], unique=False)
    op.create_index('ix_email_verifications_user_id', 'email_verifications', ['user_id'], unique=False)
    op.create_table('invitations',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('organization_id', Guid(), nullable=False),
    sa.Column('email_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('email_index', sa.LargeBinary(length=16), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('mailed_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('shown_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('inviter_id', Guid(), nullable=True),
    sa.Column('mail_id', Guid(), nullable=True),
    sa.Column('created_at', Moment(), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.Column('accepted_at', Moment(), nullable=True),
    sa.Column('revoked_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['inviter_id'], ['users.id'], name=op.f('fk_invitations_inviter_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['organization_id'], ['organizations.id'], name=op.f('fk_invitations_organization_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
    info={'system': ('SELECT',)}
    )
    op.create_index('ix_invitations_email_index', 'invitations', ['organization_id', 'email_index'], unique=False)
    op.create_index('ix_invitations_inviter_id', 'invitations', ['inviter_id'], unique=False)
    op.create_index('ix_invitations_mailed_digest', 'invitations', ['mailed_digest'], unique=True)
    op.create_index('ix_invitations_shown_digest', 'invitations', ['shown_digest'], unique=True)
    op.create_table('password_resets',
    sa.Column('id', Guid(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('expires_at', Moment(), nullable=False),
    sa.Column('user_id', Guid(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_password_resets_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_password_resets')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_password_resets_token_digest')),
    info={'system': ('SELECT', 'DELETE')}
    )
    op.create_index(op.f('ix_password_resets_expires_at'), 'password_resets', ['expires_at'], unique=False)
    op.create_index('ix_password_resets_user_id', 'password_resets', ['user_id'], unique=False)
    op.add_column('organizations', sa.Column('currency', sa.String(length=3), server_default='EUR', nullable=False))
    op.add_column('organizations', sa.Column('language', sa.String(length=12), server_default='en', nullable=False))
    op.add_column('organizations', sa.Column('demo', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('organizations', sa.Column('deletion_at', Moment(), nullable=True))
    op.add_column('api_keys', sa.Column('maker_id', Guid(), nullable=True))
    op.add_column('users', sa.Column('email_verified_at', Moment(), nullable=True))
    op.add_column('users', sa.Column('last_sign_in_at', Moment(), nullable=True))
