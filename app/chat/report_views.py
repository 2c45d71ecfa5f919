"""How well a site answers, on its own page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from sqlalchemy import select

from app.accounts.access import require
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.chat.models import ChatSettings
from app.chat.pages import chatting_sites
from app.chat.reports import PERIODS, report_of
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.sites.models import Site

USUAL = 30  # days

blueprint = Blueprint("chat_reports", __name__, url_prefix="/o/<organization>/inbox/reports")


@blueprint.get("")
@require(Permission.CHAT_READ)
def show() -> Any:
    sites = chatting_sites()
    site, days = _site(sites), request.args.get("days", USUAL, int)
    values: dict[str, Any] = {"days": days if days in PERIODS else USUAL, "periods": PERIODS}
    if site is not None:
        settings = _settings(site)
        values["report"] = report_of(site, settings, values["days"])
        values |= {"settings": settings, "names": _names()}
    return render("chat/reports/show.html", site=site, sites=sites, **values)


def _settings(site: Site) -> ChatSettings:
    """Of a site that never chatted, the usual ones: nothing is written by looking."""
    found = select(ChatSettings).filter_by(site_id=site.id)
    return db.session.scalars(found).first() or ChatSettings(site_id=site.id)


def _site(sites: list[Site]) -> Site | None:
    """What `?site=` names, else the first that chats."""
    if "site" not in request.args:
        return sites[0] if sites else None
    named = parsed_uuid(request.args["site"])
    found = db.session.scalars(select(Site).filter_by(id=named)).first() if named else None
    if found is None:
        raise not_found()
    return found


def _names() -> dict[Any, str]:
    """Of all members: who left his colleagues is told by no name."""
    return {each.id: each.user.name or "" for each in db.session.scalars(select(Member))}
