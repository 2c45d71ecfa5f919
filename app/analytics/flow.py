"""Where the pages and the links of a journey are drawn: plain numbers, in pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from app.analytics.dimensions import OTHER
from app.analytics.journeys import CHOSEN, END, Journeys

NARROWEST, WIDEST, PAGE = 220, 340, 936  # from column to column, and of all of them together
LAST = 184  # of the last column: the widest words beside a bar, with nothing to flow into
BAR = 10
HEIGHT = 360  # of all visits
GAP = 22  # between two, for their words
THINNEST = 2
TOP = 24


@dataclass(frozen=True)
class Box:
    """A page of a column. `kind` is page, other, end or chosen."""

    page: str
    kind: str
    sessions: int
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Ribbon:
    """A link, as the path of an SVG."""

    path: str
    column: int
    start: str
    end: str
    sessions: int


@dataclass(frozen=True)
class Flow:
    width: int
    height: int
    boxes: list[Box]
    ribbons: list[Ribbon]


def flow(found: Journeys) -> Flow:
    """A column for each step. Between two pages a ribbon as wide as its visits."""
    scale = HEIGHT / found.sessions if found.sessions else 0
    boxes: dict[tuple[int, str], Box] = {}
    lowest, steps = 0.0, max(1, len(found.columns) - 1)
    apart = max(NARROWEST, min(WIDEST, (PAGE - LAST) // steps))
    for column, nodes in enumerate(found.columns):
        y = float(TOP)
        for node in nodes:
            height = max(THINNEST, node.sessions * scale)
            boxes[column, node.page] = Box(
                node.page,
                _kind(node.page),
                node.sessions,
                column * apart,
                y,
                round(height, 2),
            )
            y += max(height, GAP) + GAP
        lowest = max(lowest, y)
    width = apart * (len(found.columns) - 1) + LAST
    return Flow(width, round(lowest), list(boxes.values()), _ribbons(found, boxes, scale))


def _ribbons(found: Journeys, boxes: dict[tuple[int, str], Box], scale: float) -> list[Ribbon]:
    """The links of a page leave and arrive in the order in which the pages stand."""
    out: dict[tuple[int, str], float] = defaultdict(float)
    into: dict[tuple[int, str], float] = defaultdict(float)
    ribbons = []
    for link in sorted(
        found.links,
        key=lambda each: (
            each.column,
            boxes[each.column, each.start].y,
            boxes[each.column + 1, each.end].y,
        ),
    ):
        start, end = (link.column, link.start), (link.column + 1, link.end)
        size = link.sessions * scale
        top, bottom = boxes[start].y + out[start], boxes[end].y + into[end]
        out[start] += size
        into[end] += size
        path = _path(boxes[start].x + BAR, top, boxes[end].x, bottom, max(1.0, size))
        ribbons.append(Ribbon(path, link.column, link.start, link.end, link.sessions))
    return ribbons


def _path(x1: float, y1: float, x2: float, y2: float, size: float) -> str:
    middle = (x1 + x2) / 2
    return (
        f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        f"V{y2 + size:.1f}C{middle:.1f} {y2 + size:.1f} {middle:.1f} {y1 + size:.1f} "
        f"{x1:.1f} {y1 + size:.1f}Z"
    )


def _kind(page: str) -> str:
    return {OTHER: "other", END: "end", CHOSEN: "chosen"}.get(page, "page")
