"""/dev/mail: what would have been sent, for developers. Never registered in production.

The mails of all organizations with their sign-in links are here and nobody has to sign in, so it
answers only to a browser on the same machine.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, abort, make_response, render_template_string, request
from sqlalchemy import Select, select

from app.core.db import system
from app.core.mail import KEPT, OutgoingMail

SHOWN = 100
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")

LIST = """{% extends "layout/bare.html" %}
{% block title %}Kept mail{% endblock %}
{% block content %}
<h1>Kept mail</h1>
<p>SMTP_URL is not set, so these were not sent. The newest {{ shown }} are listed.</p>
<ul>
{% for mail in mails %}
<li><a href="{{ url_for(".show", mail_id=mail.id) }}">{{ mail.subject or "(no subject)" }}</a>
to {{ mail.recipient }}, {{ mail.created_at.strftime("%Y-%m-%d %H:%M:%S") }} UTC</li>
{% else %}
<li>None yet.</li>
{% endfor %}
</ul>
{% endblock %}"""

ONE = """{% extends "layout/bare.html" %}
{% block title %}{{ mail.subject }}{% endblock %}
{% block content %}
<h1>{{ mail.subject }}</h1>
<p>to {{ mail.recipient }}, {{ mail.created_at.strftime("%Y-%m-%d %H:%M:%S") }} UTC</p>
<pre id="text">{{ mail.text or "(erased)" }}</pre>
{% if mail.html is not none %}<h2>HTML</h2>
<pre id="html">{{ mail.html }}</pre>{% endif %}
<p><a href="{{ url_for(".show_all") }}">All kept mail</a></p>
{% endblock %}"""

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
    newest = _kept().order_by(OutgoingMail.id.desc()).limit(SHOWN)
    return _page(LIST, mails=_mails(newest), shown=SHOWN)


@blueprint.get("/<uuid:mail_id>")
def show(mail_id: UUID) -> Response:
    mails = _mails(_kept().where(OutgoingMail.id == mail_id))
    return _page(ONE, mail=mails[0]) if mails else abort(404)


def _kept() -> Select[Any]:
    return select(OutgoingMail.__table__).where(OutgoingMail.state == KEPT)


def _mails(statement: Select[Any]) -> list[OutgoingMail]:
    with system() as connection:
        rows = connection.execute(statement).mappings().all()
    return [OutgoingMail(**row) for row in rows]


def _page(template: str, **values: Any) -> Response:
    response = make_response(render_template_string(template, **values))
    response.headers["Cache-Control"] = "no-store"
    return response


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
