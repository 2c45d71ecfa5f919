"""The steps of a funnel: what is looked for, in which order, within which time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.analytics.matches import KINDS, Match, MatchError, match_of, read_match
from app.core.api import parsed_uuid

FEWEST, MOST = 2, 8
GOAL = "goal"
UNITS = {"minutes": 60, "hours": 3600, "days": 86_400}  # seconds
LONGEST_WINDOW = 90 * 86_400  # seconds


class StepError(ValueError):
    """`field` is steps, steps.2.match (the second one's), or window."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Step:
    """Either what is looked for, or a goal of the site, whatever that looks for at the time."""

    wanted: Match | None = None
    goal_id: UUID | None = None

    def kept(self) -> dict[str, str]:
        """As JSON."""
        return {"kind": GOAL, "goal_id": str(self.goal_id)} if self.wanted is None else plain(self)


def plain(step: Step) -> dict[str, str]:
    assert step.wanted is not None
    return {name: value for name, value in vars(step.wanted).items() if value}


def step_of(text: str) -> Step:
    """From an address: `page:/pricing`, `goal:<id>`. Raises MatchError."""
    kind, _, rest = text.partition(":")
    return read_step({"kind": GOAL, "goal_id": rest}) if kind == GOAL else Step(match_of(text))


def read_step(said: Any) -> Step:
    """From JSON. Raises MatchError."""
    if not isinstance(said, dict):
        raise MatchError("kind", "A step is an object with a kind.")
    unknown = said.keys() - {"kind", "match", "having", "goal_id"}
    if unknown:
        raise MatchError(str(min(unknown))[:40], "This is nothing that a step has.")
    if said.get("kind") == GOAL:
        identifier = parsed_uuid(str(said.get("goal_id", "")))
        if identifier is None:
            raise MatchError("goal_id", "Choose a goal of this site.")
        return Step(goal_id=identifier)
    if said.get("kind") not in list(KINDS):
        raise MatchError("kind", f"One of {', '.join((*KINDS, GOAL))}.")
    return Step(read_match(said["kind"], said.get("match"), said.get("having")))


def read_steps(said: Sequence[Any], read: Any = read_step) -> list[Step]:
    """Raises StepError."""
    if not FEWEST <= len(said) <= MOST:
        raise StepError("steps", f"A funnel has {FEWEST} to {MOST} steps.")
    steps = []
    for number, each in enumerate(said, 1):
        try:
            steps.append(read(each))
        except MatchError as error:
            raise StepError(f"steps.{number}.{error.field}", str(error)) from error
    return steps


def read_window(amount: Any, unit: Any = "minutes") -> int:
    """Seconds. Raises StepError."""
    if unit not in list(UNITS):
        raise StepError("window", f"The unit is one of {', '.join(UNITS)}.")
    try:
        number = int(str(amount)[:9])
    except ValueError as error:
        raise StepError("window", "How long is a whole number.") from error
    if not 60 <= number * UNITS[unit] <= LONGEST_WINDOW:
        raise StepError("window", "From one minute to 90 days.")
    return number * UNITS[unit]


def window_parts(seconds: int) -> tuple[int, str]:
    """In the largest unit in which it is a whole number."""
    unit = next(name for name in reversed(UNITS) if seconds % UNITS[name] == 0)
    return seconds // UNITS[unit], unit


def window_words(seconds: int) -> str:
    """`30 minutes`, `1 day`."""
    amount, unit = window_parts(seconds)
    return f"{amount} {unit if amount != 1 else unit[:-1]}"
