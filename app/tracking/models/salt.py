from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Date, Index, LargeBinary, UniqueConstraint, delete
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Base, system
from app.core.tenancy import Tenant, owned_by

SALT_KEPT = timedelta(hours=48)


class DailySalt(Tenant, Base):
    """The random salt of one site and local day. Once it is gone, its hashes mean nobody."""

    __tablename__ = "daily_salts"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "site_id", "day"),
        Index("ix_daily_salts_created_at", "created_at"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    site_id: Mapped[UUID]
    day: Mapped[date] = mapped_column(Date)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def forget_salts() -> None:
    table = DailySalt.__table__
    with system() as connection:
        connection.execute(delete(table).where(table.c.created_at < clock.now() - SALT_KEPT))  # type: ignore[arg-type]
