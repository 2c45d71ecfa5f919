"""The left rail: what exists, for those who may see it."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request, url_for
from flask_login import current_user

from app.accounts.permissions import Permission
from app.accounts.queries import may_found, memberships
from app.core.db import db
from app.core.mail import can_be_sent, is_kept
from app.sites.models import Site

SWITCHER_SITES = 6

ANALYTICS = (
    "analytics.",
    "visits.",
    "goals.",
    "funnels.",
    "journeys.",
    "retention.",
    "attribution.",
    "reports.",
    "segments.",
    "shared_links.",
    "alerts.",
    "annotations.",
    "exports.",
    "campaign_reports.",
)
INBOX = ("inbox.", "labels.", "canned_replies.", "chat_reports.")
PROOF, SOURCES = ("proof.", "imports."), ("sources.", "bench.", "webhooks.")
ITEMS = (
    ("Home", "house", "dashboard.home", ("dashboard.",), Permission.SITES_READ),
    ("Live", "radio", "live.show", ("live.",), Permission.ANALYTICS_READ),
    ("Inbox", "inbox", "inbox.index", INBOX, Permission.CHAT_READ),
    ("Tickets", "life-buoy", "tickets.index", ("tickets.",), Permission.CHAT_READ),
    (
        "Analytics",
        "chart-no-axes-column",
        "analytics.show",
        ANALYTICS,
        Permission.ANALYTICS_READ,
    ),
    (
        "Campaigns",
        "megaphone",
        "campaigns.index",
        ("campaigns.", "builder."),
        Permission.CAMPAIGNS_READ,
    ),
    ("Activities", "shopping-bag", "proof.index", PROOF, Permission.ACTIVITIES_READ),
    ("Sources & webhooks", "webhook", "sources.index", SOURCES, Permission.SOURCES_READ),
    (
        "Sites",
        "globe",
        "sites.index",
        ("sites.", "chat.", "installation.", "removal.", "publications.", "tracking.", "sessions."),
        Permission.SITES_READ,
    ),
    (
        "Settings",
        "settings",
        "accounts.organization",
        ("accounts.", "archives."),
        Permission.ORGANIZATION_WRITE,
    ),
)
# Pages in the same frame that belong to somebody, not to an organization.
ACCOUNT_ITEMS = (
    ("Account", "user", "accounts.account"),
    ("Sign-ins", "monitor", "accounts.sign_ins"),
)
ACCOUNT_PATHS = ("/account/", "/organizations/")


def context() -> dict[str, Any]:
    """What `layout/app.html` needs; nothing on pages for everybody."""
    if "member" not in g:
        return _account_context() if _is_of_an_account() else {}
    slug, mine = g.organization.slug, g.memberships
    return {
        "navigation": [_item(slug, *item) for item in ITEMS if g.member.may(item[-1])],
        "organization": g.organization,
        "organizations": [
            {
                "name": each.name,
                "href": url_for("dashboard.home", organization=each.slug),
                "active": each.slug == slug,
            }
            for each in mine
        ],
        "new_organization_href": may_found(mine) and url_for("accounts.new_organization"),
        "account_links": _account_links(),
        **_verification(),
        "member": g.member,
        "switcher_sites": _sites(slug),
        "all_sites_href": url_for("sites.index", organization=slug),
        "search_href": url_for("search.show", organization=slug),
        "sign_out_href": url_for("accounts.sign_out"),
        "Permission": Permission,
    }


def _is_of_an_account() -> bool:
    return has_request_context() and f"{request.path}/".startswith(ACCOUNT_PATHS)


def _account_context() -> dict[str, Any]:
    if not current_user.is_authenticated:
        return {}
    mine = memberships(current_user.id)
    organizations = [
        {
            "label": each.name,
            "icon": "building-2",
            "href": url_for("dashboard.home", organization=each.slug),
            "heading": "" if number else "Organizations",
        }
        for number, each in enumerate(mine)
    ]
    own = [{**each, "active": each["href"] == request.path} for each in _account_links()]
    return {
        "navigation": own + organizations,
        "sign_out_href": url_for("accounts.sign_out"),
        "account_links": _account_links(),
        **_verification(),
    }


def _account_links() -> list[dict[str, Any]]:
    return [
        {"label": label, "icon": icon, "href": url_for(endpoint)}
        for label, icon, endpoint in ACCOUNT_ITEMS
    ]


def _verification() -> dict[str, Any]:
    """Whether to ask for it: not where no mail could be sent. And where mail lies that is kept."""
    due = current_user.email_verified_at is None and can_be_sent()
    return {"must_verify": due, "kept_mail_href": url_for("dev_mail.show_all") if is_kept() else ""}


def _sites(slug: str) -> list[dict[str, Any]]:
    """The first few; the list of all finds the others."""
    if not g.member.may(Permission.SITES_READ):
        return []
    first = Site.matching("").with_only_columns(Site.id, Site.name).limit(SWITCHER_SITES)
    return [
        {
            "id": row.id,
            "name": row.name,
            "href": url_for("sites.show", organization=slug, site_id=row.id),
        }
        for row in db.session.execute(first)
    ]


def _item(
    slug: str, label: str, icon: str, endpoint: str, family: tuple[str, ...], _needs: Permission
) -> dict[str, Any]:
    return {
        "label": label,
        "icon": icon,
        "href": url_for(endpoint, organization=slug),
        "active": (request.endpoint or "").startswith(family),
    }
