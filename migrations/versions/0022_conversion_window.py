"""How long after it was seen a campaign counts conversions

Revision: 0022
Follows: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'

WEEK = 7 * 86_400  # seconds


def upgrade() -> None:
    window = sa.Column('conversion_window', sa.Integer(), nullable=False, server_default=str(WEEK))
    op.add_column('sites', window)


def downgrade() -> None:
    op.drop_column('sites', 'conversion_window')
