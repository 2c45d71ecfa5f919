"""What the figures are called, the same on every page, in each report and mail, and which of them
are counted of what a visit can have several of."""

from __future__ import annotations

from collections.abc import Iterable

LABELS = {
    "visitors": "Visitors",
    "sessions": "Visits",
    "page_views": "Page views",
    "bounce_rate": "Bounce rate",
    "seconds": "Visit duration",
    "events": "Events",
    "orders": "Orders",
    "revenue": "Revenue",
}

OF_SEVERAL = {
    "page": ("visitors", "sessions", "page_views"),
    "event": ("visitors", "sessions", "events", "orders", "revenue"),
    "property": ("visitors", "sessions", "events", "orders", "revenue"),
}


def uncounted(metrics: Iterable[str], dimension: str) -> list[str]:
    """Those of these figures that nobody counts of a value of that dimension. They are no zeros."""
    counted = OF_SEVERAL.get(dimension)
    return [each for each in metrics if each not in counted] if counted else []
