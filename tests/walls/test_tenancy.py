"""One organization never sees, changes or refers to what is another's: not through any address
and any field of the program, not through the session, and on Postgres not even through SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import aliased
from sqlalchemy.orm.exc import ObjectDeletedError

from app.accounts.access import authorized
from app.accounts.models import ApiKey, Member, Organization
from app.accounts.permissions import Permission
from app.campaigns.models import Campaign
from app.core import jobs, migrations, tenancy
from app.core.db import APP_ROLE, SYSTEM_ROLE, Base, db, reading, system
from app.core.ids import uuid7
from app.core.tenancy import TenancyError
from app.proof.models import Activity
from app.sites.models import Site
from app.sources.models import InboundDelivery, Source
from tests.shops import shopify, shopify_order
from tests.walls.conftest import Belongings, furnish, missing, tell

TENANT_TABLES = [table for table in Base.metadata.sorted_tables if tenancy.tenant_column(table)]
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Attempt:
    """A request with ids in it. `own` is what it is answered for one's own ids."""

    method: str
    path: str
    own: int = 200
    json: dict[str, Any] | None = None
    form: dict[str, Any] | None = None
    # What it is answered for ids that are not one's own.
    refused: int = 404


@dataclass(frozen=True)
class Route:
    """How a route is asked for what is another's: `ask(ids)` gives the attempts with these ids."""

    ask: Callable[[Belongings], list[Attempt]] = field(default=lambda ids: [])


def one(method: str, path: str, own: int = 200, **options: Any) -> Route:
    """A route whose ids are in its address: `{site_id}` and the like."""

    def ask(ids: Belongings) -> list[Attempt]:
        return [Attempt(method, path.format(**vars(ids), acme="{acme}"), own, **options)]

    return Route(ask)


# Takes no id of anything. Whose it is follows from the key or the address alone.
NO_IDS = Route()

SITE = "/o/<organization>/sites/<uuid:site_id>"
# Publications of a site: the rule, and an address of it.
PUBLICATIONS = f"{SITE}/publications"
PUBLISHED = "/o/{acme}/sites/{site_id}/publications"
NOTHING = '{"candor": 1, "campaigns": []}'

SITE_FORM = {
    "name": "Renamed",
    "domains": "shop.acme.example",
    "person_style": "initial",
    "k": "5",
    "time_zone": "UTC",
    "language": "en",
    "mode": "strict",
    "own_parameters": "ref",
}
CAMPAIGN_FORM = {
    "name": "Changed",
    "template": "{{first_name}} came",
    "types": "purchase",
    "position": "bottom-left",
    "theme": "auto",
    "accent": "#2563eb",
    "size": "small",
    "corners": "soft",
    "animation": "fade",
    "icon": "",
    "delay": "1",
    "duration": "6",
    "gap": "12",
}

CAMPAIGN = "/o/<organization>/campaigns/<uuid:campaign_id>"

ANALYTICS, ASKED = "/o/<organization>/analytics", "/o/{acme}/analytics"
COUNTED = "/api/v1/analytics/funnels"
VISITS = "/api/v1/analytics/sessions"
REPORT_FORM = {"name": "Mine", "metrics": "visitors", "by": "page", "and_by": "", "period": "7d"}
ALERT_FORM = {
    "metric": "visitors",
    "direction": "spike",
    "unit": "hour",
    "percent": "100",
    "minimum": "5",
}
TWO_STEPS = [{"kind": "page", "match": "/"}, {"kind": "order"}]
# The same in the builder.
BUILT = {
    "name": "Mine",
    "amount": "1",
    "unit": "days",
    "kind": ["page", "order"],
    "match": ["/", ""],
    "having": ["", ""],
}

# Programs that are told: the rules, and addresses of them.
ENDPOINTS, TOLD = "/o/<organization>/endpoints", "/o/{acme}/endpoints"
ENDPOINT = f"{ENDPOINTS}/<uuid:endpoint_id>"
ENDPOINT_FORM = {"url": "https://93.184.215.14/", "types": "order.created"}

ARCHIVES = "/o/<organization>/settings/archives"
COLUMNS = {"type": "purchase", "column_0": "occurred_at", "column_1": "product_name"}

INBOX = "/o/<organization>/inbox"
TALK, TALKED = f"{INBOX}/<uuid:conversation_id>", "/o/{acme}/inbox/{conversation_id}"
SAID = "/api/v1/conversations/<uuid:conversation_id>"
ASKED_FOR = {"email": "ada@customers.example", "text": "Where is it?"}
CHAT_FORM = {
    "position": "bottom-right",
    "accent": "#2563eb",
    "asks": "nothing",
    "always": "y",
    "assignment": "manual",
    "outside_target": "tab",
}

