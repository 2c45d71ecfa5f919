"""JSON from strangers: what a database or a later reader would choke on is refused here, once."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

DEEPEST = 100


class BadJSON(ValueError):
    """The text is not JSON that Candor takes; the message says why, for a person."""


def loads(text: str | bytes) -> Any:
    """Parse JSON. Refuses NaN and Infinity, more than 100 levels, NUL, lone surrogates and
    integers of more than 4,300 digits; keeps other integers exact. Raises BadJSON."""
    try:
        # Some senders begin with a byte order mark.
        readable = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        with _uncollected():
            value = _decoder.decode(readable)
    except RecursionError as error:
        raise BadJSON(f"nested more than {DEEPEST} levels deep") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise error if isinstance(error, BadJSON) else BadJSON(_reason(error)) from error
    # NUL and surrogates come only as escapes: without one there is only the depth to look at, and
    # what has few brackets is not deep.
    if "\\u" in readable:
        _check(value)
    elif readable.count("[") + readable.count("{") > DEEPEST and _is_too_deep(value):
        raise BadJSON(f"nested more than {DEEPEST} levels deep")
    return value


@contextmanager
def _uncollected() -> Iterator[None]:
    """What is parsed has no circles: to look for some at each thousand lists of a hostile body
    takes five times as long as to parse it. Nothing else runs meanwhile."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _is_too_deep(top: Any) -> bool:
    """Level by level: depth is an input here."""
    level = [top]
    for _ in range(DEEPEST):
        level = [item for each in level for item in _items(each)]
    return bool(level)


def _items(value: Any) -> Iterable[Any]:
    return value if type(value) is list else value.values() if type(value) is dict else ()


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return f"not JSON: {str(error)[:120]}"


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadJSON("a number is too large")
    return number


def _refuse_constant(name: str) -> Any:
    raise BadJSON(f"{name} is not a JSON number")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _check(top: Any) -> None:
    """Walk without recursion: depth is an input here."""
    waiting: list[tuple[Any, int]] = [(top, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise BadJSON(f"nested more than {DEEPEST} levels deep")
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, list):
            waiting.extend((item, depth + 1) for item in value)
        elif isinstance(value, dict):
            for key, item in value.items():
                _check_text(key)
                waiting.append((item, depth + 1))


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise BadJSON("a text contains NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadJSON("a text contains a lone surrogate") from error
