"""What is happening on a site now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.accounts.access import require
from app.accounts.permissions import Permission
from app.core.render import render
from app.sites.installation import Installation
from app.sites.listing import choose_site
from app.tracking.lines import lines_of
from app.tracking.live_queries import live_of
from app.tracking.words import path_of

blueprint = Blueprint("live", __name__)


@blueprint.get("/o/<organization>/live")
@require(Permission.ANALYTICS_READ)
def show() -> Any:
    choice = choose_site()
    site = choice.chosen
    if site is None:
        return render("dashboard/live.html", block="picker", choice=choice)
    live = live_of(site.number)
    return render(
        "dashboard/live.html",
        block="now",
        choice=choice,
        site=site,
        live=live,
        lines=lines_of(site, live.events, live.sessions),
        last_page=path_of(live.last.exit_url) if live.last else None,
        installation=Installation.of(site),
    )
