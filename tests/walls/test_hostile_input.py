"""What a stranger can send: every body and field is answered soon, never with a fault, and alike on
both databases."""

from __future__ import annotations

import gc
import gzip
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.core import clock, logs, tenancy
from app.core.db import db
from app.core.ids import uuid7
from app.core.ratelimit import limiter
from app.core.signing import (
    hmac_sha256_base64,
    hmac_sha256_hex,
    standard_webhooks_sign,
    stripe_sign,
)
from app.sources import hooks
from app.sources.models import InboundDelivery
from app.sources.processing import process
from tests.conftest import Browser
from tests.shops import shopify_headers, shopify_order
from tests.walls.conftest import furnish, settle, source_of_kind

SECONDS = 1.0  # until the answer
MEGABYTE = 1024 * 1024
DEEP = 100_000

# Bodies that are JSON to nobody, or to nobody who is careful.
NO_JSON = {
    "empty": b"",
    "no JSON": b"<xml/>",
    "cut": b'{"name": "a',
    "two values": b"{} {}",
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "beyond a double": b'{"name": 1e400}',
    "100k lists": b"[" * DEEP + b"]" * DEEP,
    "100k objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "100k open": b'{"name":' + b"[" * DEEP,
    "200 levels": b'{"name":' + b"[" * 200 + b"]" * 200 + b"}",
    "NUL": b'{"name": "a\\u0000b"}',
    "NUL in a key": b'{"a\\u0000b": 1}',
    "raw NUL": b'{"name": "a\x00b"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "surrogates in the wrong order": b'{"name": "\\udc00\\ud800"}',
    "surrogate in a key": b'{"\\udfff": 1}',
    "Latin-1": '{"name": "ä"}'.encode("latin1"),
    "encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "endless integer": b'{"name": ' + b"9" * 5000 + b"}",
    "gzip bomb": gzip.compress(b'{"name": "' + b"a" * 50 * MEGABYTE + b'"}'),
}
# JSON that says nothing which any route wants.
WRONG_JSON = {
    "null": b"null",
    "a number": b"5",
    "a text": b'"text"',
    "a list": b"[]",
    "a list of objects": b'[{"name": "a"}]',
    "true": b"true",
    "no field": b"{}",
    "unknown fields": b'{"unknown": 1, "' + b"a" * 1000 + b'": 2}',
    "twice": b'{"name": [], "name": {}}',
    "a big integer": b'{"name": ' + b"9" * 400 + b"}",
    "many fields": json.dumps({str(number): 1 for number in range(2_000)}).encode(),
    "one byte over a megabyte": b'{"name": "' + b"a" * (MEGABYTE + 1 - 12) + b'"}',
    "BOM": b"\xef\xbb\xbf{}",
}
TOO_LARGE = {"two megabytes": b'{"name": "' + b"a" * 2 * MEGABYTE + b'"}'}

# What a field of the right name may hold instead.
VALUES: list[Any] = [
    None, True, 0, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, -(10**400), 0.5, 1e308, -1e308,
    "", " ", "\n", "\r\n", "\u2028", "\u202e", "a" * 20_000, "é" * 300, "😀" * 300, "\U0010ffff",
    "null", "NaN", "%00", "{{7*7}}", "'; DROP TABLE sites; --", "<script>", "../../etc/passwd",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000", "[fe80::1%" + "a" * 280 + "]", "http://[",
    "//[", "http://a:99999999/", "a..b", "-", "xn--", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "99999999999999999999", "2024-02-30T00:00:00Z",
    [], [[]], [None], ["a"] * 1000, {}, {"": ""}, {"a": {"b": {}}},
    {str(number): number for number in range(1000)},
]  # fmt: skip

FORM_VALUES = [
    "", " ", "\t", "\r\n", "a\x00b", "\x00", "\x1b[31m", "\x7f", "\u2028", "\u202e", "%ED%A0%80",
    "a" * 20_000, "é" * 5001, "😀" * 5001, "1" + "0" * 400, "9" * 5000, "-1", "1e308", "nan", "inf",
    "-inf", "١٢", "0x10", "1_000", "5.5", "[fe80::1%\x01" + "a" * 280 + "]", "http://[", "https://[x",
    "https://?x", "https:///x", "javascript:alert(1)", "https://user:pw@host", "https://a:999999",
    "{{7*7}}", "{{first_name", "{% raw %}", "[" * 400, "{" * 400, '{"type": 5}', "null", "[1]",
    '{"type": "' + "a." * 200 + '"}', "NaN", '{"a": NaN}', "<script>alert(1)</script>",
    "00000000-0000-0000-0000-000000000000", "not-a-uuid", "xn--" + "a" * 70 + ".example",
    "ä" * 300, "\ud7ff", "a.example " * 400,
]  # fmt: skip


STEPS = [
    {"kind": "page", "match": "/"},
    {"kind": "event", "match": "signup", "having": "plan=pro"},
]


