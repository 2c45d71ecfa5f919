"""Pages of funnels: the saved ones, one with its numbers, and the builder."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.building import Builder
from app.analytics.counting import count_funnel, labels, split_of
from app.analytics.dimensions import OF_SESSIONS
from app.analytics.forms import FunnelForm
from app.analytics.matches import KINDS
from app.analytics.models import Funnel, Goal, TooMany
from app.analytics.pages import answer_page, show_page, shown
from app.analytics.periods import read_period
from app.analytics.questions import Question
from app.analytics.steps import MOST, UNITS, StepError, window_words
from app.analytics.suggestions import Suggestions
from app.core.db import db
from app.core.errors import ApiError
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

blueprint = Blueprint("funnels", __name__, url_prefix="/o/<organization>/analytics/funnels")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("analytics/funnels/index.html", _index)


@blueprint.get("/new")
@require(Permission.ANALYTICS_WRITE)
def new() -> Any:
    choice = choose_site()
    if choice.chosen is None:
        return render("analytics/funnels/builder.html", block="picker", choice=choice)
    return _builder(Builder.empty(), choice.chosen)


@blueprint.post("/draft")
@require(Permission.ANALYTICS_WRITE)
def draft() -> Any:
    """What is being put together, counted. Nothing is kept."""
    site = _site()
    builder = Builder.sent(request.form)
    builder.do(request.form.get("do", ""))
    return _builder(builder, site, funnel=_edited(site))


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    site, builder = _site(), Builder.sent(request.form)
    return _save(builder, site, None, lambda *said: Funnel.create(site, *said))


@blueprint.get("/<uuid:funnel_id>")
@require(Permission.ANALYTICS_READ)
def show(funnel_id: UUID) -> Any:
    funnel = get_or_404(Funnel, funnel_id)
    site = db.session.get_one(Site, funnel.site_id)
    return answer_page(
        "analytics/funnels/show.html", site, lambda question: _answer(question, funnel)
    )


@blueprint.get("/<uuid:funnel_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(funnel_id: UUID) -> Any:
    funnel = get_or_404(Funnel, funnel_id)
    return _builder(Builder.of(funnel), db.session.get_one(Site, funnel.site_id), funnel=funnel)


@blueprint.post("/<uuid:funnel_id>")
@require(Permission.ANALYTICS_WRITE)
def update(funnel_id: UUID) -> Any:
    funnel, builder = get_or_404(Funnel, funnel_id), Builder.sent(request.form)
    site = db.session.get_one(Site, funnel.site_id)

    def change(*said: Any) -> Funnel:
        funnel.change(*said)
        return funnel

    return _save(builder, site, funnel, change)


@blueprint.post("/<uuid:funnel_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(funnel_id: UUID) -> Any:
    funnel = get_or_404(Funnel, funnel_id)
    funnel.remove()
    db.session.commit()
    flash(f"“{funnel.name}” is deleted.", "success")
    slug = current_organization.slug
    return redirect(url_for("funnels.index", organization=slug, site=funnel.site_id))


def _index(question: Question) -> dict[str, Any]:
    funnels = Funnel.of(question.site)
    goals = {each.id: each for each in Goal.of(question.site)}
    return {"funnels": [(each, labels(each.steps, goals)) for each in funnels], **_words()}


def _answer(question: Question, funnel: Funnel) -> dict[str, Any]:
    split = split_of(request.args.get("split"))
    return {
        "funnel": funnel,
        "split": split,
        "splits": OF_SESSIONS,
        **vars(count_funnel(question, funnel.steps, funnel.window, split)),
        **_words(),
    }


def _save(builder: Builder, site: Site, funnel: Funnel | None, verb: Any) -> Any:
    checked, named = builder.check(), builder.check_name()
    if checked is None or not named:
        return _builder(builder, site, 422, funnel)
    try:
        saved = verb(builder.name, *checked)
    except StepError as error:
        builder.blame(error)
        return _builder(builder, site, 422, funnel)
    except TooMany as error:
        builder.errors["name"] = str(error)
        return _builder(builder, site, 422, funnel)
    db.session.commit()
    slug = current_organization.slug
    return redirect(url_for("funnels.show", organization=slug, funnel_id=saved.id))


def _builder(builder: Builder, site: Site, status: int = 200, funnel: Funnel | None = None) -> Any:
    return render(
        "analytics/funnels/builder.html",
        status,
        builder=builder,
        site=site,
        funnel=funnel,
        choice=choose_site(str(site.id)),
        goals=Goal.of(site),
        seen=Suggestions.on(site),
        kinds=KINDS,
        units=UNITS,
        most=MOST,
        refused=status == 422,
        **_preview(builder, site),
        **_words(),
        **shown(),
    )


def _preview(builder: Builder, site: Site) -> dict[str, Any]:
    """The numbers of the last 30 days, as soon as the steps are steps."""
    if any(row.empty for row in builder.rows):
        return {"result": None}
    checked = builder.check()
    if checked is None:
        return {"result": None}
    question = Question(site, read_period("30d", None, None, ZoneInfo(site.time_zone)), [])
    try:
        return {**vars(count_funnel(question, *checked)), "question": question}
    except StepError as error:
        builder.blame(error)
        return {"result": None}


def _site() -> Site:
    form = FunnelForm()
    if not form.validate():
        raise ApiError(422, "invalid", "Choose a site.", {"site": ["Choose a site."]})
    return form.site.site


def _edited(site: Site) -> Funnel | None:
    """The saved funnel that is being changed, if one is."""
    named = request.form.get("funnel", "")
    return next((each for each in Funnel.of(site) if str(each.id) == named), None)


def _words() -> dict[str, Any]:
    return {"window_words": window_words}
