from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np

from app.analytics.columns import Array, Columns


class Wanted(Protocol):
    """What a goal looks for."""

    def rows(self, chunk: Chunk) -> Array:
        """The places of the events that are it."""


@dataclass(frozen=True)
class Chunk:
    """Visits of several days and their events, in their order.

    `sessions`: arrays with an entry for each visit. `begins` is the moment (milliseconds since
    1970) and `day` the place in `days` at which it began; `visitor` tells visitors apart within
    the chunk, NOBODY for what is no visit; `visitor_key` knows a person on other days as well, if
    `person` says that he agreed; the dimensions of visits are codes into `words`.

    `events`: `session` (the place of its visit), `offset` (milliseconds since that began), `view`
    (whether it is a page view), `event` (its name) and `page` are codes; `property` and `campaign`
    have entries of their own, whose event is `property_event` and `campaign_event`; so have
    `earning_event`, `earning_amount`, `earning_orders`.

    `goals`: those of the site by name, if a filter asks for them. `chosen` says which visits are
    within the period and match the filters.
    """

    days: list[date]
    words: Mapping[str, list[str]]
    sessions: Columns
    events: Columns
    goals: Sequence[tuple[str, Wanted]] = ()
    chosen: Array = field(default_factory=lambda: np.zeros(0, bool))
