"""Field mappings of custom sources: target field → JMESPath expression, checked when saved.

A tenant writes the expression and a stranger the document, so evaluation has a budget: nested
multi-selects and flattenings double what they hold with every few characters of expression.
Source: jmespath.org/specification.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

TARGETS = (
    "type",
    "event",
    "status",
    "external_id",
    "occurred_at",
    "first_name",
    "last_name",
    "email",
    "customer_id",
    "city",
    "region",
    "country",
    "product_name",
    "product_url",
    "product_image",
    "amount",
    "amount_minor",
    "currency",
    "rating",
    "data",
)

ENTRIES_LIMIT = 40
EXPRESSION_LIMIT = 500
DEPTH_LIMIT = 40
BUDGET = 250_000
# A character weighs less than an element: this many make one.
CHARACTERS_A_UNIT = 16

_OPENS = dict.fromkeys("([{", 1) | dict.fromkeys(")]}", -1)


class MappingError(Exception):
    """A mapping that cannot be saved or applied; `field` is the target that is to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Found:
    """What one expression finds in a document, or what is wrong with it."""

    value: Any = None
    problem: str | None = None


def validate(mapping: Any) -> dict[str, str]:
    """The mapping with its expressions trimmed and empty ones left out, or MappingError."""
    if not isinstance(mapping, dict):
        raise MappingError("", "A mapping is an object of field names and expressions.")
    if len(mapping) > ENTRIES_LIMIT:
        raise MappingError("", f"A mapping has at most {ENTRIES_LIMIT} entries.")
    checked = {target: _expression(target, written) for target, written in mapping.items()}
    return {target: expression for target, expression in checked.items() if expression}


def apply(mapping: dict[str, str], document: dict[str, Any]) -> dict[str, Any]:
    """What each expression finds in the document; MappingError when it fails or costs too much.

    The values are raw: text, numbers, lists or objects, as the expression chose.
    """
    interpreter = _Frugal()
    return {
        target: _search(interpreter, target, expression, document)
        for target, expression in mapping.items()
    }


def trial(mapping: dict[str, str], document: dict[str, Any]) -> dict[str, Found]:
    """What each expression finds, one by one: one that fails does not hide the others. All of
    them share one budget, so that a trial costs no more than a delivery."""
    interpreter = _Frugal()
    return {
        target: _tried(interpreter, target, written, document)
        for target, written in mapping.items()
    }


def _tried(interpreter: _Frugal, target: str, written: str, document: Any) -> Found:
    try:
        expression = _expression(target, written)
        return Found(_search(interpreter, target, expression, document)) if expression else Found()
    except MappingError as error:
        return Found(problem=error.message)


def _expression(target: Any, written: Any) -> str:
    if target not in TARGETS:
        known = ", ".join(TARGETS)
        raise MappingError(str(target)[:40], f"This is not a field. The fields are: {known}.")
    expression = written.strip() if isinstance(written, str) else None
    if expression is None:
        raise MappingError(target, "An expression is text.")
    if len(expression) > EXPRESSION_LIMIT:
        raise MappingError(target, f"An expression has at most {EXPRESSION_LIMIT} characters.")
    if not all(character.isprintable() or character in "\t\n\r" for character in expression):
        raise MappingError(target, "An expression is printable text.")
    if expression:
        _parse(target, expression)
    return expression


def _parse(target: str, expression: str) -> Any:
    # The parser recurses; brackets inside quotes count as well, which hurts nobody.
    depths = accumulate((_OPENS.get(character, 0) for character in expression), initial=0)
    if max(depths) > DEPTH_LIMIT:
        raise MappingError(target, "This expression is nested too deep.")
    try:
        tree = jmespath.compile(expression).parsed
    except RecursionError:
        raise MappingError(target, "This expression is nested too deep.") from None
    except (JMESPathError, ValueError) as error:
        raise MappingError(target, f"This is not JMESPath: {_problem(error)}.") from None
    if _depth_exceeds(tree, DEPTH_LIMIT):
        raise MappingError(target, "This expression is nested too deep.")
    return tree


def _problem(error: Exception) -> str:
    """The parser's complaint without its preamble and its drawing of the place."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].removeprefix("Invalid jmespath expression: ").rstrip(":. ")[:200]


def _depth_exceeds(tree: dict[str, Any], limit: int) -> bool:
    level = [tree]
    for _ in range(limit):
        # A slice keeps its numbers, and None, where other nodes keep nodes.
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
        if not level:
            return False
    return True


def _search(interpreter: _Frugal, target: str, expression: str, document: Any) -> Any:
    tree = _parse(target, expression)
    try:
        return interpreter.visit(tree, document)
    except _Exhausted:
        raise MappingError(target, "This expression costs too much for this delivery.") from None
    except Exception as error:
        # Its functions raise whatever Python does: floor(infinity), '1' < 2, a slice of step 0.
        problem = " ".join(str(error).split())[:200]
        raise MappingError(target, f"The expression fails on this delivery: {problem}") from None


class _Exhausted(Exception):
    pass


class _Frugal(TreeInterpreter):
    """JMESPath with a budget for steps taken and for what functions are given to work on."""

    def __init__(self) -> None:
        super().__init__()
        self._left = BUDGET

    def visit(self, node: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_function_expression(self, node: dict[str, Any], value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        self._weigh(arguments)
        return self._functions.call_function(node["value"], arguments)

    def visit_comparator(self, node: dict[str, Any], value: Any) -> Any:
        self._weigh([self.visit(child, value) for child in node["children"]])
        return super().visit_comparator(node, value)

    def visit_flatten(self, node: dict[str, Any], value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._spend(sum(len(item) if isinstance(item, list) else 1 for item in base))
        return super().visit_flatten(node, value)

    def visit_slice(self, node: dict[str, Any], value: Any) -> Any:
        self._spend(len(value) if isinstance(value, list) else 1)
        return super().visit_slice(node, value)

    def _weigh(self, values: Iterable[Any]) -> None:
        """Spend what walking through the values costs, each as often as it is met."""
        waiting = list(values)
        while waiting:
            item = waiting.pop()
            self._spend(1 + len(item) // CHARACTERS_A_UNIT if isinstance(item, str) else 1)
            if isinstance(item, dict):
                waiting.extend(item)
                waiting.extend(item.values())
            elif isinstance(item, list):
                waiting.extend(item)

    def _spend(self, units: int) -> None:
        self._left -= units
        if self._left < 0:
            raise _Exhausted
