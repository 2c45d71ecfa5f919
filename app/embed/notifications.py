"""Activities as visitors see them: composed once here for the socket, for polling and the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.core import clock, tenancy
from app.core.countries import country_name
from app.core.db import db, system
from app.proof import wording
from app.proof.models import Activity
from app.proof.values import values_of
from app.sites.models import Site
from app.sites.queries import PublishedSite
from app.sources.facts import Place

RECENT = timedelta(days=7)
LATEST = 20
CATCH_UP = 200


def items_of(
    activity: Activity, campaigns: list[dict[str, Any]], person_style: str, language: str = "en"
) -> list[dict[str, Any]]:
    """One notification for each published campaign that shows this type of activity."""
    return [
        _item(activity, campaign, person_style, language)
        for campaign in campaigns
        if campaign["format"] == "recent_activity" and activity.type in campaign["content"]["types"]
    ]


def _item(
    activity: Activity, campaign: dict[str, Any], person_style: str, language: str
) -> dict[str, Any]:
    values, content = wording_values(activity, person_style), campaign["content"]
    item = {
        "id": str(activity.id),
        "campaign": campaign["id"],
        "type": activity.type,
        "message": wording.render(content["template"], values, language),
        "timestamp": clock.iso(activity.occurred_at),
        "receipt": activity.receipt,
    }
    translations = content.get("translations") or {}
    if translations:
        item["messages"] = {
            other: wording.render(each["template"], values, other)
            for other, each in translations.items()
        }
    country = country_name(values["country_code"], wording.base_language(language))
    place = values["city"] or values["region"] or country
    return {**item, "location": place} if place else item


def wording_values(activity: Activity, person_style: str) -> dict[str, str]:
    """The values of a template's variables; empty where nothing may be said."""
    return values_of(
        type=activity.type,
        first_name=activity.first_name,
        person_style=person_style,
        place=Place(**(activity.shown_place or {})),
        product=(activity.product or {}).get("name"),
        rating=(activity.data or {}).get("rating"),
    )


def current(site: PublishedSite) -> dict[str, Any]:
    """The activities of the last 7 days, newest first, at most twenty for each campaign."""
    with tenancy.scope(site.organization_id):
        cursor = cursor_of(site)
        shown: dict[UUID, Activity] = {}
        for types in {frozenset(types) for types in shown_types(site)}:
            latest = _shown(site, types).order_by(Activity.occurred_at.desc()).limit(LATEST)
            shown.update((row.id, row) for row in db.session.scalars(latest))
        return _answer(site, list(shown.values()), [], cursor)


def since(site: PublishedSite, after: int) -> dict[str, Any]:
    """What changed after a cursor, newest first: nothing is missed after however long a while.

    What is older than a week would not be shown any more and is left out. Very much at once comes
    in pages: the answer's cursor is then the end of this one.
    """
    with tenancy.scope(site.organization_id):
        cursor = cursor_of(site)
        types = frozenset().union(*shown_types(site))
        created = _changes(_shown(site, types), Activity.created_change, after)
        retracted = _changes(_of(site), Activity.retracted_change, after)
        ends = [created[-1].created_change] if len(created) == CATCH_UP else []
        ends += [retracted[-1].retracted_change] if len(retracted) == CATCH_UP else []
        gone = [str(row.id) for row in retracted]
        return _answer(site, created, gone, min([cursor, *(end for end in ends if end)]))


def _changes(found: Select[Any], change: Any, after: int) -> list[Activity]:
    """A page of what changed, the earliest changes first."""
    page = found.where(change > after).order_by(change).limit(CATCH_UP)
    return list(db.session.scalars(page))


def _of(site: PublishedSite) -> Select[Any]:
    return select(Activity).where(Activity.site_id == site.id)


def _shown(site: PublishedSite, types: frozenset[str]) -> Select[Any]:
    """What a campaign that shows these types may show now."""
    return _of(site).where(
        Activity.retracted_at.is_(None),
        Activity.occurred_at > clock.now() - RECENT,
        Activity.type.in_(types),
    )


def shown_types(site: PublishedSite) -> list[list[str]]:
    """The types that each published campaign shows, one by one: others only count theirs."""
    shown = [each for each in site.content["campaigns"] if each["format"] == "recent_activity"]
    return [each["content"]["types"] for each in shown if each["content"].get("types")]


def cursor_of(site: PublishedSite) -> int:
    """Read before the rows: a change in between is told twice rather than never."""
    with system() as connection:
        found = select(Site.change_number).where(Site.id == site.id)
        return connection.scalar(found) or 0


def change_numbers(site_ids: list[str]) -> dict[str, int]:
    """The present change number of each of these sites, by the hexadecimal id."""
    if not site_ids:
        return {}
    found = select(Site.id, Site.change_number).where(Site.id.in_(map(UUID, site_ids)))
    with system() as connection:
        return {row.id.hex: row.change_number for row in connection.execute(found)}


def _answer(
    site: PublishedSite, rows: list[Activity], retracted: list[str], cursor: int
) -> dict[str, Any]:
    campaigns = site.content["campaigns"]
    newest = sorted(rows, key=lambda row: row.occurred_at, reverse=True)
    items = [
        item
        for row in newest
        for item in items_of(row, campaigns, site.person_style, site.language)
    ]
    return {
        "notifications": items,
        "retracted": retracted,
        "revision": site.revision,
        "cursor": cursor,
    }