class Answers:
    """Statuses by what was asked, and what took too much of the processor: how long it took by the
    clock depends on what else the machine does."""

    def __init__(self) -> None:
        self.statuses: dict[Any, int] = {}
        self.faults: list[Any] = []
        self.slow: list[Any] = []

    def note(self, asked: Any, ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        answer = ask(*arguments, **options)
        if time.process_time() - started > SECONDS:
            self.slow.append(asked)
        if answer.status_code >= 500:
            self.faults.append((asked, answer.status_code))
        self.statuses[asked] = answer.status_code
        return answer


@pytest.fixture
def on_each(twins) -> Iterator[Callable[[Callable[[Any, Any, Answers], None]], dict[Any, int]]]:
    """Do the same on each database; answers the statuses, which must be the same."""
    # To look through all that earlier tests left in memory takes a second, and is no request's work.
    gc.freeze()

    def run(attack: Callable[[Any, Any, Answers], None]) -> dict[Any, int]:
        outcomes = []
        for app in twins:
            answers = Answers()
            attack(app, settle(app), answers)
            assert answers.faults == []
            assert answers.slow == []
            outcomes.append(answers.statuses)
        differing = [asked for asked in outcomes[0] if outcomes[0][asked] != outcomes[-1][asked]]
        assert differing == []
        return outcomes[0]

    yield run
    gc.unfreeze()


def good_bodies(site_id: Any) -> dict[str, dict[str, Any]]:
    """A body that is taken, with every field that there is, for each route of the API."""
    site = {"site_id": str(site_id)}
    return {
        "/api/v1/api-keys": {"name": "Shop", "scopes": ["sites:read"]},
        "/api/v1/invitations": {"email": "ina@acme.example", "role": "viewer"},
        "/api/v1/sites": {"name": "Shop", "domain": "shop.example", "client_name": "Client"},
        "/api/v1/sources": {
            **site,
            "kind": "custom",
            "name": "Shop",
            "secret": "a long secret",
            "mapping": {"type": "kind"},
        },
        "/api/v1/campaigns": {
            **site,
            "name": "Notice",
            "format": "notice",
            "content": {
                "message": "Hello",
                "link": {"url": "https://shop.example", "label": "Look"},
                "tone": "info",
                "position": "top",
                "theme": "auto",
                "accent": "#2563eb",
                "duration": 1,
                "gap": 1,
                "closable": True,
            },
            "triggers": {"delay": 1},
            "rules": {},
            "channel": "web",
            "status": "draft",
        },
        "/api/v1/activities": {
            **site,
            "type": "purchase",
            "occurred_at": "2026-01-01T00:00:00Z",
            "person": {
                "first_name": "Ada",
                "last_name": "Byron",
                "email": "ada@customers.example",
                "customer_id": "7",
            },
            "place": {"city": "Lyon", "region": "Rhône", "country": "FR"},
            "product": {
                "name": "Tea",
                "url": "https://shop.example/tea",
                "image": "https://shop.example/tea.png",
            },
            "value": {"amount": 1490, "currency": "EUR"},
            "data": {"rating": 5},
            "external_id": "one",
        },
        "/api/v1/reports": {
            **site,
            "name": "Mine",
            "metrics": ["visitors"],
            "dimensions": ["page"],
            "filters": ["country:is:DE"],
            "period": "7d",
        },
        "/api/v1/segments": {**site, "name": "Mine", "filters": ["country:is:DE"]},
        "/api/v1/annotations": {**site, "day": "2026-01-02", "text": "Sale"},
        "/api/v1/endpoints": {
            **site,
            "url": "https://93.184.215.14/hook",
            "types": ["order.created"],
            "description": "Warehouse",
            "headers": {"X-Key": "k"},
            "event_names": [],
            "enabled": True,
        },
        "/api/v1/contacts": {"email": "ada@customers.example", "name": "Ada"},
        "/api/v1/tickets": {
            **site,
            "email": "ada@customers.example",
            "person": "Ada",
            "text": "Where is it?",
            "priority": "high",
            "assignee_id": None,
        },
        "/api/v1/goals": {
            **site,
            "name": "Signed up",
            "kind": "event",
            "match": "signup",
            "having": "plan=pro",
        },
        "/api/v1/funnels": {**site, "name": "To signed up", "steps": STEPS, "window": 3600},
        "/api/v1/events": {
            **site,
            "events": [
                {
                    "id": str(uuid7()),
                    "name": "conversion",
                    "url": "https://shop.example/thanks",
                    "at": 1,
                    "referrer": "https://www.google.com/",
                    "title": "Thanks",
                    "props": {"order_id": "7", "items": 2},
                    "value": {"amount": 1490, "currency": "EUR"},
                    "campaign": str(uuid7()),
                    "experiment": {"one": "a"},
                    "visitor": "7",
                    "address": "203.0.113.7",
                    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Firefox/130.0",
                }
            ],
        },
    }


# Say one word of a few: attacked beside their feature.
OF_ONE = {
    "/api/v1/campaigns/<uuid:campaign_id>/status",
    "/api/v1/endpoints/<uuid:endpoint_id>/tests",
    "/api/v1/redeliveries",
}


def changes() -> dict[str, dict[str, Any]]:
    """The same for what changes something that is there."""
    return {
        "/api/v1/organizations/<uuid:organization_id>": {
            "name": "Acme",
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "language": "de",
        },
        "/api/v1/members/<uuid:member_id>": {"role": "agent"},
        "/api/v1/sites/<uuid:site_id>": {
            "name": "Shop",
            "client_name": "Client",
            "domains": ["shop.acme.example"],
            "active": True,
            "time_zone": "UTC",
            "language": "de",
            "person_style": "initial",
            "k": 5,
            "mode": "strict",
            "parameters": ["utm_source", "ref"],
        },
        "/api/v1/campaigns/<uuid:campaign_id>": {
            "name": "Changed",
            "content": {"template": "{{first_name}} came"},
            "triggers": {"delay": 1},
            "rules": {"include": ["/a"]},
            "frequency": {"page": 1},
            "tracking": {"page": True},
        },
        "/api/v1/goals/<uuid:goal_id>": {
            "name": "Signed up",
            "kind": "event",
            "match": "signup",
            "having": "plan=pro",
        },
        "/api/v1/funnels/<uuid:funnel_id>": {"name": "Changed", "steps": STEPS, "window": 3600},
        "/api/v1/endpoints/<uuid:endpoint_id>": {
            "url": "https://93.184.215.14/hook",
            "types": ["order.created"],
            "description": "Warehouse",
            "headers": {"X-Key": "k"},
            "event_names": [],
            "enabled": True,
        },
        "/api/v1/conversations/<uuid:conversation_id>": {
            "state": "open",
            "snoozed_until": None,
            "assignee_id": None,
            "labels": [],
        },
        "/api/v1/contacts/<uuid:contact_id>": {"email": "ada@customers.example", "name": "Ada"},
        "/api/v1/tickets/<uuid:ticket_id>": {
            "state": "open",
            "priority": "high",
            "assignee_id": None,
        },
    }


def fields(body: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The address of each field, also of the inner ones."""
    for name, value in body.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from fields(value, (*path, name))


def changed(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = path
    inner = changed(body[name], tuple(rest), value) if rest else value
    return {**body, name: inner}


ENDPOINTS = "/o/<organization>/endpoints"
PUBLICATIONS = "/o/<organization>/sites/<uuid:site_id>/publications"
# Attacked in tests/campaigns and tests/dashboard.
OF_PUBLICATIONS = {
    "/api/v1/sites/<uuid:site_id>/publication",
    "/api/v1/sites/<uuid:site_id>/configuration",
    PUBLICATIONS,
    *(f"{PUBLICATIONS}/{noun}" for noun in ("rollbacks", "imports", "previews", "copies")),
}

# Attacked in tests/chat.
OF_CHAT = {
    "/widget/v1/conversations",
    "/widget/v1/chat/<key>/identity",
    "/widget/v1/chat/<key>/resumption",
    "/widget/v1/chat/<key>/openings",
    "/widget/v1/chat/<key>/closings",
    *(
        f"/widget/v1/conversations/<conversation_id>/{noun}"
        for noun in ("messages", "reading", "rating", "closure", "transcript")
    ),
    "/o/<organization>/inbox/<uuid:conversation_id>/reading",
    "/api/v1/sites/<uuid:site_id>/commands",
    "/api/v1/conversations/<uuid:conversation_id>/messages",
}


def test_each_route_that_takes_a_body_is_attacked_here(app):
    attacked = {*good_bodies(""), *changes(), *form_rules(), "/hooks/<uuid:source_id>"}
    known = {*attacked, *FORMS_WITHOUT, *OF_ONE}
    rules = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if {"POST", "PUT", "PATCH"} & (rule.methods or set())
    }
    assert rules == known | OF_PUBLICATIONS | OF_CHAT


def test_a_hostile_body_is_refused_by_the_api(on_each):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        client = app.test_client()
        for path in good_bodies(acme.site_id):
            for name, body in {**NO_JSON, **WRONG_JSON, **TOO_LARGE}.items():
                headers = {**acme.bearer, "Content-Type": "application/json"}
                if name == "gzip bomb":
                    headers["Content-Encoding"] = "gzip"
                asked = (path, name)
                answers.note(asked, client.post, path, data=body, headers=headers)

    for (path, name), status in on_each(attack).items():
        expected = 400 if name in NO_JSON else 413 if name in TOO_LARGE else 422
        assert status == expected, (path, name)


def test_a_hostile_value_in_a_field_is_refused_or_taken_by_the_api(on_each):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        client = app.test_client()
        for path, good in good_bodies(acme.site_id).items():
            for number, field in enumerate(fields(good)):
                # Each field with some of the values, each value in some fields of each route.
                for place in range(number % 20, len(VALUES), 20):
                    body = changed(good, field, VALUES[place])
                    if "external_id" in body and field != ("external_id",):
                        body["external_id"] = f"{number}-{place}"
                    asked = (path, field, place)
                    answers.note(asked, client.post, path, json=body, headers=acme.bearer)

    statuses = on_each(attack)
    assert len(statuses) > 90
    assert set(statuses.values()) <= {201, 400, 404, 422}


def test_a_hostile_change_is_refused_or_taken_by_the_api(on_each):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        client, ids = app.test_client(), furnish(app, acme, "Marmalade")
        for rule, good in changes().items():
            path = rule.replace("<uuid:organization_id>", str(ids.organization_id))
            path = path.replace("<uuid:member_id>", str(ids.removable_member_id))
            path = path.replace("<uuid:site_id>", str(ids.site_id))
            path = path.replace("<uuid:campaign_id>", str(ids.campaign_id))
            path = path.replace("<uuid:goal_id>", str(ids.goal_id))
            path = path.replace("<uuid:funnel_id>", str(ids.funnel_id))
            path = path.replace("<uuid:endpoint_id>", str(ids.endpoint_id))
            path = path.replace("<uuid:conversation_id>", str(ids.conversation_id))
            path = path.replace("<uuid:contact_id>", str(ids.contact_id))
            path = path.replace("<uuid:ticket_id>", str(ids.ticket_id))
            headers = {**acme.bearer, "Content-Type": "application/json"}
            for name, body in {**NO_JSON, **WRONG_JSON, **TOO_LARGE}.items():
                encoding = {"Content-Encoding": "gzip"} if name == "gzip bomb" else {}
                options = {"data": body, "headers": {**headers, **encoding}}
                answers.note((rule, name), client.patch, path, **options)
            for field in good:
                for place, value in enumerate(VALUES):
                    body = {**good, field: value}
                    asked = (rule, field, place)
                    answers.note(asked, client.patch, path, json=body, headers=headers)

    for asked, status in on_each(attack).items():
        if asked[1] in NO_JSON:
            assert status == 400, asked
        assert status in (200, 400, 413, 422), asked


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def test_any_json_is_answered_alike(twins):
    tenants = [settle(app) for app in twins]
    clients = [app.test_client() for app in twins]
    goods = [good_bodies(tenant.site_id) for tenant in tenants]
    places = sorted((path, field) for path, good in goods[0].items() for field in fields(good))

    @given(st.sampled_from(places), ANY_JSON, st.booleans())
    @settings(
        max_examples=100,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def attack(place: tuple[str, tuple[str, ...]], value: Any, instead: bool) -> None:
        path, field = place
        statuses = set()
        for client, tenant, good in zip(clients, tenants, goods, strict=True):
            body = value if instead else changed(good[path], field, value)
            answer = client.post(path, data=json.dumps(body), headers=tenant.bearer)
            statuses.add(answer.status_code)
        assert len(statuses) == 1
        assert statuses <= {201, 400, 404, 409, 422}

    attack()


# --- signed webhooks -----------------------------------------------------------------------------


def signed(kind: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery whose body is what it is and whose signature is right."""
    if kind == "shopify":
        return {
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Hmac-Sha256": hmac_sha256_base64(secret, body),
        }
    if kind == "woocommerce":
        return {
            "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Signature": hmac_sha256_base64(secret, body),
        }
    if kind == "stripe":
        return {"Stripe-Signature": stripe_sign(secret, clock.now(), body)}
    moment = clock.now()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": standard_webhooks_sign(secret, "msg_1", moment, body),
    }


@pytest.mark.parametrize("kind", ["shopify", "woocommerce", "stripe", "custom"])
def test_a_hostile_body_with_a_good_signature_breaks_no_hook(on_each, kind):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        client = app.test_client()
        source_id, secret = source_of_kind(app, acme, kind)
        for name, body in {**NO_JSON, **WRONG_JSON, **TOO_LARGE}.items():
            hooks.refused_kept.reset()
            headers = {**signed(kind, secret, body), "Content-Type": "application/json"}
            if name == "gzip bomb":
                headers["Content-Encoding"] = "gzip"
            if kind == "custom":
                headers = {"X-Signature": f"sha256={hmac_sha256_hex(secret, body)}"}
            path = f"/hooks/{source_id}"
            answers.note(name, client.post, path, data=body, headers=headers)
        with app.app_context(), tenancy.scope(acme.id):
            for delivery in db.session.scalars(
                select(InboundDelivery).filter_by(verdict="pending")
            ):
                started = time.process_time()
                process(delivery)
                if time.process_time() - started > SECONDS:
                    answers.slow.append(delivery.size)
            db.session.commit()
            kept = db.session.scalars(select(InboundDelivery.verdict)).all()
            assert set(kept) <= {"failed", "ignored", "duplicate", "refused"}

    for name, status in on_each(attack).items():
        too_large = name in TOO_LARGE or name == "one byte over a megabyte"
        assert status == (413 if too_large else 200), name


def test_a_hostile_value_in_a_signed_order_becomes_no_fault(on_each):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        client = app.test_client()
        good = shopify_order()
        flat = [field for field in fields(good) if len(field) == 1 or field[0] == "customer"]
        for number, field in enumerate(flat):
            for place in range(0, len(VALUES), 12):
                value = VALUES[(place + number) % len(VALUES)]
                body = json.dumps(changed(good, field, value)).encode()
                headers = shopify_headers(acme.secret, "orders/paid", body)
                path = f"/hooks/{acme.source_id}"
                asked = (field, place)
                answers.note(asked, client.post, path, data=body, headers=headers)
        with app.app_context(), tenancy.scope(acme.id):
            for delivery in db.session.scalars(
                select(InboundDelivery).filter_by(verdict="pending")
            ):
                process(delivery)
                db.session.commit()

    assert set(on_each(attack).values()) == {200}


# --- forms ---------------------------------------------------------------------------------------

CAMPAIGN = "/o/<organization>/campaigns/<uuid:campaign_id>"
FIGURES = "/o/<organization>/analytics"
INBOX = "/o/<organization>/inbox"
TICKET = "/o/<organization>/tickets/<uuid:ticket_id>"
TALK = f"{INBOX}/<uuid:conversation_id>"
CHAT = "/o/<organization>/sites/<uuid:site_id>/chat"
WINDOW = "/o/<organization>/analytics/campaigns/window"
GOALS, FUNNELS = "/o/<organization>/analytics/goals", "/o/<organization>/analytics/funnels"

# Routes of pages that take no field but the token.
FORMS_WITHOUT = {
    "/sign-out",
    "/account/email-verification",
    "/account/sign-ins/revocation",
    "/account/sign-ins/<uuid:sign_in_id>/revocation",
    "/o/<organization>/departure",
    "/o/<organization>/settings/deletion/withdrawal",
    "/o/<organization>/sites/<uuid:site_id>/quarantine/<uuid:suspect_id>/restoration",
    "/o/<organization>/settings/invitations/<uuid:invitation_id>/mail",
    "/o/<organization>/settings/invitations/<uuid:invitation_id>/revocation",
    "/o/<organization>/settings/members/<uuid:member_id>/suspension",
    "/o/<organization>/settings/members/<uuid:member_id>/resumption",
    "/o/<organization>/settings/members/<uuid:member_id>/removal",
    "/o/<organization>/settings/archives/<uuid:archive_id>/file",
    "/o/<organization>/settings/archives/<uuid:archive_id>/deletion",
    # And the token of a link, which is attacked in tests/accounts.
    "/email-verification",
    "/invitation/acceptance",
    "/invitation/account",
    "/password-reset/password",
    "/sign-up/confirmation",
    "/demo/orders",
    "/demo/refunds",
    "/o/<organization>/settings/api-keys/<uuid:key_id>/revocation",
    "/o/<organization>/campaigns",  # two of a list
    f"{CAMPAIGN}/pause",
    f"{CAMPAIGN}/reset",
    f"{CAMPAIGN}/copies",
    f"{CAMPAIGN}/deletion",
    f"{CAMPAIGN}/image",  # attacked with pictures in tests/campaigns
    f"{CAMPAIGN}/image/removal",
    f"{CAMPAIGN}/schedule/cancellation",
    f"{GOALS}/<uuid:goal_id>/deletion",
    f"{FIGURES}/segments/<uuid:segment_id>/deletion",
    f"{FIGURES}/links/<uuid:link_id>/revocation",
    f"{FIGURES}/reports/<uuid:report_id>/deletion",
    f"{FIGURES}/reports/<uuid:report_id>/recipients/<uuid:recipient_id>/removal",
    f"{FIGURES}/alerts/<uuid:alert_id>/deletion",
    f"{FIGURES}/annotations/<uuid:annotation_id>/deletion",
    # And the token of a link, which is attacked in tests/analytics.
    "/report-mails/confirmation",
    "/report-mails/unsubscription",
    f"{FUNNELS}/<uuid:funnel_id>/deletion",
    *(
        f"{ENDPOINTS}/<uuid:endpoint_id>/{noun}"
        for noun in ("secret", "enabling", "disabling", "removal")
    ),
    f"{ENDPOINTS}/deliveries/<uuid:outgoing_id>/redelivery",
    "/api/v1/endpoints/<uuid:endpoint_id>/secret",
    "/api/v1/deliveries/<uuid:outgoing_id>/redelivery",
    "/dev/receiver/<behaviour>",
    "/api/v1/inbound-deliveries/<uuid:delivery_id>/replay",
    "/o/<organization>/sources/deliveries/<uuid:delivery_id>/replay",
    "/o/<organization>/activities/imports/<uuid:import_id>/report",
    "/o/<organization>/activities/imports/<uuid:import_id>/undo",
    "/o/<organization>/activities/imports/<uuid:import_id>/removal",
    "/o/<organization>/activities/<uuid:activity_id>/retraction",
    "/o/<organization>/sources/<uuid:source_id>/removal",
    "/o/<organization>/sites/<uuid:site_id>/activation",
    "/o/<organization>/sites/<uuid:site_id>/deactivation",
    "/o/<organization>/sites/<uuid:site_id>/removal",
    "/o/<organization>/sites/<uuid:site_id>/chat/identity-secret",
    f"{TALK}/closure",
    f"{TALK}/reopening",
    f"{INBOX}/labels/<uuid:label_id>/deletion",
    f"{INBOX}/canned-replies/<uuid:reply_id>/deletion",
}

DESIGN = {
    "position": "bottom-left",
    "theme": "auto",
    "accent": "#2563eb",
    "background": "#ffffff",
    "foreground": "#000000",
    "size": "small",
    "corners": "round",
    "animation": "pop",
    "icon": "star",
    "delay": "1",
    "duration": "1",
    "scroll": "50",
    "time_on_page": "2",
    "per_page": "3",
    "per_day": "4",
    "include": "/a",
    "exclude": "/b",
    "devices": "mobile",
    "languages": "de",
    "closable": "y",
}
CARD = {
    **DESIGN,
    "name": "Card",
    "title": "Hello",
    "message": "Hello",
    "link_url": "https://shop.example",
    "link_label": "Look",
    "image_alt": "A pot",
    "params": "utm_source",
    "custom": "ref=shop",
    "translated": "de",
    "de-title": "Hallo",
}
RECENT = {
    **DESIGN,
    "name": "Recent",
    "template": "{{first_name}} came",
    "types": "purchase",
    "gap": "1",
}
GOAL = {"name": "Signed up", "kind": "event", "match": "signup", "having": "plan=pro"}
FUNNEL: dict[str, Any] = {
    "name": "To signed up",
    "amount": "1",
    "unit": "hours",
    "kind": ["page", "event"],
    "match": ["/", "signup"],
    "having": ["", "plan=pro"],
    "do": "up:1",
}
REPORT = {
    "name": "Mine",
    "metrics": "visitors",
    "by": "page",
    "and_by": "device",
    "period": "7d",
    "f": "country:is:DE",
}
ALERT = {
    "metric": "visitors",
    "direction": "spike",
    "unit": "hour",
    "percent": "100",
    "minimum": "5",
}
TOLD = {
    "url": "https://93.184.215.14/hook",
    "description": "Warehouse",
    "types": "order.created",
    "headers": "X-Key: k",
}
SITE = {
    "name": "Shop",
    "client_name": "Client",
    "domains": "shop.acme.example",
    "person_style": "initial",
    "k": "5",
    "time_zone": "UTC",
    "language": "en",
    "mode": "strict",
    "parameters": "utm_source",
    "own_parameters": "ref partner_id",
}


def forms(acme: Any, ids: Any) -> dict[str, tuple[str, dict[str, str]]]:
    """A good form for each page that takes one, by its address."""
    page, site = f"/o/{acme.slug}", {"site_id": str(acme.site_id)}
    activity = {
        **site,
        "type": "purchase",
        "first_name": "Ada",
        "email": "ada@customers.example",
        "product_name": "Tea",
        "city": "Lyon",
        "country": "FR",
    }
    source = {**site, "kind": "custom", "name": "Shop", "secret": "a long secret"}
    whose = {"site": str(acme.site_id)}
    return {
        f"{FIGURES}/export": (
            f"{page}/analytics/export",
            {"dimension": "events", "interval": "day", "format": "json", "export": str(uuid7())},
        ),
        f"{FIGURES}/segments": (
            f"{page}/analytics/segments",
            {**whose, "name": "Mine", "f": "country:is:DE", "next": "/"},
        ),
        f"{FIGURES}/segments/<uuid:segment_id>": (
            f"{page}/analytics/segments/{ids.segment_id}",
            {"name": "Changed"},
        ),
        f"{FIGURES}/links": (
            f"{page}/analytics/links",
            {
                **whose,
                "name": "Mine",
                "f": "country:is:DE",
                "segment": str(ids.segment_id),
                "password": "battery staple",
                "last_day": "2199-01-01",
                "shows_revenue": "y",
            },
        ),
        f"{FIGURES}/reports": (f"{page}/analytics/reports", {**whose, **REPORT}),
        f"{FIGURES}/reports/<uuid:report_id>": (
            f"{page}/analytics/reports/{ids.report_id}",
            REPORT,
        ),
        f"{FIGURES}/reports/<uuid:report_id>/export": (
            f"{page}/analytics/reports/{ids.report_id}/export",
            {"format": "json"},
        ),
        f"{FIGURES}/reports/<uuid:report_id>/schedule": (
            f"{page}/analytics/reports/{ids.report_id}/schedule",
            {"schedule": "weekly", "hour": "8"},
        ),
        f"{FIGURES}/reports/<uuid:report_id>/recipients": (
            f"{page}/analytics/reports/{ids.report_id}/recipients",
            {"email": "ina@initech.example", "member": ""},
        ),
        f"{FIGURES}/alerts": (
            f"{page}/analytics/alerts",
            {**whose, **ALERT, "members": str(ids.member_id)},
        ),
        f"{FIGURES}/alerts/<uuid:alert_id>": (
            f"{page}/analytics/alerts/{ids.alert_id}",
            {**ALERT, "members": str(ids.member_id)},
        ),
        f"{FIGURES}/annotations": (
            f"{page}/analytics/annotations",
            {**whose, "day": "2026-01-02", "text": "Sale"},
        ),
        f"{FIGURES}/annotations/<uuid:annotation_id>": (
            f"{page}/analytics/annotations/{ids.annotation_id}",
            {"day": "2026-01-02", "text": "Sale"},
        ),
        ENDPOINTS: (f"{page}/endpoints", {**TOLD, "site": str(acme.site_id)}),
        f"{ENDPOINTS}/<uuid:endpoint_id>": (f"{page}/endpoints/{ids.endpoint_id}", TOLD),
        f"{ENDPOINTS}/<uuid:endpoint_id>/tests": (
            f"{page}/endpoints/{ids.endpoint_id}/tests",
            {"type": "order.created"},
        ),
        f"{ENDPOINTS}/<uuid:endpoint_id>/redeliveries": (
            f"{page}/endpoints/{ids.endpoint_id}/redeliveries",
            {"total": "9", "type": "order.created"},
        ),
        CHAT: (
            f"{page}/sites/{acme.site_id}/chat",
            {
                "position": "bottom-right",
                "accent": "#2563eb",
                "asks": "optional",
                "always": "y",
                "assignment": "manual",
                "outside_target": "tab",
                "holidays": "2026-12-25",
                "reply_target": "15",
            },
        ),
        f"{CHAT}/texts": (
            f"{page}/sites/{acme.site_id}/chat/texts",
            {"title": "Shop", "greeting": "Hello", "away": "Later", "waiting": "Soon"},
        ),
        f"{TALK}/messages": (
            f"{page}/inbox/{ids.conversation_id}/messages",
            {"body": "Hello", "note": "1", "client_id": str(uuid7()), "seen": "99"},
        ),
        f"{TALK}/assignment": (
            f"{page}/inbox/{ids.conversation_id}/assignment",
            {"member_id": str(ids.member_id)},
        ),
        f"{TALK}/snooze": (f"{page}/inbox/{ids.conversation_id}/snooze", {"until": "hour"}),
        f"{TALK}/labels": (
            f"{page}/inbox/{ids.conversation_id}/labels",
            {"labels": str(ids.label_id)},
        ),
        TICKET: (
            f"{page}/tickets/{ids.ticket_id}",
            {"state": "resolved", "priority": "high", "assignee": str(ids.member_id)},
        ),
        f"{INBOX}/labels": (f"{page}/inbox/labels", {"name": "Refund", "colour": "bad"}),
        f"{INBOX}/labels/<uuid:label_id>": (
            f"{page}/inbox/labels/{ids.label_id}",
            {"colour": "good"},
        ),
        f"{INBOX}/canned-replies": (
            f"{page}/inbox/canned-replies",
            {"shortcut": "thanks", "body": "Thank you, {{name}}!"},
        ),
        f"{INBOX}/canned-replies/<uuid:reply_id>": (
            f"{page}/inbox/canned-replies/{ids.reply_id}",
            {"shortcut": "hello", "body": "Hello {{name}}"},
        ),
        "/shared/<token>": (f"/shared/{ids.shared}", {"password": "battery staple"}),
        GOALS: (f"{page}/analytics/goals", {**whose, **GOAL}),
        f"{GOALS}/<uuid:goal_id>": (f"{page}/analytics/goals/{ids.goal_id}", GOAL),
        WINDOW: (
            f"{page}/analytics/campaigns/window",
            {**whose, "amount": "3", "unit": "days"},
        ),
        f"{GOALS}/revenue": (f"{page}/analytics/goals/revenue", {**whose, "trusts_pages": "y"}),
        FUNNELS: (f"{page}/analytics/funnels", {**whose, **FUNNEL}),
        f"{FUNNELS}/draft": (f"{page}/analytics/funnels/draft", {**whose, **FUNNEL}),
        f"{FUNNELS}/<uuid:funnel_id>": (f"{page}/analytics/funnels/{ids.funnel_id}", FUNNEL),
        "/sign-in": ("/sign-in", {"email": "nobody@acme.example", "password": "a" * 129}),
        "/sign-up": (
            "/sign-up",
            {
                "organization": "Initech",
                "name": "Ina",
                "email": "ina@initech.example",
                "password": "battery staple",
            },
        ),
        "/password-reset": ("/password-reset", {"email": "nobody@acme.example"}),
        "/account": ("/account", {"name": "Alice"}),
        "/account/email": (
            "/account/email",
            {"email": "alice@initech.example", "password": "not the password"},
        ),
        "/account/password": (
            "/account/password",
            {"current": "not the password", "new": "battery staple"},
        ),
        "/organizations": ("/organizations", {"name": "Initech"}),
        "/o/<organization>/settings": (
            f"{page}/settings",
            {"name": "Acme", "time_zone": "UTC", "currency": "EUR", "language": "de"},
        ),
        "/o/<organization>/settings/retention": (
            f"{page}/settings/retention",
            {"events_kept_days": "90"},
        ),
        "/o/<organization>/settings/deletion": (f"{page}/settings/deletion", {"name": "Acme"}),
        "/o/<organization>/settings/members/<uuid:member_id>/role": (
            f"{page}/settings/members/{ids.removable_member_id}/role",
            {"role": "agent"},
        ),
        "/o/<organization>/settings/invitations": (
            f"{page}/settings/invitations",
            {"email": "ina@initech.example", "role": "viewer"},
        ),
        "/o/<organization>/sites": (f"{page}/sites", SITE),
        "/o/<organization>/sites/<uuid:site_id>": (f"{page}/sites/{acme.site_id}", SITE),
        "/o/<organization>/sites/<uuid:site_id>/domains": (
            f"{page}/sites/{acme.site_id}/domains",
            {"host": "more.acme.example"},
        ),
        "/o/<organization>/sources": (f"{page}/sources", source),
        "/o/<organization>/sources/<uuid:source_id>/secret": (
            f"{page}/sources/{ids.removable_id}/secret",
            {"secret": "a long secret"},
        ),
        "/o/<organization>/sources/<uuid:source_id>/mapping": (
            f"{page}/sources/{ids.removable_id}/mapping",
            {"mapping": '{"type": "kind"}'},
        ),
        f"{CAMPAIGN} of words": (f"{page}/campaigns/{ids.notice_id}", CARD),
        CAMPAIGN: (f"{page}/campaigns/{ids.campaign_id}", RECENT),
        f"{CAMPAIGN}/preview": (f"{page}/campaigns/{ids.notice_id}/preview", CARD),
        f"{CAMPAIGN}/publication": (f"{page}/campaigns/{ids.campaign_id}/publication", RECENT),
        f"{CAMPAIGN}/schedule": (
            f"{page}/campaigns/{ids.campaign_id}/schedule",
            {"at": "2999-01-01T12:00"},
        ),
        "/o/<organization>/activities": (f"{page}/activities", activity),
        "/o/<organization>/sources/replays": (
            f"{page}/sources/replays",
            {"total": "99", "topic": "orders/paid"},
        ),
        "/o/<organization>/sources/<uuid:source_id>/bench": (
            f"{page}/sources/{ids.removable_id}/bench",
            {"payload": '{"type": "purchase"}', "map_type": "kind", "map_data": "@"},
        ),
        "/o/<organization>/sources/<uuid:source_id>/bench/mapping": (
            f"{page}/sources/{ids.removable_id}/bench/mapping",
            {"map_type": "kind"},
        ),
        "/o/<organization>/activities/imports": (
            f"{page}/activities/imports",
            {**site, "type": "purchase", "file": "no file"},
        ),
        "/o/<organization>/activities/imports/<uuid:import_id>/columns": (
            f"{page}/activities/imports/{ids.import_id}/columns",
            {"type": "purchase", "column_0": "occurred_at", "column_1": "product_name"},
        ),
        "/o/<organization>/activities/imports/<uuid:import_id>/confirmation": (
            f"{page}/activities/imports/{ids.spare_import_id}/confirmation",
            {"type": "purchase", "column_0": "occurred_at", "column_1": ""},
        ),
        "/proof/opt-out/<token>": (
            f"/proof/opt-out/{ids.opt_out}",
            {"wish": "hide", "for_good": "y"},
        ),
        "/o/<organization>/settings/api-keys": (
            f"{page}/settings/api-keys",
            {"name": "Shop", "scopes": "sites:read"},
        ),
    }


def form_rules() -> set[str]:
    class Anything:
        def __getattr__(self, name: str) -> str:
            return ""

    return {rule.partition(" ")[0] for rule in forms(Anything(), Anything())}


@pytest.fixture
def unlimited(monkeypatch):
    """Sign-in without its limits, which are attacked elsewhere."""
    monkeypatch.setattr(limiter, "enabled", False)


def test_a_hostile_value_in_a_form_is_refused_or_taken(on_each, unlimited):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        ids = furnish(app, acme, "Marmalade")
        alice = Browser(app, "alice@acme.example")
        token = alice.token("/sign-in")
        for rule, (path, good) in forms(acme, ids).items():
            for number, field in enumerate(good):
                for place in range(number % 40, len(FORM_VALUES), 40):
                    form = {**good, field: FORM_VALUES[place], "csrf_token": token}
                    asked = (rule, field, place)
                    answers.note(asked, alice.client.post, path, data=form)

    statuses = on_each(attack)
    assert len(statuses) > 70
    assert set(statuses.values()) <= {200, 302, 422}


ENDLESS = "1" + "0" * 400
ZONE = "[fe80::1%" + "a" * 280 + "]"
WORDS = f"{CAMPAIGN} of words"

# What is nearly right, field by field.
NEARLY = [
    ("/o/<organization>/sites", "k", ENDLESS),
    ("/o/<organization>/sites", "k", "2"),
    ("/o/<organization>/sites", "k", ""),
    ("/o/<organization>/sites", "name", " \t "),
    ("/o/<organization>/sites", "name", "a" * 121),
    ("/o/<organization>/sites", "domains", ZONE),
    ("/o/<organization>/sites", "domains", "[fe80::1%<b>]"),
    ("/o/<organization>/sites", "domains", "http://["),
    ("/o/<organization>/sites", "time_zone", "../../etc/passwd"),
    (WORDS, "link_url", "https://[x"),
    (WORDS, "link_url", "https://?x"),
    (WORDS, "link_url", "javascript:alert(1)"),
    (WORDS, "title", " "),
    (WORDS, "delay", ENDLESS),
    (WORDS, "delay", "nan"),
    (WORDS, "scroll", "101"),
    (WORDS, "per_day", "0.5"),
    (WORDS, "accent", "#2563eb;"),
    (WORDS, "background", "red"),
    (WORDS, "custom", "a b=c"),
    (WORDS, "include", "https://shop.example/a"),
    (WORDS, "devices", "fridge"),
    (WORDS, "translated", "xx"),
    (CAMPAIGN, "template", " "),
    (CAMPAIGN, "template", "a\x00b"),
    (CAMPAIGN, "template", "12 people bought {{product}}"),
    (CAMPAIGN, "template", "a" * 10_000),
    (CAMPAIGN, "template", "{{count}} people"),
    (CAMPAIGN, "gap", ENDLESS),
    (f"{CAMPAIGN}/publication", "template", " "),
    (f"{CAMPAIGN}/schedule", "at", "2001-01-01T00:00"),
    (f"{CAMPAIGN}/schedule", "at", "tomorrow"),
    ("/o/<organization>/sites", "language", "<b>"),
    (GOALS, "kind", "click"),
    (GOALS, "match", "Sign up"),
    (GOALS, "having", "plan"),
    (GOALS, "name", "\x01"),
    (FUNNELS, "kind", ["page"] * 9),
    (FUNNELS, "kind", ["page", "click"]),
    (FUNNELS, "match", ["/", "a\x00b c"]),
    (FUNNELS, "amount", ENDLESS),
    (FUNNELS, "amount", "-1"),
    (FUNNELS, "unit", "weeks"),
    (f"{FUNNELS}/<uuid:funnel_id>", "having", ["", "=pro"]),
    ("/o/<organization>/sites/<uuid:site_id>/domains", "host", ZONE),
    ("/o/<organization>/sources", "kind", "api"),
    ("/o/<organization>/sources", "name", "\x01"),
    ("/o/<organization>/sources/<uuid:source_id>/secret", "secret", "\x01" * 9),
    ("/o/<organization>/sources/<uuid:source_id>/mapping", "mapping", '{"type": 5}'),
    ("/o/<organization>/activities", "country", "D\x00"),
    ("/o/<organization>/activities", "type", "\x00"),
    ("/o/<organization>/settings/api-keys", "name", "\r\n"),
    ("/o/<organization>/settings/api-keys", "scopes", "everything"),
    (f"{TALK}/messages", "body", " \t "),
    (f"{TALK}/messages", "body", "a\x00b"),
    (f"{TALK}/messages", "body", "a" * 8_001),
    (f"{TALK}/messages", "client_id", "a" * 65),
    (f"{TALK}/assignment", "member_id", "somebody"),
    (f"{TALK}/snooze", "until", "doomsday"),
    (f"{TALK}/labels", "labels", ["x", "y"]),
    (TICKET, "state", "gone"),
    (TICKET, "priority", "sometime"),
    (TICKET, "assignee", "somebody"),
    (f"{INBOX}/labels", "name", "\x01"),
    (f"{INBOX}/labels", "name", "a" * 31),
    (f"{INBOX}/labels", "colour", "pink"),
    (f"{INBOX}/labels/<uuid:label_id>", "colour", "pink"),
    (f"{INBOX}/canned-replies", "shortcut", "Two words"),
    (f"{INBOX}/canned-replies", "shortcut", "hello"),
    (f"{INBOX}/canned-replies", "body", "a\x00b"),
    (f"{INBOX}/canned-replies/<uuid:reply_id>", "body", "a" * 4_001),
]


def test_what_is_nearly_right_comes_back_with_the_form(on_each):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        known = forms(acme, furnish(app, acme, "Marmalade"))
        alice = Browser(app, "alice@acme.example")
        token = alice.token("/sign-in")
        for rule, field, value in NEARLY:
            path, good = known[rule]
            form = {**good, field: value, "csrf_token": token}
            asked = (rule, field, str(value))
            answers.note(asked, alice.client.post, path, data=form)
        client = app.test_client()
        for domain in (
            ZONE,
            "[fe80::1%<b>]",
            "http://[",
            "a b",
            "-a.example",
            "a" * 64 + ".example",
        ):
            site = {"name": "Shop", "domain": domain}
            answers.note(
                ("API", domain),
                client.post,
                "/api/v1/sites",
                json=site,
                headers=acme.bearer,
            )

    for asked, status in on_each(attack).items():
        assert status == 422, asked


# Where nothing is a choice: nobody, no label, no text.
EMPTIED = {f"{TALK}/assignment", f"{TALK}/labels", f"{CHAT}/texts"}


def test_what_is_no_form_fills_none(on_each, unlimited):
    def attack(app: Any, acme: Any, answers: Answers) -> None:
        ids = furnish(app, acme, "Marmalade")
        alice = Browser(app, "alice@acme.example")
        token = alice.token("/sign-in")
        header = {"X-CSRFToken": token}
        for rule, (path, good) in forms(acme, ids).items():
            first = next(iter(good))
            for number, body in enumerate((good, [1, 2], {first: 5}, {first: [1, {}]})):
                asked = (rule, "JSON", number)
                answers.note(
                    asked,
                    alice.client.post,
                    path,
                    json=body,
                    headers=header,
                )
            file = {**good, "csrf_token": token, first: (io.BytesIO(b"a"), "a.txt")}
            answers.note((rule, "file"), alice.client.post, path, data=file)
            large = {**good, "csrf_token": token, first: "a" * 2 * MEGABYTE}
            answers.note((rule, "large"), alice.client.post, path, data=large)
            many = "&".join(f"{number}=1" for number in range(5_000)) + f"&csrf_token={token}"
            kind = "application/x-www-form-urlencoded"
            answers.note(
                (rule, "many"),
                alice.client.post,
                path,
                data=many,
                content_type=kind,
            )
            broken = b"--x\r\nContent-Disposition: form-data\r\n\r\n"
            kind = "multipart/form-data; boundary=x"
            answers.note(
                (rule, "broken"),
                alice.client.post,
                path,
                data=broken,
                content_type=kind,
                headers=header,
            )

    for asked, status in on_each(attack).items():
        # An empty mapping is a mapping, and an empty secret none.
        if asked[0].endswith("/bench"):
            # What it is given comes back with what it would become; nothing is stored.
            assert status in (200, 400, 413), asked
            continue
        assert status == 413 if asked[-1] == "large" else status in (302, 400, 422), asked
        # A publication without a form is one of what is kept.
        if not asked[0].endswith(("/mapping", "/publication")) and asked[0] not in EMPTIED:
            assert status != 302, asked


# --- addresses and headers -----------------------------------------------------------------------


def test_a_hostile_address_is_not_found_or_a_bad_request(on_each):
    pieces = [
        "%00",
        "a%00b",
        "%ff%fe",
        "%ED%A0%80",
        "a" * 8000,
        "..%2f..%2fetc%2fpasswd",
        "%0d%0aX:1",
    ]
    pieces += [
        "'%20OR%201=1--",
        "%F0%9F%98%80",
        "{{7*7}}",
        "-1",
        "9" * 400,
        "0" * 32,
        "%00" + "a" * 31,
    ]
    rules = [
        "/o/{}/",
        "/o/{}/sites",
        "/o/acme/sites/{}",
        "/proof/{}",
        "/w/{}.js",
        "/{}",
        "/static/{}",
    ]
    rules += [
        "/widget/v1/config/{}",
        "/widget/v1/notifications/{}",
        "/hooks/{}",
        "/api/v1/sites/{}",
    ]
    rules += ["/static/v-{}/css/app.css", "/static/widget/{}", "/dev/mail/{}"]
    queries = ["/api/v1/sites?cursor={}", "/api/v1/sites?limit={}", "/api/v1/activities?site_id={}"]
    queries += ["/o/SLUG/activities?cursor={}", "/o/SLUG/sources?x={}", "/demo?x={}"]
    queries += ["/o/SLUG/sources/deliveries?cursor={}", "/o/SLUG/campaigns/new?site={}"]
    queries += ["/widget/v1/notifications/KEY?after={}", "/sign-in?next={}"]
    for each in ("journeys?start={}", "funnels?f={}", "attribution?by={}", "goals?zone={}"):
        queries.append(f"/o/SLUG/analytics/{each}")
    queries.append("/api/v1/analytics/funnels?site_id=SITE&step={}&step=page:/")
    queries.append("/api/v1/analytics/sessions?site_id=SITE&cursor={}")
    queries.append("/api/v1/analytics/retention?site_id=SITE&unit={}")
    queries.append("/api/v1/analytics/journeys?site_id=SITE&depth={}&start={}")
    # A cursor of ours with something behind it, half of one, and one of a moment long ago.
    pieces += ["AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", "_" * 22]

    def attack(app: Any, acme: Any, answers: Answers) -> None:
        alice = Browser(app, "alice@acme.example")
        for number, rule in enumerate((*rules, *queries)):
            # Each rule with half of the pieces, turn by turn.
            for piece in pieces[number % 2 :: 2]:
                path = rule.replace("{}", piece).replace("SLUG", acme.slug)
                path = path.replace("KEY", acme.site_key).replace("SITE", str(acme.site_id))
                method = "POST" if rule.startswith("/hooks") else "GET"
                answers.note(
                    (rule, piece),
                    alice.client.open,
                    path,
                    method=method,
                    headers=acme.bearer,
                )

    for (rule, piece), status in on_each(attack).items():
        assert status < 500, (rule, piece)
        if "?" not in rule and "/w/" not in rule and "v-{}" not in rule:
            assert status == 404, (rule, piece, status)


OTHER_LISTS = (
    "inbound-deliveries",
    "endpoints",
    "deliveries",
    "conversations",
    "contacts",
    "tickets",
)


def test_a_cursor_that_is_none_of_ours_is_a_bad_request(acme, client, sign_in):
    alice = sign_in("alice@acme.example")
    lists = ("activities", "sources/deliveries", "activities/imports")
    paths = [f"/o/{acme.slug}/{each}" for each in lists]
    kinds = ("sites", "sources", "campaigns", "activities", "members", "api-keys", "audit")
    paths += [f"/api/v1/{each}" for each in (*kinds, *OTHER_LISTS)]
    for path in paths:
        reader = client if path.startswith("/api/") else alice.client
        for cursor in ("AAAA", "a" * 200, "%C3%A9" * 22, "_" * 21, "%00", "..", "1"):
            answer = reader.get(f"{path}?cursor={cursor}", headers=acme.bearer)
            assert answer.status_code == 400, (path, cursor)
        assert reader.get(f"{path}?cursor=", headers=acme.bearer).status_code == 200, path


@pytest.mark.parametrize("name", ["X-Request-Id", "Idempotency-Key", "User-Agent", "Authorization"])
def test_a_line_break_in_a_header_stays_one_header(client, acme, name):
    values = [
        "a\r\nX-Evil: 1",
        "a\nX-Evil: 1",
        "a\rX-Evil: 1",
        "\x00" * 9,
        "\u2028" * 9,
        "é" * 20,
        "a" * 9000,
    ]
    for value in values:
        environ = {
            "HTTP_AUTHORIZATION": acme.bearer["Authorization"],
            f"HTTP_{name.upper().replace('-', '_')}": value,
        }
        body = {"name": "Shop", "domain": "shop.example"}
        answer = client.post("/api/v1/sites", json=body, environ_overrides=environ)
        assert answer.status_code < 500, value
        assert "X-Evil" not in answer.headers
        [request_id] = answer.headers.getlist("X-Request-Id")
        assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", request_id)
        if name == "Idempotency-Key":
            assert answer.status_code == (201 if value == "é" * 20 else 400), value


def test_a_line_break_in_a_name_is_taken_out(client, acme, sign_in):
    hostile = "One\r\nSet-Cookie: evil=1\tTwo\x1b[31m"
    for path, good in good_bodies(acme.site_id).items():
        if "name" in good:
            answer = client.post(path, json={**good, "name": hostile}, headers=acme.bearer)
            assert answer.status_code == 201, path
            assert answer.json["name"] == "OneSet-Cookie: evil=1Two[31m"
            blank = client.post(path, json={**good, "name": "\x01\r\n "}, headers=acme.bearer)
            assert blank.status_code == 422, path
    alice = sign_in("alice@acme.example")
    made = alice.post(f"/o/{acme.slug}/sites", {**SITE, "name": hostile})
    assert made.status_code == 302 and "\n" not in made.headers["Location"]
    assert all(
        "evil=1" not in cookie.split(";")[0] for cookie in made.headers.getlist("Set-Cookie")
    )
    assert "One\r\nSet-Cookie" not in alice.get(f"/o/{acme.slug}/sites").text
    assert alice.post(f"/o/{acme.slug}/sites", {**SITE, "name": " \x01 "}).status_code == 422


@pytest.fixture
def log_lines(capsys) -> Iterator[Callable[[], list[str]]]:
    """What the program writes to its log once `logs.configure()` has been called."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield lambda: [line for line in capsys.readouterr().err.split("\n") if line]
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


def test_each_request_is_one_line_of_the_log_whatever_it_says(log_lines, client, acme):
    paths = [
        "/a%0d%0ab",
        "/%0a{%22event%22:%22forged%22}",
        "/%E2%80%A8x",
        "/%1b[31m",
        "/%00",
        "/%ff",
    ]
    logs.configure()
    for path in paths:
        environ = {"HTTP_X_REQUEST_ID": "a\r\nforged", "HTTP_USER_AGENT": "a\r\nforged"}
        client.get(path, environ_overrides=environ)
        [line] = log_lines()
        record = json.loads(line)
        assert record["event"] == "request" and record["status"] == 404
        assert "\x1b" not in line and "\u2028" not in line
    body = {"name": "a\r\nforged", "domain": "x.example"}
    client.post("/api/v1/sites?key=secret", json=body, headers=acme.bearer)
    [line] = log_lines()
    assert "forged" not in line and "secret" not in line and acme.key not in line
