"""Whether a site told the address of whom it vouches for, or he claims it himself

Revision: 0024
Follows: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'


def upgrade() -> None:
    # Of those that there are nobody knows it any more. The site tells it again on its next page.
    told = sa.Column('email_told', sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column('guests', told)


def downgrade() -> None:
    op.drop_column('guests', 'email_told')
