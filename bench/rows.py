"""One row of a benchmark: what was measured, its target, whether it is met."""

from __future__ import annotations

from typing import Any


def row(
    name: str,
    value: float,
    unit: str,
    at_most: float | None = None,
    at_least: float | None = None,
    ceiling: float | None = None,
    ratio: bool = False,
) -> dict[str, Any]:
    judged = value / ceiling if ratio and ceiling else value
    ok = judged <= at_most if at_most is not None else judged >= (at_least or 0)
    target = f"≤ {at_most:g}" if at_most is not None else f"≥ {at_least:g}"
    return {
        "name": name,
        "value": value,
        "unit": "of the ceiling" if ratio else unit,
        "target": target,
        "ok": ok,
        "ceiling": ceiling,
    }
