"""The page of attribution."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.attribution import BY, LABELS, MODELS, attribution
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.core.errors import bad_query

MOST_ROWS = 50

blueprint = Blueprint("attribution", __name__)


@blueprint.get("/o/<organization>/analytics/attribution")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    return show_page("analytics/attribution/show.html", _answer)


def _answer(question: Question) -> dict[str, Any]:
    by, model = request.args.get("by", BY[0]), request.args.get("model", "linear")
    if by not in BY:
        raise bad_query("by", f"One of {', '.join(BY)}.")
    if model not in MODELS:
        raise bad_query("model", f"One of {', '.join(MODELS)}.")
    found = attribution(question.site, question.period, by, question.filters)
    rows = sorted(found.rows, key=lambda each: (-each.revenue[model], -each.orders, each.value))
    return {
        "found": found,
        "rows": [each for each in rows if each.orders][:MOST_ROWS],
        "by": by,
        "model": model,
        "every": BY,
        "models": LABELS,
        "kept": {"by": by, "model": model},
    }
