"""Pages of goals, and what counts as revenue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request

from app.accounts.access import get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.conversions import conversions_of
from app.analytics.dimensions import GOAL
from app.analytics.forms import GOAL_KINDS, GoalForm, NewGoalForm, RevenueForm
from app.analytics.matches import EVENT, PAGE
from app.analytics.models import Goal, TooMany
from app.analytics.pages import show_page
from app.analytics.questions import Question
from app.analytics.suggestions import Suggestions
from app.core.db import db
from app.core.errors import invalid
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

MOST_SUGGESTED = 6

blueprint = Blueprint("goals", __name__, url_prefix="/o/<organization>/analytics/goals")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("analytics/goals/index.html", _index)


@blueprint.get("/new")
@require(Permission.ANALYTICS_WRITE)
def new() -> Any:
    choice = choose_site()
    if choice.chosen is None:
        return render("analytics/goals/new.html", block="picker", choice=choice)
    kind, match = request.args.get("kind"), request.args.get("match", "")
    form = NewGoalForm(
        site=choice.chosen.id,
        kind=kind if kind in GOAL_KINDS else PAGE,
        match=match,
        name=match.replace("_", " ").capitalize() if kind == EVENT else "",
    )
    return _new(form, choice.chosen)


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = NewGoalForm()
    if not form.validate():
        return _new(form, choose_site(form.site.data).chosen, 422)
    question = Question.asked(form.site.site)
    try:
        goal = Goal.create(form.site.site, form.name.data or "", form.wanted)
    except TooMany as error:
        form.name.errors = [str(error)]
        return _new(form, form.site.site, 422)
    db.session.commit()
    flash(f"“{goal.name}” counts from now on, and what happened before counts as well.", "success")
    return _back(question)


@blueprint.get("/<uuid:goal_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(goal_id: UUID) -> Any:
    goal = get_or_404(Goal, goal_id)
    return _edit(GoalForm.of(goal), goal)


@blueprint.post("/<uuid:goal_id>")
@require(Permission.ANALYTICS_WRITE)
def update(goal_id: UUID) -> Any:
    goal, form = get_or_404(Goal, goal_id), GoalForm()
    if not form.validate():
        return _edit(form, goal, 422)
    question = _asked(goal)
    goal.change(form.name.data or "", form.wanted)
    db.session.commit()
    flash("Saved. What happened before is counted by the new words as well.", "success")
    return _back(question)


@blueprint.post("/<uuid:goal_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(goal_id: UUID) -> Any:
    goal = get_or_404(Goal, goal_id)
    question = _asked(goal)
    goal.remove()
    db.session.commit()
    flash(f"“{goal.name}” is deleted. The events stay.", "success")
    return _back(question)


@blueprint.post("/revenue")
@require(Permission.ANALYTICS_WRITE)
def set_revenue() -> Any:
    form = RevenueForm()
    if not form.validate():
        raise invalid("site", form.errors["site"][0])
    site = form.site.site
    question = Question.asked(site)
    site.trust_pages(form.trusts_pages.data)
    db.session.commit()
    flash("Saved. Every day is added up again, which can take a few minutes.", "success")
    return redirect(question.address(".index"))


def _index(question: Question) -> dict[str, Any]:
    seen, counted = Suggestions.on(question.site), _counted(question)
    wanted = [goal.wanted for goal, _reached in counted.by_goal]
    return {
        "conversions": counted,
        "suggested": seen.without(wanted)[:MOST_SUGGESTED],
        "revenue_form": RevenueForm(
            site=question.site.id, trusts_pages=question.site.trusts_pages, formdata=None
        ),
    }


def _counted(question: Question) -> Any:
    return conversions_of(question.site, question.period, question.filters)


def _new(form: NewGoalForm, site: Site | None, status: int = 200) -> Any:
    return render(
        "analytics/goals/new.html",
        status,
        block="picker",
        form=form,
        choice=choose_site(str(site.id) if site else ""),
        question=Question.asked(site) if site else None,
        seen=Suggestions.on(site) if site else Suggestions([], [], []),
    )


def _edit(form: GoalForm, goal: Goal, status: int = 200) -> Any:
    question = _asked(goal)
    seen = Suggestions.on(question.site)
    return render(
        "analytics/goals/edit.html", status, form=form, goal=goal, question=question, seen=seen
    )


def _asked(goal: Goal) -> Question:
    """The question of the page that it was changed from."""
    return Question.asked(db.session.get_one(Site, goal.site_id))


def _back(question: Question) -> Any:
    """To that page, without filters by goals: they may have another name now, or be gone."""
    kept = [str(each) for each in question.filters if each.dimension != GOAL.name]
    return redirect(question.address(".index", f=kept))