# Each route that belongs to an organization, as (method, rule). Those that undo come last.
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/api/v1/organizations"): NO_IDS,
    ("PATCH", "/api/v1/organizations/<uuid:organization_id>"): one(
        "PATCH", "/api/v1/organizations/{organization_id}", json={"language": "de"}
    ),
    ("GET", "/api/v1/members"): NO_IDS,
    ("PATCH", "/api/v1/members/<uuid:member_id>"): one(
        "PATCH", "/api/v1/members/{removable_member_id}", json={"role": "agent"}
    ),
    ("GET", "/api/v1/invitations"): NO_IDS,
    ("POST", "/api/v1/invitations"): NO_IDS,
    ("GET", "/api/v1/audit"): NO_IDS,
    ("GET", "/api/v1/api-keys"): NO_IDS,
    ("POST", "/api/v1/api-keys"): NO_IDS,
    ("GET", "/api/v1/sites"): NO_IDS,
    ("POST", "/api/v1/sites"): NO_IDS,
    ("GET", "/api/v1/sites/<uuid:site_id>"): one("GET", "/api/v1/sites/{site_id}"),
    ("PATCH", "/api/v1/sites/<uuid:site_id>"): one(
        "PATCH", "/api/v1/sites/{site_id}", json={"name": "Renamed"}
    ),
    ("GET", "/api/v1/events"): one("GET", "/api/v1/events?site_id={site_id}"),
    ("POST", "/api/v1/events"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/events",
                202,
                json={
                    "site_id": str(ids.site_id),
                    "events": [{"name": "signup", "url": "https://shop.example/"}],
                },
            )
        ]
    ),
    ("GET", "/api/v1/events/drops"): one("GET", "/api/v1/events/drops?site_id={site_id}"),
    ("GET", "/api/v1/analytics/live-visitors"): one(
        "GET", "/api/v1/analytics/live-visitors?site_id={site_id}"
    ),
    **{
        ("GET", f"/api/v1/analytics/{name}"): one(
            "GET", f"/api/v1/analytics/{name}?dimension=page&site_id={{site_id}}"
        )
        for name in ("overview", "timeseries", "breakdown", "sessions")
    },
    ("GET", "/api/v1/analytics/sessions/<uuid:session_id>"): Route(
        lambda ids: [
            Attempt("GET", f"{VISITS}/{ids.session_id}?site_id={ids.site_id}"),
            # One's own site, but a visit to somebody's.
            Attempt("GET", f"{VISITS}/{ids.session_id}?site_id={{own_site}}"),
        ]
    ),
    ("GET", "/api/v1/goals"): one("GET", "/api/v1/goals?site_id={site_id}"),
    ("POST", "/api/v1/goals"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/goals",
                201,
                json={"site_id": str(ids.site_id), "name": "Mine", "kind": "order"},
            )
        ]
    ),
    ("GET", "/api/v1/goals/<uuid:goal_id>"): one("GET", "/api/v1/goals/{goal_id}"),
    ("PATCH", "/api/v1/goals/<uuid:goal_id>"): one(
        "PATCH", "/api/v1/goals/{goal_id}", json={"name": "Renamed"}
    ),
    ("GET", "/api/v1/funnels"): one("GET", "/api/v1/funnels?site_id={site_id}"),
    ("POST", "/api/v1/funnels"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/funnels",
                201,
                json={"site_id": str(ids.site_id), "name": "Mine", "steps": TWO_STEPS},
            ),
            # One's own site, but somebody's goal.
            Attempt(
                "POST",
                "/api/v1/funnels",
                201,
                json={
                    "site_id": "{own_site}",
                    "name": "Mine",
                    "steps": [{"kind": "order"}, {"kind": "goal", "goal_id": str(ids.goal_id)}],
                },
                refused=422,
            ),
        ]
    ),
    ("GET", "/api/v1/funnels/<uuid:funnel_id>"): one("GET", "/api/v1/funnels/{funnel_id}"),
    ("PATCH", "/api/v1/funnels/<uuid:funnel_id>"): one(
        "PATCH", "/api/v1/funnels/{funnel_id}", json={"name": "Renamed"}
    ),
    ("GET", "/api/v1/analytics/conversion-rates"): one(
        "GET", "/api/v1/analytics/conversion-rates?site_id={site_id}"
    ),
    ("GET", "/api/v1/analytics/funnels"): Route(
        lambda ids: [
            Attempt("GET", f"{COUNTED}?site_id={ids.site_id}&step=page:/&step=order"),
            Attempt("GET", f"{COUNTED}?site_id={{own_site}}&funnel_id={ids.funnel_id}"),
            Attempt(
                "GET",
                f"{COUNTED}?site_id={{own_site}}&step=page:/&step=goal:{ids.goal_id}",
                refused=400,
            ),
        ]
    ),
    ("GET", "/api/v1/analytics/journeys"): one(
        "GET", "/api/v1/analytics/journeys?site_id={site_id}"
    ),
    ("GET", "/api/v1/analytics/retention"): one(
        "GET", "/api/v1/analytics/retention?site_id={site_id}"
    ),
    ("GET", "/api/v1/analytics/attribution"): one(
        "GET", "/api/v1/analytics/attribution?site_id={site_id}"
    ),
    ("GET", f"{ANALYTICS}/export"): one("GET", f"{ASKED}/export?site={{site_id}}"),
    ("POST", f"{ANALYTICS}/export"): one(
        "POST", f"{ASKED}/export?site={{site_id}}", form={"format": "csv", "dimension": "page"}
    ),
    ("GET", f"{ANALYTICS}/segments"): one("GET", f"{ASKED}/segments?site={{site_id}}"),
    ("POST", f"{ANALYTICS}/segments"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/segments",
                302,
                form={"site": str(ids.site_id), "name": "Mine", "f": "country:is:DE"},
                refused=422,
            )
        ]
    ),
    ("POST", f"{ANALYTICS}/segments/<uuid:segment_id>"): one(
        "POST", f"{ASKED}/segments/{{segment_id}}", 302, form={"name": "Changed"}
    ),
    ("GET", f"{ANALYTICS}/links"): one("GET", f"{ASKED}/links?site={{site_id}}"),
    ("POST", f"{ANALYTICS}/links"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/links",
                200,
                form={"site": str(ids.site_id), "name": "Mine"},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/reports"): one("GET", f"{ASKED}/reports?site={{site_id}}"),
    ("GET", f"{ANALYTICS}/reports/new"): one(
        "GET", f"{ASKED}/reports/new?site={{site_id}}", refused=200
    ),
    ("POST", f"{ANALYTICS}/reports"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/reports",
                302,
                form={"site": str(ids.site_id), **REPORT_FORM},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/reports/<uuid:report_id>"): one("GET", f"{ASKED}/reports/{{report_id}}"),
    ("GET", f"{ANALYTICS}/reports/<uuid:report_id>/edit"): one(
        "GET", f"{ASKED}/reports/{{report_id}}/edit"
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>"): one(
        "POST", f"{ASKED}/reports/{{report_id}}", 302, form=REPORT_FORM
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>/export"): one(
        "POST", f"{ASKED}/reports/{{report_id}}/export", form={"format": "csv"}
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>/schedule"): one(
        "POST",
        f"{ASKED}/reports/{{report_id}}/schedule",
        302,
        form={"schedule": "daily", "hour": "8"},
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>/recipients"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/reports/{ids.report_id}/recipients",
                302,
                form={"member": str(ids.member_id)},
            ),
        ]
    ),
    ("GET", f"{ANALYTICS}/alerts"): one("GET", f"{ASKED}/alerts?site={{site_id}}"),
    ("POST", f"{ANALYTICS}/alerts"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/alerts",
                302,
                form={"site": str(ids.site_id), **ALERT_FORM, "members": str(ids.member_id)},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/alerts/<uuid:alert_id>/edit"): one(
        "GET", f"{ASKED}/alerts/{{alert_id}}/edit"
    ),
    ("POST", f"{ANALYTICS}/alerts/<uuid:alert_id>"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/alerts/{ids.alert_id}",
                302,
                form={**ALERT_FORM, "members": str(ids.member_id)},
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/annotations"): one("GET", f"{ASKED}/annotations?site={{site_id}}"),
    ("POST", f"{ANALYTICS}/annotations"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/annotations",
                302,
                form={"site": str(ids.site_id), "day": "2026-01-02", "text": "Sale"},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/annotations/<uuid:annotation_id>/edit"): one(
        "GET", f"{ASKED}/annotations/{{annotation_id}}/edit"
    ),
    ("POST", f"{ANALYTICS}/annotations/<uuid:annotation_id>"): one(
        "POST",
        f"{ASKED}/annotations/{{annotation_id}}",
        302,
        form={"day": "2026-01-02", "text": "Sale"},
    ),
    ("GET", "/api/v1/reports"): one("GET", "/api/v1/reports?site_id={site_id}"),
    ("POST", "/api/v1/reports"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/reports",
                201,
                json={"site_id": str(ids.site_id), "name": "Mine", "metrics": ["visitors"]},
            )
        ]
    ),
    ("GET", "/api/v1/reports/<uuid:report_id>"): one("GET", "/api/v1/reports/{report_id}"),
    ("GET", "/api/v1/reports/<uuid:report_id>/rows"): one(
        "GET", "/api/v1/reports/{report_id}/rows"
    ),
    ("GET", "/api/v1/segments"): one("GET", "/api/v1/segments?site_id={site_id}"),
    ("POST", "/api/v1/segments"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/segments",
                201,
                json={"site_id": str(ids.site_id), "name": "My own", "filters": ["city:is:Kiel"]},
            )
        ]
    ),
    ("GET", "/api/v1/annotations"): one("GET", "/api/v1/annotations?site_id={site_id}"),
    ("POST", "/api/v1/annotations"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/annotations",
                201,
                json={"site_id": str(ids.site_id), "day": "2026-01-02", "text": "Sale"},
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/goals"): one("GET", f"{ASKED}/goals?site={{site_id}}"),
    ("GET", f"{ANALYTICS}/goals/new"): one(
        "GET", f"{ASKED}/goals/new?site={{site_id}}", refused=200
    ),
    ("POST", f"{ANALYTICS}/goals"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/goals",
                302,
                form={"site": str(ids.site_id), "name": "Mine", "kind": "order"},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/goals/<uuid:goal_id>/edit"): one(
        "GET", f"{ASKED}/goals/{{goal_id}}/edit"
    ),
    ("POST", f"{ANALYTICS}/goals/<uuid:goal_id>"): one(
        "POST", f"{ASKED}/goals/{{goal_id}}", 302, form={"name": "Changed", "kind": "order"}
    ),
    ("GET", f"{ANALYTICS}/campaigns/window"): one(
        "GET", f"{ASKED}/campaigns/window?site={{site_id}}", refused=200
    ),
    ("POST", f"{ANALYTICS}/campaigns/window"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/campaigns/window",
                302,
                form={"site": str(ids.site_id), "amount": "3", "unit": "days"},
                refused=422,
            )
        ]
    ),
    ("POST", f"{ANALYTICS}/goals/revenue"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/goals/revenue",
                302,
                form={"site": str(ids.site_id), "trusts_pages": "y"},
                refused=422,
            )
        ]
    ),
    ("GET", f"{ANALYTICS}/funnels"): one("GET", f"{ASKED}/funnels?site={{site_id}}"),
    ("GET", f"{ANALYTICS}/funnels/new"): one(
        "GET", f"{ASKED}/funnels/new?site={{site_id}}", refused=200
    ),
    ("POST", f"{ANALYTICS}/funnels/draft"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/funnels/draft",
                form={"site": str(ids.site_id), **BUILT},
                refused=422,
            )
        ]
    ),
    ("POST", f"{ANALYTICS}/funnels"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"{ASKED}/funnels",
                302,
                form={"site": str(ids.site_id), **BUILT},
                refused=422,
            ),
            Attempt(
                "POST",
                f"{ASKED}/funnels",
                302,
                form={"site": "{own_site}", **BUILT, "kind": ["order", f"goal:{ids.goal_id}"]},
                refused=422,
            ),
        ]
    ),
    ("GET", f"{ANALYTICS}/funnels/<uuid:funnel_id>"): one("GET", f"{ASKED}/funnels/{{funnel_id}}"),
    ("GET", f"{ANALYTICS}/funnels/<uuid:funnel_id>/edit"): one(
        "GET", f"{ASKED}/funnels/{{funnel_id}}/edit"
    ),
    ("POST", f"{ANALYTICS}/funnels/<uuid:funnel_id>"): one(
        "POST", f"{ASKED}/funnels/{{funnel_id}}", 302, form=BUILT
    ),
    ("GET", f"{ANALYTICS}/journeys"): one("GET", f"{ASKED}/journeys?site={{site_id}}"),
    ("GET", f"{ANALYTICS}/retention"): one("GET", f"{ASKED}/retention?site={{site_id}}"),
    ("GET", f"{ANALYTICS}/attribution"): one("GET", f"{ASKED}/attribution?site={{site_id}}"),
    ("GET", "/o/<organization>/live"): NO_IDS,
    ("GET", "/o/<organization>/analytics"): one("GET", "/o/{acme}/analytics?site={site_id}"),
    ("GET", "/o/<organization>/analytics/<uuid:site_id>/series"): one(
        "GET", "/o/{acme}/analytics/{site_id}/series"
    ),
    **{
        ("GET", f"/o/<organization>/analytics/{name}"): one(
            "GET", f"/o/{{acme}}/analytics/{name}?site={{site_id}}"
        )
        for name in ("visits", "campaigns")
    },
    ("GET", "/o/<organization>/analytics/values/<dimension>"): one(
        "GET", "/o/{acme}/analytics/values/page?site={site_id}"
    ),
    ("GET", f"{SITE}/events"): one("GET", "/o/{acme}/sites/{site_id}/events"),
    ("GET", f"{SITE}/drops"): one("GET", "/o/{acme}/sites/{site_id}/drops"),
    ("POST", f"{SITE}/quarantine/<uuid:suspect_id>/restoration"): one(
        "POST", "/o/{acme}/sites/{site_id}/quarantine/{suspect_id}/restoration", 302
    ),
    ("GET", f"{SITE}/sessions/<uuid:session_id>"): one(
        "GET", "/o/{acme}/sites/{site_id}/sessions/{session_id}"
    ),
    ("GET", "/api/v1/sites/<uuid:site_id>/revisions"): one(
        "GET", "/api/v1/sites/{site_id}/revisions"
    ),
    ("POST", "/api/v1/sites/<uuid:site_id>/publication"): one(
        "POST", "/api/v1/sites/{site_id}/publication", json={}
    ),
    ("GET", "/api/v1/sites/<uuid:site_id>/configuration"): one(
        "GET", "/api/v1/sites/{site_id}/configuration"
    ),
    ("POST", "/api/v1/sites/<uuid:site_id>/configuration"): one(
        "POST",
        "/api/v1/sites/{site_id}/configuration",
        201,
        json={"candor": 1, "campaigns": []},
    ),
    ("GET", "/api/v1/sources"): NO_IDS,
    ("POST", "/api/v1/sources"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/sources",
                201,
                json={"site_id": str(ids.site_id), "kind": "custom", "name": "Mine"},
            )
        ]
    ),
    ("GET", "/api/v1/inbound-deliveries"): one(
        "GET", "/api/v1/inbound-deliveries?source_id={source_id}", refused=200
    ),
    ("GET", "/api/v1/campaigns"): NO_IDS,
    ("POST", "/api/v1/campaigns"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/campaigns",
                201,
                json={
                    "site_id": str(ids.site_id),
                    "name": "Mine",
                    "format": "notice",
                    "content": {"message": "Hello"},
                    "status": "published",
                },
            )
        ]
    ),
    ("GET", "/api/v1/campaigns/<uuid:campaign_id>"): one("GET", "/api/v1/campaigns/{campaign_id}"),
    ("PATCH", "/api/v1/campaigns/<uuid:campaign_id>"): one(
        "PATCH", "/api/v1/campaigns/{campaign_id}", json={"name": "Renamed"}
    ),
    ("PUT", "/api/v1/campaigns/<uuid:campaign_id>/status"): one(
        "PUT", "/api/v1/campaigns/{campaign_id}/status", json={"status": "published"}
    ),
    ("GET", "/api/v1/activities"): one(
        "GET", "/api/v1/activities?site_id={site_id}&limit=1", refused=200
    ),
    ("POST", "/api/v1/activities"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/activities",
                201,
                json={"site_id": str(ids.site_id), "type": "signup"},
            )
        ]
    ),
    ("GET", "/api/v1/activities/<uuid:activity_id>"): one(
        "GET", "/api/v1/activities/{activity_id}"
    ),
    ("GET", "/o/<organization>/"): NO_IDS,
    ("GET", "/o/<organization>/settings"): NO_IDS,
    ("POST", "/o/<organization>/settings/retention"): NO_IDS,
    ("POST", "/o/<organization>/settings"): NO_IDS,
    ("GET", "/o/<organization>/settings/deletion"): NO_IDS,
    ("POST", "/o/<organization>/settings/deletion"): NO_IDS,
    ("POST", "/o/<organization>/settings/deletion/withdrawal"): NO_IDS,
    ("POST", "/o/<organization>/departure"): NO_IDS,
    ("GET", "/o/<organization>/search"): NO_IDS,
    ("GET", "/o/<organization>/settings/members"): NO_IDS,
    ("GET", "/o/<organization>/settings/members/<uuid:member_id>"): one(
        "GET", "/o/{acme}/settings/members/{member_id}"
    ),
    ("POST", "/o/<organization>/settings/members/<uuid:member_id>/role"): one(
        "POST", "/o/{acme}/settings/members/{removable_member_id}/role", 302, form={"role": "agent"}
    ),
    ("POST", "/o/<organization>/settings/members/<uuid:member_id>/suspension"): one(
        "POST", "/o/{acme}/settings/members/{removable_member_id}/suspension", 302
    ),
    ("POST", "/o/<organization>/settings/members/<uuid:member_id>/resumption"): one(
        "POST", "/o/{acme}/settings/members/{removable_member_id}/resumption", 302
    ),
    ("POST", "/o/<organization>/settings/invitations"): NO_IDS,
    ("POST", "/o/<organization>/settings/invitations/<uuid:invitation_id>/mail"): one(
        "POST", "/o/{acme}/settings/invitations/{invitation_id}/mail"
    ),
    ("GET", "/o/<organization>/settings/audit"): NO_IDS,
    ("GET", "/o/<organization>/settings/api-keys"): NO_IDS,
    ("POST", "/o/<organization>/settings/api-keys"): NO_IDS,
    ("GET", "/o/<organization>/sites"): NO_IDS,
    ("GET", "/o/<organization>/sites/new"): NO_IDS,
    ("POST", "/o/<organization>/sites"): NO_IDS,
    ("GET", "/o/<organization>/sites/<uuid:site_id>"): one("GET", "/o/{acme}/sites/{site_id}"),
    ("GET", "/o/<organization>/sites/<uuid:site_id>/edit"): one(
        "GET", "/o/{acme}/sites/{site_id}/edit"
    ),
    ("POST", "/o/<organization>/sites/<uuid:site_id>"): one(
        "POST", "/o/{acme}/sites/{site_id}", 302, form=SITE_FORM
    ),
    ("GET", "/o/<organization>/sites/<uuid:site_id>/snippet"): one(
        "GET", "/o/{acme}/sites/{site_id}/snippet"
    ),
    ("GET", "/o/<organization>/sites/<uuid:site_id>/installation"): one(
        "GET", "/o/{acme}/sites/{site_id}/installation?steps=1"
    ),
    ("POST", "/o/<organization>/sites/<uuid:site_id>/domains"): one(
        "POST", "/o/{acme}/sites/{site_id}/domains", 302, form={"host": "more.acme.example"}
    ),
    ("POST", "/o/<organization>/sites/<uuid:site_id>/deactivation"): one(
        "POST", "/o/{acme}/sites/{site_id}/deactivation", 302
    ),
    ("POST", "/o/<organization>/sites/<uuid:site_id>/activation"): one(
        "POST", "/o/{acme}/sites/{site_id}/activation", 302
    ),
    ("GET", "/o/<organization>/sites/<uuid:site_id>/removal"): one(
        "GET", "/o/{acme}/sites/{site_id}/removal"
    ),
    ("GET", PUBLICATIONS): one("GET", f"{PUBLISHED}"),
    ("POST", PUBLICATIONS): one("POST", f"{PUBLISHED}", 302),
    ("GET", f"{PUBLICATIONS}/comparison"): one("GET", f"{PUBLISHED}/comparison"),
    ("GET", f"{PUBLICATIONS}/rollbacks"): one("GET", f"{PUBLISHED}/rollbacks"),
    ("POST", f"{PUBLICATIONS}/rollbacks"): one(
        "POST", f"{PUBLISHED}/rollbacks", 302, form={"number": "1"}
    ),
    ("GET", f"{PUBLICATIONS}/export"): one("GET", f"{PUBLISHED}/export"),
    ("GET", f"{PUBLICATIONS}/imports"): one("GET", f"{PUBLISHED}/imports"),
    ("POST", f"{PUBLICATIONS}/imports"): one(
        "POST", f"{PUBLISHED}/imports", 302, form={"text": NOTHING}
    ),
    ("POST", f"{PUBLICATIONS}/previews"): one(
        "POST", f"{PUBLISHED}/previews", form={"text": NOTHING}
    ),
    ("GET", f"{PUBLICATIONS}/copies"): one("GET", f"{PUBLISHED}/copies"),
    ("POST", f"{PUBLICATIONS}/copies"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"/o/{{acme}}/sites/{ids.site_id}/publications/copies",
                302,
                form={"target": str(ids.site_id)},
            )
        ]
    ),
    ("GET", "/o/<organization>/sources"): NO_IDS,
    ("GET", "/o/<organization>/sources/new"): one(
        "GET", "/o/{acme}/sources/new?site={site_id}", refused=200
    ),
    ("POST", "/o/<organization>/sources"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/o/{acme}/sources",
                302,
                form={"site_id": str(ids.site_id), "kind": "custom", "name": "Mine"},
                refused=422,
            )
        ]
    ),
    ("GET", "/o/<organization>/sources/<uuid:source_id>"): one(
        "GET", "/o/{acme}/sources/{source_id}"
    ),
    ("GET", "/o/<organization>/sources/deliveries"): NO_IDS,
    ("GET", "/o/<organization>/sources/deliveries/<uuid:delivery_id>"): one(
        "GET", "/o/{acme}/sources/deliveries/{delivery_id}"
    ),
    ("GET", "/o/<organization>/sources/deliveries/<uuid:delivery_id>/body"): one(
        "GET", "/o/{acme}/sources/deliveries/{delivery_id}/body"
    ),
    ("GET", "/o/<organization>/sources/replays/new"): NO_IDS,
    ("POST", "/o/<organization>/sources/replays"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/o/{acme}/sources/replays",
                302,
                form={"source_id": str(ids.source_id), "total": "99"},
            )
        ]
    ),
    ("GET", "/o/<organization>/sources/replays/<uuid:range_id>"): one(
        "GET", "/o/{acme}/sources/replays/{range_id}"
    ),
    ("POST", "/o/<organization>/sources/deliveries/<uuid:delivery_id>/replay"): one(
        "POST", "/o/{acme}/sources/deliveries/{delivery_id}/replay", 302
    ),
    ("POST", "/api/v1/inbound-deliveries/<uuid:delivery_id>/replay"): one(
        "POST", "/api/v1/inbound-deliveries/{delivery_id}/replay"
    ),
    ("GET", "/o/<organization>/sources/<uuid:source_id>/bench"): one(
        "GET", "/o/{acme}/sources/{source_id}/bench"
    ),
    ("POST", "/o/<organization>/sources/<uuid:source_id>/bench"): one(
        "POST", "/o/{acme}/sources/{source_id}/bench", form={"payload": "{}"}
    ),
    ("POST", "/o/<organization>/sources/<uuid:source_id>/bench/mapping"): one(
        "POST", "/o/{acme}/sources/{removable_id}/bench/mapping", 302, form={"map_type": "t"}
    ),
    ("GET", "/o/<organization>/activities/<uuid:activity_id>"): one(
        "GET", "/o/{acme}/activities/{activity_id}"
    ),
    ("GET", "/o/<organization>/orders/<uuid:order_id>"): one("GET", "/o/{acme}/orders/{order_id}"),
    ("GET", "/o/<organization>/refunds/<uuid:refund_id>"): one(
        "GET", "/o/{acme}/refunds/{refund_id}"
    ),
    ("GET", "/o/<organization>/activities/imports"): NO_IDS,
    ("GET", "/o/<organization>/activities/imports/new"): NO_IDS,
    ("POST", "/o/<organization>/activities/imports"): Route(
        lambda ids: [
            # Its file is missing, so also with one's own site it comes back.
            Attempt(
                "POST",
                "/o/{acme}/activities/imports",
                422,
                form={"site_id": str(ids.site_id), "type": "signup"},
                refused=422,
            )
        ]
    ),
    ("GET", "/o/<organization>/activities/imports/<uuid:import_id>"): one(
        "GET", "/o/{acme}/activities/imports/{import_id}"
    ),
    ("POST", "/o/<organization>/activities/imports/<uuid:import_id>/columns"): one(
        "POST", "/o/{acme}/activities/imports/{import_id}/columns", 302, form=COLUMNS
    ),
    ("POST", "/o/<organization>/activities/imports/<uuid:import_id>/confirmation"): one(
        "POST", "/o/{acme}/activities/imports/{import_id}/confirmation", 302, form=COLUMNS
    ),
    ("POST", "/o/<organization>/activities/imports/<uuid:import_id>/report"): one(
        "POST", "/o/{acme}/activities/imports/{done_import_id}/report"
    ),
    ("POST", "/o/<organization>/activities/imports/<uuid:import_id>/undo"): one(
        "POST", "/o/{acme}/activities/imports/{done_import_id}/undo", 302
    ),
    ("POST", "/o/<organization>/activities/imports/<uuid:import_id>/removal"): one(
        "POST", "/o/{acme}/activities/imports/{spare_import_id}/removal", 302
    ),
    ("GET", "/o/<organization>/campaigns"): NO_IDS,
    ("GET", "/o/<organization>/campaigns/new"): one(
        "GET", "/o/{acme}/campaigns/new?site={site_id}", refused=200
    ),
    ("POST", "/o/<organization>/campaigns"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/o/{acme}/campaigns",
                302,
                form={"site": str(ids.site_id), "format": "notice"},
            )
        ]
    ),
    ("GET", f"{CAMPAIGN}/frame"): one("GET", "/o/{acme}/campaigns/{campaign_id}/frame"),
    ("POST", f"{CAMPAIGN}/preview"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/preview", form=CAMPAIGN_FORM
    ),
    ("GET", f"{CAMPAIGN}/schedule"): one("GET", "/o/{acme}/campaigns/{campaign_id}/schedule"),
    ("POST", f"{CAMPAIGN}/schedule"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/schedule", 302, form={"at": "2999-01-01T12:00"}
    ),
    ("POST", f"{CAMPAIGN}/schedule/cancellation"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/schedule/cancellation", 302
    ),
    ("POST", f"{CAMPAIGN}/reset"): one("POST", "/o/{acme}/campaigns/{campaign_id}/reset", 302),
    ("POST", f"{CAMPAIGN}/copies"): one("POST", "/o/{acme}/campaigns/{campaign_id}/copies", 302),
    ("POST", f"{CAMPAIGN}/image"): one("POST", "/o/{acme}/campaigns/{notice_id}/image", 302),
    ("POST", f"{CAMPAIGN}/image/removal"): one(
        "POST", "/o/{acme}/campaigns/{notice_id}/image/removal", 302
    ),
    ("GET", "/o/<organization>/campaigns/<uuid:campaign_id>"): one(
        "GET", "/o/{acme}/campaigns/{campaign_id}"
    ),
    ("POST", "/o/<organization>/campaigns/<uuid:campaign_id>"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}", 302, form=CAMPAIGN_FORM
    ),
    ("POST", "/o/<organization>/campaigns/<uuid:campaign_id>/publication"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/publication", 302
    ),
    ("POST", "/o/<organization>/campaigns/<uuid:campaign_id>/pause"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/pause", 302
    ),
    ("GET", "/o/<organization>/activities"): NO_IDS,
    ("GET", "/o/<organization>/activities/new"): one(
        "GET", "/o/{acme}/activities/new?site={site_id}", refused=200
    ),
    ("POST", "/o/<organization>/activities"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/o/{acme}/activities",
                302,
                form={"site_id": str(ids.site_id), "type": "signup"},
                refused=422,
            )
        ]
    ),
    ("POST", "/o/<organization>/activities/<uuid:activity_id>/retraction"): one(
        "POST", "/o/{acme}/activities/{activity_id}/retraction", 302
    ),
    ("DELETE", "/api/v1/activities/<uuid:activity_id>"): one(
        "DELETE", "/api/v1/activities/{activity_id}", 204
    ),
    ("POST", "/o/<organization>/sources/<uuid:source_id>/mapping"): one(
        "POST", "/o/{acme}/sources/{removable_id}/mapping", 302, form={"mapping": '{"type": "t"}'}
    ),
    ("POST", "/o/<organization>/sources/<uuid:source_id>/secret"): one(
        "POST", "/o/{acme}/sources/{removable_id}/secret", 302, form={"secret": "a new secret"}
    ),
    ("POST", f"{ANALYTICS}/segments/<uuid:segment_id>/deletion"): one(
        "POST", f"{ASKED}/segments/{{segment_id}}/deletion", 302
    ),
    ("DELETE", "/api/v1/segments/<uuid:segment_id>"): one(
        "DELETE", "/api/v1/segments/{spare_segment_id}", 204
    ),
    ("POST", f"{ANALYTICS}/links/<uuid:link_id>/revocation"): one(
        "POST", f"{ASKED}/links/{{link_id}}/revocation", 302
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>/recipients/<uuid:recipient_id>/removal"): one(
        "POST", f"{ASKED}/reports/{{report_id}}/recipients/{{recipient_id}}/removal", 302
    ),
    ("POST", f"{ANALYTICS}/reports/<uuid:report_id>/deletion"): one(
        "POST", f"{ASKED}/reports/{{report_id}}/deletion", 302
    ),
    ("DELETE", "/api/v1/reports/<uuid:report_id>"): one(
        "DELETE", "/api/v1/reports/{spare_report_id}", 204
    ),
    ("POST", f"{ANALYTICS}/alerts/<uuid:alert_id>/deletion"): one(
        "POST", f"{ASKED}/alerts/{{alert_id}}/deletion", 302
    ),
    ("POST", f"{ANALYTICS}/annotations/<uuid:annotation_id>/deletion"): one(
        "POST", f"{ASKED}/annotations/{{annotation_id}}/deletion", 302
    ),
    ("DELETE", "/api/v1/annotations/<uuid:annotation_id>"): one(
        "DELETE", "/api/v1/annotations/{spare_annotation_id}", 204
    ),
    ("POST", f"{ANALYTICS}/funnels/<uuid:funnel_id>/deletion"): one(
        "POST", f"{ASKED}/funnels/{{funnel_id}}/deletion", 302
    ),
    ("DELETE", "/api/v1/funnels/<uuid:funnel_id>"): one(
        "DELETE", "/api/v1/funnels/{spare_funnel_id}", 204
    ),
    ("POST", f"{ANALYTICS}/goals/<uuid:goal_id>/deletion"): one(
        "POST", f"{ASKED}/goals/{{goal_id}}/deletion", 302
    ),
    ("DELETE", "/api/v1/goals/<uuid:goal_id>"): one("DELETE", "/api/v1/goals/{spare_goal_id}", 204),
    ("POST", "/o/<organization>/sources/<uuid:source_id>/removal"): one(
        "POST", "/o/{acme}/sources/{removable_id}/removal", 302
    ),
    ("POST", "/o/<organization>/settings/api-keys/<uuid:key_id>/revocation"): one(
        "POST", "/o/{acme}/settings/api-keys/{key_id}/revocation", 302
    ),
    ("DELETE", "/api/v1/api-keys/<uuid:key_id>"): one("DELETE", "/api/v1/api-keys/{key_id}", 204),
    ("POST", f"{CAMPAIGN}/deletion"): one(
        "POST", "/o/{acme}/campaigns/{campaign_id}/deletion", 302
    ),
    ("DELETE", "/api/v1/campaigns/<uuid:campaign_id>"): one(
        "DELETE", "/api/v1/campaigns/{notice_id}", 204
    ),
    ("POST", "/o/<organization>/settings/invitations/<uuid:invitation_id>/revocation"): one(
        "POST", "/o/{acme}/settings/invitations/{invitation_id}/revocation", 302
    ),
    ("DELETE", "/api/v1/invitations/<uuid:invitation_id>"): one(
        "DELETE", "/api/v1/invitations/{invitation_id}", 204
    ),
    ("POST", "/o/<organization>/settings/members/<uuid:member_id>/removal"): one(
        "POST", "/o/{acme}/settings/members/{removable_member_id}/removal", 302
    ),
    ("DELETE", "/api/v1/members/<uuid:member_id>"): one(
        "DELETE", "/api/v1/members/{other_member_id}", 204
    ),
    ("GET", ENDPOINTS): NO_IDS,
    ("GET", f"{ENDPOINTS}/types"): NO_IDS,
    ("GET", f"{ENDPOINTS}/new"): one("GET", f"{TOLD}/new?site={{site_id}}", refused=200),
    ("POST", ENDPOINTS): Route(
        lambda ids: [
            Attempt("POST", TOLD, form={**ENDPOINT_FORM, "site": str(ids.site_id)}, refused=422),
        ]
    ),
    ("GET", ENDPOINT): one("GET", f"{TOLD}/{{endpoint_id}}"),
    ("GET", f"{ENDPOINT}/edit"): one("GET", f"{TOLD}/{{endpoint_id}}/edit"),
    ("POST", ENDPOINT): one("POST", f"{TOLD}/{{endpoint_id}}", 302, form=ENDPOINT_FORM),
    ("POST", f"{ENDPOINT}/secret"): one("POST", f"{TOLD}/{{endpoint_id}}/secret"),
    ("POST", f"{ENDPOINT}/disabling"): one("POST", f"{TOLD}/{{endpoint_id}}/disabling", 302),
    ("POST", f"{ENDPOINT}/enabling"): one("POST", f"{TOLD}/{{endpoint_id}}/enabling", 302),
    ("POST", f"{ENDPOINT}/tests"): one(
        "POST", f"{TOLD}/{{endpoint_id}}/tests", 302, form={"type": "order.created"}
    ),
    ("GET", f"{ENDPOINT}/redeliveries/new"): one("GET", f"{TOLD}/{{endpoint_id}}/redeliveries/new"),
    ("GET", f"{ENDPOINTS}/deliveries/<uuid:outgoing_id>"): one(
        "GET", f"{TOLD}/deliveries/{{outgoing_id}}"
    ),
    ("GET", f"{ENDPOINTS}/redeliveries/<uuid:redelivery_id>"): one(
        "GET", f"{TOLD}/redeliveries/{{redelivery_id}}"
    ),
    ("GET", "/api/v1/endpoints"): NO_IDS,
    ("GET", "/api/v1/event-types"): NO_IDS,
    ("POST", "/api/v1/endpoints"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/endpoints",
                201,
                json={
                    "site_id": str(ids.site_id),
                    "url": ENDPOINT_FORM["url"],
                    "types": ["order.created"],
                },
            )
        ]
    ),
    ("GET", "/api/v1/endpoints/<uuid:endpoint_id>"): one("GET", "/api/v1/endpoints/{endpoint_id}"),
    ("PATCH", "/api/v1/endpoints/<uuid:endpoint_id>"): one(
        "PATCH", "/api/v1/endpoints/{endpoint_id}", json={"description": "Renamed"}
    ),
    ("POST", "/api/v1/endpoints/<uuid:endpoint_id>/secret"): one(
        "POST", "/api/v1/endpoints/{endpoint_id}/secret"
    ),
    ("POST", "/api/v1/endpoints/<uuid:endpoint_id>/tests"): one(
        "POST", "/api/v1/endpoints/{endpoint_id}/tests", 201, json={"type": "order.created"}
    ),
    ("GET", "/api/v1/deliveries"): one("GET", "/api/v1/deliveries?endpoint_id={endpoint_id}"),
    ("GET", "/api/v1/deliveries/<uuid:outgoing_id>"): one(
        "GET", "/api/v1/deliveries/{outgoing_id}"
    ),
    ("GET", "/api/v1/redeliveries/<uuid:redelivery_id>"): one(
        "GET", "/api/v1/redeliveries/{redelivery_id}"
    ),
    # Sent again it waits, and what waits is not sent again: each of these has its turn once.
    ("POST", f"{ENDPOINTS}/deliveries/<uuid:outgoing_id>/redelivery"): one(
        "POST", f"{TOLD}/deliveries/{{outgoing_id}}/redelivery", 302
    ),
    ("POST", "/api/v1/deliveries/<uuid:outgoing_id>/redelivery"): one(
        "POST", "/api/v1/deliveries/{outgoing_id}/redelivery", 409
    ),
    ("POST", f"{ENDPOINT}/redeliveries"): one(
        "POST", f"{TOLD}/{{endpoint_id}}/redeliveries", 422, form={"total": "9"}
    ),
    ("POST", "/api/v1/redeliveries"): Route(
        lambda ids: [
            Attempt(
                "POST",
                "/api/v1/redeliveries",
                409,
                json={"endpoint_id": str(ids.endpoint_id), "state": "failed"},
            )
        ]
    ),
    ("POST", f"{ENDPOINT}/removal"): one("POST", f"{TOLD}/{{endpoint_id}}/removal", 302),
    ("DELETE", "/api/v1/endpoints/<uuid:endpoint_id>"): one(
        "DELETE", "/api/v1/endpoints/{spare_endpoint_id}", 204
    ),
    ("GET", f"{SITE}/chat"): one("GET", "/o/{acme}/sites/{site_id}/chat"),
    ("POST", f"{SITE}/chat"): one("POST", "/o/{acme}/sites/{site_id}/chat", 302, form=CHAT_FORM),
    ("POST", f"{SITE}/chat/texts"): one(
        "POST", "/o/{acme}/sites/{site_id}/chat/texts", 302, form={"greeting": "Hello"}
    ),
    ("POST", f"{SITE}/chat/identity-secret"): one(
        "POST", "/o/{acme}/sites/{site_id}/chat/identity-secret", 302
    ),
    ("GET", "/o/<organization>/tickets"): NO_IDS,
    ("GET", "/o/<organization>/tickets/of-conversation/<uuid:conversation_id>"): one(
        "GET", "/o/{acme}/tickets/of-conversation/{conversation_id}"
    ),
    ("GET", "/o/<organization>/tickets/<uuid:ticket_id>"): one(
        "GET", "/o/{acme}/tickets/{ticket_id}"
    ),
    ("POST", "/o/<organization>/tickets/<uuid:ticket_id>"): one(
        "POST",
        "/o/{acme}/tickets/{ticket_id}",
        302,
        form={"state": "resolved", "priority": "high", "assignee": ""},
    ),
    ("POST", "/api/v1/sites/<uuid:site_id>/commands"): one(
        "POST",
        "/api/v1/sites/{site_id}/commands",
        202,
        json={"command": "open_chat", "visitor": "0" * 32},
    ),
    ("GET", INBOX): NO_IDS,
    ("GET", f"{TALK}"): one("GET", TALKED),
    ("GET", f"{TALK}/messages"): one("GET", f"{TALKED}/messages"),
    ("GET", f"{TALK}/canned-replies"): one("GET", f"{TALKED}/canned-replies"),
    ("POST", f"{TALK}/messages"): one("POST", f"{TALKED}/messages", 302, form={"body": "Hello"}),
    ("PUT", f"{TALK}/reading"): one("PUT", f"{TALKED}/reading", 204, form={"seq": "1"}),
    ("POST", f"{TALK}/assignment"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"/o/{{acme}}/inbox/{ids.conversation_id}/assignment",
                302,
                form={"member_id": str(ids.member_id)},
            )
        ]
    ),
    ("POST", f"{TALK}/snooze"): one("POST", f"{TALKED}/snooze", 302, form={"until": "hour"}),
    ("POST", f"{TALK}/labels"): Route(
        lambda ids: [
            Attempt(
                "POST",
                f"/o/{{acme}}/inbox/{ids.conversation_id}/labels",
                302,
                form={"labels": str(ids.label_id)},
            )
        ]
    ),
    ("POST", f"{TALK}/closure"): one("POST", f"{TALKED}/closure", 302),
    ("POST", f"{TALK}/reopening"): one("POST", f"{TALKED}/reopening", 302),
    ("GET", f"{INBOX}/reports"): one("GET", "/o/{acme}/inbox/reports?site={site_id}"),
    ("GET", f"{INBOX}/labels"): NO_IDS,
    ("POST", f"{INBOX}/labels"): NO_IDS,
    ("POST", f"{INBOX}/labels/<uuid:label_id>"): one(
        "POST", "/o/{acme}/inbox/labels/{label_id}", 302, form={"colour": "good"}
    ),
    ("POST", f"{INBOX}/labels/<uuid:label_id>/deletion"): one(
        "POST", "/o/{acme}/inbox/labels/{label_id}/deletion", 302
    ),
    ("GET", f"{INBOX}/canned-replies"): NO_IDS,
    ("GET", f"{INBOX}/canned-replies/new"): NO_IDS,
    ("POST", f"{INBOX}/canned-replies"): NO_IDS,
    ("GET", f"{INBOX}/canned-replies/<uuid:reply_id>/edit"): one(
        "GET", "/o/{acme}/inbox/canned-replies/{reply_id}/edit"
    ),
    ("POST", f"{INBOX}/canned-replies/<uuid:reply_id>"): one(
        "POST",
        "/o/{acme}/inbox/canned-replies/{reply_id}",
        302,
        form={"shortcut": "changed", "body": "Changed"},
    ),
    ("POST", f"{INBOX}/canned-replies/<uuid:reply_id>/deletion"): one(
        "POST", "/o/{acme}/inbox/canned-replies/{reply_id}/deletion", 302
    ),
    ("GET", "/api/v1/conversations"): one("GET", "/api/v1/conversations?site_id={site_id}"),
    ("GET", SAID): one("GET", "/api/v1/conversations/{conversation_id}"),
    ("PATCH", SAID): Route(
        lambda ids: [
            Attempt("PATCH", f"/api/v1/conversations/{ids.conversation_id}", json={"labels": []}),
            Attempt(
                "PATCH",
                f"/api/v1/conversations/{ids.conversation_id}",
                json={"assignee_id": str(ids.member_id)},
            ),
        ]
    ),
    ("POST", f"{SAID}/messages"): one(
        "POST", "/api/v1/conversations/{conversation_id}/messages", 201, json={"body": "Hello"}
    ),
    ("GET", "/api/v1/contacts"): NO_IDS,
    ("POST", "/api/v1/contacts"): NO_IDS,
    ("GET", "/api/v1/contacts/<uuid:contact_id>"): one("GET", "/api/v1/contacts/{contact_id}"),
    ("PATCH", "/api/v1/contacts/<uuid:contact_id>"): one(
        "PATCH", "/api/v1/contacts/{contact_id}", json={"name": "Renamed"}
    ),
    ("GET", "/api/v1/tickets"): one("GET", "/api/v1/tickets?assignee={member_id}"),
    ("POST", "/api/v1/tickets"): Route(
        lambda ids: [
            Attempt(
                "POST", "/api/v1/tickets", 201, json={**ASKED_FOR, "site_id": str(ids.site_id)}
            ),
            # One's own site, but somebody's agent.
            Attempt(
                "POST",
                "/api/v1/tickets",
                201,
                json={**ASKED_FOR, "site_id": "{own_site}", "assignee_id": str(ids.member_id)},
                refused=422,
            ),
        ]
    ),
    ("GET", "/api/v1/tickets/<uuid:ticket_id>"): one("GET", "/api/v1/tickets/{ticket_id}"),
    ("PATCH", "/api/v1/tickets/<uuid:ticket_id>"): one(
        "PATCH", "/api/v1/tickets/{ticket_id}", json={"state": "resolved"}
    ),
    ("GET", ARCHIVES): NO_IDS,
    ("GET", f"{ARCHIVES}/<uuid:archive_id>"): one(
        "GET", "/o/{acme}/settings/archives/{archive_id}"
    ),
    ("POST", f"{ARCHIVES}/<uuid:archive_id>/file"): one(
        "POST", "/o/{acme}/settings/archives/{archive_id}/file"
    ),
    ("POST", f"{ARCHIVES}/<uuid:archive_id>/deletion"): one(
        "POST", "/o/{acme}/settings/archives/{spare_archive_id}/deletion", 302
    ),
    ("POST", "/o/<organization>/sites/<uuid:site_id>/removal"): one(
        "POST", "/o/{acme}/sites/{spare_site_id}/removal", 302
    ),
    ("DELETE", "/api/v1/sites/<uuid:site_id>"): one("DELETE", "/api/v1/sites/{site_id}", 204),
}

