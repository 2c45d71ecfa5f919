"""A funnel while it is put together: rows of a form that may be wrong, and what is done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from app.analytics.matches import EVENT, ORDER, PAGE, MatchError
from app.analytics.models import Funnel
from app.analytics.steps import (
    FEWEST,
    GOAL,
    MOST,
    Step,
    StepError,
    read_step,
    read_window,
    window_parts,
)
from app.core.forms import clean_line

LONGEST_NAME = 80


@dataclass
class Row:
    """One step as it stands in the form. `kind` is one of KINDS, or `goal:<id>`."""

    kind: str = PAGE
    match: str = ""
    having: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, step: Step) -> Row:
        if step.wanted is None:
            return cls(f"{GOAL}:{step.goal_id}")
        return cls(step.wanted.kind, step.wanted.match, step.wanted.having)

    @property
    def empty(self) -> bool:
        return self.kind in (PAGE, EVENT) and not self.match

    def said(self) -> dict[str, Any]:
        """What a step is read from. What its kind does not need is left aside."""
        kind, _, goal = self.kind.partition(":")
        if kind == GOAL:
            return {"kind": GOAL, "goal_id": goal}
        having = self.having if kind == EVENT else ""
        return {"kind": kind, "match": "" if kind == ORDER else self.match, "having": having}


@dataclass
class Builder:
    """`moved` is the row that was just touched, from 0, and `done` says what was done to it."""

    name: str
    rows: list[Row]
    amount: str
    unit: str
    errors: dict[str, str] = field(default_factory=dict)
    moved: int | None = None
    done: str = ""

    @classmethod
    def empty(cls) -> Builder:
        return cls("", [Row() for _ in range(FEWEST)], "1", "days")

    @classmethod
    def of(cls, funnel: Funnel) -> Builder:
        amount, unit = window_parts(funnel.window)
        return cls(funnel.name, [Row.of(each) for each in funnel.steps], str(amount), unit)

    @classmethod
    def sent(cls, form: MultiDict[str, str]) -> Builder:
        columns = (form.getlist(name)[: MOST + 1] for name in ("kind", "match", "having"))
        rows = [Row(*map(clean_line, each)) for each in zip(*columns, strict=False)]
        said = {name: clean_line(form.get(name, "")) for name in ("name", "amount", "unit")}
        return cls(rows=rows, **said)

    def do(self, what: str) -> None:
        """`add`, `remove:0`, `up:1`, `down:0`, `pick:page:/pricing`. Anything else does nothing."""
        verb, _, rest = what.partition(":")
        number = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 3 else -1
        if verb == "add":
            self._add(Row())
        elif verb == "pick":
            kind, _, match = rest.partition(":")
            self._add(Row(rest) if kind == GOAL else Row(kind, match))
        elif 0 <= number < len(self.rows):
            self._change(verb, number)

    def check(self) -> tuple[list[Step], int] | None:
        """The steps and the window, or None and `errors` at what is wrong. Without a name they
        are counted all the same."""
        if not FEWEST <= len(self.rows) <= MOST:
            self.errors["steps"] = f"A funnel has {FEWEST} to {MOST} steps."
        steps = []
        for row in self.rows:
            try:
                steps.append(read_step(row.said()))
            except MatchError as error:
                row.errors[error.field] = str(error)
        try:
            window = read_window(self.amount, self.unit)
        except StepError as error:
            self.errors["window"] = str(error)
        wrong = self._errors_of_steps() or any(row.errors for row in self.rows)
        return None if wrong else (steps, window)

    def check_name(self) -> bool:
        if not self.name:
            self.errors["name"] = "Give the funnel a name."
        elif len(self.name) > LONGEST_NAME:
            self.errors["name"] = f"At most {LONGEST_NAME} characters."
        return "name" not in self.errors

    def blame(self, error: StepError) -> None:
        """Place what the model found wrong."""
        _steps, number, name = (*error.field.split("."), "", "")[:3]
        if number.isdigit():
            self.rows[int(number) - 1].errors[name] = str(error)
        else:
            self.errors[error.field] = str(error)

    @property
    def problems(self) -> Sequence[str]:
        """All that is wrong with the steps, in words that say where."""
        of_rows = [
            f"Step {number}: {message}"
            for number, row in enumerate(self.rows, 1)
            for message in _messages(row.errors)
        ]
        return [*_messages(self._errors_of_steps()), *of_rows]

    @property
    def wrong(self) -> str:
        """The id of the first field that is wrong."""
        if "name" in self.errors:
            return "name"
        if "window" in self.errors:
            return "amount"
        fields = (
            f"{name if name in ('match', 'having') else 'kind'}-{number}"
            for number, row in enumerate(self.rows, 1)
            for name in row.errors
        )
        return next(fields, "")

    def _errors_of_steps(self) -> dict[str, str]:
        return {name: each for name, each in self.errors.items() if name != "name"}

    def _add(self, row: Row) -> None:
        """In the first row that says nothing yet, else as the last one."""
        place = next((at for at, each in enumerate(self.rows) if each.empty), len(self.rows))
        if row.empty or place == len(self.rows):
            place = len(self.rows)
            if place >= MOST:
                self.done = f"A funnel has at most {MOST} steps."
                return
            self.rows.append(row)
        else:
            self.rows[place] = row
        self.moved, self.done = place, f"Step {place + 1} added."

    def _change(self, verb: str, number: int) -> None:
        if verb == "remove" and len(self.rows) > FEWEST:
            self.rows.pop(number)
            self.moved = min(number, len(self.rows) - 1)
            self.done = f"Step {number + 1} removed."
        elif verb in ("up", "down"):
            target = number + (1 if verb == "down" else -1)
            if 0 <= target < len(self.rows):
                self.rows[number], self.rows[target] = self.rows[target], self.rows[number]
                self.moved, self.done = target, f"Moved to step {target + 1}."


def _messages(errors: Mapping[str, str]) -> list[str]:
    return list(errors.values())
