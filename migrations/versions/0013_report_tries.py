"""When a report is tried again, apart from which days it is about

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op
from app.core.db import Moment

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("reports", sa.Column("try_at", Moment(), nullable=True))
    # Row-level security is forced upon the owner too, who would find no row; `tenancy.enforce` forces
    # it again once all migrations are done.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE reports NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE reports SET try_at = next_at")
    op.drop_index("ix_reports_next_at", table_name="reports")
    op.create_index("ix_reports_try_at", "reports", ["try_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_reports_try_at", table_name="reports")
    op.create_index("ix_reports_next_at", "reports", ["next_at"], unique=False)
    op.drop_column("reports", "try_at")