# What answers everybody alike, and why that is right.
PUBLIC = {
    ("GET", "/"): "leads to one's own organization or to the sign-in",
    ("GET", "/sign-in"): "before there is anybody",
    ("POST", "/sign-in"): "before there is anybody",
    ("POST", "/sign-out"): "one's own sign-in",
    ("GET", "/sign-up"): "before there is anybody",
    ("POST", "/sign-up"): "before there is anybody",
    ("GET", "/sign-up/confirmation"): "known by the link",
    ("POST", "/sign-up/confirmation"): "known by the link",
    ("GET", "/password-reset"): "before there is anybody",
    ("POST", "/password-reset"): "before there is anybody",
    ("GET", "/password-reset/password"): "known by the link",
    ("POST", "/password-reset/password"): "known by the link",
    ("GET", "/email-verification"): "known by the link, and only the user's own",
    ("POST", "/email-verification"): "known by the link, and only the user's own",
    ("GET", "/invitation"): "known by the link",
    ("POST", "/invitation/acceptance"): "known by the link",
    ("POST", "/invitation/account"): "known by the link",
    ("GET", "/account"): "one's own account",
    ("POST", "/account"): "one's own account",
    ("POST", "/account/email"): "one's own account",
    ("POST", "/account/email-verification"): "one's own account",
    ("POST", "/account/password"): "one's own account",
    ("GET", "/account/sign-ins"): "one's own sign-ins",
    ("POST", "/account/sign-ins/revocation"): "one's own sign-ins",
    ("POST", "/account/sign-ins/<uuid:sign_in_id>/revocation"): "one's own sign-ins",
    ("GET", "/organizations/new"): "before there is the organization",
    ("POST", "/organizations"): "before there is the organization",
    ("GET", "/api/v1/docs"): "the same for all",
    ("GET", "/api/v1/openapi.json"): "the same for all",
    ("GET", "/favicon.ico"): "a file",
    ("GET", "/static/<path:filename>"): "files",
    ("GET", "/static/v-<version>/<path:filename>"): "files",
    ("GET", "/static/widget/<path:filename>"): "files",
    ("GET", "/health/live"): "the process",
    ("GET", "/health/ready"): "the process",
    ("GET", "/metrics"): "the process",
    ("GET", "/w/<key>.js"): "what a site publishes",
    ("GET", "/widget/v1/config/<key>"): "what a site publishes",
    ("GET", "/widget/v1/notifications/<key>"): "what a site publishes",
    ("GET", "/widget/v1/ws"): "what a site publishes",
    ("GET", "/proof/<token>"): "a receipt is for everybody",
    ("GET", "/media/<token>.webp"): "a picture that a site publishes",
    ("POST", "/hooks/<uuid:source_id>"): "known by its signature",
    ("GET", "/proof/opt-out/<token>"): "for whom its address was given to",
    ("POST", "/proof/opt-out/<token>"): "for whom its address was given to",
    ("GET", "/shared/<token>"): "for whom its address was given to",
    ("POST", "/shared/<token>"): "for whom its address was given to",
    ("GET", "/report-mails/confirmation"): "known by the link",
    ("POST", "/report-mails/confirmation"): "known by the link",
    ("GET", "/report-mails/unsubscription"): "known by the link",
    ("POST", "/report-mails/unsubscription"): "known by the link",
    ("GET", "/widget/v1/chat/<key>"): "what a site publishes, and whose chat token is sent",
    ("POST", "/widget/v1/chat/<key>/resumption"): "known by the mailed link",
    ("POST", "/widget/v1/chat/<key>/openings"): "anybody may open a site's chat",
    ("POST", "/widget/v1/chat/<key>/closings"): "anybody may open a site's chat",
    ("PUT", "/widget/v1/chat/<key>/identity"): "known by the site's own hash",
    ("POST", "/widget/v1/conversations"): "anybody may write to a site",
    **{
        (method, f"/widget/v1/conversations/<conversation_id>/{name}"): "known by the chat token"
        for method, name in (
            ("GET", "messages"),
            ("POST", "messages"),
            ("PUT", "reading"),
            ("PUT", "rating"),
            ("PUT", "closure"),
            ("POST", "transcript"),
        )
    },
    ("GET", "/widget/v1/files/<token>"): "for whom its address was given to",
    ("GET", "/demo"): "the demo's own shop",
    ("POST", "/demo/orders"): "the demo's own shop",
    ("POST", "/demo/refunds"): "the demo's own shop",
    ("GET", "/dev/mail"): "not there in production",
    ("GET", "/dev/mail/<uuid:mail_id>"): "not there in production",
    ("GET", "/dev/receiver"): "not there in production",
    ("POST", "/dev/receiver/<behaviour>"): "not there in production",
}

