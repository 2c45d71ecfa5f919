"""Activities as visitors see them: composed once here for the socket, for polling and the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core import clock, tenancy
from app.core.db import db, system
from app.embed.countries import country_name
from app.proof import wording
from app.proof.models import Activity
from app.sites.models import Site
from app.sites.queries import PublishedSite

RECENT = timedelta(days=7)
LATEST = 20
CATCH_UP = 200
SOMEONE = "Someone"


def items_of(
    activity: Activity, campaigns: list[dict[str, Any]], person_style: str
) -> list[dict[str, Any]]:
    """One notification for each published campaign that shows this type of activity."""
    return [
        _item(activity, campaign, person_style)
        for campaign in campaigns
        if campaign["format"] == "recent_activity" and activity.type in campaign["content"]["types"]
    ]


def _item(activity: Activity, campaign: dict[str, Any], person_style: str) -> dict[str, Any]:
    values = wording_values(activity, person_style)
    message = wording.parse(campaign["content"]["template"]).render(values)
    item = {
        "id": str(activity.id),
        "campaign": campaign["id"],
        "type": activity.type,
        "message": message,
        "timestamp": clock.iso(activity.occurred_at),
        "receipt": activity.receipt,
    }
    return {**item, "location": values["place"]} if values["place"] else item


def wording_values(activity: Activity, person_style: str) -> dict[str, str]:
    """The values of a template's variables; empty where nothing may be said."""
    place = activity.shown_place or {}
    country = country_name(place.get("country"))
    city, region = place.get("city") or "", place.get("region") or ""
    return {
        "first_name": shown_person(activity.first_name, person_style),
        "city": city,
        "region": region,
        "country": country,
        "place": city or region or country,
        "product": (activity.product or {}).get("name") or "",
        "type": activity.type.replace("_", " "),
        "rating": str((activity.data or {}).get("rating") or ""),
    }


def shown_person(first_name: str | None, style: str) -> str:
    if not first_name or style == "someone":
        return SOMEONE
    return f"{first_name[0].upper()}." if style == "initial" else first_name


def current(site: PublishedSite) -> dict[str, Any]:
    """The activities of the last 7 days, newest first, at most twenty of a campaign."""
    with tenancy.scope(site.organization_id):
        shown = (
            select(Activity)
            .where(Activity.site_id == site.id, Activity.retracted_at.is_(None))
            .where(Activity.occurred_at > clock.now() - RECENT)
            .where(Activity.type.in_(shown_types(site)))
            .order_by(Activity.occurred_at.desc())
            .limit(LATEST)
        )
        cursor = cursor_of(site)
        return _answer(site, list(db.session.scalars(shown)), [], cursor)


def since(site: PublishedSite, after: int) -> dict[str, Any]:
    """What changed after a cursor, newest first: nothing is missed after however long a while.

    What is older than a week would not be shown any more and is left out. Retractions come in
    pages: the cursor then points at the end of the page.
    """
    with tenancy.scope(site.organization_id):
        cursor = cursor_of(site)
        mine = select(Activity).where(Activity.site_id == site.id)
        created = (
            mine.where(Activity.created_change > after, Activity.retracted_at.is_(None))
            .where(Activity.occurred_at > clock.now() - RECENT)
            .order_by(Activity.created_change.desc())
            .limit(CATCH_UP)
        )
        gone = (
            mine.where(Activity.retracted_change > after)
            .order_by(Activity.retracted_change)
            .limit(CATCH_UP)
        )
        retracted = list(db.session.scalars(gone))
        if len(retracted) == CATCH_UP:
            cursor = retracted[-1].retracted_change or cursor
        shown = list(db.session.scalars(created))
        return _answer(site, shown, [str(row.id) for row in retracted], cursor)


def shown_types(site: PublishedSite) -> set[str]:
    contents = [each["content"] for each in site.content["campaigns"]]
    return {kind for content in contents for kind in content.get("types", ())}


def cursor_of(site: PublishedSite) -> int:
    """Read before the rows: a change in between is told twice rather than never."""
    with system() as connection:
        found = select(Site.change_number).where(Site.id == site.id)
        return connection.scalar(found) or 0


def _answer(
    site: PublishedSite, rows: list[Activity], retracted: list[str], cursor: int
) -> dict[str, Any]:
    campaigns = site.content["campaigns"]
    items = [item for row in rows for item in items_of(row, campaigns, site.person_style)]
    return {
        "notifications": items,
        "retracted": retracted,
        "revision": site.revision,
        "cursor": cursor,
    }
