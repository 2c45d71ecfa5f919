"""What the tables of tracking share: rows that are many and small."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Guid
from app.core.tenancy import Owned

# Rows are kept in the order of their key, without a second tree for it. Postgres has no such thing.
CLUSTERED = {"sqlite_with_rowid": False}


class Numbered(Owned):
    """Mixin of a table whose rows name their site by its number, a few bytes instead of sixteen.

    The organization is checked with the site: the one foreign key carries both.
    """

    organization_id: Mapped[UUID] = mapped_column(Guid, sort_order=-1)
    site_number: Mapped[int] = mapped_column(Integer, sort_order=-3)


def of_a_site() -> ForeignKeyConstraint:
    """The foreign key that each of these tables has."""
    columns = ["organization_id", "site_number"]
    target = ["sites.organization_id", "sites.number"]
    return ForeignKeyConstraint(columns, target, ondelete="CASCADE")
