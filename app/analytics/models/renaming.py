"""Filters that are kept follow a goal to its new name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import select

from app.analytics.dimensions import GOAL
from app.analytics.filters import Filter, read_filters
from app.analytics.models.goal import Goal, GoalChanged
from app.analytics.models.report import Report
from app.analytics.models.segment import Segment
from app.analytics.models.shared_link import SharedLink
from app.core.announce import subscribe
from app.core.db import db
from app.core.errors import ApiError

KEEPING: tuple[Any, ...] = (Segment, Report, SharedLink)


@subscribe(GoalChanged)
def follow_goal(announcement: GoalChanged) -> None:
    """What asked for the goal by its name asks for it by the new one, and still for another goal
    that is called as it was. What asked for a part of the name stays."""
    goal, before = announcement.goal, announcement.before
    if goal.name == before:
        return
    here = {"site_id": goal.site_id}
    others = db.session.scalars(select(Goal.id).filter_by(name=before, **here)).all()
    after = [before, goal.name] if others else [goal.name]
    # As they stand now: somebody may just have changed one.
    kept = (
        db.session.scalars(
            select(each).filter_by(**here).with_for_update(),
            execution_options={"populate_existing": True},
        )
        for each in KEEPING
    )
    for row in chain.from_iterable(kept):
        filters = [_following(each, before, after) for each in row.filters]
        if filters != row.filters:
            row.filters = filters


def _following(text: str, before: str, after: Sequence[str]) -> str:
    try:
        (filter,) = read_filters([text])
    except (ApiError, ValueError):  # whatever another version kept
        return text
    return str(filter.renamed(before, after)) if _names(filter, before) else text


def _names(filter: Filter, goal: str) -> bool:
    exact = filter.operator in ("is", "is_not")
    return filter.dimension == GOAL.name and exact and goal in filter.values
