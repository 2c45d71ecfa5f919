"""What the figures are called, the same on every page, in each report and mail."""

from __future__ import annotations

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
