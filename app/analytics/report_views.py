"""Pages of reports: build one, look at it, take it out, have it mailed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.models import Member
from app.accounts.models.user import EmailError
from app.accounts.permissions import Permission
from app.accounts.views.limits import count_invitation
from app.analytics.export_views import asked_format, download
from app.analytics.figures import LABELS
from app.analytics.filters import read_filters
from app.analytics.models import Refused, Report, ReportRecipient
from app.analytics.pages import answer_page, show_page, shown
from app.analytics.periods import DEFAULT, PRESETS
from app.analytics.questions import Question, asked_filters
from app.analytics.report_exports import ReportExport
from app.analytics.report_forms import NewReportForm, RecipientForm, ReportForm, ScheduleForm
from app.analytics.report_mails import ask_to_confirm
from app.analytics.report_tables import BY, SPANS, report_table
from app.analytics.report_words import figure_words
from app.analytics.schedules import SCHEDULES
from app.core.db import db
from app.core.errors import not_found
from app.core.progress import Progress
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

ROWS = 200  # that are shown

blueprint = Blueprint("reports", __name__, url_prefix="/o/<organization>/analytics/reports")


@blueprint.get("")
@require(Permission.ANALYTICS_READ)
def index() -> Any:
    return show_page("analytics/reports/index.html", _index)


@blueprint.get("/new")
@require(Permission.ANALYTICS_WRITE)
def new() -> Any:
    choice = choose_site()
    if choice.chosen is None:
        return render("analytics/reports/new.html", block="picker", choice=choice)
    filters = [str(each) for each in asked_filters(choice.chosen)]
    form = NewReportForm(
        formdata=None,
        site=choice.chosen.id,
        f=filters,
        metrics=["visitors", "sessions", "page_views"],
        by="page",
        period=_days(),
    )
    return _new(form, choice)


@blueprint.post("")
@require(Permission.ANALYTICS_WRITE)
def create() -> Any:
    form = NewReportForm()
    if not form.validate():
        return _new(form, choose_site(form.site.data), 422)
    try:
        report = Report.create(form.site.site, form.name.data or "", form.wanted)
    except Refused as error:
        form[error.field].errors = [str(error)]
        return _new(form, choose_site(form.site.data), 422)
    db.session.commit()
    return redirect(_page(report))


@blueprint.get("/<uuid:report_id>")
@require(Permission.ANALYTICS_READ)
def show(report_id: UUID) -> Any:
    return _show(get_or_404(Report, report_id))


@blueprint.get("/<uuid:report_id>/edit")
@require(Permission.ANALYTICS_WRITE)
def edit(report_id: UUID) -> Any:
    report = get_or_404(Report, report_id)
    first, second = [*report.dimensions, "", ""][:2]
    form = ReportForm(
        formdata=None,
        name=report.name,
        metrics=report.metrics,
        by=first,
        and_by=second,
        period=report.period,
        f=report.filters,
    )
    return _edit(report, form)


@blueprint.post("/<uuid:report_id>")
@require(Permission.ANALYTICS_WRITE)
def update(report_id: UUID) -> Any:
    report, form = get_or_404(Report, report_id), ReportForm()
    if not form.validate():
        return _edit(report, form, 422)
    try:
        report.change(form.name.data or "", form.wanted)
    except Refused as error:
        form[error.field].errors = [str(error)]
        return _edit(report, form, 422)
    db.session.commit()
    flash("Saved.", "success")
    return redirect(_page(report))


@blueprint.post("/<uuid:report_id>/deletion")
@require(Permission.ANALYTICS_WRITE)
def delete(report_id: UUID) -> Any:
    report = get_or_404(Report, report_id)
    report.remove()
    db.session.commit()
    flash(f"“{report.name}” is deleted and not mailed any more.", "success")
    address = url_for("reports.index", organization=current_organization.slug, site=report.site_id)
    return redirect(address)


@blueprint.post("/<uuid:report_id>/export")
@require(Permission.ANALYTICS_READ)
def export(report_id: UUID) -> Any:
    report = get_or_404(Report, report_id)
    return download(ReportExport.of(report, asked_format()), Progress(None))


@blueprint.post("/<uuid:report_id>/schedule")
@require(Permission.ANALYTICS_WRITE)
def schedule(report_id: UUID) -> Any:
    report, form = get_or_404(Report, report_id), ScheduleForm()
    if not form.validate():
        return _show(report, 422, schedule_form=form)
    report.mail_every(form.schedule.data or None, form.hour.data)
    db.session.commit()
    flash(_scheduled(report), "success")
    return redirect(_page(report))


@blueprint.post("/<uuid:report_id>/recipients")
@require(Permission.ANALYTICS_WRITE)
def add_recipient(report_id: UUID) -> Any:
    report, form = get_or_404(Report, report_id), RecipientForm()
    if not form.validate():
        return _show(report, 422, recipient_form=form)
    try:
        flash(_added(report, form), "success")
    except (Refused, EmailError) as error:
        form.email.errors = [str(error)]
        return _show(report, 422, recipient_form=form)
    db.session.commit()
    return redirect(_page(report))


@blueprint.post("/<uuid:report_id>/recipients/<uuid:recipient_id>/removal")
@require(Permission.ANALYTICS_WRITE)
def remove_recipient(report_id: UUID, recipient_id: UUID) -> Any:
    report = get_or_404(Report, report_id)
    recipient = get_or_404(ReportRecipient, recipient_id)
    if recipient.report_id != report.id:
        raise not_found()
    recipient.remove()
    db.session.commit()
    flash("Nothing is sent there any more.", "success")
    return redirect(_page(report))


def _scheduled(report: Report) -> str:
    if report.schedule is None:
        return "It is not mailed any more."
    gets_it = any(each.active for each in report.recipients)
    return "Saved." if gets_it else "Saved. Nobody gets it yet: add somebody below."


def _added(report: Report, form: RecipientForm) -> str:
    """Put somebody on the list; what to say about it."""
    if form.chosen is not None:
        recipient = ReportRecipient.add_member(report, form.chosen)
        name = form.chosen.user.name
        if recipient.active:
            return f"{name} gets it from the next mailing on."
        return f"{name} ended this mail. Only the link in one of them can change that."
    email = form.email.data or ""
    count_invitation(email, str(current_organization.id))
    recipient, token = ReportRecipient.invite(report, email)
    if token is None:
        return f"{email} gets it already."
    ask_to_confirm(recipient, token)
    return f"{email} was asked. Nothing else is sent there before the answer."


def _index(question: Question) -> dict[str, Any]:
    return {
        "reports": Report.of(question.site),
        "by": BY,
        "figures": LABELS,
        "schedules": SCHEDULES,
    }


def _days() -> str:
    """Those of the page it came from, where a report can have them: they move on with the date."""
    asked = request.args.get("period", DEFAULT)
    return asked if asked in PRESETS and asked != "custom" else DEFAULT


def _new(form: NewReportForm, choice: Any, status: int = 200) -> Any:
    return render(
        "analytics/reports/new.html",
        status,
        block="picker",
        form=form,
        choice=choice,
        fixed=_filters_of(form),
        **shown(),
    )


def _edit(report: Report, form: ReportForm, status: int = 200) -> Any:
    return render(
        "analytics/reports/edit.html",
        status,
        report=report,
        form=form,
        fixed=_filters_of(form),
        **shown(),
    )


def _filters_of(form: ReportForm) -> Any:
    return [] if form.f.errors else read_filters(form.f.data or ())


def _show(report: Report, status: int = 200, **forms: Any) -> Any:
    site = db.session.get_one(Site, report.site_id)
    return answer_page(
        "analytics/reports/show.html",
        site,
        lambda question: _answer(report, question, **forms),
        status=status,
    )


def _answer(
    report: Report,
    question: Question,
    schedule_form: ScheduleForm | None = None,
    recipient_form: RecipientForm | None = None,
) -> dict[str, Any]:
    period = ReportExport.of(report, "csv").period
    filters = report.read
    fault = report.fault
    asked = (question.site, period, filters, report.dimensions, report.metrics)
    table = None if fault else report_table(*asked)
    said = {"schedule": report.schedule or "", "hour": report.hour}
    members = select(Member).filter_by(suspended_at=None).order_by(Member.id)
    return {
        "report": report,
        "period": period,
        "filters": filters,
        "fault": fault,
        "table": table,
        "rows": table.rows[:ROWS] if table else [],
        "by": BY,
        "times": SPANS,
        "figures": LABELS,
        "figure_words": figure_words,
        "members": list(db.session.scalars(members)),
        "schedule_form": schedule_form or ScheduleForm(formdata=None, data=said),
        "recipient_form": recipient_form or RecipientForm(formdata=None),
        "schedules": SCHEDULES,
    }


def _page(report: Report) -> str:
    return url_for("reports.show", organization=current_organization.slug, report_id=report.id)
