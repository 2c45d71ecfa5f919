"""What became of the campaigns that a site showed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect
from sqlalchemy import select

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.campaign_outcomes import outcomes_of
from app.analytics.forms import WindowForm
from app.analytics.models import Goal
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.steps import UNITS, window_words
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.render import render
from app.sites.listing import Choice, choose_site

blueprint = Blueprint("campaign_reports", __name__, url_prefix="/o/<organization>/analytics")


@blueprint.get("/campaigns")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("dashboard/campaign_reports.html", _answer)


@blueprint.get("/campaigns/window")
@require(Permission.ANALYTICS_WRITE)
def edit_window() -> Any:
    choice = choose_site()
    return _edit_window(WindowForm.of(choice.chosen) if choice.chosen else None, choice)


@blueprint.post("/campaigns/window")
@require(Permission.ANALYTICS_WRITE)
def set_window() -> Any:
    form = WindowForm()
    if not form.validate():
        return _edit_window(form, choose_site(form.site.data or ""), 422)
    site = form.site.site
    question = Question.asked(site)
    site.convert_within(form.seconds)
    db.session.commit()
    flash("Saved. What was seen before is counted by it as well.", "success")
    return redirect(question.address(".index"))


def _edit_window(form: WindowForm | None, choice: Choice, status: int = 200) -> Any:
    question = Question.asked(choice.chosen) if choice.chosen else None
    values = {"form": form, "choice": choice, "question": question, "units": list(UNITS)}
    return render("dashboard/campaign_window.html", status, block="picker", **values)


def _answer(question: Question) -> dict[str, Any]:
    site = question.site
    counted = outcomes_of(site, question.period, question.filters)
    known = select(Campaign).filter_by(site_id=site.id)
    campaigns = {str(each.id): each for each in db.session.scalars(known)}
    shown = [(name, each) for name, each in counted.by_campaign.items() if each.impressions]
    lines = [(campaigns.get(name), each) for name, each in shown]
    lines.sort(key=lambda line: -line[1].impressions)
    return {
        "lines": lines,
        "hidden": counted.hidden,
        "window": window_words(site.conversion_window),
        "goals": len(Goal.of(site)),
        "kept": {},
    }
