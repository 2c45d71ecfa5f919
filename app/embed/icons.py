"""The lines of the icons that a campaign can carry, in a square of 24. The check, the info and the
other signs of a notice are built into the widget; a page gets those of its own campaigns."""

from __future__ import annotations

from collections.abc import Iterable

LINES = {
    "heart": "M12 20C7 16 4 13 4 9a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 4-3 7-8 11z",
    "star": "M12 4l2 6h6l-5 4 2 6-5-4-5 4 2-6-5-4h6z",
    "bag": "M6 8h12l1 12H5zM9 10V7a3 3 0 0 1 6 0v3",
    "bell": "M6 17v-6a6 6 0 0 1 12 0v6zM4 17h16M11 21h2",
    "gift": "M4 8h16v4H4zM6 12v8h12v-8M12 8v12M12 8C5 8 9 0 12 8c3-8 7 0 0 0",
    "tag": "M4 4h8l8 8-8 8-8-8zM8 8h0",
    "chat": "M4 5h16v11h-9l-4 4v-4H4z",
    "flame": "M12 3c0 4 6 6 6 11a6 6 0 0 1-12 0c0-2 1-3 2-4 0 2 1 3 2 3 1-3 1-6 2-10z",
}


def lines_of(names: Iterable[str | None]) -> dict[str, str]:
    """The lines of these icons, without those that the widget has by itself."""
    return {name: LINES[name] for name in sorted({name for name in names if name in LINES})}