# Not answered without an upgrade: attacked in tests/dashboard/test_live.py and tests/chat.
SOCKETS = ("/o/<organization>/live/<uuid:site_id>/ws", "/o/<organization>/ws/inbox")

VOLATILE = re.compile(
    r'"timestamp":\s*"[^"]*"|name="csrf_token" value="[^"]*"|name="csrf-token" content="[^"]*"'
    r'|nonce="[^"]*"|<time[^>]*>[^<]*</time>'
)


@pytest.fixture
def both(app, acme, umbrella):
    """What Acme owns and what Umbrella owns."""
    return furnish(app, acme, "Marmalade"), furnish(app, umbrella, "Wormwood")


@pytest.fixture
def both_with_spare(app, acme, umbrella, both):
    """And each a second site, for there are two ways of deleting one."""

    def spare(tenant, ids):
        with app.app_context(), tenancy.scope(tenant.id):
            site = Site.create(name="Spare", domains=["spare.example"])
            db.session.commit()
            return replace(ids, spare_site_id=site.id)

    return spare(acme, both[0]), spare(umbrella, both[1])


@pytest.fixture
def ask(app, acme, sign_in, client):
    """Send an attempt as Alice: pages from her browser, the API with Acme's key."""
    alice = sign_in("alice@acme.example")
    token = alice.token("/sign-in")

    def own(fields: dict[str, Any] | None) -> dict[str, Any] | None:
        site = str(acme.site_id)
        return fields and {k: site if v == "{own_site}" else v for k, v in fields.items()}

    def send(attempt: Attempt) -> Any:
        path = attempt.path.replace("{acme}", acme.slug).replace("{own_site}", str(acme.site_id))
        attempt = replace(attempt, json=own(attempt.json), form=own(attempt.form))
        if path.startswith("/api/"):
            return client.open(path, method=attempt.method, json=attempt.json, headers=acme.bearer)
        if attempt.method == "GET":
            return alice.get(path)
        form = {**(attempt.form or {}), "csrf_token": token}
        return alice.client.open(path, method=attempt.method, data=form)

    return send


