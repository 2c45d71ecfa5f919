"""The page from which figures are taken out, and the file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from app.accounts.access import current_member, require
from app.accounts.permissions import Permission
from app.analytics.answers import DIMENSIONS, INTERVALS
from app.analytics.curves import MOST_HOURS
from app.analytics.exports import FORMATS, RAW, SERIES, WHATS, Export
from app.analytics.pages import shown
from app.analytics.periods import Period
from app.analytics.questions import Question
from app.analytics.report_exports import ReportExport
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import ApiError, bad_query, invalid, not_found
from app.core.ids import uuid7
from app.core.progress import Progress
from app.core.render import render
from app.sites.listing import Choice, choose_site
from app.sites.models import Site

blueprint = Blueprint("exports", __name__, url_prefix="/o/<organization>/analytics/export")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    choice = _choice()
    if choice.chosen is None:
        return render("analytics/exports/show.html", block="picker", choice=choice)
    identifier = parsed_uuid(request.args.get("export", ""))
    progress = Progress.of(identifier) if identifier else None
    under_way = identifier if not (progress and progress["ended"]) else None
    question = Question.asked(choice.chosen)
    return render(
        "analytics/exports/show.html",
        block="progress",
        choice=choice,
        site=choice.chosen,
        question=question,
        what=_one_of("dimension", WHATS, SERIES),
        by=DIMENSIONS,
        intervals=_intervals(question.period),
        raw=RAW,
        may_raw=current_member.may(Permission.ACTIVITIES_READ),
        export=under_way or uuid7(),
        progress=progress,
        **shown(),
    )


@blueprint.post("")
@require(Permission.ANALYTICS_READ)
def create() -> Any:
    """A POST, since taking figures out is written down in the audit log."""
    site = _choice().chosen
    if site is None:
        raise not_found()
    export = asked_export(site)
    if export.raw and not current_member.may(Permission.ACTIVITIES_READ):
        raise ApiError(403, "forbidden", "Your role does not include single visits and events.")
    return download(export, Progress(parsed_uuid(request.values.get("export", ""))))


def asked_export(site: Site) -> Export:
    """By this request. Raises ApiError that names the field."""
    question = Question.asked(site)
    what = _one_of("dimension", WHATS, "")
    interval = _one_of("interval", _intervals(question.period), "day")
    return Export(question, what, interval, asked_format())


def _intervals(period: Period) -> tuple[str, ...]:
    """Hours only of as many days as are drawn by them: they are not added up before, and three
    years have 26,000."""
    hours = period.length <= MOST_HOURS
    return tuple(each for each in INTERVALS if hours or each != "hour")


def asked_format() -> str:
    return _one_of("format", FORMATS, "")


def download(export: Export | ReportExport, progress: Progress) -> Response:
    pieces = export.begin(progress)
    # What is taken out is written down before the first of it leaves.
    db.session.commit()
    response = Response(pieces, content_type=FORMATS[export.format])
    response.headers["Content-Disposition"] = f'attachment; filename="{export.filename}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _choice() -> Choice:
    """The site that is named; a name of none is a mistake."""
    choice, named = choose_site(), request.args.get("site")
    if named and (choice.chosen is None or choice.chosen.id != parsed_uuid(named)):
        raise not_found()
    return choice


def _one_of(field: str, allowed: Any, default: str) -> str:
    said = request.values.get(field) or default
    if said in allowed:
        return said
    message = f"One of {', '.join(allowed)}."
    raise bad_query(field, message) if field in request.args else invalid(field, message)
