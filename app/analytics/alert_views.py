"""Pages of alerts: what is watched, and what was told."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.analytics.alerting import how_words, value_words_of, when_words, words_of
from app.analytics.models import Alert, AlertFiring, Refused
from app.analytics.pages import answer_page, show_page
from app.analytics.questions import Question
from app.analytics.report_forms import AlertForm, NewAlertForm
from app.core.db import db
from app.core.money import units
from app.core.render import render
from app.sites.listing import choose_site
from app.tracking.lines import local

FIRINGS = 50
INDEX = "analytics/alerts/index.html"

blueprint = Blueprint("alerts", __name__, url_prefix="/o/<organization>/analytics/alerts")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    me = [str(current_member.id)]
    return show_page(
        INDEX, lambda question: _index(question, NewAlertForm(formdata=None, members=me))
    )


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = NewAlertForm()
    if not form.validate():
        return _refused(form)
    try:
        alert = Alert.create(form.site.site, form.watched, form.chosen)
    except Refused as error:
        form[error.field].errors = [str(error)]
        return _refused(form)
    db.session.commit()
    flash("It is watched from now on, every few minutes.", "success")
    return redirect(_index_of(alert.site_id))


@blueprint.get("/<uuid:alert_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(alert_id: UUID) -> Any:
    alert = get_or_404(Alert, alert_id)
    return _edit(alert, AlertForm.of(alert))


@blueprint.post("/<uuid:alert_id>")
@require(Permission.ANALYTICS_WRITE)
def update(alert_id: UUID) -> Any:
    alert, form = get_or_404(Alert, alert_id), AlertForm()
    if not form.validate():
        return _edit(alert, form, 422)
    alert.change(form.watched, form.chosen)
    db.session.commit()
    flash("Saved.", "success")
    return redirect(_index_of(alert.site_id))


@blueprint.post("/<uuid:alert_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(alert_id: UUID) -> Any:
    alert = get_or_404(Alert, alert_id)
    alert.remove()
    db.session.commit()
    flash("It is not watched any more.", "success")
    return redirect(_index_of(alert.site_id))


def _refused(form: NewAlertForm) -> Any:
    choice = choose_site(form.site.data)
    if choice.chosen is None:
        return render(INDEX, 422, choice=choice)
    return answer_page(
        INDEX, choice.chosen, lambda question: _index(question, form), status=422, choice=choice
    )


def _edit(alert: Alert, form: AlertForm, status: int = 200) -> Any:
    return render(
        "analytics/alerts/edit.html",
        status,
        alert=alert,
        form=form,
        members=_members(),
        example=_example(),
    )


def _index(question: Question, form: AlertForm) -> dict[str, Any]:
    site, zone = question.site, ZoneInfo(question.site.time_zone)
    firings = [
        (each, when_words(local(each.began_at, zone), each.alert.unit))
        for each in AlertFiring.newest(site, FIRINGS)
    ]
    return {
        "alerts": Alert.of(site),
        "firings": firings,
        "form": form,
        "members": _members(),
        "example": _example(),
        "words_of": words_of,
        "how_words": how_words,
        "figure": lambda value, metric: value_words_of(
            value, metric, current_organization.currency
        ),
    }


def _example() -> str:
    """An amount as it is typed."""
    return units(1250, current_organization.currency)


def _members() -> list[Member]:
    found = select(Member).filter_by(suspended_at=None).order_by(Member.id)
    return list(db.session.scalars(found))


def _index_of(site_id: UUID) -> str:
    return url_for("alerts.index", organization=current_organization.slug, site=site_id)