def attempts(ids: Belongings) -> list[Attempt]:
    return [each for route in ROUTES.values() for each in route.ask(ids)]


def said(answer: Any) -> tuple[int, str | None, str]:
    """An answer without what differs from one request to the next."""
    location = answer.headers.get("Location")
    return answer.status_code, location, VOLATILE.sub("", answer.text)


def test_each_route_is_in_the_sweep_or_public_for_a_reason(app):
    rules = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert rules == set(ROUTES) | set(PUBLIC) | {("GET", path) for path in SOCKETS}
    assert not set(ROUTES) & set(PUBLIC)


def test_what_is_anothers_looks_like_what_is_not_there(both_with_spare, ask, rows):
    mine, theirs = both_with_spare
    before = rows()
    for foreign, unknown in zip(attempts(theirs), attempts(missing(theirs)), strict=True):
        answer, nothing = ask(foreign), ask(unknown)
        assert answer.status_code == foreign.refused, (foreign, answer.text[-400:])
        assert said(answer) == said(nothing), foreign
        if foreign.refused == 200 and foreign.path.startswith("/api/"):
            assert answer.json == {"data": [], "next_cursor": None}, foreign
    assert rows() == before
    # The same requests reach what is one's own, so none was refused for another reason.
    for own in attempts(mine):
        answer = ask(own)
        assert answer.status_code == own.own, (own, answer.text[-400:])


