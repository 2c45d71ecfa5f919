"""What the inbox finds guests by, and what counts as said in a conversation

Revision: 0017
Follows: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "conversations", sa.Column("last_said_seq", sa.Integer(), nullable=False, server_default="0")
    )
    # Row-level security is forced upon the owner too, who would find no row; `tenancy.enforce` forces
    # it again once all migrations are done.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE conversations SET last_said_seq = last_public_seq")
    op.add_column("guests", sa.Column("email_index", sa.LargeBinary(length=16), nullable=True))
    op.create_index(
        "ix_guests_organization_id_email_index", "guests", ["organization_id", "email_index"]
    )


def downgrade() -> None:
    op.drop_index("ix_guests_organization_id_email_index", table_name="guests")
    op.drop_column("guests", "email_index")
    op.drop_column("conversations", "last_said_seq")
