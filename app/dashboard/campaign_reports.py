"""What became of the campaigns that a site showed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import select

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.analytics.campaign_outcomes import outcomes_of
from app.analytics.models import Goal
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.campaigns.models import Campaign
from app.core.db import db

blueprint = Blueprint("campaign_reports", __name__, url_prefix="/o/<organization>/analytics")


@blueprint.get("/campaigns")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("dashboard/campaign_reports.html", _answer)


def _answer(question: Question) -> dict[str, Any]:
    shown = outcomes_of(question.site, question.period, question.filters)
    known = select(Campaign).filter_by(site_id=question.site.id)
    campaigns = {str(each.id): each for each in db.session.scalars(known)}
    lines = [(campaigns.get(name), each) for name, each in shown.items() if each.impressions]
    lines.sort(key=lambda line: -line[1].impressions)
    return {"lines": lines, "goals": len(Goal.of(question.site)), "kept": {}}
