"""What somebody outside is shown of a site: sums only, nothing of a single visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.accounts.models import Organization
from app.analytics.answers import Answer, Breakdown, Point, Totals, ask
from app.analytics.dimensions import DIMENSIONS
from app.analytics.filters import Filter
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
ROWS = 8
TIMES = 10  # from which on a growth is told as a multiple
MOST_BARS = 62


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
    before = ask(site, period.before(), filters, ())
    return {
        "figures": list(_figures(now.totals, before.totals, _currency(site), with_revenue)),
        "points": _points(now, before),
        "panels": [_panel(now.breakdown(each, limit=ROWS)) for each in SHARED_DIMENSIONS],
        "as_of": moment(as_of(site)),
    }


def _currency(site: Site) -> str:
    return db.session.get_one(Organization, site.organization_id).currency


def _figures(now: Totals, before: Totals, currency: str, with_revenue: bool) -> Any:
    for label, name in (
        ("Visitors", "visitors"),
        ("Visits", "sessions"),
        ("Page views", "page_views"),
        ("Events", "events"),
    ):
        value, was = getattr(now, name), getattr(before, name)
        yield Figure(label, f"{value:,}", *change_of(value, was))
    yield Figure("Bounce rate", percent(now.bounce_rate), None, "neutral")
    if with_revenue and (now.revenue or before.revenue):
        value = money_words(now.revenue, currency)
        yield Figure("Revenue", value, *change_of(now.revenue, before.revenue))


def change_of(now: int, before: int) -> tuple[str | None, str]:
    if not before:
        return None, "neutral"
    if now >= TIMES * before:
        return f"×{round(now / before)}", "good"
    change = round(100 * (now - before) / before)
    return f"{change:+}%", "good" if change > 0 else "bad" if change < 0 else "neutral"


def _points(now: Answer, before: Answer) -> list[dict[str, Any]]:
    interval = interval_of(now.period)
    then = before.series(interval)
    points = now.series(interval)
    return [
        {
            "label": label_of(point, interval),
            "value": point.totals.visitors or 0,
            "before": then[place].totals.visitors or 0 if place < len(then) else None,
            "open": place == len(points) - 1,
        }
        for place, point in enumerate(points)
    ]


def interval_of(period: Period) -> str:
    """The shortest whose bars can still be told apart."""
    if period.length == 1:
        return "hour"
    if period.length <= MOST_BARS:
        return "day"
    return "week" if period.length <= 7 * MOST_BARS else "month"


def label_of(point: Point, interval: str) -> str:
    if interval == "hour":
        return point.at[11:16]
    day = date.fromisoformat(point.at)
    return f"{day:%B %Y}" if interval == "month" else f"{day.day} {day:%b}"


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
