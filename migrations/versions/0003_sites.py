"""Sightings of the snippet, and what lists and counts of ten thousand sites need

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

from app.core.db import Guid, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "site_sightings",
        sa.Column("id", Guid(), nullable=False),
        sa.Column("organization_id", Guid(), nullable=False),
        sa.Column("site_id", Guid(), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", Moment(), nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "site_id"],
            ["sites.organization_id", "sites.id"],
            name=op.f("fk_site_sightings_organization_id_site_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_site_sightings_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_sightings")),
        sa.UniqueConstraint(
            "organization_id",
            "site_id",
            "host",
            name=op.f("uq_site_sightings_organization_id_site_id_host"),
        ),
    )
    op.create_index(
        "ix_site_sightings_site_id_allowed",
        "site_sightings",
        ["site_id", "allowed", "last_seen_at"],
    )
    op.add_column(
        "sites", sa.Column("search_text", sa.String(length=250), server_default="", nullable=False)
    )
    _fill_search_text()
    op.create_index(
        "ix_sites_organization_id_search_text", "sites", ["organization_id", "search_text", "id"]
    )
    op.drop_index("ix_activities_site_id_occurred_at", "activities")
    op.create_index(
        "ix_activities_organization_id_site_id_occurred_at",
        "activities",
        ["organization_id", "site_id", "occurred_at", "retracted_at"],
    )
    op.create_index(
        "ix_activities_organization_id_occurred_at",
        "activities",
        ["organization_id", "occurred_at", "site_id", "retracted_at"],
    )
    op.create_index("ix_sources_organization_id_kind", "sources", ["organization_id", "kind"])
    op.create_index(
        "ix_inbound_deliveries_organization_id_received_at",
        "inbound_deliveries",
        ["organization_id", "received_at", "verdict", "source_id"],
    )


def _fill_search_text() -> None:
    sites = sa.table(
        "sites",
        sa.column("id", Guid()),
        sa.column("name", sa.String()),
        sa.column("client_name", sa.String()),
        sa.column("search_text", sa.String()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(sites)).all():
        text = f"{row.name} {row.client_name or ''}".strip().casefold()[:250]
        connection.execute(
            sa.update(sites).where(sites.c.id == row.id).values(search_text=text)
        )
