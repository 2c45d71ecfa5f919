"""Figures of a report as people read them."""

from __future__ import annotations

from app.analytics.answers import Totals
from app.analytics.words import duration, percent
from app.core.money import money_words


def figure_words(totals: Totals, metric: str, currency: str) -> str:
    value = getattr(totals, metric)
    if value is None:
        return "–"
    if metric == "bounce_rate":
        return percent(value)
    if metric == "seconds":
        return duration(value * 1000)
    return money_words(value, currency) if metric == "revenue" else f"{value:,}"
