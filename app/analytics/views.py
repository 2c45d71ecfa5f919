"""The overview of a site, and all values of one dimension."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, jsonify, request

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.answers import ask
from app.analytics.dimensions import DIMENSIONS
from app.analytics.overview import FIGURES, PANELS, Line, Overview
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.rollups import as_of, days_to_come, first_day
from app.analytics.world import drawn, level
from app.core.errors import bad_query, not_found
from app.core.money import money_words
from app.sites.installation import Installation
from app.sites.models import Site
from app.tracking.queries import moment

PAGE = 50
ORDERS = ("visitors", "sessions", "page_views", "events", "revenue")

blueprint = Blueprint("analytics", __name__, url_prefix="/o/<organization>/analytics")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    return show_page("analytics/overview/show.html", _overview)


@blueprint.get("/<uuid:site_id>/series")
@require(Permission.ANALYTICS_READ)
def series(site_id: UUID) -> Any:
    """What the chart draws."""
    overview = Overview.of(Question.asked(get_or_404(Site, site_id)), request.args)
    label = FIGURES[overview.metric].label
    return jsonify(label=label, interval=overview.interval, points=overview.points)


@blueprint.get("/values/<dimension>")
@require(Permission.ANALYTICS_READ)
def values(dimension: str) -> Any:
    if dimension not in DIMENSIONS:
        raise not_found()
    return show_page("analytics/overview/values.html", partial(_values, dimension))


def _overview(question: Question) -> dict[str, Any]:
    overview = Overview.of(question, request.args)
    money = partial(money_words, currency=current_organization.currency)
    tabs = {name: request.args.get(name) for name in PANELS}
    return {
        "overview": overview,
        "figures": overview.figures(money),
        "panels": [overview.panel(name, dimension) for name, dimension in tabs.items()],
        "world": _world(overview),
        "kept": _kept(*PANELS, "metric", "interval", "compare"),
        "as_of": moment(as_of(question.site)),
        "to_come": days_to_come(question.site),
        "installation": Installation.of(question.site),
        "began": first_day(question.site),
    }


def _world(overview: Overview) -> list[tuple[Line, int]]:
    """The countries that the map can show, each with the strength of its colour."""
    known = drawn(current_app.static_folder or "")
    return [(line, level(line.share)) for line in overview.countries if line.value in known]


def _values(dimension: str, question: Question) -> dict[str, Any]:
    by = request.args.get("by") or ("visitors" if question.own_clock else "sessions")
    if by not in ORDERS:
        raise bad_query("by", f"One of {', '.join(ORDERS)}.")
    page = max(1, min(10_000, request.args.get("page", 1, int)))
    search = request.args.get("q", "").replace("\0", "")[:100].strip()
    answer = ask(question.site, question.period, question.filters, (dimension,))
    start = (page - 1) * PAGE
    found = answer.breakdown(dimension, by=by, search=search, limit=PAGE, offset=start)
    return {
        "dimension": dimension,
        "found": found,
        "totals": answer.totals,
        "by": by,
        "search": search,
        "number": page,
        "more": found.total > start + PAGE,
        "kept": _kept("by", "q"),
    }


def _kept(*names: str) -> dict[str, str]:
    """Those parameters of the address that are not of the question."""
    return {name: request.args[name] for name in names if request.args.get(name)}
