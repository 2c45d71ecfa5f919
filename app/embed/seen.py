"""How often a visitor was shown a campaign within a day, for campaigns that limit it.

Nothing of it may be stored on the visitor's device, so it is counted here, by the visitor's daily
hash, and forgotten after 24 hours. A page that is told no number does not show such a campaign.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.core.counters import count, counts
from app.embed.published import served
from app.sites.queries import PublishedSite

DAY = 24 * 3600  # seconds


def context_of(site: PublishedSite, visitor: str) -> dict[str, Any]:
    """What a page is told of its visitor: `{"seen": {campaign: times}}`, nothing if unknown."""
    campaigns = _limited(site)
    numbers = counts([_key(site, visitor, each) for each in campaigns])
    if numbers is None:
        return {}
    return {"seen": {id: number for id, number in zip(campaigns, numbers, strict=True) if number}}


def count_impressions(site: PublishedSite, visitor: str, campaigns: Iterable[object]) -> None:
    """Count one of each; anything but a published campaign with a daily limit is ignored."""
    limited = _limited(site)
    keys = [_key(site, visitor, str(each)) for each in campaigns if each in limited]
    if keys:
        count(keys, DAY)


def _limited(site: PublishedSite) -> list[str]:
    published = served(site.key).config.get("campaigns", [])
    return [each["id"] for each in published if (each.get("frequency") or {}).get("day")]


def _key(site: PublishedSite, visitor: str, campaign: str) -> str:
    return f"seen:{site.id.hex}:{visitor}:{campaign}"
