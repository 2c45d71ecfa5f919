"""What the public side asks of campaigns before there is a tenant."""

from __future__ import annotations

from sqlalchemy import select

from app.campaigns.models import Image
from app.core.db import system


def image_data(token: str) -> bytes | None:
    """The WebP bytes of a picture by its token."""
    with system() as connection:
        return connection.scalar(select(Image.data).where(Image.token == token))
