"""Who may do what: each role on each page, each scope on each route of the API, carried out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.accounts.models import ApiKey, Member
from app.accounts.permissions import ALLOWED, Permission, Role
from app.core import clock, tenancy
from app.core.db import Base, db
from app.proof.recording import report_activity
from app.sites.models import Site
from app.sources.facts import ActivityReported, Person
from app.sources.models import Source
from tests.walls.conftest import furnish, talk

# What each role may, in words; app/accounts/permissions.py says the same.
ROLES = {
    Role.OWNER: """organization:write organization:delete billing:write members:read members:write api-keys:write
        audit:read sites:read sites:write campaigns:read campaigns:write sources:read sources:write
        activities:read activities:write events:write analytics:read analytics:write
        endpoints:read endpoints:write
        conversations:read conversations:write contacts:read contacts:write commands:send""",
    Role.ADMIN: """organization:write members:read members:write api-keys:write audit:read sites:read sites:write
        campaigns:read campaigns:write sources:read sources:write activities:read
        activities:write events:write analytics:read analytics:write endpoints:read endpoints:write
        conversations:read conversations:write contacts:read contacts:write commands:send""",
    Role.EDITOR: """sites:read sites:write campaigns:read campaigns:write sources:read
        sources:write activities:read activities:write events:write analytics:read analytics:write
        endpoints:read endpoints:write""",
    Role.AGENT: """sites:read analytics:read conversations:read conversations:write
        contacts:read contacts:write""",
    Role.VIEWER: "sites:read campaigns:read analytics:read",
}

# What each page needs. Those that undo come last.
PAGES = {
    "GET /": "sites:read",
    "GET /settings": "organization:write",
    "POST /settings": "organization:write",
    "POST /settings/retention": "organization:write",
    "GET /settings/deletion": "organization:delete",
    "POST /settings/deletion": "organization:delete",
    "POST /settings/deletion/withdrawal": "organization:delete",
    "GET /settings/members": "members:read",
    "GET /settings/members/<uuid:member_id>": "members:write",
    "POST /settings/members/<uuid:member_id>/role": "members:write",
    "POST /settings/members/<uuid:member_id>/suspension": "members:write",
    "POST /settings/members/<uuid:member_id>/resumption": "members:write",
    "POST /settings/invitations": "members:write",
    "POST /settings/invitations/<uuid:invitation_id>/mail": "members:write",
    "GET /settings/api-keys": "api-keys:write",
    "POST /settings/api-keys": "api-keys:write",
    "GET /settings/audit": "audit:read",
    "GET /sites": "sites:read",
    "GET /sites/new": "sites:write",
    "POST /sites": "sites:write",
    "GET /sites/<uuid:site_id>": "sites:read",
    "GET /sites/<uuid:site_id>/edit": "sites:write",
    "POST /sites/<uuid:site_id>": "sites:write",
    "GET /sites/<uuid:site_id>/snippet": "sites:read",
    "GET /sites/<uuid:site_id>/installation": "sites:read",
    "POST /sites/<uuid:site_id>/domains": "sites:write",
    "POST /sites/<uuid:site_id>/deactivation": "sites:write",
    "POST /sites/<uuid:site_id>/activation": "sites:write",
    "GET /sites/<uuid:site_id>/removal": "sites:write",
    "GET /search": "sites:read",
    "GET /live": "analytics:read",
    "GET /analytics": "analytics:read",
    "GET /analytics/<uuid:site_id>/series": "analytics:read",
    "GET /analytics/values/<dimension>": "analytics:read",
    "GET /analytics/visits": "analytics:read",
    "GET /analytics/campaigns": "analytics:read",
    "GET /analytics/campaigns/window": "analytics:write",
    "GET /sites/<uuid:site_id>/events": "analytics:read",
    "GET /sites/<uuid:site_id>/drops": "analytics:read",
    "POST /sites/<uuid:site_id>/quarantine/<uuid:suspect_id>/restoration": "analytics:write",
    "GET /sites/<uuid:site_id>/sessions/<uuid:session_id>": "analytics:read",
    "GET /sites/<uuid:site_id>/publications": "campaigns:read",
    "POST /sites/<uuid:site_id>/publications": "campaigns:write",
    "GET /sites/<uuid:site_id>/publications/comparison": "campaigns:read",
    "GET /sites/<uuid:site_id>/publications/rollbacks": "campaigns:write",
    "POST /sites/<uuid:site_id>/publications/rollbacks": "campaigns:write",
    "GET /sites/<uuid:site_id>/publications/export": "campaigns:read",
    "GET /sites/<uuid:site_id>/publications/imports": "campaigns:write",
    "POST /sites/<uuid:site_id>/publications/imports": "campaigns:write",
    "POST /sites/<uuid:site_id>/publications/previews": "campaigns:write",
    "GET /sites/<uuid:site_id>/publications/copies": "campaigns:write",
    "POST /sites/<uuid:site_id>/publications/copies": "campaigns:write",
    "GET /sources": "sources:read",
    "GET /sources/new": "sources:write",
    "POST /sources": "sources:write",
    "GET /sources/<uuid:source_id>": "sources:read",
    "POST /sources/<uuid:source_id>/mapping": "sources:write",
    "POST /sources/<uuid:source_id>/secret": "sources:write",
    "GET /sources/deliveries": "sources:read",
    "GET /sources/deliveries/<uuid:delivery_id>": "sources:read",
    "GET /sources/deliveries/<uuid:delivery_id>/body": "sources:read",
    "POST /sources/deliveries/<uuid:delivery_id>/replay": "sources:write",
    "GET /sources/replays/new": "sources:write",
    "POST /sources/replays": "sources:write",
    "GET /sources/replays/<uuid:range_id>": "sources:read",
    "GET /sources/<uuid:source_id>/bench": "sources:read",
    "POST /sources/<uuid:source_id>/bench": "sources:read",
    "POST /sources/<uuid:source_id>/bench/mapping": "sources:write",
    "GET /analytics/export": "analytics:read",
    "POST /analytics/export": "analytics:read",
    "GET /analytics/segments": "analytics:read",
    "POST /analytics/segments": "analytics:write",
    "POST /analytics/segments/<uuid:segment_id>": "analytics:write",
    "GET /analytics/links": "analytics:read",
    "POST /analytics/links": "analytics:write",
    "GET /analytics/reports": "analytics:read",
    "GET /analytics/reports/new": "analytics:write",
    "POST /analytics/reports": "analytics:write",
    "GET /analytics/reports/<uuid:report_id>": "analytics:read",
    "GET /analytics/reports/<uuid:report_id>/edit": "analytics:write",
    "POST /analytics/reports/<uuid:report_id>": "analytics:write",
    "POST /analytics/reports/<uuid:report_id>/export": "analytics:read",
    "POST /analytics/reports/<uuid:report_id>/schedule": "analytics:write",
    "POST /analytics/reports/<uuid:report_id>/recipients": "analytics:write",
    "GET /analytics/alerts": "analytics:read",
    "POST /analytics/alerts": "analytics:write",
    "GET /analytics/alerts/<uuid:alert_id>/edit": "analytics:write",
    "POST /analytics/alerts/<uuid:alert_id>": "analytics:write",
    "GET /analytics/annotations": "analytics:read",
    "POST /analytics/annotations": "analytics:write",
    "GET /analytics/annotations/<uuid:annotation_id>/edit": "analytics:write",
    "POST /analytics/annotations/<uuid:annotation_id>": "analytics:write",
    "GET /analytics/goals": "analytics:read",
    "GET /analytics/goals/new": "analytics:write",
    "POST /analytics/goals": "analytics:write",
    "GET /analytics/goals/<uuid:goal_id>/edit": "analytics:write",
    "POST /analytics/goals/<uuid:goal_id>": "analytics:write",
    "POST /analytics/campaigns/window": "analytics:write",
    "POST /analytics/goals/revenue": "analytics:write",
    "GET /analytics/funnels": "analytics:read",
    "GET /analytics/funnels/new": "analytics:write",
    "POST /analytics/funnels/draft": "analytics:write",
    "POST /analytics/funnels": "analytics:write",
    "GET /analytics/funnels/<uuid:funnel_id>": "analytics:read",
    "GET /analytics/funnels/<uuid:funnel_id>/edit": "analytics:write",
    "POST /analytics/funnels/<uuid:funnel_id>": "analytics:write",
    "GET /analytics/journeys": "analytics:read",
    "GET /analytics/retention": "analytics:read",
    "GET /analytics/attribution": "analytics:read",
    "GET /campaigns": "campaigns:read",
    "GET /campaigns/new": "campaigns:write",
    "POST /campaigns": "campaigns:write",
    "GET /campaigns/<uuid:campaign_id>": "campaigns:read",
    "GET /campaigns/<uuid:campaign_id>/frame": "campaigns:read",
    "POST /campaigns/<uuid:campaign_id>/preview": "campaigns:read",
    "POST /campaigns/<uuid:campaign_id>": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/image": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/image/removal": "campaigns:write",
    "GET /campaigns/<uuid:campaign_id>/schedule": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/schedule": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/schedule/cancellation": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/publication": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/reset": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/copies": "campaigns:write",
    "POST /campaigns/<uuid:campaign_id>/pause": "campaigns:write",
    "GET /activities": "activities:read",
    "GET /activities/new": "activities:write",
    "GET /activities/<uuid:activity_id>": "activities:read",
    "GET /orders/<uuid:order_id>": "activities:read",
    "GET /refunds/<uuid:refund_id>": "activities:read",
    "GET /activities/imports": "activities:read",
    "GET /activities/imports/new": "activities:write",
    "POST /activities/imports": "activities:write",
    "GET /activities/imports/<uuid:import_id>": "activities:read",
    "POST /activities/imports/<uuid:import_id>/columns": "activities:write",
    "POST /activities/imports/<uuid:import_id>/confirmation": "activities:write",
    "POST /activities/imports/<uuid:import_id>/report": "activities:write",
    "POST /activities/imports/<uuid:import_id>/undo": "activities:write",
    "POST /activities/imports/<uuid:import_id>/removal": "activities:write",
    "POST /activities": "activities:write",
    "POST /activities/<uuid:activity_id>/retraction": "activities:write",
    "POST /analytics/funnels/<uuid:funnel_id>/deletion": "analytics:write",
    "POST /analytics/goals/<uuid:goal_id>/deletion": "analytics:write",
    "POST /analytics/segments/<uuid:segment_id>/deletion": "analytics:write",
    "POST /analytics/links/<uuid:link_id>/revocation": "analytics:write",
    "POST /analytics/reports/<uuid:report_id>/recipients/<uuid:recipient_id>/removal": "analytics:write",
    "POST /analytics/reports/<uuid:report_id>/deletion": "analytics:write",
    "POST /analytics/alerts/<uuid:alert_id>/deletion": "analytics:write",
    "POST /analytics/annotations/<uuid:annotation_id>/deletion": "analytics:write",
    "GET /endpoints": "endpoints:read",
    "GET /endpoints/types": "endpoints:read",
    "GET /endpoints/new": "endpoints:write",
    "POST /endpoints": "endpoints:write",
    "GET /endpoints/<uuid:endpoint_id>": "endpoints:read",
    "GET /endpoints/<uuid:endpoint_id>/edit": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/secret": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/disabling": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/enabling": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/tests": "endpoints:write",
    "GET /endpoints/<uuid:endpoint_id>/redeliveries/new": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/redeliveries": "endpoints:write",
    "GET /endpoints/redeliveries/<uuid:redelivery_id>": "endpoints:read",
    "GET /endpoints/deliveries/<uuid:outgoing_id>": "endpoints:read",
    "POST /endpoints/deliveries/<uuid:outgoing_id>/redelivery": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/removal": "endpoints:write",
    "POST /sources/<uuid:source_id>/removal": "sources:write",
    "POST /settings/api-keys/<uuid:key_id>/revocation": "api-keys:write",
    "POST /campaigns/<uuid:campaign_id>/deletion": "campaigns:write",
    "POST /settings/invitations/<uuid:invitation_id>/revocation": "members:write",
    "POST /settings/members/<uuid:member_id>/removal": "members:write",
    "GET /sites/<uuid:site_id>/chat": "sites:write",
    "POST /sites/<uuid:site_id>/chat": "sites:write",
    "POST /sites/<uuid:site_id>/chat/texts": "sites:write",
    "POST /sites/<uuid:site_id>/chat/identity-secret": "api-keys:write",
    "GET /tickets": "conversations:read",
    "GET /tickets/of-conversation/<uuid:conversation_id>": "conversations:read",
    "GET /tickets/<uuid:ticket_id>": "conversations:read",
    "POST /tickets/<uuid:ticket_id>": "conversations:write",
    "GET /inbox": "conversations:read",
    "GET /inbox/<uuid:conversation_id>": "conversations:read",
    "GET /inbox/<uuid:conversation_id>/messages": "conversations:read",
    "GET /inbox/<uuid:conversation_id>/canned-replies": "conversations:write",
    "POST /inbox/<uuid:conversation_id>/messages": "conversations:write",
    "PUT /inbox/<uuid:conversation_id>/reading": "conversations:read",
    "POST /inbox/<uuid:conversation_id>/assignment": "conversations:write",
    "POST /inbox/<uuid:conversation_id>/snooze": "conversations:write",
    "POST /inbox/<uuid:conversation_id>/labels": "conversations:write",
    "POST /inbox/<uuid:conversation_id>/closure": "conversations:write",
    "POST /inbox/<uuid:conversation_id>/reopening": "conversations:write",
    "GET /inbox/reports": "conversations:read",
    "GET /inbox/labels": "conversations:read",
    "POST /inbox/labels": "conversations:write",
    "POST /inbox/labels/<uuid:label_id>": "conversations:write",
    "POST /inbox/labels/<uuid:label_id>/deletion": "conversations:write",
    "GET /inbox/canned-replies": "conversations:read",
    "GET /inbox/canned-replies/new": "conversations:write",
    "POST /inbox/canned-replies": "conversations:write",
    "GET /inbox/canned-replies/<uuid:reply_id>/edit": "conversations:write",
    "POST /inbox/canned-replies/<uuid:reply_id>": "conversations:write",
    "POST /inbox/canned-replies/<uuid:reply_id>/deletion": "conversations:write",
    "GET /settings/archives": "organization:write",
    "GET /settings/archives/<uuid:archive_id>": "organization:write",
    "POST /settings/archives/<uuid:archive_id>/file": "organization:write",
    "POST /settings/archives/<uuid:archive_id>/deletion": "organization:write",
    "POST /sites/<uuid:site_id>/removal": "sites:write",
    "POST /departure": "sites:read",
}

API = {
    "GET /organizations": "sites:read",
    "PATCH /organizations/<uuid:organization_id>": "organization:write",
    "GET /members": "members:read",
    "PATCH /members/<uuid:member_id>": "members:write",
    "DELETE /members/<uuid:member_id>": "members:write",
    "GET /invitations": "members:read",
    "POST /invitations": "members:write",
    "DELETE /invitations/<uuid:invitation_id>": "members:write",
    "GET /api-keys": "api-keys:write",
    "POST /api-keys": "api-keys:write",
    "DELETE /api-keys/<uuid:key_id>": "api-keys:write",
    "GET /audit": "audit:read",
    "GET /sites": "sites:read",
    "POST /sites": "sites:write",
    "GET /sites/<uuid:site_id>": "sites:read",
    "PATCH /sites/<uuid:site_id>": "sites:write",
    "POST /sites/<uuid:site_id>/commands": "commands:send",
    "DELETE /sites/<uuid:site_id>": "sites:write",
    "GET /sites/<uuid:site_id>/revisions": "campaigns:read",
    "POST /sites/<uuid:site_id>/publication": "campaigns:write",
    "GET /sites/<uuid:site_id>/configuration": "campaigns:read",
    "POST /sites/<uuid:site_id>/configuration": "campaigns:write",
    "GET /sources": "sources:read",
    "POST /sources": "sources:write",
    "GET /inbound-deliveries": "sources:read",
    "POST /inbound-deliveries/<uuid:delivery_id>/replay": "sources:write",
    "GET /campaigns": "campaigns:read",
    "POST /campaigns": "campaigns:write",
    "GET /campaigns/<uuid:campaign_id>": "campaigns:read",
    "PATCH /campaigns/<uuid:campaign_id>": "campaigns:write",
    "PUT /campaigns/<uuid:campaign_id>/status": "campaigns:write",
    "DELETE /campaigns/<uuid:campaign_id>": "campaigns:write",
    "GET /activities": "activities:read",
    "POST /activities": "activities:write",
    "GET /activities/<uuid:activity_id>": "activities:read",
    "GET /events": "analytics:read",
    "POST /events": "events:write",
    "GET /events/drops": "analytics:read",
    "GET /analytics/live-visitors": "analytics:read",
    "GET /analytics/overview": "analytics:read",
    "GET /analytics/timeseries": "analytics:read",
    "GET /analytics/breakdown": "analytics:read",
    "GET /analytics/sessions": "analytics:read",
    "GET /analytics/sessions/<uuid:session_id>": "analytics:read",
    "GET /goals": "analytics:read",
    "POST /goals": "analytics:write",
    "GET /goals/<uuid:goal_id>": "analytics:read",
    "PATCH /goals/<uuid:goal_id>": "analytics:write",
    "DELETE /goals/<uuid:goal_id>": "analytics:write",
    "GET /reports": "analytics:read",
    "POST /reports": "analytics:write",
    "GET /reports/<uuid:report_id>": "analytics:read",
    "GET /reports/<uuid:report_id>/rows": "analytics:read",
    "DELETE /reports/<uuid:report_id>": "analytics:write",
    "GET /segments": "analytics:read",
    "POST /segments": "analytics:write",
    "DELETE /segments/<uuid:segment_id>": "analytics:write",
    "GET /annotations": "analytics:read",
    "POST /annotations": "analytics:write",
    "DELETE /annotations/<uuid:annotation_id>": "analytics:write",
    "GET /funnels": "analytics:read",
    "POST /funnels": "analytics:write",
    "GET /funnels/<uuid:funnel_id>": "analytics:read",
    "PATCH /funnels/<uuid:funnel_id>": "analytics:write",
    "DELETE /funnels/<uuid:funnel_id>": "analytics:write",
    "GET /endpoints": "endpoints:read",
    "POST /endpoints": "endpoints:write",
    "GET /endpoints/<uuid:endpoint_id>": "endpoints:read",
    "PATCH /endpoints/<uuid:endpoint_id>": "endpoints:write",
    "DELETE /endpoints/<uuid:endpoint_id>": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/secret": "endpoints:write",
    "POST /endpoints/<uuid:endpoint_id>/tests": "endpoints:write",
    "GET /deliveries": "endpoints:read",
    "GET /deliveries/<uuid:outgoing_id>": "endpoints:read",
    "POST /deliveries/<uuid:outgoing_id>/redelivery": "endpoints:write",
    "POST /redeliveries": "endpoints:write",
    "GET /redeliveries/<uuid:redelivery_id>": "endpoints:read",
    "GET /event-types": "endpoints:read",
    "GET /analytics/conversion-rates": "analytics:read",
    "GET /analytics/funnels": "analytics:read",
    "GET /analytics/journeys": "analytics:read",
    "GET /analytics/retention": "analytics:read",
    "GET /analytics/attribution": "analytics:read",
    "DELETE /activities/<uuid:activity_id>": "activities:write",
    "GET /conversations": "conversations:read",
    "GET /conversations/<uuid:conversation_id>": "conversations:read",
    "PATCH /conversations/<uuid:conversation_id>": "conversations:write",
    "POST /conversations/<uuid:conversation_id>/messages": "conversations:write",
    "GET /contacts": "contacts:read",
    "POST /contacts": "contacts:write",
    "GET /contacts/<uuid:contact_id>": "contacts:read",
    "PATCH /contacts/<uuid:contact_id>": "contacts:write",
    "GET /tickets": "conversations:read",
    "POST /tickets": "conversations:write",
    "GET /tickets/<uuid:ticket_id>": "conversations:read",
    "PATCH /tickets/<uuid:ticket_id>": "conversations:write",
}
# Asked of one site.
OF_A_SITE = {
    "GET /events",
    "GET /events/drops",
    *(line for line in API if line.startswith("GET /analytics/")),
}
# And of some steps.
STEPS = ["page:/", "event:signup"]
# Needs nothing in its body.
BODILESS = {
    "POST /sites/<uuid:site_id>/publication",
    "POST /endpoints/<uuid:endpoint_id>/secret",
    "POST /deliveries/<uuid:outgoing_id>/redelivery",
}
# What is answered otherwise than with 201.
ANSWERS = {
    "POST /sites/<uuid:site_id>/commands": 202,
    "POST /sites/<uuid:site_id>/publication": 200,
    "POST /events": 202,
    "POST /redeliveries": 409,  # nothing was sent yet
}
FOR_EVERYBODY = {"GET /docs", "GET /openapi.json"}

# What nobody may set, in a body or a form, whatever it is called there.
FORBIDDEN_FIELDS = {
    "organization_id": "00000000-0000-4000-8000-000000000000",
    "organization": "umbrella",
    "id": "00000000-0000-4000-8000-000000000000",
    "role": "owner",
    "plan": "unlimited",
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "key": "0" * 32,
    "digest": "0" * 32,
    "hint": "mine",
    "revoked_at": None,
    "email_verified": True,
    "revision_number": 99,
    "change_number": 99,
    "receipt": "0" * 32,
    "strength": "signed",
    "source_kind": "shopify",
    "source_id": "00000000-0000-4000-8000-000000000000",
    "retracted_at": None,
    "shown_place": {"city": "Lyon"},
    "person_index": "x",
    "live": {},
    "published_at": "2001-01-01T00:00:00Z",
    "renderer": "bar",
    "secret_sealed": "x",
    "last_delivery_at": "2001-01-01T00:00:00Z",
    "__class__": "Site",
    "_sa_instance_state": {},
}


def rules(app: Any, prefix: str) -> set[str]:
    return {
        f"{method} {rule.rule.removeprefix(prefix)}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(prefix) and not rule.websocket
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_each_role_may_what_is_written_here():
    assert {role: set(words.split()) for role, words in ROLES.items()} == {
        role: {permission.value for permission in allowed} for role, allowed in ALLOWED.items()
    }


def test_each_route_is_in_the_matrix(app):
    assert rules(app, "/o/<organization>") == set(PAGES)
    assert rules(app, "/api/v1") == set(API) | FOR_EVERYBODY


def filled(path: str, ids: Any) -> str:
    """A rule with the ids of what Acme owns."""
    ids = replace(ids, member_id=ids.removable_member_id)
    path = path.replace("<dimension>", "page")
    return re.sub(r"<uuid:(\w+)>", lambda found: str(getattr(ids, found[1])), path)


# What a page needs to be sent to answer at all.
FORMS = {"POST /campaigns": {"site": "{ids.site_id}", "format": "notice"}}


@pytest.fixture
def walk(app, acme):
    """Ask for each page and answer the statuses, by line of the matrix."""
    ids = furnish(app, acme, "Marmalade")

    def go(client: Any, token: str) -> dict[str, int]:
        statuses = {}
        for line in PAGES:
            method, path = line.split(" ")
            address = f"/o/{acme.slug}{filled(path, ids)}"
            form = {"csrf_token": token, **FORMS.get(line, {})} if method != "GET" else None
            sent = {name: value.format(ids=ids) for name, value in (form or {}).items()}
            statuses[line] = client.open(address, method=method, data=sent).status_code
        return statuses

    return go


@pytest.mark.parametrize("role", list(Role))
def test_a_member_gets_the_pages_of_his_role_and_no_others(walk, sign_in, join, role):
    email = "alice@acme.example"
    if role is not Role.OWNER:
        email = f"{role}@acme.example"
        join(email, role)
    member = sign_in(email)
    for line, status in walk(member.client, member.token("/sign-in")).items():
        if PAGES[line] not in ROLES[role].split():
            assert status == 403, line
        elif line.startswith("GET"):
            assert status == 200, line
        elif line.endswith(("/image", "/image/removal")):
            assert status == 404, "this format has no picture"
        else:
            assert status in (200, 204, 302, 422), line


def test_a_stranger_finds_none_of_the_pages(walk, sign_in, umbrella):
    charlie = sign_in("charlie@umbrella.example")
    assert set(walk(charlie.client, charlie.token("/sign-in")).values()) == {404}


def test_somebody_who_is_not_signed_in_is_asked_to(walk, client, sign_in, acme):
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    assert set(walk(client, token).values()) == {302}
    answer = client.get(f"/o/{acme.slug}/sites?x=1")
    assert answer.headers["Location"].startswith("/sign-in?next=")
    # And is told the same about an organization that does not exist.
    assert client.get("/o/nobody-000000/sites").status_code == 302


def test_what_a_viewer_sees_names_nobody(app, walk, join, sign_in, acme):
    """`Marmalade` is the first name of a buyer, and part of each name that a viewer may see."""
    join("vera@acme.example", Role.VIEWER)
    with app.app_context(), tenancy.scope(acme.id):
        site = db.session.get_one(Site, acme.site_id)
        person = Person(first_name="Zebedee", email="zq@marked.example")
        fact = ActivityReported(type="purchase", external_id="z", person=person)
        report_activity(Source.built_in(site, "api"), fact)
        db.session.commit()
    vera, alice = sign_in("vera@acme.example"), sign_in("alice@acme.example")
    assert "Zebedee" in alice.get(f"/o/{acme.slug}/").text
    for line, needs in PAGES.items():
        method, path = line.split(" ")
        if method == "GET" and needs in ROLES[Role.VIEWER].split() and "<" not in path:
            page = vera.get(f"/o/{acme.slug}{path}")
            assert page.status_code == 200 and "Zebedee" not in page.text, line
            assert "zq@marked.example" not in page.text and acme.secret not in page.text, line


def test_a_key_opens_the_routes_of_its_scope_and_no_others(app, acme, client):
    ids = furnish(app, acme, "Marmalade")
    with app.app_context(), tenancy.scope(acme.id):
        secrets = {scope.value: ApiKey.issue("One", [scope.value])[1] for scope in Permission}
        db.session.commit()
    opened = set()
    for scope, secret in secrets.items():
        for line, needs in API.items():
            method, path = line.split(" ")
            # What deletes gets an id that nothing has: whether it may is decided before.
            known = path if method != "DELETE" else path.split("<")[0] + str(acme.id)
            answer = client.open(
                f"/api/v1{filled(known, ids)}",
                method=method,
                query_string={"site_id": str(ids.site_id), "step": STEPS}
                if line in OF_A_SITE
                else None,
                json={} if method in ("POST", "PUT", "PATCH") else None,
                headers={"Authorization": f"Bearer {secret}"},
            )
            if scope != needs:
                assert answer.status_code == 403, (scope, line)
                assert answer.json["error"]["code"] == "forbidden"
                assert answer.json["error"]["details"] == {"scope": needs}
            else:
                # What is left out of a change stays; a member has nothing but his role.
                changed = 422 if line.startswith("PATCH /members") else 200
                expected = {"GET": 200, "DELETE": 404, "PATCH": changed}.get(method, 422)
                expected = 200 if line.endswith("/replay") or line in BODILESS else expected
                assert answer.status_code == expected, (scope, line, answer.text)
                opened.add(line)
    assert opened == set(API)


def test_the_api_takes_a_key_in_its_header_and_nowhere_else(acme, client, sign_in):
    alice = sign_in("alice@acme.example")
    for line in API:
        method, path = line.split(" ")
        address = "/api/v1" + re.sub("<[^>]*>", str(acme.id), path)
        # The browser's cookie opens nothing.
        refused = alice.client.open(address, method=method, json={})
        assert refused.status_code == 401, line
        assert refused.json["error"]["code"] == "unauthorized"
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "Set-Cookie" not in client.open(address, method=method).headers
    for name in ("api_key", "key", "token", "access_token", "authorization", "Authorization"):
        assert client.get(f"/api/v1/sites?{name}={acme.key}").status_code == 401
        assert client.get(f"/api/v1/sites?{name}=Bearer%20{acme.key}").status_code == 401
    assert client.post("/api/v1/sites", data={"access_token": acme.key}).status_code == 401
    for headers in (
        {"Authorization": acme.key},
        {"Authorization": f"Basic {acme.key}"},
        {"Authorization": f"Bearer  {acme.key}"},
        {"Authorization": f"Bearer {acme.key[:-1]}"},
        {"Authorization": f"Bearer {acme.key} "[:-2]},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer é"},
        {"Authorization": "Bearer \x00"},
        {"X-Api-Key": acme.key},
        {"Cookie": f"candor={acme.key}"},
        {"Proxy-Authorization": f"Bearer {acme.key}"},
    ):
        assert client.get("/api/v1/sites", headers=headers).status_code == 401, headers
    assert client.get("/api/v1/sites", headers=acme.bearer).status_code == 200
    # And a key is no way into the pages.
    assert client.get(f"/o/{acme.slug}/", headers=acme.bearer).status_code == 302


def test_a_key_is_kept_as_a_digest_and_shown_once(acme, client, owner, sign_in):
    made = client.post(
        "/api/v1/api-keys", json={"name": "Shop", "scopes": ["sites:read"]}, headers=acme.bearer
    )
    secret = made.json["secret"]
    assert len(secret) >= 43
    with owner.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert secret not in str(tuple(row)), table.name
    listed = client.get("/api/v1/api-keys", headers=acme.bearer)
    page = sign_in("alice@acme.example").get(f"/o/{acme.slug}/settings/api-keys")
    assert secret not in listed.text + page.text
    assert {row["secret"] for row in listed.json["data"]} == {None}


def test_a_suspended_member_is_out_at_once(app, acme, join, sign_in):
    join("bob@acme.example", Role.EDITOR)
    bob = sign_in("bob@acme.example")
    assert bob.get(f"/o/{acme.slug}/sites").status_code == 200
    change_member(app, acme, suspended_at=clock.now())
    assert bob.get(f"/o/{acme.slug}/sites").status_code == 404
    assert bob.post(f"/o/{acme.slug}/sites", {"name": "Mine"}).status_code == 404
    assert "Acme" not in bob.get("/").text
    change_member(app, acme, suspended_at=None)
    assert bob.get(f"/o/{acme.slug}/sites").status_code == 200


def test_a_lower_role_holds_from_the_next_request_on(app, acme, join, sign_in):
    join("bob@acme.example", Role.EDITOR)
    bob = sign_in("bob@acme.example")
    assert bob.get(f"/o/{acme.slug}/sources").status_code == 200
    change_member(app, acme, role="viewer")
    assert bob.get(f"/o/{acme.slug}/sources").status_code == 403


def change_member(app: Any, acme: Any, **values: Any) -> None:
    with app.app_context(), tenancy.scope(acme.id):
        bob = db.session.scalars(select(Member).where(Member.role != "owner")).one()
        for name, value in values.items():
            setattr(bob, name, value)
        db.session.commit()


def test_a_revoked_key_is_out_at_once(app, acme, client, sign_in):
    made = client.post(
        "/api/v1/api-keys", json={"name": "Shop", "scopes": ["*"]}, headers=acme.bearer
    ).json
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert client.get("/api/v1/sites", headers=headers).status_code == 200
    alice = sign_in("alice@acme.example")
    revocation = f"/o/{acme.slug}/settings/api-keys/{made['id']}/revocation"
    assert alice.post(revocation).status_code == 302
    refused = client.get("/api/v1/sites", headers=headers)
    unknown = client.get("/api/v1/sites", headers={"Authorization": "Bearer cnd_nothing"})
    assert refused.status_code == unknown.status_code == 401
    for answer in (refused, unknown):
        answer.json["error"].pop("timestamp")
    assert refused.json["error"]["message"] == unknown.json["error"]["message"]


def test_no_key_gives_what_it_does_not_have(app, acme, client):
    with app.app_context(), tenancy.scope(acme.id):
        _key, secret = ApiKey.issue("Keys only", ["api-keys:write", "sites:read"])
        db.session.commit()
    headers = {"Authorization": f"Bearer {secret}"}
    for scopes in (["*"], ["sites:write"], ["sites:read", "billing:write"], ["sites:read", "*"]):
        body = {"name": "More", "scopes": scopes}
        answer = client.post("/api/v1/api-keys", json=body, headers=headers)
        assert answer.status_code == 403, scopes
    body = {"name": "Less", "scopes": ["sites:read"]}
    assert client.post("/api/v1/api-keys", json=body, headers=headers).status_code == 201


def test_no_member_gives_a_key_more_than_he_may_himself(app, acme, join, sign_in):
    join("ada@acme.example", Role.ADMIN)
    ada = sign_in("ada@acme.example")
    page = f"/o/{acme.slug}/settings/api-keys"
    assert ada.post(page, {"name": "All", "everything": "y"}).status_code == 200
    for scope in ("billing:write", "organization:delete", "*"):
        assert ada.post(page, {"name": "More", "scopes": scope}).status_code == 422
    with app.app_context(), tenancy.scope(acme.id):
        made = db.session.scalars(select(ApiKey).filter_by(name="All")).one()
        assert set(made.scopes) == set(ROLES[Role.ADMIN].split())
        assert db.session.scalars(select(ApiKey).filter_by(name="More")).all() == []


def test_each_scope_that_the_api_asks_for_can_be_ticked(acme, client, sign_in):
    asked = {
        scope
        for methods in client.get("/api/v1/openapi.json").json["paths"].values()
        for operation in methods.values()
        for scope in operation["security"][0]["ApiKey"]
    }
    page = sign_in("alice@acme.example").get(f"/o/{acme.slug}/settings/api-keys").text
    assert "commands:send" in asked
    assert {scope for scope in asked if f'value="{scope}"' not in page} == set()


# --- fields that nobody may set ------------------------------------------------------------------


def bodies(acme: Any, endpoint_id: str = "") -> dict[str, dict[str, Any]]:
    """A good body for each route of the API that takes one."""
    site = {"site_id": str(acme.site_id)}
    return {
        "/sites/<uuid:site_id>/commands": {"command": "open_chat", "visitor": "0" * 32},
        "/api-keys": {"name": "Shop", "scopes": ["sites:read"]},
        "/invitations": {"email": "ina@acme.example", "role": "viewer"},
        "/sites": {"name": "Shop", "domain": "shop.example"},
        "/sites/<uuid:site_id>/publication": {},
        "/sites/<uuid:site_id>/configuration": {"candor": 1, "campaigns": []},
        "/sources": {**site, "kind": "custom", "name": "Shop"},
        "/events": {**site, "events": [{"name": "signup", "url": "https://shop.example/"}]},
        "/campaigns": {
            **site,
            "name": "Notice",
            "format": "notice",
            "content": {"message": "Hello"},
        },
        "/activities": {**site, "type": "signup", "external_id": "one"},
        "/goals": {**site, "name": "Paid", "kind": "order"},
        "/reports": {**site, "name": "Mine", "metrics": ["visitors"]},
        "/segments": {**site, "name": "Mine", "filters": ["country:is:DE"]},
        "/annotations": {**site, "day": "2026-01-02", "text": "Sale"},
        "/endpoints": {"url": "https://93.184.215.14/", "types": ["order.created"]},
        "/endpoints/<uuid:endpoint_id>/tests": {"type": "order.created"},
        "/redeliveries": {"endpoint_id": endpoint_id},
        "/funnels": {
            **site,
            "name": "To paid",
            "steps": [{"kind": "page", "match": "/"}, {"kind": "order"}],
        },
        "/conversations/<uuid:conversation_id>/messages": {"body": "Hello"},
        "/contacts": {"email": "ada@example.com", "name": "Ada"},
        "/tickets": {**site, "email": "ada@example.com", "text": "Where is it?"},
    }


def test_a_field_that_nobody_may_set_is_refused_in_a_body(acme, inside, client, rows):
    with inside(acme):
        conversation_id = talk(db.session.get_one(Site, acme.site_id), "Ada")["conversation_id"]
        db.session.commit()
    told = {"url": "https://93.184.215.14/", "types": ["order.created"]}
    endpoint_id = client.post("/api/v1/endpoints", json=told, headers=acme.bearer).json["id"]
    before = rows()
    good = bodies(acme, endpoint_id)
    without = {
        "POST /inbound-deliveries/<uuid:delivery_id>/replay",
        "POST /endpoints/<uuid:endpoint_id>/secret",
        "POST /deliveries/<uuid:outgoing_id>/redelivery",
    }
    with_bodies = {line for line in API if line.startswith("POST")} - without
    assert {f"POST {path}" for path in good} == with_bodies
    for path, body in good.items():
        for name, value in FORBIDDEN_FIELDS.items():
            if name in body:
                continue
            address = f"/api/v1{path}".replace("<uuid:site_id>", str(acme.site_id))
            address = address.replace("<uuid:endpoint_id>", endpoint_id)
            address = address.replace("<uuid:conversation_id>", str(conversation_id))
            answer = client.post(address, json={**body, name: value}, headers=acme.bearer)
            assert answer.status_code == 422, (path, name)
            assert answer.json["error"]["details"] == {name: ["Extra inputs are not permitted"]}
    inner = {"content": {"message": "Hello", "organization_id": "x"}}
    for change in (inner, {"status": "archived"}, {"rules": {"x": 1}}, {"triggers": {"id": 1}}):
        body = {**good["/campaigns"], **change}
        assert client.post("/api/v1/campaigns", json=body, headers=acme.bearer).status_code == 422
    for change in ({"person": {"id": 1}}, {"place": {"shown": 1}}, {"product": {"id": 1}}):
        body = {**good["/activities"], **change}
        assert client.post("/api/v1/activities", json=body, headers=acme.bearer).status_code == 422
    body = {**good["/sources"], "kind": "api"}
    assert client.post("/api/v1/sources", json=body, headers=acme.bearer).status_code == 422
    assert rows() == before
    for path, body in good.items():
        address = f"/api/v1{path}".replace("<uuid:site_id>", str(acme.site_id))
        address = address.replace("<uuid:endpoint_id>", endpoint_id)
        address = address.replace("<uuid:conversation_id>", str(conversation_id))
        answer = client.post(address, json=body, headers=acme.bearer)
        expected = ANSWERS.get(f"POST {path}", 201)
        assert answer.status_code == expected, answer.text


def test_a_field_that_nobody_may_set_changes_nothing_in_a_form(app, acme, sign_in, owner):
    ids = furnish(app, acme, "Marmalade")
    alice = sign_in("alice@acme.example")
    extra = {name: str(value) for name, value in FORBIDDEN_FIELDS.items()}
    extra |= {"status": "published", "verdict": "accepted"}
    del extra["source_id"]
    campaign = {"theme": "auto", "accent": "#2563eb", "delay": "1", "duration": "1"}
    campaign |= {"size": "small", "corners": "soft", "animation": "fade", "icon": ""}
    site = {"name": "Made", "domains": acme.domain, "person_style": "initial", "k": "5"}
    forms = {
        "/sites": {**site, "time_zone": "UTC"},
        f"/sites/{ids.site_id}": {**site, "time_zone": "UTC"},
        "/sources": {"site_id": str(ids.site_id), "kind": "custom", "name": "Made"},
        f"/sources/{ids.removable_id}/secret": {"secret": "another secret"},
        f"/sources/{ids.removable_id}/mapping": {"mapping": '{"type": "t"}'},
        "/campaigns": {"site": str(ids.site_id), "format": "notice"},
        f"/campaigns/{ids.campaign_id}": {
            **campaign,
            "position": "bottom-left",
            "name": "Made",
            "template": "Hello",
            "types": "signup",
            "gap": "1",
        },
        "/activities": {"site_id": str(ids.site_id), "type": "signup", "first_name": "Made"},
        "/settings/api-keys": {"name": "Made", "everything": "y"},
    }
    before = fixed(owner)
    for path, form in forms.items():
        answer = alice.post(f"/o/{acme.slug}{path}", {**extra, **form})
        assert answer.status_code in (200, 302), (path, answer.status_code)
    after = fixed(owner)
    for table, rows in before.items():
        for identifier, values in rows.items():
            assert after[table][identifier] == values, table
    for table, rows in after.items():
        for identifier in rows.keys() - before[table].keys():
            made = rows[identifier]
            assert made.get("organization_id", acme.id) == acme.id
            assert str(identifier) != FORBIDDEN_FIELDS["id"]
            assert "2001-01-01" not in str(made), table
            assert made.get("key") != "0" * 32 and made.get("status") != "published", table
            assert made.get("strength") != "signed" and made.get("receipt") != "0" * 32, table


def fixed(owner: Any) -> dict[str, dict[Any, dict[str, Any]]]:
    """What no form changes: by table and id."""
    names = {
        "organization_id", "role", "created_at", "key", "digest", "hint", "revoked_at", "strength",
        "receipt", "source_kind", "source_id", "retracted_at", "live", "published_at", "renderer",
        "status", "format", "kind", "site_id", "verdict", "slug", "time_zone",
        "last_delivery_at", "user_id",
    }  # fmt: skip
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    with owner.connect() as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(select(table)).mappings()
            keys = [key.name for key in table.primary_key.columns]
            found[table.name] = {
                row.get("id", tuple(row[key] for key in keys)): {
                    name: row[name] for name in names & set(row)
                }
                for row in rows
            }
    return found
