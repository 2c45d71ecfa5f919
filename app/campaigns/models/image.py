"""Pictures of campaigns, kept in the database: one backup, and every web process has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.ids import public_token
from app.core.pictures import Picture
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site


class Image(Tenant, Base):
    """A picture as it is served: re-encoded WebP under a token that cannot be guessed."""

    __tablename__ = "images"
    __table_args__ = (
        owned_by("sites", "site_id"),
        Index("ix_images_site_id", "site_id"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    token: Mapped[str] = mapped_column(String(43), unique=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @property
    def reference(self) -> dict[str, Any]:
        """What a campaign's content keeps of it."""
        return {"token": self.token, "width": self.width, "height": self.height}

    @classmethod
    def keep(cls, site: Site, picture: Picture) -> Image:
        image = cls(
            site_id=site.id,
            token=public_token(),
            data=picture.data,
            width=picture.width,
            height=picture.height,
        )
        db.session.add(image)
        db.session.flush()
        announce(ImageUploaded(image=image))
        return image


@dataclass(frozen=True, kw_only=True)
class ImageUploaded(Announcement):
    name: ClassVar[str] = "image.uploaded"
    image: Image

    def details(self) -> dict[str, Any]:
        return {"width": self.image.width, "height": self.image.height}