def test_no_page_of_an_organization_opens_to_a_stranger(both, ask, umbrella, rows):
    _mine, theirs = both
    before = rows()
    for method, rule in ROUTES:
        if not rule.startswith("/o/"):
            continue
        rule = re.sub(r"<uuid:(\w+)>", lambda found: str(getattr(theirs, found[1])), rule)
        form = {**SITE_FORM, **CAMPAIGN_FORM, "site_id": str(theirs.site_id), "type": "signup"}
        answer, nothing = (
            ask(Attempt(method, rule.replace("<organization>", slug), form=form))
            for slug in (umbrella.slug, "nobody-000000")
        )
        assert answer.status_code == 404, (method, rule)
        assert said(answer) == said(nothing), (method, rule)
    assert rows() == before


def test_nothing_of_another_is_in_any_list(both, ask, umbrella):
    _mine, theirs = both
    signs = {"Wormwood", "Umbrella", umbrella.key, umbrella.secret, *theirs.ids()}
    seen = 0
    for method, rule in ROUTES:
        if method == "GET" and ROUTES[method, rule] is NO_IDS:
            answer = ask(Attempt("GET", rule.replace("<organization>", "{acme}")))
            assert answer.status_code == 200, rule
            assert not [sign for sign in signs if sign in answer.text], rule
            seen += "Marmalade" in answer.text
    assert seen >= 8


