"""Which events of a quarter of an hour an endpoint was told of."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, db
from app.core.tenancy import Tenant, owned_by

WIDTH = 16  # bytes of an id


class ToldEvents(Tenant, Base):
    """Up to which `dirty_seq` of the quarter's mark its events were looked through, and which were
    told of: events come late, so each quarter of the last week may still get some."""

    __tablename__ = "told_events"
    __table_args__ = (
        owned_by("endpoints", "endpoint_id"),
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "endpoint_id", "site_id", "bucket"),
        Index("ix_told_events_endpoint_id", "endpoint_id", "site_id", "bucket"),
        Index("ix_told_events_site_id", "site_id"),
        Index("ix_told_events_bucket", "bucket"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    endpoint_id: Mapped[UUID]
    site_id: Mapped[UUID]
    bucket: Mapped[int] = mapped_column(BigInteger)  # its first millisecond since 1970, UTC
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    # Of a quarter with many events: milliseconds since 1970 before which it is not read again.
    ready_at: Mapped[int] = mapped_column(BigInteger, default=0)
    told: Mapped[bytes] = mapped_column(LargeBinary, default=b"")  # ids, one after the other

    @classmethod
    def of(cls, endpoint_id: UUID, site_id: UUID, bucket: int) -> ToldEvents | None:
        found = select(cls).filter_by(endpoint_id=endpoint_id, site_id=site_id, bucket=bucket)
        return db.session.scalars(found).one_or_none()

    @classmethod
    def begin(cls, endpoint_id: UUID, site_id: UUID, bucket: int) -> ToldEvents:
        quarter = cls(endpoint_id=endpoint_id, site_id=site_id, bucket=bucket, seq=0, told=b"")
        db.session.add(quarter)
        return quarter

    def untold(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those of these events that are still to be told, in their order."""
        places = range(0, len(self.told), WIDTH)
        told = {self.told[place : place + WIDTH] for place in places}
        return [each for each in ids if each.bytes not in told]

    def tell(self, ids: Iterable[UUID], *, seq: int, ready_at: int) -> None:
        """`seq` is that of the mark, or 0 while there is more to tell."""
        self.told += b"".join(each.bytes for each in ids)
        self.seq, self.ready_at = max(self.seq, seq), ready_at
