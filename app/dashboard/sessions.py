"""One visit: who, where from, and what happened, with what became of its orders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint
from sqlalchemy import select

from app.accounts.access import current_member, get_or_404, require
from app.accounts.permissions import Permission
from app.analytics.words import duration
from app.commerce.models import Order
from app.core.countries import country_name
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.proof.models import Activity
from app.sites.models import Site
from app.tracking.lines import Line, lines_of, local
from app.tracking.models import Session
from app.tracking.queries import events_of_session, session_of
from app.tracking.words import channel_words, path_of

blueprint = Blueprint("sessions", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>")


@blueprint.get("/sessions/<uuid:session_id>")
@require(Permission.ANALYTICS_READ)
def show(site_id: UUID, session_id: UUID) -> Any:
    site = get_or_404(Site, site_id)
    session = session_of(site.number, session_id)
    if session is None:
        raise not_found()
    events = events_of_session(site.number, session_id)
    lines = lines_of(site, events, {session_id: session})
    return render(
        "tracking/session.html",
        site=site,
        session=session,
        began=local(session.started_at, ZoneInfo(site.time_zone)),
        place=_place(session),
        origin=_origin(session),
        lines=lines,
        activities=_activities(site, lines),
        duration=duration,
    )


def _place(session: Session) -> str:
    parts = (session.city, session.region, country_name(session.country))
    return ", ".join(each for each in parts if each)


def _origin(session: Session) -> list[tuple[str, str]]:
    """Where the visit came from, where it began and where it ended; what is known of it."""
    rows = (
        ("Channel", channel_words(session.channel)),
        ("Site", session.referrer_host),
        ("Source", session.utm_source),
        ("Medium", session.utm_medium),
        ("Campaign", session.utm_campaign),
        ("Term", session.utm_term),
        ("Content", session.utm_content),
        ("First page", path_of(session.entry_url)),
        ("Last page", path_of(session.exit_url)),
    )
    return [(label, value) for label, value in rows if value]


def _activities(site: Site, lines: Iterable[Line]) -> dict[str, UUID]:
    """The activity of each order that these events name and the site has, by the order's id."""
    named = {line.event.order_id for line in lines if line.event.order_id is not None}
    if not named or not current_member.may(Permission.ACTIVITIES_READ):
        return {}
    found = (
        select(Order.external_id, Activity.id)
        .join(
            Activity,
            (Activity.source_id == Order.source_id) & (Activity.external_id == Order.external_id),
        )
        .where(Order.site_id == site.id, Order.external_id.in_(named))
    )
    return {row.external_id: row.id for row in db.session.execute(found)}
