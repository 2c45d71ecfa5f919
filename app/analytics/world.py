"""Countries on the map of the world, static/world.svg, which docs/world.py made."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

LEVELS = 5  # of colour
ID = re.compile(r'id="([A-Z]{2})"')


@cache
def drawn(static: str) -> frozenset[str]:
    """The countries that the map has. `static`: the folder."""
    return frozenset(ID.findall((Path(static) / "world.svg").read_text()))


def level(share: float) -> int:
    """How strongly a country is coloured, 1 to LEVELS, by its share (0 to 100) of the one with the
    most. By the root of it, or next to one strong country all others would look alike."""
    return max(1, min(LEVELS, int((share / 100) ** 0.5 * LEVELS) + 1))
