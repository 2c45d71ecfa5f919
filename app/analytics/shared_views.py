"""Figures for somebody outside: whoever has the address, and the password if there is one."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request, session, url_for
from sqlalchemy import select

from app.analytics.models import SharedLink
from app.analytics.periods import PRESETS, read_period
from app.analytics.report_forms import PasswordForm
from app.analytics.shared_figures import dashboard_context
from app.core import tenancy
from app.core.crypto import fingerprint
from app.core.db import db, system
from app.core.errors import not_found
from app.core.ratelimit import Buckets, address, limiter
from app.core.render import render
from app.sites.models import Site

# As for sign-in: enough for somebody who mistypes, too little to guess.
PER_ADDRESS = "20 per minute; 100 per hour"
PER_LINK = "10 per minute; 60 per hour"
OPENED = "shared"  # in the session: which links were opened with which password
MOST_OPENED = 10

blueprint = Blueprint("shared", __name__, url_prefix="/shared")

# Figures cost more than most pages; nobody needs many a second.
asked = Buckets(rate=1, burst=40)


@blueprint.before_request
def _limit() -> None:
    asked.demand(address())


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/<token>")
def show(token: str) -> Any:
    link = _enter(token)
    if not _is_opened(link):
        return render("shared/password.html", form=PasswordForm(), token=token)
    site = db.session.get_one(Site, link.site_id)
    period = read_period(request.args.get("period"), None, None, ZoneInfo(site.time_zone))
    figures = dashboard_context(site, period, link.read, with_revenue=link.shows_revenue)
    return render(
        "shared/show.html", link=link, site=site, period=period, presets=PRESETS, **figures
    )


def _link() -> str:
    """Whom the limit of a link counts, unreadable in Redis."""
    return fingerprint((request.view_args or {}).get("token", "")).hex()


@blueprint.post("/<token>")
@limiter.limit(PER_ADDRESS, key_func=address)
@limiter.limit(PER_LINK, key_func=_link)
def open_with_password(token: str) -> Any:
    link, form = _enter(token), PasswordForm()
    if form.validate() and link.opens_with(form.password.data or ""):
        _remember(link)
        return redirect(url_for("shared.show", token=token))
    form.password.errors = form.password.errors or ["This is not the password."]
    return render("shared/password.html", 422, form=form, token=token)


def _enter(token: str) -> SharedLink:
    """The link that still opens something. Guessed, revoked and expired are the same answer."""
    found = select(SharedLink.organization_id, SharedLink.id).where(
        SharedLink.digest == fingerprint(token)
    )
    with system() as connection:
        named = connection.execute(found).first()
    if named is None:
        raise not_found()
    tenancy.enter(named.organization_id)
    link = db.session.get(SharedLink, named.id)
    if link is None or link.state != "open" or not link.whole:
        raise not_found()
    return link


def _is_opened(link: SharedLink) -> bool:
    return link.password_hash is None or session.get(OPENED, {}).get(str(link.id)) == _proof(link)


def _remember(link: SharedLink) -> None:
    opened = {**session.get(OPENED, {}), str(link.id): _proof(link)}
    session[OPENED] = dict(list(opened.items())[-MOST_OPENED:])


def _proof(link: SharedLink) -> str:
    """Of this password and no other: the cookie is signed and says nothing of it."""
    return fingerprint(link.password_hash or "").hex()[:16]
