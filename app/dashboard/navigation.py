"""The left rail: what exists, for those who may see it."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for
from flask_login import current_user

from app.accounts.permissions import Permission
from app.accounts.queries import memberships

ITEMS = (
    ("Home", "house", "dashboard.home", ("dashboard.",), Permission.SITES_READ),
    (
        "Campaigns",
        "megaphone",
        "campaigns.index",
        ("campaigns.", "builder."),
        Permission.CAMPAIGNS_READ,
    ),
    ("Activities", "shopping-bag", "proof.index", ("proof.",), Permission.ACTIVITIES_READ),
    ("Sources & webhooks", "webhook", "sources.index", ("sources.",), Permission.SOURCES_READ),
    ("Sites", "globe", "sites.index", ("sites.", "publications."), Permission.SITES_READ),
    ("Settings", "settings", "accounts.members", ("accounts.",), Permission.MEMBERS_READ),
)


def context() -> dict[str, Any]:
    """What `layout/app.html` needs; nothing on pages outside an organization."""
    if "member" not in g:
        return {}
    slug = g.organization.slug
    return {
        "navigation": [_item(slug, *item) for item in ITEMS if g.member.may(item[-1])],
        "organization": g.organization,
        "organizations": [
            {"name": each.name, "href": url_for("dashboard.home", organization=each.slug)}
            for each in memberships(current_user.id)
        ],
        "member": g.member,
        "sign_out_href": url_for("accounts.sign_out"),
        "Permission": Permission,
    }


def _item(
    slug: str, label: str, icon: str, endpoint: str, family: tuple[str, ...], _needs: Permission
) -> dict[str, Any]:
    return {
        "label": label,
        "icon": icon,
        "href": url_for(endpoint, organization=slug),
        "active": (request.endpoint or "").startswith(family),
    }
