"""Make static/world.svg, the map behind the countries of visitors, from Natural Earth (public
domain) as the npm package world-atlas brings it:

    npm pack world-atlas@2.0.2 && tar xf world-atlas-2.0.2.tgz
    python -m docs.world package

Each country is a path, drawn small enough for a panel; one that is too small to be a shape is a
dot. Their ids are ISO 3166-1 alpha-2 codes. Borders are those of Natural Earth."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from babel.core import get_global

TARGET = Path(__file__).parents[1] / "static" / "world.svg"
WIDTH, HEIGHT = 1000, 450  # of the view; a unit is about a pixel
TOP = 83.7  # degrees north; the south ends with South America
MIDDLE = 11  # degrees east: the map is cut where it cuts nobody's land
SCALE = 188  # units of a radian
FINENESS = 0.17  # by how many degrees a line may be simplified
SMALLEST = 1.2  # square units of an island that is drawn
DOT = 2.2
NUMBERS = get_global("territory_aliases")  # ISO's numbers among them
# What has no number there: ISO has the first for itself, the others within another country.
NAMED = {"Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO"}
WITHOUT = {"AQ", "TF", "HM", "GS"}  # where nobody surfs

Point = tuple[float, float]


def main(folder: str) -> int:
    shapes = countries(Path(folder) / "countries-110m.json")
    dots = {
        code: middle(rings)
        for code, rings in countries(Path(folder) / "countries-50m.json").items()
        if code not in shapes
    }
    drawn = [f'<path id="{code}" d="{path(rings)}"/>' for code, rings in sorted(shapes.items())]
    small = [
        f'<circle id="{code}" cx="{x:.0f}" cy="{y:.0f}" r="{DOT}"/>'
        for code, (x, y) in sorted(dots.items())
    ]
    TARGET.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">\n'
        "<!-- Natural Earth, public domain; made by docs/world.py -->\n"
        '<g id="land">\n' + "\n".join(drawn) + "\n</g>\n<defs>\n" + "\n".join(small) + "\n</defs>\n"
        "</svg>\n"
    )
    print(f"{len(drawn)} shapes, {len(small)} dots, {TARGET.stat().st_size / 1000:.0f} KB")
    return 0


def countries(file: Path) -> dict[str, list[list[Point]]]:
    """The lines around each country's parts, on the plane of the map."""
    said = json.loads(file.read_text())
    arcs = [simple(list(points_of(arc, said["transform"]))) for arc in said["arcs"]]
    found: dict[str, list[list[Point]]] = {}
    for each in said["objects"]["countries"]["geometries"]:
        code = code_of(each)
        if code and code not in WITHOUT:
            rings = [whole(ring) for ring in rings_of(each, arcs)]
            found.setdefault(code, []).extend([projected(*at) for at in ring] for ring in rings)
    return found


def code_of(geometry: dict[str, Any]) -> str | None:
    name = geometry["properties"]["name"]
    return NAMED.get(name) or next(iter(NUMBERS.get(str(geometry.get("id")), [])), None)


def points_of(arc: Iterable[Sequence[int]], transform: dict[str, Any]) -> Iterable[Point]:
    """Degrees east and north, of TopoJSON's steps from point to point."""
    (wide, high), (left, low) = transform["scale"], transform["translate"]
    x = y = 0
    for right, up in arc:
        x, y = x + right, y + up
        yield left + x * wide, low + y * high


def whole(ring: list[Point]) -> list[Point]:
    """In one piece, also where it lies on both sides of the date line."""
    turns = 0
    made = [ring[0]]
    for (before, _), (east, north) in pairwise(ring):
        turns += (before - east > 180) - (east - before > 180)
        made.append((east + 360 * turns, north))
    centre = sum(east for east, _ in made) / len(made) - MIDDLE
    shift = -360 * round(centre / 360)
    return [(east + shift, north) for east, north in made]


def projected(east: float, north: float) -> Point:
    """Tom Patterson's Natural Earth projection, as the polynomial of Bojan Šavrič."""
    at, up = math.radians(east - MIDDLE), math.radians(north)
    across = 0.8707 - 0.131979 * up**2 - 0.013791 * up**4 + 0.003971 * up**10 - 0.001529 * up**12
    return WIDTH / 2 + at * across * SCALE, (_height(math.radians(TOP)) - _height(up)) * SCALE


def _height(up: float) -> float:
    return up * (
        1.007226 + 0.015085 * up**2 - 0.044475 * up**6 + 0.028874 * up**8 - 0.005916 * up**10
    )


def simple(line: list[Point]) -> list[Point]:
    """Douglas and Peucker: without the points that are hardly off the line between their fellows.
    Neighbours share their borders, so no gap opens."""
    if len(line) < 3:
        return line
    far, place = max((_off(line[at], line[0], line[-1]), at) for at in range(1, len(line) - 1))
    if far < FINENESS:
        return [line[0], line[-1]]
    return simple(line[: place + 1])[:-1] + simple(line[place:])


def _off(point: Point, one: Point, other: Point) -> float:
    (x, y), (a, b), (c, d) = point, one, other
    length = math.hypot(c - a, d - b)
    if not length:
        return math.hypot(x - a, y - b)
    return abs((c - a) * (b - y) - (a - x) * (d - b)) / length


def rings_of(geometry: dict[str, Any], arcs: list[list[Point]]) -> list[list[Point]]:
    parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    return [ring(lines, arcs) for part in parts for lines in part]


def ring(lines: Iterable[int], arcs: list[list[Point]]) -> list[Point]:
    """A number below zero is an arc the other way round."""
    points: list[Point] = []
    for number in lines:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    return points


def path(rings: list[list[Point]]) -> str:
    """Small islands are left out, but never the largest part."""
    ordered = sorted(rings, key=area, reverse=True)
    kept = [each for each in ordered if area(each) >= SMALLEST] or ordered[:1]
    return "".join(_steps(each) for each in kept)


def _steps(points: list[Point]) -> str:
    """In tenths from point to point."""
    placed = [(round(x * 10), round(y * 10)) for x, y in points]
    text, (x, y) = f"M{_tenths(placed[0][0])} {_tenths(placed[0][1])}l", placed[0]
    steps = []
    for right, down in placed[1:-1]:
        if (right, down) != (x, y):
            steps.append(f"{_tenths(right - x)} {_tenths(down - y)}")
        x, y = right, down
    return text + " ".join(steps).replace(" -", "-") + "z"


def _tenths(number: int) -> str:
    return f"{number / 10:g}"


def area(points: list[Point]) -> float:
    return abs(sum(a * d - c * b for (a, b), (c, d) in pairwise([*points, points[0]]))) / 2


def middle(rings: list[list[Point]]) -> Point:
    """Of the largest part."""
    points = max(rings, key=area)
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
