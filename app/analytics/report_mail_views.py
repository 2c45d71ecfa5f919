"""What whoever gets a report by mail can do without an account: agree, and end it.

Programs of receivers post to the way out by themselves (RFC 8058), with no cookie and no token of
a form; all that it does is end the mail of that one address.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from sqlalchemy import select

from app.accounts.views.limits import links_limited
from app.analytics.models import ReportRecipient
from app.analytics.report_mails import recipient_of
from app.analytics.schedules import when_mailed
from app.core import clock, tenancy
from app.core.crypto import fingerprint
from app.core.db import db, system
from app.core.errors import not_found
from app.core.render import render
from app.sites.models import Site

blueprint = Blueprint("report_mails", __name__, url_prefix="/report-mails")
one_click = Blueprint("one_click_api", __name__, url_prefix="/report-mails")


@blueprint.after_request
@one_click.after_request
def _keep_private(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@blueprint.get("/confirmation")
def confirmation() -> Any:
    token = request.args.get("token", "")
    recipient = _asked(token)
    if recipient is None:
        return render("shared/mail_gone.html")
    return _page("shared/mail_confirmation.html", recipient, token=token, done=False)


@blueprint.post("/confirmation")
@links_limited
def confirm() -> Any:
    token = request.form.get("token", "")
    recipient = _asked(token)
    if recipient is None or not recipient.confirm(token):
        return render("shared/mail_gone.html", 422)
    db.session.commit()
    return _page("shared/mail_confirmation.html", recipient, token=token, done=True)


@blueprint.get("/unsubscription")
def unsubscription() -> Any:
    token = request.args.get("token", "")
    recipient = _named(token)
    if recipient is None:
        return render("shared/mail_gone.html")
    return _page("shared/mail_unsubscription.html", recipient, token=token)


@one_click.post("/unsubscription")
def unsubscribe() -> Any:
    token = request.args.get("token", "")
    recipient = _named(token)
    if recipient is None:
        raise not_found()
    recipient.unsubscribe()
    db.session.commit()
    return _page("shared/mail_unsubscription.html", recipient, token=token)


def _asked(token: str) -> ReportRecipient | None:
    """Whose link this is while it is good."""
    return _found(
        ReportRecipient.digest == fingerprint(token), ReportRecipient.expires_at > clock.now()
    )


def _named(token: str) -> ReportRecipient | None:
    identifier: UUID | None = recipient_of(token)
    return _found(ReportRecipient.id == identifier) if identifier else None


def _found(*conditions: Any) -> ReportRecipient | None:
    found = select(ReportRecipient.organization_id, ReportRecipient.id).where(*conditions)
    with system() as connection:
        row = connection.execute(found).first()
    if row is None:
        return None
    tenancy.enter(row.organization_id)
    return db.session.get(ReportRecipient, row.id)


def _page(template: str, recipient: ReportRecipient, **values: Any) -> Any:
    report = recipient.report
    site, when = db.session.get_one(Site, report.site_id), when_mailed(report.schedule)
    return render(template, recipient=recipient, report=report, site=site, when=when, **values)
