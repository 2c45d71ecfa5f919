"""The visits that match, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from app.analytics.chunk import Chunk
from app.analytics.chunks import read_chunks
from app.analytics.columns import Array
from app.analytics.filters import Filter
from app.analytics.periods import Period
from app.analytics.sums import NOBODY
from app.core.db import reading
from app.core.threads import in_native_thread
from app.sites.models import Site
from app.tracking.models import Session
from app.tracking.queries import sessions_by_id


@dataclass(frozen=True)
class VisitList:
    """Some of them in their order, and how many there are in all. Of one that was erased since it
    was added up nothing is left."""

    sessions: list[Session]
    total: int


def list_visits(
    site: Site, period: Period, filters: Sequence[Filter], *, offset: int, limit: int
) -> VisitList:
    """Under the site's scope."""
    events = any(each.of_events for each in filters)
    chunks = read_chunks(site, period, filters, events=events)
    found = [in_native_thread(_found, chunk) for chunk in chunks]
    newest = np.concatenate(found)[::-1] if found else np.zeros((0, 2), np.uint64)
    wanted = [UUID(int=int(high) << 64 | int(low)) for high, low in newest[offset:][:limit]]
    with reading() as reader:
        known = sessions_by_id(reader, site.number, wanted)
    return VisitList([known[each] for each in wanted if each in known], len(newest))


def _found(chunk: Chunk) -> Array:
    """The halves of the ids, by when the visits began."""
    sessions = chunk.sessions
    rows = np.flatnonzero(chunk.chosen & (sessions["visitor"] != NOBODY))
    rows = rows[np.argsort(sessions["begins"][rows], kind="stable")]
    return np.column_stack([sessions["id_high"][rows], sessions["id_low"][rows]])
