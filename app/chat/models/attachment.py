"""Attachment: a file that was sent in a conversation. Kept in the database: one backup, and every
web process has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column

from app.chat.files import Upload
from app.core import clock
from app.core.crypto import Sealed, SealedBytes
from app.core.db import Base, db
from app.core.ids import public_token
from app.core.tenancy import Tenant, owned_by


class Attachment(Tenant, Base):
    __tablename__ = "attachments"
    __table_args__ = (
        owned_by("conversations", "conversation_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_attachments_conversation_id", "conversation_id"),
        Index("ix_attachments_token", "token", unique=True),
        {"info": {"system": ("SELECT",)}},
    )

    conversation_id: Mapped[UUID]
    # Of its address, which opens it for whoever has it.
    token: Mapped[str] = mapped_column(String(32))
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    name = Sealed("name_sealed")
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    width: Mapped[int | None]
    height: Mapped[int | None]
    data_sealed: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    data = SealedBytes("data_sealed")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def keep(cls, conversation_id: UUID, upload: Upload) -> Attachment:
        attachment = cls(
            conversation_id=conversation_id,
            token=public_token(),
            name=upload.name,
            content_type=upload.content_type,
            size=len(upload.data),
            width=upload.width,
            height=upload.height,
            data=upload.data,
        )
        db.session.add(attachment)
        db.session.flush()
        return attachment

    @property
    def is_picture(self) -> bool:
        return self.width is not None

    @property
    def url(self) -> str:
        return f"{current_app.extensions['candor_settings'].url}/widget/v1/files/{self.token}"

    def public(self) -> dict[str, Any]:
        """How a page shows it: a picture has `width` and `height`."""
        shown = {
            "url": self.url,
            "name": self.name,
            "size": self.size,
            "width": self.width,
            "height": self.height,
        }
        return {name: value for name, value in shown.items() if value is not None}
