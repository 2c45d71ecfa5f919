"""The page of journeys."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.flow import flow
from app.analytics.journeys import CHOSEN, DEEPEST, DIRECTIONS, END, SHALLOWEST, journeys
from app.analytics.matches import Match, MatchError, match_of
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.suggestions import Suggestions
from app.analytics.words import value_words
from app.core.errors import bad_query

blueprint = Blueprint("journeys", __name__)


@blueprint.get("/o/<organization>/analytics/journeys")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    return show_page("analytics/journeys/show.html", _answer)


def _answer(question: Question) -> dict[str, Any]:
    text, direction, depth = asked_start(), asked_direction(), asked_depth()
    start = start_of(text)
    found = journeys(question.site, question.period, question.filters, start, direction, depth)
    return {
        "found": found,
        "flow": flow(found),
        "start": text,
        "direction": direction,
        "depth": depth,
        "depths": range(SHALLOWEST, DEEPEST + 1),
        "seen": Suggestions.on(question.site),
        "kept": {"start": text or None, "direction": direction, "depth": depth},
        "step_words": lambda page: _words(page, start, direction),
    }


def asked_start() -> str:
    """`page:/pricing` or `event:signup`; a path alone is a page, a name alone an event."""
    text = request.args.get("start", "").strip()
    if not text or text.startswith(("page:", "event:", "property:", "order")):
        return text
    return f"page:{text}" if text.startswith(("/", "*", "http")) else f"event:{text}"


def start_of(text: str) -> Match | None:
    try:
        return match_of(text) if text else None
    except MatchError as error:
        raise bad_query("start", str(error)) from error


def asked_direction() -> str:
    direction = request.args.get("direction", DIRECTIONS[0])
    if direction not in DIRECTIONS:
        raise bad_query("direction", f"One of {', '.join(DIRECTIONS)}.")
    return direction


def asked_depth() -> int:
    text = request.args.get("depth", "4")
    if text not in map(str, range(SHALLOWEST, DEEPEST + 1)):
        raise bad_query("depth", f"From {SHALLOWEST} to {DEEPEST} pages.")
    return int(text)


def _words(page: str, start: Match | None, direction: str) -> str:
    if page == CHOSEN:
        return start.words if start else ""
    if page == END:
        return "Left the site" if direction == DIRECTIONS[0] else "Came to the site"
    return value_words("page", page)
