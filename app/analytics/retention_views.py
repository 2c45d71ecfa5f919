"""The page of retention."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.retention import UNITS, retention
from app.core.errors import bad_query

blueprint = Blueprint("retention", __name__)


@blueprint.get("/o/<organization>/analytics/retention")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    return show_page("analytics/retention/show.html", _answer)


def _answer(question: Question) -> dict[str, Any]:
    unit = request.args.get("unit", "week")
    if unit not in UNITS:
        raise bad_query("unit", f"One of {', '.join(UNITS)}.")
    found = retention(question.site, unit, UNITS[unit], question.filters)
    began = next((at for at, each in enumerate(found.cohorts) if each.size), 0)
    return {"found": found, "cohorts": found.cohorts[began:], "unit": unit, "units": list(UNITS)}
