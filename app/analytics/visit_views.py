"""The list of a site's visits."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, request

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.rollups import as_of
from app.analytics.visit_list import list_visits
from app.core.countries import country_name
from app.tracking.lines import local
from app.tracking.models import Session
from app.tracking.queries import moment
from app.tracking.words import path_of, source_words

PAGE = 50

blueprint = Blueprint("visits", __name__, url_prefix="/o/<organization>/analytics/visits")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("analytics/visits/index.html", _visits)


def _visits(question: Question) -> dict[str, Any]:
    page = max(1, min(10_000, request.args.get("page", 1, int)))
    start = (page - 1) * PAGE
    found = list_visits(question.site, question.period, question.filters, offset=start, limit=PAGE)
    zone = question.period.zone
    return {
        "lines": [_line(each, zone) for each in found.sessions],
        "total": found.total,
        "number": page,
        "more": found.total > start + PAGE,
        "as_of": moment(as_of(question.site)),
        "kept": {},
    }


def _line(session: Session, zone: ZoneInfo) -> dict[str, Any]:
    places = (session.city, session.region, country_name(session.country))
    return {
        "id": session.id,
        "began": local(session.started_at, zone),
        "place": ", ".join(each for each in places if each) or "Unknown place",
        "device": f"{session.device}, {session.browser}",
        "source": source_words(session),
        "entry": path_of(session.entry_url),
        "pages": session.page_views,
        "lasted": session.last_at - session.started_at,
        "person": session.person,
    }
