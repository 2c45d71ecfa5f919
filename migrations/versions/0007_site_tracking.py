"""What a site knows of visitors before they consent, and which parameters of an address it keeps

Revision: 0007
Follows: 0006
"""

import json

import sqlalchemy as sa
from alembic import op

from app.core.sql import Document

revision = "0007"
down_revision = "0006"

KEPT = (
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "gclid",
    "fbclid",
    "msclkid",
)


def upgrade() -> None:
    mode = sa.Column("mode", sa.String(length=10), nullable=False, server_default="anonymous")
    op.add_column("sites", mode)
    parameters = sa.Column("parameters", Document, nullable=False, server_default=json.dumps(KEPT))
    op.add_column("sites", parameters)


def downgrade() -> None:
    op.drop_column("sites", "parameters")
    op.drop_column("sites", "mode")
