"""Whether a site's snippet is in its pages, as real loads tell."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.core.db import db
from app.sites.models import Sighting, Site

STRANGERS_SHOWN = 3


@dataclass(frozen=True)
class Installation:
    """Where the snippet was seen last, and hosts where it was that are not of the site."""

    seen: Sighting | None
    strangers: list[Sighting]

    @classmethod
    def of(cls, site: Site) -> Installation:
        found = select(Sighting).filter_by(site_id=site.id).order_by(Sighting.last_seen_at.desc())
        seen = db.session.scalars(found.filter_by(allowed=True).limit(1)).first()
        strangers = db.session.scalars(found.filter_by(allowed=False).limit(STRANGERS_SHOWN))
        return cls(seen, list(strangers))
