"""The builder: frequency, tracking and a moment of publication of campaigns, and their pictures;
who published a revision and why

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import Guid, Moment
from app.core.sql import Document

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("frequency", "tracking"):
        column = sa.Column(name, Document, nullable=False, server_default="{}")
        op.add_column("campaigns", column)
    op.add_column("campaigns", sa.Column("publish_at", Moment(), nullable=True))
    op.create_index("ix_campaigns_publish_at", "campaigns", ["publish_at"])
    op.add_column("revisions", sa.Column("author_kind", sa.String(length=10), nullable=True))
    op.add_column("revisions", sa.Column("author_id", Guid(), nullable=True))
    op.add_column("revisions", sa.Column("cause", Document, nullable=True))
    op.create_table(
        "images",
        sa.Column("id", Guid(), nullable=False),
        sa.Column("organization_id", Guid(), nullable=False),
        sa.Column("site_id", Guid(), nullable=False),
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "site_id"],
            ["sites.organization_id", "sites.id"],
            name=op.f("fk_images_organization_id_site_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_images_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("token", name=op.f("uq_images_token")),
    )
    op.create_index("ix_images_site_id", "images", ["site_id"])


def downgrade() -> None:
    op.drop_table("images")
    op.drop_index("ix_campaigns_publish_at", "campaigns")
    for name in ("cause", "author_id", "author_kind"):
        op.drop_column("revisions", name)
    for name in ("publish_at", "tracking", "frequency"):
        op.drop_column("campaigns", name)
