"""What somebody outside is shown of a site: sums only, nothing of a single visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.accounts.models import Organization
from app.analytics.answers import Breakdown, Totals, ask
from app.analytics.comparing import Before
from app.analytics.curves import curve, intervals
from app.analytics.dimensions import DIMENSIONS, FILTERABLE
from app.analytics.figures import LABELS
from app.analytics.filters import OPERATORS, Filter
from app.analytics.periods import Period
from app.analytics.rollups import as_of
from app.analytics.words import percent, value_words
from app.core.db import db
from app.core.money import money_words
from app.sites.models import Site
from app.tracking.queries import moment

# Neither cities, of which a small one is nearly a person, nor properties, which are anything.
SHARED_DIMENSIONS = (
    "page", "entry_page", "channel", "referrer", "utm_campaign", "country", "device", "browser",
)  # fmt: skip
UNNAMED = ("city", "property")  # a filter by one is told without its values
ROWS = 8


@dataclass(frozen=True)
class Figure:
    label: str
    value: str
    change: str | None
    tone: str


@dataclass(frozen=True)
class Panel:
    label: str
    rows: list[dict[str, Any]]


def dashboard_context(
    site: Site, period: Period, filters: Sequence[Filter], *, with_revenue: bool = True
) -> dict[str, Any]:
    """Headline figures with those of the period before, a chart and panels."""
    now = ask(site, period, filters, SHARED_DIMENSIONS)
    before = Before.of(site, period, filters)
    interval = intervals(period.length)[0]
    return {
        "figures": list(_figures(now.totals, before, _currency(site), with_revenue)),
        "points": curve(now, before, interval, lambda totals: totals.visitors or 0),
        "panels": [_panel(now.breakdown(each, limit=ROWS)) for each in SHARED_DIMENSIONS],
        "as_of": moment(as_of(site)),
        "filters": filters,
        "dimensions": FILTERABLE,
        "operators": OPERATORS,
        "value_words": value_words,
        "unnamed": UNNAMED,
    }


def _currency(site: Site) -> str:
    return db.session.get_one(Organization, site.organization_id).currency


def _figures(now: Totals, before: Before, currency: str, with_revenue: bool) -> Any:
    for name in ("visitors", "sessions", "page_views", "events"):
        value, was = getattr(now, name), getattr(before.totals, name)
        yield Figure(LABELS[name], f"{value:,}", *before.change(value, was))
    yield Figure(LABELS["bounce_rate"], percent(now.bounce_rate), None, "neutral")
    was = before.totals.revenue
    if with_revenue and (now.revenue or was):
        value = money_words(now.revenue, currency)
        yield Figure(LABELS["revenue"], value, *before.change(now.revenue, was))


def _panel(found: Breakdown) -> Panel:
    most = max((row.totals.visitors or 0 for row in found.rows), default=0) or 1
    rows = [
        {
            "label": value_words(found.dimension, row.value),
            "value": f"{row.totals.visitors or 0:,}",
            "share": 100 * (row.totals.visitors or 0) / most,
        }
        for row in found.rows
        if row.totals.visitors
    ]
    return Panel(DIMENSIONS[found.dimension].label, rows)
