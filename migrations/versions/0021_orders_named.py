"""When an order was first named by a row that is dropped

Revision: 0021
Follows: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'


def upgrade() -> None:
    op.add_column('orders', sa.Column('named_at', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('orders', 'named_at')