def test_a_cursor_of_another_opens_nothing(both, client, acme, umbrella):
    foreign = client.get("/api/v1/activities?limit=1", headers=umbrella.bearer).json
    assert foreign["next_cursor"]
    page = client.get(f"/api/v1/activities?cursor={foreign['next_cursor']}", headers=acme.bearer)
    mine = client.get("/api/v1/activities?limit=100", headers=acme.bearer)
    known = {row["id"] for row in mine.json["data"]}
    assert {row["id"] for row in page.json["data"]} <= known


def test_an_idempotency_key_of_another_gives_nothing_away(both, client, acme):
    site = {"name": "Another", "domain": "another.example"}
    path = "/api/v1/sources"
    answer = client.post(path, json=site, headers={**acme.bearer, "Idempotency-Key": "Wormwood /x"})
    assert answer.status_code == 422
    key = {**acme.bearer, "Idempotency-Key": "Wormwood /campaigns"}
    body = {
        "site_id": str(acme.site_id),
        "name": "Mine",
        "format": "notice",
        "content": {"message": "Hello"},
    }
    answer = client.post("/api/v1/campaigns", json=body, headers=key)
    assert answer.status_code == 201 and "Wormwood" not in answer.text


def test_a_signature_of_one_source_does_not_open_anothers_hook(both, client, acme, umbrella, rows):
    before = rows(umbrella.id)
    request = shopify(acme.secret, "orders/paid", shopify_order(777))
    assert client.post(f"/hooks/{umbrella.source_id}", **request).status_code == 401
    after = rows(umbrella.id)
    refused = after.pop("inbound_deliveries")
    assert len(refused) == len(before.pop("inbound_deliveries")) + 1
    assert after == before


def test_a_job_for_the_wrong_organization_does_nothing(app, acme, umbrella, client, rows):
    request = shopify(umbrella.secret, "orders/paid", shopify_order())
    assert client.post(f"/hooks/{umbrella.source_id}", **request).status_code == 200
    before = rows()
    with app.app_context(), tenancy.scope(umbrella.id):
        delivery_id = str(db.session.scalars(select(InboundDelivery.id)).one())
    with app.app_context():
        name = "app.sources.jobs.process_delivery"
        jobs.perform(name, str(acme.id), {"delivery_id": delivery_id})
    assert rows() == before
    with app.app_context():
        jobs.perform(name, str(umbrella.id), {"delivery_id": delivery_id})
    assert rows() != before


# --- the session ---------------------------------------------------------------------------------


def test_no_way_of_reading_through_the_session_leaves_the_organization(both, inside, acme):
    mine, theirs = both
    other, my_site = aliased(Site), aliased(Site)
    with inside(acme):
        assert db.session.get(Site, theirs.site_id) is None
        assert db.session.scalars(select(Site.id)).all() == [mine.site_id]
        assert db.session.scalar(select(func.count()).select_from(Site)) == 1
        assert db.session.scalars(select(other.id)).all() == [mine.site_id]
        joined = select(Campaign.id, other.id).join(other, other.id != Campaign.id)
        assert {row[1] for row in db.session.execute(joined)} == {mine.site_id}
        nested = select(Site.id).where(Site.id.in_(select(my_site.id)))
        assert db.session.scalars(nested).all() == [mine.site_id]
        exists = select(Member.id).where(select(Site.id).filter_by(id=theirs.site_id).exists())
        assert db.session.scalars(exists).all() == []
        union = select(Site.id).union(select(Source.site_id))
        assert set(db.session.scalars(union)) == {mine.site_id}
        with reading() as session:
            assert session.scalars(select(Site.id)).all() == [mine.site_id]
            assert session.get(Site, theirs.site_id) is None


def test_no_bulk_change_leaves_the_organization(both, inside, acme, umbrella, rows):
    before = rows(umbrella.id)
    with inside(acme):
        db.session.execute(update(Site).values(name="Taken"))
        db.session.execute(update(ApiKey).values(revoked_at=None, name="Taken"))
        db.session.execute(delete(Campaign))
        db.session.query(InboundDelivery).delete()
        db.session.query(Activity).update({"strength": "signed"})
        db.session.commit()
    assert rows(umbrella.id) == before
    assert rows(acme.id)["campaigns"] == []


def test_a_row_of_another_cannot_be_written(both, app, acme, umbrella, rows):
    before = rows()
    with app.app_context():
        with tenancy.scope(acme.id), pytest.raises(TenancyError):
            db.session.add(Source(organization_id=umbrella.id, kind="api", name="Mine"))
            db.session.flush()
        db.session.rollback()
        with tenancy.scope(umbrella.id):
            site = db.session.scalars(select(Site)).one()
            db.session.expunge(site)
        with pytest.raises((TenancyError, ObjectDeletedError)), tenancy.scope(acme.id):
            site.name = "Taken"
            db.session.add(site)
            db.session.flush()
        db.session.remove()
        tenancy.leave()
    assert rows() == before


def test_rows_of_one_scope_do_not_stay_in_the_session_of_the_next(both, app, acme, umbrella):
    _mine, theirs = both
    with app.app_context():
        tenancy.enter(umbrella.id)
        site = db.session.get_one(Site, theirs.site_id)
        tenancy.enter(acme.id)
        assert site not in db.session
        assert db.session.get(Site, theirs.site_id) is None
        tenancy.enter()
        assert db.session.scalars(select(Site)).all() == []
        with pytest.raises(TenancyError):
            tenancy.current_organization_id()


def test_unsaved_changes_do_not_follow_into_another_scope(both, app, acme, umbrella):
    with app.app_context():
        tenancy.enter(umbrella.id)
        db.session.scalars(select(Site)).one().name = "Changed"
        with pytest.raises(TenancyError):
            tenancy.enter(acme.id)
        db.session.rollback()
        tenancy.enter()


def test_the_database_refuses_a_reference_to_anothers_row(both, owner, acme, umbrella):
    """Each composite foreign key, under a login that no policy holds back."""
    tried = 0
    for table in TENANT_TABLES:
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.name in ("organizations", "users"):
                continue
            with owner.connect() as connection:
                mine, theirs = (
                    connection.execute(
                        select(table).where(table.c.organization_id == each.id).limit(1)
                    )
                    .mappings()
                    .first()
                    for each in (acme, umbrella)
                )
                carried = {
                    key.parent.name: theirs[key.parent.name]
                    for key in constraint.elements
                    if key.parent.name != "organization_id"
                }
                with pytest.raises(IntegrityError):
                    changed = {**mine, **carried}
                    keys = (key == mine[key.name] for key in table.primary_key.columns)
                    connection.execute(update(table).where(*keys).values(**changed))
                connection.rollback()
            tried += 1
    assert tried >= 10


# --- one connection in the pool ------------------------------------------------------------------


class Broken(Exception):
    pass


