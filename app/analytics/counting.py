"""A funnel's steps, goals among them, counted for a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.analytics.dimensions import OF_SESSIONS
from app.analytics.funnels import Result, fewer, funnel
from app.analytics.matches import Match
from app.analytics.models import Goal
from app.analytics.models.funnel import known_goals
from app.analytics.questions import Question
from app.analytics.steps import Step
from app.core.errors import bad_query


@dataclass(frozen=True)
class Counted:
    """`wanted` and `labels` of each step: what is looked for, and what it is called."""

    result: Result
    wanted: list[Match]
    labels: list[str]


def count_funnel(
    question: Question, steps: Sequence[Step], window: int, split: str | None = None
) -> Counted:
    """Raises StepError for a goal that is not the site's."""
    goals = known_goals(question.site.id, steps)
    wanted = [_wanted(each, goals) for each in steps]
    result = funnel(question.site, question.period, question.filters, wanted, window, split)
    return Counted(fewer(result), wanted, labels(steps, goals))


def labels(steps: Sequence[Step], goals: Mapping[UUID, Goal]) -> list[str]:
    """Each step in words."""
    return [
        goals[each.goal_id].name if each.goal_id else _wanted(each, goals).words for each in steps
    ]


def split_of(text: str | None) -> str | None:
    """A dimension of visits. Raises ApiError 400."""
    if text and text not in OF_SESSIONS:
        raise bad_query("split", f"One of {', '.join(OF_SESSIONS)}.")
    return text or None


def _wanted(step: Step, goals: Mapping[UUID, Goal]) -> Match:
    return goals[step.goal_id].wanted if step.goal_id else step.wanted or Match("page", "*")
