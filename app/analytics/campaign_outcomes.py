"""What became of what was shown: for each campaign how often it was seen, hovered over, clicked and
closed, and what those who saw it did within the site's window, beside those who did not see it.

A conversion counts if the campaign was seen within the window before it. Those without it are held
to the same: a conversion of theirs counts within the window after a visit began, of the visits on
days on which the campaign was seen by somebody.

This is no proof that a campaign brought anything about: who sees one is often who stays longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.hits import UNIT_SHIFT, Chain, Hits, follow, followed_in, groups_of, together
from app.analytics.matches import ORDER, Match
from app.analytics.models import Goal
from app.analytics.periods import Period
from app.analytics.sums import bounded_sum
from app.core.threads import in_native_thread
from app.sites.models import Site

SEEN = "impression"
TOLD = {
    SEEN: "impressions",
    "campaign_hover": "hovers",
    "campaign_click": "clicks",
    "campaign_close": "closes",
}
NOTHING = Hits(*(np.zeros(0, kind) for kind in (np.uint64, np.int64, np.int64, np.int64)))


@dataclass
class Outcome:
    """`visitors` saw the campaign, `converted` of them reached a goal or an order within the window
    after it, and `revenue` (minor units of the organization's currency) is what they brought
    within it. The `others` did not see it, on days on which somebody did."""

    impressions: int = 0
    hovers: int = 0
    clicks: int = 0
    closes: int = 0
    visitors: int = 0
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
        return self.converted / self.visitors if self.visitors else None

    @property
    def others_rate(self) -> float | None:
        return self.others_converted / self.others if self.others else None

    @property
    def click_rate(self) -> float | None:
        return self.clicks / self.impressions if self.impressions else None

    @property
    def hover_rate(self) -> float | None:
        return self.hovers / self.impressions if self.impressions else None

    @property
    def close_rate(self) -> float | None:
        return self.closes / self.impressions if self.impressions else None


@dataclass
class Outcomes:
    """`by_campaign`: by its id. `hidden`: events of which nobody knows whether they reached a goal
    (`Match.hidden`)."""

    by_campaign: dict[str, Outcome] = field(default_factory=dict)
    hidden: int = 0


def outcomes_of(site: Site, period: Period, filters: Sequence[Filter] = ()) -> Outcomes:
    """Only what happens in the period and in visits that match the filters counts. Under the site's
    scope."""
    wanted = [goal.wanted for goal in Goal.of(site)] or [Match(ORDER)]
    sums = Sums(period.begins, site.conversion_window * 1000)
    for chunk in read_chunks(site, period, filters):
        in_native_thread(sums.add, chunk, wanted)
    return in_native_thread(sums.result)


@dataclass
class Sums:
    """Of chunks, which come in their order; milliseconds."""

    begins: int
    window: int
    outcomes: Outcomes = field(default_factory=Outcomes)
    days: dict[str, set[int]] = field(default_factory=dict)  # on which each was seen
    # Of those who are known on other days: what they did, until all of it is there.
    later: list[Past] = field(default_factory=list)

    def add(self, chunk: Chunk, wanted: Iterable[Match]) -> None:
        known = {name: code for code, name in enumerate(chunk.words["event"])}
        codes = {name: known.get(name, -1) for name in TOLD}
        campaigns = enumerate(chunk.words["campaign"])
        shown = {name: _told(chunk, campaign, codes) for campaign, name in campaigns}
        for campaign, told in shown.items():
            self._tally(campaign, told, chunk)
        followed = followed_in(chunk)
        reached = np.unique(np.concatenate([each.rows(chunk) for each in wanted]))
        hidden = np.unique(np.concatenate([each.hidden(chunk) for each in wanted]))
        unknown = np.setdiff1d(hidden, reached, assume_unique=True)
        self.outcomes.hidden += int(followed[chunk.events["session"][unknown]].sum())
        earning = chunk.events["earning_event"].astype(np.int64)
        for group in groups_of(chunk, followed, self.begins):
            past = Past(
                group.visits(_ordinals(chunk.days)[chunk.sessions["day"]]),
                group.events(reached),
                group.events(earning, chunk.events["earning_amount"]),
                {campaign: group.events(told[SEEN]) for campaign, told in shown.items()},
            )
            if group.people:
                self.later.append(past)
            else:
                self._count(past)

    def result(self) -> Outcomes:
        if self.later:
            self._count(_joined(self.later, list(self.outcomes.by_campaign)))
        return self.outcomes

    def _tally(self, campaign: str, told: Mapping[str, Array], chunk: Chunk) -> None:
        visit = chunk.events["session"]
        numbers = {TOLD[name]: int(chunk.chosen[visit[rows]].sum()) for name, rows in told.items()}
        self._add(campaign, Outcome(**numbers))
        seen = np.unique(chunk.sessions["day"][visit[told[SEEN]]])
        self.days.setdefault(campaign, set()).update(_ordinals(chunk.days)[seen].tolist())

    def _count(self, past: Past) -> None:
        visits, number = past.visits, int(past.visits.unit.max(initial=-1)) + 1
        leads = _followed(visits, past.reached, self.window)
        for campaign, seen in past.seen.items():
            saw = _flags(seen.unit, number)
            here = np.isin(visits.value, list(self.days[campaign]))
            others = here & ~saw[visits.unit]
            counted = Outcome(
                visitors=int(saw.sum()),
                converted=int(_flags(self._after(seen, past.reached).unit, number).sum()),
                revenue=bounded_sum(self._after(seen, past.earned).value),
                others=int(_flags(visits.unit[others], number).sum()),
                others_converted=int(_flags(visits.unit[others & leads], number).sum()),
            )
            self._add(campaign, counted)

    def _add(self, campaign: str, counted: Outcome) -> None:
        self.outcomes.by_campaign.setdefault(campaign, Outcome())
        self.outcomes.by_campaign[campaign] += counted

    def _after(self, begun: Hits, hits: Hits) -> Chain:
        """Those within the window after the last that had begun before."""
        _begun, found = follow((begun, hits), self.window)
        return found


@dataclass(frozen=True)
class Past:
    """What some visitors did: their visits, with the day of each as its value, what reached a goal,
    what was earned, with the amount as its value, and by campaign when they saw it."""

    visits: Hits
    reached: Hits
    earned: Hits
    seen: Mapping[str, Hits]


def _told(chunk: Chunk, campaign: int, codes: Mapping[str, int]) -> dict[str, Array]:
    """The events of a campaign by name; `codes`: those of the names, -1 where none came."""
    events = chunk.events
    rows = events["campaign_event"][events["campaign"] == campaign].astype(np.int64)
    names = events["event"][rows]
    return {name: rows[names == code] for name, code in codes.items()}


def _joined(pasts: Sequence[Past], campaigns: Sequence[str]) -> Past:
    """As if all of it were one chunk."""
    (visits, reached, *seen), earned = together(
        [
            (
                [past.visits, past.reached, *(past.seen.get(each, NOTHING) for each in campaigns)],
                past.earned,
            )
            for past in pasts
        ]
    )
    return Past(visits, reached, earned, dict(zip(campaigns, seen, strict=True)))


def _ordinals(days: Sequence[date]) -> Array:
    return np.array([day.toordinal() for day in days], np.int64)


def _followed(begun: Hits, hits: Hits, window: int) -> Array:
    """Whether each of the begun is followed by a hit within the window."""
    if not len(hits.unit):
        return np.zeros(len(begun.unit), bool)
    nexts = np.sort(hits.unit << UNIT_SHIFT | hits.at)
    keys = begun.unit << UNIT_SHIFT | begun.at
    after = nexts[np.minimum(np.searchsorted(nexts, keys), len(nexts) - 1)] - keys
    # That of another visitor is further away than any window.
    return (after >= 0) & (after <= window)


def _flags(units: Array, number: int) -> Array:
    """Of as many units, which are among these."""
    flags = np.zeros(number, bool)
    flags[units] = True
    return flags
