from __future__ import annotations

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, column
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.tracking.models.numbered import CLUSTERED, Numbered, of_a_site

BUCKET = 15 * 60 * 1000  # milliseconds


class BucketMark(Numbered, Base):
    """Whether the events of a quarter of an hour have changed since they were last added up:
    then `dirty_seq` is ahead of `clean_seq`. Never deleted."""

    __tablename__ = "bucket_marks"
    __table_args__ = (
        PrimaryKeyConstraint("site_number", "bucket"),
        of_a_site(),
        Index(
            "ix_bucket_marks_dirty",
            "site_number",
            sqlite_where=column("dirty_seq") > column("clean_seq"),
            postgresql_where=column("dirty_seq") > column("clean_seq"),
        ),
        CLUSTERED | {"info": {"system": ("SELECT", "UPDATE")}},
    )

    bucket: Mapped[int] = mapped_column(BigInteger)  # its first millisecond since 1970, UTC
    dirty_seq: Mapped[int] = mapped_column(BigInteger)
    clean_seq: Mapped[int] = mapped_column(BigInteger, default=0)
