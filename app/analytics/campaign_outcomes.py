"""What became of what was shown: for each campaign how often it was seen, clicked and closed, and
what the visits that saw it did afterwards, beside those that did not.

This is no proof that a campaign brought anything about: who sees one is often who stays longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.matches import ORDER, Match
from app.analytics.models import Goal
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.threads import in_native_thread
from app.sites.models import Site

SEEN, CLICKED, CLOSED = "impression", "campaign_click", "campaign_close"
NEVER = np.iinfo(np.int64).max


@dataclass
class Outcome:
    """`visits` saw the campaign, `converted` of them reached a goal or an order after it, and
    `revenue` (minor units of the organization's currency) is what they brought after it. The
    others did not see it, although it was there to be seen by somebody in these days."""

    impressions: int = 0
    clicks: int = 0
    closes: int = 0
    visits: int = 0
    converted: int = 0
    revenue: int = 0
    others: int = 0
    others_converted: int = 0

    def __iadd__(self, other: Outcome) -> Outcome:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    @property
    def rate(self) -> float | None:
        return self.converted / self.visits if self.visits else None

    @property
    def others_rate(self) -> float | None:
        return self.others_converted / self.others if self.others else None

    @property
    def click_rate(self) -> float | None:
        return self.clicks / self.impressions if self.impressions else None


def outcomes_of(site: Site, period: Period, filters: Sequence[Filter] = ()) -> dict[str, Outcome]:
    """By the campaign's id. Under the site's scope."""
    wanted = [goal.wanted for goal in Goal.of(site)] or [Match(ORDER)]
    sums: dict[str, Outcome] = {}
    for chunk in read_chunks(site, period, filters):
        for campaign, shown in in_native_thread(_outcomes, chunk, wanted).items():
            sums.setdefault(campaign, Outcome())
            sums[campaign] += shown
    return sums


def _outcomes(chunk: Chunk, wanted: Iterable[Match]) -> dict[str, Outcome]:
    events, sessions = chunk.events, chunk.sessions
    moments = sessions["begins"][events["session"]] + events["offset"]
    followed = chunk.chosen & (sessions["visitor"] != NOBODY)
    reached = np.unique(np.concatenate([each.rows(chunk) for each in wanted]))
    named = chunk.words["event"]
    return {
        campaign: _of(chunk, code, named, moments, followed, reached)
        for code, campaign in enumerate(chunk.words["campaign"])
    }


def _of(
    chunk: Chunk, code: int, named: list[str], moments: Array, followed: Array, reached: Array
) -> Outcome:
    events = chunk.events
    rows = events["campaign_event"][events["campaign"] == code]
    rows = rows[chunk.chosen[events["session"][rows]]]
    names = events["event"][rows]
    of = {name: rows[names == place] for place, name in enumerate(named)}
    seen = of.get(SEEN, rows[:0])
    first = np.full(len(chunk.chosen), NEVER)
    np.minimum.at(first, events["session"][seen], moments[seen])
    saw = followed & (first != NEVER)
    places = events["session"][reached]
    after = moments[reached] >= first[places]
    converted = np.zeros(len(first), bool)
    converted[places[after]] = True
    ever = np.zeros(len(first), bool)
    ever[places] = True
    earned = events["earning_event"]
    later = saw[events["session"][earned]] & (moments[earned] >= first[events["session"][earned]])
    return Outcome(
        impressions=len(seen),
        clicks=len(of.get(CLICKED, ())),
        closes=len(of.get(CLOSED, ())),
        visits=int(saw.sum()),
        converted=int((saw & converted).sum()),
        revenue=int(events["earning_amount"][later].sum()),
        others=int((followed & ~saw).sum()),
        others_converted=int((followed & ~saw & ever).sum()),
    )
