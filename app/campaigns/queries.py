"""What is asked about campaigns besides themselves."""

from __future__ import annotations

from sqlalchemy import select

from app.campaigns.formats import CHAT_MESSAGE, Format
from app.campaigns.models import Image
from app.core.db import system
from app.sites.models import Site
from app.sites.queries import published_site


def image_data(token: str) -> bytes | None:
    """The WebP bytes of a picture by its token, before there is a tenant."""
    with system() as connection:
        return connection.scalar(select(Image.data).where(Image.token == token))


def can_show(site: Site, format: Format) -> bool:
    """What speaks in the chat of a site is seen only where there is one."""
    if format.name != CHAT_MESSAGE:
        return True
    published = published_site(site.key)
    return published is not None and published.chats
