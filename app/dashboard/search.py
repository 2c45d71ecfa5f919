"""Find anything: sites, campaigns, sources, members and the pages themselves, from one field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import current_member, current_organization, require
from app.accounts.models import Member, User
from app.accounts.permissions import Permission
from app.campaigns.formats import FORMATS
from app.campaigns.models import Campaign
from app.core.db import reading
from app.core.render import render
from app.sites.listing import searched
from app.sites.models import Site, SiteDomain
from app.sources.kinds import KINDS
from app.sources.models import BUILT_IN, Source

MOST = 6  # of each kind

blueprint = Blueprint("search", __name__)


@dataclass(frozen=True)
class Found:
    """One thing to go to."""

    label: str
    note: str
    icon: str
    href: str


@dataclass(frozen=True)
class Kind:
    """One kind of thing that can be found, by those who may see it."""

    label: str
    needs: Permission
    find: Callable[[Session, list[str]], list[Found]]


@blueprint.get("/o/<organization>/search")
@require(Permission.SITES_READ)
def show() -> Any:
    text = searched()
    return render("dashboard/search.html", block="results", text=text, groups=find(text))


def find(text: str) -> dict[str, list[Found]]:
    """What has each word of `text`, by kind; pages alone when there is no word."""
    words = text.casefold().split()
    groups = {"Pages": _pages(words)}
    if words:
        with reading() as session:
            found = {
                kind.label: kind.find(session, words)
                for kind in FINDERS
                if current_member.may(kind.needs)
            }
        groups = found | groups
    return {label: each for label, each in groups.items() if each}


def _sites(session: Session, words: list[str]) -> list[Found]:
    matching = Site.matching(" ".join(words)).with_only_columns(
        Site.id, Site.name, Site.client_name
    )
    rows = session.execute(matching.limit(MOST)).all()
    domains = select(SiteDomain.site_id, SiteDomain.host).order_by(SiteDomain.host.desc())
    hosts = session.execute(domains.where(SiteDomain.site_id.in_([row.id for row in rows])))
    first = {row.site_id: row.host for row in hosts}
    return [
        Found(
            row.name,
            " · ".join(filter(None, (row.client_name, first.get(row.id)))),
            "globe",
            _href("sites.show", site_id=row.id),
        )
        for row in rows
    ]


def _campaigns(session: Session, words: list[str]) -> list[Found]:
    columns = (Campaign.id, Campaign.name, Campaign.format, Campaign.status)
    found = select(*columns).order_by(Campaign.updated_at.desc(), Campaign.id)
    return [
        Found(
            row.name,
            f"{FORMATS[row.format].label} · {row.status}",
            "megaphone",
            _href("builder.show", campaign_id=row.id),
        )
        for row in session.execute(_named(found, Campaign.name, words))
    ]


def _sources(session: Session, words: list[str]) -> list[Found]:
    found = select(Source.id, Source.name, Source.kind).where(Source.kind.not_in(BUILT_IN))
    named = _named(found.order_by(Source.name, Source.id), Source.name, words)
    return [
        Found(row.name, KINDS[row.kind].label, "webhook", _href("sources.show", source_id=row.id))
        for row in session.execute(named)
    ]


def _members(session: Session, words: list[str]) -> list[Found]:
    """Names and addresses are sealed, so they are compared here; members are few."""
    members = session.execute(select(Member, User).join(User, User.id == Member.user_id)).all()
    found = [
        Found(
            user.name or "",
            f"{user.email} · {member.role}",
            "user",
            _href("accounts.members"),
        )
        for member, user in members
        if _has(f"{user.name} {user.email}", words)
    ]
    return found[:MOST]


def _pages(words: list[str]) -> list[Found]:
    from_here = [
        Found(label, "", icon, _href(endpoint))
        for label, icon, endpoint, needs in PAGES
        if current_member.may(needs) and _has(label, words)
    ]
    return from_here[:MOST] if words else from_here


def _named(found: Any, column: Any, words: list[str]) -> Any:
    for word in words:
        found = found.where(column.icontains(word, autoescape=True))
    return found.limit(MOST)


def _has(text: str, words: list[str]) -> bool:
    return all(word in text.casefold() for word in words)


def _href(endpoint: str, **values: Any) -> str:
    return url_for(endpoint, organization=current_organization.slug, **values)


P = Permission
FINDERS = (
    Kind("Sites", P.SITES_READ, _sites),
    Kind("Campaigns", P.CAMPAIGNS_READ, _campaigns),
    Kind("Sources", P.SOURCES_READ, _sources),
    Kind("Members", P.MEMBERS_READ, _members),
)
PAGES = (
    ("Home", "house", "dashboard.home", P.SITES_READ),
    ("Live", "radio", "live.show", P.ANALYTICS_READ),
    ("Analytics", "chart-no-axes-column", "analytics.show", P.ANALYTICS_READ),
    ("Sites", "globe", "sites.index", P.SITES_READ),
    ("Sites › Add site", "plus", "sites.new", P.SITES_WRITE),
    ("Campaigns", "megaphone", "campaigns.index", P.CAMPAIGNS_READ),
    ("Campaigns › New campaign", "plus", "campaigns.choose", P.CAMPAIGNS_WRITE),
    ("Activities", "shopping-bag", "proof.index", P.ACTIVITIES_READ),
    ("Activities › Record activity", "plus", "proof.new", P.ACTIVITIES_WRITE),
    ("Activities › Import CSV", "plus", "imports.new", P.ACTIVITIES_WRITE),
    ("Sources & webhooks", "webhook", "sources.index", P.SOURCES_READ),
    ("Sources & webhooks › Connect source", "plug", "sources.new", P.SOURCES_WRITE),
    ("Sources & webhooks › Webhooks received", "inbox", "sources.deliveries", P.SOURCES_READ),
    ("Settings › General", "settings", "accounts.organization", P.ORGANIZATION_WRITE),
    ("Settings › Members", "users", "accounts.members", P.MEMBERS_READ),
    ("Settings › API keys", "key-round", "accounts.api_keys", P.API_KEYS_WRITE),
    ("Settings › Audit log", "history", "accounts.audit", P.AUDIT_READ),
)
