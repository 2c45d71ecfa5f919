"""The visits that match, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.days import LOW
from app.analytics.filters import Filter
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.db import reading
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models import Session
from app.tracking.queries import sessions_by_id


@dataclass(frozen=True)
class Place:
    """Of a visit among the others: when it began (milliseconds since 1970, UTC), and its id."""

    began: int
    id: UUID


@dataclass(frozen=True)
class VisitList:
    """Some of them in their order, and how many there are in all. `last` is the place of the last
    of them, if more come after it. Of one that was erased since it was added up nothing is left."""

    sessions: list[Session]
    total: int
    last: Place | None


def list_visits(
    site: Site,
    period: Period,
    filters: Sequence[Filter],
    *,
    limit: int,
    offset: int = 0,
    after: Place | None = None,
) -> VisitList:
    """`after`: only those that come after this place. Under the site's scope."""
    events = any(each.of_events for each in filters)
    chunks = read_chunks(site, period, filters, events=events)
    found = [in_native_thread(_found, chunk) for chunk in chunks]
    newest = np.concatenate(found)[::-1] if found else np.zeros((0, 3), np.uint64)
    left = (newest if after is None else newest[_behind(newest, after)])[offset:]
    places = [_place(row) for row in left[:limit].tolist()]
    with reading() as reader:
        known = sessions_by_id(reader, site.number, [each.id for each in places])
    sessions = [known[each.id] for each in places if each.id in known]
    return VisitList(sessions, len(newest), places[-1] if len(left) > limit else None)


def _found(chunk: Chunk) -> Array:
    """When the visits began and the halves of their ids, in that order: those of one moment were
    added up by their ids."""
    sessions = chunk.sessions
    rows = np.flatnonzero(chunk.chosen & (sessions["visitor"] != NOBODY))
    rows = rows[np.argsort(sessions["begins"][rows], kind="stable")]
    columns = (sessions[name][rows] for name in ("begins", "id_high", "id_low"))
    return np.column_stack([each.astype(np.uint64) for each in columns])


def _behind(newest: Array, place: Place) -> Array:
    began, high, low = newest.T
    halves = place.id.int >> 64, place.id.int & LOW
    below = (high < halves[0]) | ((high == halves[0]) & (low < halves[1]))
    return (began < place.began) | ((began == place.began) & below)


def _place(row: Sequence[int]) -> Place:
    began, high, low = row
    return Place(began, UUID(int=high << 64 | low))