def _interrupted(app: Any) -> None:
    """Routes that commit or break in mid-request."""

    @app.get("/api/v1/breaks")
    @authorized(Permission.SITES_READ)
    def breaks() -> Any:
        assert db.session.scalars(select(Site)).all()
        raise Broken

    @app.get("/api/v1/breaks-in-a-statement")
    @authorized(Permission.SITES_READ)
    def breaks_in_a_statement() -> Any:
        db.session.scalars(select(Site)).all()
        return db.session.execute(text("SELECT nonsense FROM nowhere"))

    @app.get("/api/v1/commits")
    @authorized(Permission.SITES_READ)
    def commits() -> Any:
        before = db.session.scalars(select(Site.name)).all()
        db.session.commit()
        middle = db.session.scalars(select(Site.name)).all()
        db.session.rollback()
        return {"names": [before, middle, db.session.scalars(select(Site.name)).all()]}

    @app.get("/nobody")
    def nobody() -> Any:
        bare = select(Site.__table__.c.name)
        rows = db.session.scalars(select(Site.name)).all()
        on_postgres = db.engine.dialect.name == "postgresql"
        return {"rows": rows, "bare": db.session.scalars(bare).all() if on_postgres else []}


def setting_left(app: Any) -> str:
    """What a connection says of the one who had it before."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return ""
        with db.engine.connect() as connection:
            question = text("SELECT current_setting('candor.organizations', true)")
            return connection.scalar(question) or ""


def test_a_pool_of_one_carries_nobody_over(both, spare_app, acme, umbrella):
    small = spare_app(_interrupted, pool_size=1)
    client = small.test_client()

    def names(tenant: Any) -> list[str]:
        answer = client.get("/api/v1/sites", headers=tenant.bearer)
        return [row["name"] for row in answer.json["data"]]

    for path in ("/api/v1/breaks", "/api/v1/breaks-in-a-statement", "/api/v1/commits"):
        for first, second in ((acme, umbrella), (umbrella, acme)):
            answer = client.get(path, headers=first.bearer)
            if path == "/api/v1/commits":
                (own,) = {tuple(each) for each in answer.json["names"]}
                assert own == tuple(names(first)) and len(own) == 1
            else:
                assert answer.status_code >= 500
            assert setting_left(small) == ""
            assert client.get("/nobody").json == {"rows": [], "bare": []}
            assert names(second) == [f"{second.slug.split('-')[0].title()} shop"]
    with small.app_context():
        assert db.engine.dialect.name == "sqlite" or db.engine.pool.size() == 1


# --- Postgres ------------------------------------------------------------------------------------


def engines(app: Any) -> dict[str, Any]:
    with app.app_context():
        return {
            "requests": db.engine,
            "reader": app.extensions["candor_reader"],
            "system": app.extensions["candor_system"],
        }


def test_row_level_security_is_forced_on_each_table_of_tenants(postgres, owner):
    with owner.connect() as connection:
        forced = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        ).all()
        policies = connection.execute(
            text("SELECT tablename, policyname, roles::text[], permissive FROM pg_policies")
        ).all()
    assert set(forced) == {table.name for table in TENANT_TABLES}
    for name, policy, roles, permissive in policies:
        assert roles == [APP_ROLE if policy == "tenant" else SYSTEM_ROLE], name
        assert permissive == "PERMISSIVE"
    assert {row[0] for row in policies if row[1] == "tenant"} == set(forced)
    system_tables = {t.name for t in TENANT_TABLES if t.info.get("system")}
    assert {row[0] for row in policies if row[1] == "system"} == system_tables


def test_the_program_connects_as_roles_that_cannot_bypass_it(postgres):
    question = text(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin "
        "FROM pg_roles WHERE rolname = current_user"
    )
    roles = {}
    for name, engine in engines(postgres).items():
        with engine.connect() as connection:
            roles[name], *powers = connection.execute(question).one()
            assert powers == [False] * 4, name
    assert roles == {"requests": APP_ROLE, "reader": APP_ROLE, "system": SYSTEM_ROLE}


def test_raw_sql_finds_only_the_rows_of_whom_it_was_told(postgres, both, owner, acme, umbrella):
    for name in ("requests", "reader"):
        with engines(postgres)[name].connect() as connection, owner.connect() as all_rows:
            tell(connection, acme.id)
            for table in TENANT_TABLES:
                column = table.c[tenancy.tenant_column(table)]
                foreign = select(func.count()).where(column == umbrella.id)
                assert connection.scalar(foreign) == 0, table.name
                assert all_rows.scalar(foreign), f"nothing to hide in {table.name}"
                assert connection.scalars(select(column).distinct()).all() == [acme.id], table.name


def test_raw_sql_finds_nothing_before_it_was_told(postgres, both):
    for name in ("requests", "reader"):
        for setting in (None, "", "{}"):
            with engines(postgres)[name].connect() as connection:
                if setting is not None:
                    chosen = text("SELECT set_config('candor.organizations', :ids, true)")
                    connection.execute(chosen, {"ids": setting})
                for table in TENANT_TABLES:
                    assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_raw_sql_changes_no_row_of_another(postgres, both, acme, umbrella, rows):
    before = rows(umbrella.id)
    with engines(postgres)["requests"].begin() as connection:
        tell(connection, acme.id)
        for table in reversed(TENANT_TABLES):
            column = table.c[tenancy.tenant_column(table)]
            assert connection.execute(delete(table).where(column == umbrella.id)).rowcount == 0
            moved = update(table).where(column == umbrella.id).values({column.name: acme.id})
            assert connection.execute(moved).rowcount == 0
    assert rows(umbrella.id) == before


def test_raw_sql_writes_no_row_for_another(postgres, both, owner, acme, umbrella):
    for table in TENANT_TABLES:
        with owner.connect() as all_rows:
            column = table.c[tenancy.tenant_column(table)]
            found = all_rows.execute(select(table).where(column == umbrella.id)).mappings().first()
        row = {**found, "id": uuid7()} if "id" in found else dict(found)
        with engines(postgres)["requests"].connect() as connection:
            tell(connection, acme.id)
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(table.insert().values(**row))
            connection.rollback()
            if table.name == "organizations":
                continue
            tell(connection, acme.id)
            mine = update(table).where(column == acme.id).values(organization_id=umbrella.id)
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(mine)


def test_one_who_looks_at_the_setting_cannot_widen_it_for_the_next(postgres, both, acme):
    engine = engines(postgres)["requests"]
    with engine.begin() as connection:
        tell(connection, acme.id)
        assert connection.scalar(select(func.count()).select_from(Site.__table__)) == 1
    with engine.connect() as connection:
        left = connection.scalar(text("SELECT current_setting('candor.organizations', true)"))
    assert not left


def test_the_system_role_has_the_listed_rights_and_no_others(postgres, owner):
    with owner.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for role in (APP_ROLE, SYSTEM_ROLE):
                asked = [f"has_table_privilege('{role}', '{table.name}', '{v}')" for v in VERBS]
                has = connection.execute(text(f"SELECT {', '.join(asked)}")).one()
                granted = {verb for verb, yes in zip(VERBS, has, strict=True) if yes}
                expected = set(VERBS) if role == APP_ROLE else set(table.info.get("system", ()))
                assert granted == expected, (role, table.name)
                rights = "TRUNCATE", "REFERENCES", "TRIGGER"
                for right in rights:
                    question = f"SELECT has_table_privilege('{role}', '{table.name}', '{right}')"
                    assert not connection.scalar(text(question)), (role, table.name, right)


def test_the_system_role_cannot_write_to_sites(postgres, both, umbrella, rows):
    before = rows()
    writes = (
        update(Site.__table__).values(active=False),
        delete(Site.__table__),
        update(Organization.__table__).values(name="Taken"),
        text("ALTER TABLE sites NO FORCE ROW LEVEL SECURITY"),
        text("DROP POLICY tenant ON sites"),
    )
    for statement in writes:
        with postgres.app_context(), pytest.raises(ProgrammingError), system() as connection:
            connection.execute(statement)
    assert rows() == before


HOLES = {
    "a table without force": (
        "ALTER TABLE sites NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE sites FORCE ROW LEVEL SECURITY",
    ),
    "a table without policies": (
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    ),
    "a role that bypasses": (
        "ALTER ROLE candor_app BYPASSRLS",
        "ALTER ROLE candor_app NOBYPASSRLS",
    ),
    "a superuser": ("ALTER ROLE candor_app SUPERUSER", "ALTER ROLE candor_app NOSUPERUSER"),
    "a month within reach": (
        "GRANT SELECT ON events_default TO candor_system",
        "REVOKE SELECT ON events_default FROM candor_system",
    ),
    "a system role that bypasses": (
        "ALTER ROLE candor_system BYPASSRLS",
        "ALTER ROLE candor_system NOBYPASSRLS",
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_it_refuses_to_start_with_a_hole_in_a_wall(postgres, owner, hole):
    breach, repair = HOLES[hole]
    with postgres.app_context():
        migrations.check_walls()
        with owner.begin() as connection:
            connection.execute(text(breach))
        try:
            with pytest.raises(TenancyError):
                migrations.check_walls()
        finally:
            with owner.begin() as connection:
                connection.execute(text(repair))
        migrations.check_walls()


def test_it_refuses_to_start_as_the_owner_of_the_tables(postgres, owner):
    with pytest.raises(TenancyError, match="bypasses"):
        tenancy.check_walls(owner)


def test_a_migration_builds_the_walls_again(postgres, owner):
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE sites NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text("GRANT INSERT ON sites TO candor_system"))
        connection.execute(text("DROP POLICY tenant ON campaigns"))
    tenancy.enforce(owner)
    test_row_level_security_is_forced_on_each_table_of_tenants(postgres, owner)
    test_the_system_role_has_the_listed_rights_and_no_others(postgres, owner)
