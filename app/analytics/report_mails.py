"""A report as mail: each once, to those who agreed, with a way out in each."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import render_template

from app.accounts.models import Organization
from app.analytics.answers import Totals, ask
from app.analytics.comparing import Before
from app.analytics.figures import LABELS
from app.analytics.models import Report, ReportRecipient
from app.analytics.periods import Period
from app.analytics.report_tables import BY, ReportTable, report_table
from app.analytics.report_words import figure_words, filter_words
from app.analytics.rollups import whole_of
from app.analytics.schedules import period_before, when_mailed
from app.core import clock
from app.core.crypto import keyring
from app.core.db import db
from app.core.due import do_what_is_due
from app.core.letters import one_line, public_url, write
from app.core.mail import send
from app.sites.models import Site

CODE_BYTES = 16
AT_ONCE = 100  # reports of a turn
LATER = timedelta(minutes=15)
WAIT = timedelta(minutes=5)  # until it is looked again whether its days are added up
PATIENCE = timedelta(hours=3)  # after which a report is mailed with the numbers that there are
ROWS = 20  # of a table in a mail


def send_due_reports() -> None:
    """A worker's turn: mail what is due."""
    do_what_is_due(Report, Report.try_at, mail_report, at_once=AT_ONCE, later=LATER)


def mail_report(report: Report) -> int:
    """To everybody who gets it, if it is due and nobody else has; how many mails."""
    due_at = report.next_at
    if due_at is None or due_at > clock.now():
        report.try_at = due_at  # its schedule was changed while it waited
        return 0
    if _waits(report, due_at):
        report.try_at = clock.now() + WAIT
        return 0
    written = _written(report, due_at)
    if not report.take_turn():
        return 0
    sent = 0
    for recipient in report.recipients:
        address = recipient.address
        if recipient.active and address:
            _send(report, recipient, address, written)
            sent += 1
    return sent


def _waits(report: Report, due_at: datetime) -> bool:
    """Whether its days are not added up as a whole, and may yet be in time: also where nobody tried
    in time, since then what adds up was not there either."""
    site = db.session.get_one(Site, report.site_id)
    period = period_before(report.schedule or "", due_at, site.time_zone)
    if whole_of(site, period) >= period.ends:
        return False
    return report.try_at == due_at or clock.now() < due_at + PATIENCE


def ask_to_confirm(recipient: ReportRecipient, token: str) -> None:
    """To somebody outside, before anything else is mailed to him."""
    site = db.session.get_one(Site, recipient.report.site_id)
    letter = write(
        "report_confirmation",
        link=public_url("report_mails.confirmation", token=token),
        report=one_line(recipient.report.name),
        site=one_line(site.name),
        when=when_mailed(recipient.report.schedule),
    )
    send(recipient.email or "", *letter)


# --- the letter -----------------------------------------------------------------------------------


def _written(report: Report, due_at: datetime) -> dict[str, Any]:
    """What the mail says. Computed first: nothing waits for it."""
    site = db.session.get_one(Site, report.site_id)
    organization = db.session.get_one(Organization, report.organization_id)
    period = period_before(report.schedule or "", due_at, site.time_zone)
    fault = report.fault
    return {
        "report": report,
        "site": site,
        "organization": organization,
        "period": period,
        "fault": fault,
        "link": public_url("reports.show", organization=organization.slug, report_id=report.id),
        **({} if fault else _figures(report, site, period, organization.currency)),
    }


def _figures(report: Report, site: Site, period: Period, currency: str) -> dict[str, Any]:
    filters = report.read
    # First: what is added up while it is asked may be in the answer or not.
    whole = whole_of(site, period)
    now = ask(site, period, filters, ()).totals
    before = Before.of(site, period, filters)
    table = report_table(site, period, filters, report.dimensions, report.metrics)
    return {
        "only": [one_line(each) for each in map(filter_words, filters)],
        "as_of": None if whole >= period.ends else _as_of_words(whole, period),
        "headline": list(_headline(now, before, currency)),
        "table": table if report.dimensions else None,
        "columns": [BY[each] for each in table.dimensions] + [LABELS[m] for m in table.metrics],
        "rows": list(_rows(table, currency)),
        "more": max(0, len(table.rows) - ROWS) + table.left_out,
    }


def _as_of_words(whole: int, period: Period) -> str:
    moment = datetime.fromtimestamp(whole / 1000, period.zone)
    named = f"{moment:%-d %B %Y, %H:%M} ({period.zone.key})"
    return f"Numbers as of {named}: what came after that is not in them."


def _headline(now: Totals, before: Before, currency: str) -> Iterator[tuple[str, str, str]]:
    for name in ("visitors", "sessions", "page_views", "revenue"):
        value, was = getattr(now, name), getattr(before.totals, name)
        if name != "revenue" or value or was:
            change = before.change(value, was)[0]
            yield LABELS[name], figure_words(now, name, currency), change or "–"


def _rows(table: ReportTable, currency: str) -> Iterator[list[str]]:
    """Values are what strangers sent: none begins a line of its own."""
    for values, totals in table.rows[:ROWS]:
        figures = [figure_words(totals, each, currency) for each in table.metrics]
        yield [*map(one_line, table.words(values)), *figures]


def _send(
    report: Report, recipient: ReportRecipient, address: str, written: dict[str, Any]
) -> None:
    way_out = public_url("report_mails.unsubscription", token=way_out_token(recipient))
    # The report itself is for members; whoever is outside would stand before a sign-in.
    values = {**written, "way_out": way_out, "member": recipient.member_id is not None}
    subject = f"{one_line(report.name)} – {one_line(written['site'].name)}"
    text = render_template("mail/report.txt", subject=subject, **values)
    html = render_template("mail/report.html", subject=subject, **values)
    send(address, subject, text, html, unsubscribe=way_out)


# --- the way out ----------------------------------------------------------------------------------


def way_out_token(recipient: ReportRecipient) -> str:
    """Good for as long as the recipient is one; nothing of it is stored."""
    named = recipient.id.bytes
    return base64.urlsafe_b64encode(named + _code(named)).decode()


def recipient_of(token: str) -> UUID | None:
    """Whom a way out is of, or None for one that is not ours."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        return None
    named, code = raw[:16], raw[16:]
    if len(raw) != 16 + CODE_BYTES or not hmac.compare_digest(code, _code(named)):
        return None
    return UUID(bytes=named)


def _code(named: bytes) -> bytes:
    return hmac.digest(keyring().derive("report-mail"), named, hashlib.sha256)[:CODE_BYTES]
