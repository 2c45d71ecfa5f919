"""For how long raw events are kept

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("organizations", sa.Column("events_kept_days", sa.Integer(), nullable=True))
    op.add_column("rollup_runs", sa.Column("raw_since", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("rollup_runs", "raw_since")
    op.drop_column("organizations", "events_kept_days")
