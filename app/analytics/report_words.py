"""Figures and filters of a report as people read them."""

from __future__ import annotations

from app.analytics.answers import Totals
from app.analytics.dimensions import FILTERABLE
from app.analytics.filters import OPERATORS, Filter
from app.analytics.words import duration, percent, value_words
from app.core.money import money_words


def filter_words(filter: Filter) -> str:
    """`Country is Germany or France`."""
    values = " or ".join(value_words(filter.dimension, value) for value in filter.values)
    return f"{FILTERABLE[filter.dimension].label} {OPERATORS[filter.operator]} {values}"


def figure_words(totals: Totals, metric: str, currency: str) -> str:
    value = getattr(totals, metric)
    if value is None:
        return "–"
    if metric == "bounce_rate":
        return percent(value)
    if metric == "seconds":
        return duration(value * 1000)
    return money_words(value, currency) if metric == "revenue" else f"{value:,}"
