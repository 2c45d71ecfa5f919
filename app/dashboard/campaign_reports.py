"""What became of the campaigns that a site showed."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, require
from app.accounts.permissions import Permission
from app.analytics.campaign_outcomes import outcomes_of
from app.analytics.forms import WindowForm
from app.analytics.models import Goal
from app.analytics.pages import answer_page, show_page
from app.analytics.questions import Question
from app.analytics.steps import UNITS, window_parts, window_words
from app.campaigns.models import Campaign
from app.core.db import db
from app.core.errors import invalid
from app.sites.listing import choose_site

PAGE = "dashboard/campaign_reports.html"

blueprint = Blueprint("campaign_reports", __name__, url_prefix="/o/<organization>/analytics")


@blueprint.get("/campaigns")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page(PAGE, _answer)


@blueprint.post("/campaigns/window")
@require(Permission.ANALYTICS_WRITE)
def set_window() -> Any:
    form = WindowForm()
    if not form.validate():
        return _refused(form)
    site = form.site.site
    site.convert_within(form.seconds)
    db.session.commit()
    flash("Saved. What was seen before is counted by it as well.", "success")
    return redirect(url_for(".index", organization=current_organization.slug, site=site.id))


def _refused(form: WindowForm) -> Any:
    if "site" in form.errors:
        raise invalid("site", form.errors["site"][0])
    choice, answer = choose_site(form.site.data), partial(_answer, form=form)
    return answer_page(PAGE, form.site.site, answer, 422, choice=choice)


def _answer(question: Question, form: WindowForm | None = None) -> dict[str, Any]:
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
        "form": form or _form(question),
        "units": list(UNITS),
        "kept": {},
    }


def _form(question: Question) -> WindowForm:
    amount, unit = window_parts(question.site.conversion_window)
    return WindowForm(site=question.site.id, amount=amount, unit=unit, formdata=None)
