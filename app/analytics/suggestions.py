"""What happened on a site lately, by name: what can be chosen instead of typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.analytics.answers import ask
from app.analytics.matches import EVENT, Match
from app.analytics.periods import read_period
from app.sites.models import Site

MOST = 50  # of each
# Told by the widget of itself.
OUR_OWN = {"page_view", "impression", "campaign_click", "campaign_close", "campaign_hover"}


@dataclass(frozen=True)
class Suggestions:
    """Within the last 30 days, the most frequent first."""

    pages: list[str]
    events: list[str]
    properties: list[str]

    @classmethod
    def on(cls, site: Site) -> Suggestions:
        days = read_period("30d", None, None, ZoneInfo(site.time_zone))
        answer = ask(site, days, (), ("page", "event", "property"))
        pages, events, properties = (
            [row.value for row in answer.breakdown(name, by=by, limit=MOST).rows if row.value]
            for name, by in (("page", "page_views"), ("event", "events"), ("property", "events"))
        )
        return cls(pages, [each for each in events if each not in OUR_OWN], properties)

    def without(self, wanted: Iterable[Match]) -> list[str]:
        """Events that are none of these."""
        known = {each.match for each in wanted if each.kind == EVENT and not each.having}
        return [each for each in self.events if each not in known]
