"""/dev/mail: what would have been sent, for developers. Never registered in production.

The mails of all organizations with their sign-in links are here and nobody has to sign in, so it
answers only to a browser on the same machine.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, abort, make_response, render_template, request
from sqlalchemy import select

from app.core.db import system
from app.core.mail import KEPT, AccountMail, OutgoingMail

SHOWN = 100
KINDS = (OutgoingMail, AccountMail)
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")

LINK = re.compile(r"https?://[^\s<>\"]+")

blueprint = Blueprint("dev_mail", __name__, url_prefix="/dev/mail")


@blueprint.before_request
def refuse_strangers() -> None:
    # The host as well: a page elsewhere may have its own name resolve to this machine.
    host = urlsplit(f"//{request.host}").hostname or ""
    forwarded = any(name in request.headers for name in FORWARDED)
    if forwarded or not _loopback(request.remote_addr or "") or not _loopback(host):
        abort(404)


@blueprint.get("")
def show_all() -> Response:
    mails = [mail for kind in KINDS for mail in _kept(kind)]
    newest = sorted(mails, key=lambda mail: mail.created_at, reverse=True)[:SHOWN]
    return _page("dev_mail/index.html", mails=newest, shown=SHOWN)


@blueprint.get("/<uuid:mail_id>")
def show(mail_id: UUID) -> Response:
    mails = [mail for kind in KINDS for mail in _kept(kind, mail_id)]
    if not mails:
        abort(404)
    links = dict.fromkeys(LINK.findall(mails[0].text or ""))
    return _page("dev_mail/show.html", mail=mails[0], links=links)


def _kept(kind: Any, mail_id: UUID | None = None) -> list[Any]:
    statement = select(kind.__table__).where(kind.state == KEPT)
    if mail_id is not None:
        statement = statement.where(kind.id == mail_id)
    with system() as connection:
        newest = statement.order_by(kind.id.desc()).limit(SHOWN)
        return [kind(**row) for row in connection.execute(newest).mappings()]


def _page(template: str, **values: Any) -> Response:
    response = make_response(render_template(template, **values))
    response.headers["Cache-Control"] = "no-store"
    return response


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
