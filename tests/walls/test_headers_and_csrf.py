"""The browser's side: forged requests, redirects, sessions, limits, headers on every answer, and
hostile names that stay text."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import select

from app.accounts.models import Member, Organization, SignIn, User
from app.accounts.permissions import Role
from app.analytics import rollups
from app.chat.models import ChatSettings, Message
from app.commerce.models import Order
from app.core import tenancy
from app.core.db import db
from app.core.forms import csrf
from app.core.ids import uuid7
from app.core.mail import OutgoingMail
from app.proof import opt_outs
from app.proof.imports import Import
from app.sites.models import Site
from app.sources.inspector import Filter
from app.sources.models import InboundDelivery, Source
from app.sources.replays import Replay, ReplayRange
from app.tracking.models import Quarantined, Session
from tests.conftest import PASSWORD
from tests.shops import shopify, shopify_order
from tests.visits import FIREFOX
from tests.walls.conftest import Belongings, archive, furnish, keep, listen, talk

ALICE = "alice@acme.example"
NOWHERE = "unix:///nowhere/valkey.sock"


def pages(app: Any, method: str) -> list[str]:
    """Rules of pages: what takes a form and a cookie, not a key or a signature."""
    exempt = csrf._exempt_blueprints
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if method in (rule.methods or set())
        and not rule.websocket
        and app.blueprints.get(rule.endpoint.rpartition(".")[0]) not in exempt
        and rule.endpoint.rpartition(".")[0] not in exempt
        and not rule.rule.startswith(("/api/", "/hooks/", "/widget/", "/w/"))
    )


def filled(rule: str, ids: Belongings) -> str:
    known = {**vars(ids), "organization": ids.slug, "token": ids.receipt, "sign_in_id": ids.key_id}
    known["dimension"] = "page"
    return re.sub(r"<(?:uuid:)?(\w+)>", lambda found: str(known.get(found[1], found[0])), rule)


# --- forged requests -----------------------------------------------------------------------------


def test_no_page_is_changed_without_the_token_of_its_form(app, acme, umbrella, sign_in, rows):
    ids = furnish(app, acme, "Marmalade")
    alice, charlie = sign_in(ALICE), sign_in("charlie@umbrella.example")
    tokens = (None, "", "x", charlie.token("/sign-in"), app.test_client().get("/sign-in").text[:90])
    before, rules = rows(), pages(app, "POST")
    assert {"/sign-in", "/sign-out", "/o/<organization>/sites"} <= set(rules) and len(rules) >= 15
    for rule in rules:
        for token in tokens:
            form = {"name": "Forged", "site_id": str(ids.site_id), "type": "signup"}
            if token is not None:
                form["csrf_token"] = token
            answer = alice.client.post(filled(rule, ids), data=form)
            assert answer.status_code == 400, (rule, token)
            if rule not in ("/demo/orders", "/demo/refunds"):
                assert answer.mimetype == "text/html" and "<h1>" in answer.text, rule
    assert rows() == before
    assert alice.get(f"/o/{acme.slug}/").status_code == 200


def test_no_page_is_changed_by_reading_it(app, acme, sign_in, rows):
    ids = furnish(app, acme, "Marmalade")
    alice = sign_in(ALICE)
    before = rows()
    for rule in pages(app, "GET"):
        if rule.startswith("/o/"):
            assert alice.get(filled(rule, ids)).status_code == 200, rule
    for rule in set(pages(app, "POST")) - set(pages(app, "GET")):
        assert alice.get(filled(rule, ids)).status_code in (404, 405), rule
    assert rows() == before


def test_only_programs_need_no_token(app):
    names = {getattr(each, "name", each) for each in csrf._exempt_blueprints}
    assert names == {name for name in app.blueprints if name.endswith("_api")} | {
        "hooks",
        "embed",
        "sockets",
        "conversations",
    }
    assert not csrf._exempt_views


# --- redirects -----------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example",
    "/\\/evil.example", "https://evil.example", "https:evil.example", "http:/evil.example",
    "javascript:alert(1)", "data:text/html,x", "%2f%2fevil.example", "%2F/evil.example",
    "/%5cevil.example\\", "\t//evil.example", "/\t/evil.example", "/\n/evil.example", " //evil.example",
    "/\x00/evil.example", "/\r\nSet-Cookie: evil=1", "evil.example", ".evil.example", "@evil.example",
    "/\u2028/evil.example", "//evil.example/%2e%2e", "?//evil.example", "", "/\\\\evil.example",
    "//[", "http://[", "//\u2100.example", "/\u00a0/evil.example",
]  # fmt: skip
HERE = [
    "/o/acme/sites",
    "/o/acme/sites?x=1&y=//evil.example",
    "/a%2f%2fb",
    "/%2f/evil.example",
    "/",
]


def test_after_sign_in_only_a_path_of_this_site_is_followed(app, acme):
    for target in ELSEWHERE:
        answer = sign_in_with(app, ALICE, next=quote(target, safe=""))
        assert answer.status_code == 302, target
        assert answer.headers["Location"] == "/", target
        assert "evil" not in " ".join(answer.headers.getlist("Set-Cookie")), target
    for target in HERE:
        answer = sign_in_with(app, ALICE, next=quote(target, safe=""))
        assert answer.headers["Location"] == target


def test_the_host_header_leads_nowhere_else(app, acme, client):
    for path in ("/", f"/o/{acme.slug}/sites", "/favicon.ico"):
        answer = client.get(
            path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        )
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/")
        assert not answer.headers["Location"].startswith("//")


def test_no_page_repeats_the_host_header(app, acme, sign_in):
    furnish(app, acme, "Marmalade")
    alice = sign_in(ALICE)
    with app.app_context(), tenancy.scope(acme.id):
        sources = db.session.scalars(select(Source.id)).all()
    addresses = [f"/o/{acme.slug}/sources/{each}" for each in sources]
    addresses += [f"/o/{acme.slug}/sites/{acme.site_id}", f"/w/{acme.site_key}.js", "/api/v1/docs"]
    addresses += [f"/widget/v1/config/{acme.site_key}", "/api/v1/openapi.json", "/nothing"]
    cookie = alice.client.get_cookie("candor").value
    for address in addresses:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        client = app.test_client(use_cookies=False)
        answer = client.get(address, headers={**headers, "Cookie": f"candor={cookie}"})
        assert answer.status_code == (404 if address == "/nothing" else 200), address
        assert "evil.example" not in answer.text, address


def sign_in_with(
    app: Any, email: str, password: str = PASSWORD, next: str = "", **options: Any
) -> Any:
    client = options.pop("client", None) or app.test_client()
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": email, "password": password, "csrf_token": token, **options.pop("form", {})}
    with_next = f"/sign-in?next={next}" if next else "/sign-in"
    app_limits_reset(app)
    return client.post(with_next, data=form, **options)


def app_limits_reset(app: Any) -> None:
    app.extensions["candor_redis"].flushall()


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_begins_anew_at_sign_in_and_ends_at_sign_out(app, acme):
    client = app.test_client()
    client.get("/sign-in")
    before = client.get_cookie("candor").value
    assert sign_in_with(app, ALICE, client=client).status_code == 302
    first = client.get_cookie("candor").value
    assert first != before
    planted = app.test_client()
    planted.set_cookie("candor", before)
    assert planted.get(f"/o/{acme.slug}/").status_code == 302
    # Signing in again ends the session before.
    assert sign_in_with(app, ALICE, client=client).status_code == 302
    second = client.get_cookie("candor").value
    assert token_of(app, first) != token_of(app, second)
    replaced = app.test_client()
    replaced.set_cookie("candor", first)
    assert replaced.get(f"/o/{acme.slug}/").status_code == 302
    token = (
        client.get("/sign-in").text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    )
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 302
    assert client.get(f"/o/{acme.slug}/").status_code == 302
    stolen = app.test_client()
    stolen.set_cookie("candor", second)
    assert stolen.get(f"/o/{acme.slug}/").status_code == 302
    with app.app_context():
        assert db.session.scalars(select(SignIn)).all() == []


def token_of(app: Any, cookie: str) -> str:
    with app.test_request_context():
        serializer = app.session_interface.get_signing_serializer(app)
        return serializer.loads(cookie)["_user_id"]


def test_the_cookie_is_for_this_site_and_no_script(app, acme, spare_app):
    [cookie] = sign_in_with(app, ALICE).headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie
    secure = spare_app(url="https://candor.test")
    answer = secure.test_client().get("/sign-in", base_url="https://candor.test")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-candor=") and "Secure" in cookie and "HttpOnly" in cookie


def test_a_forged_or_altered_cookie_is_nobody(app, acme, sign_in):
    alice = sign_in(ALICE)
    cookie = alice.client.get_cookie("candor").value
    with app.app_context():
        digest = db.session.scalars(select(SignIn.token_digest)).one().hex()
    for forged in (cookie[:-3] + "abc", cookie + "a", cookie.partition(".")[0], digest, "x", ""):
        thief = app.test_client()
        thief.set_cookie("candor", forged)
        assert thief.get(f"/o/{acme.slug}/").status_code == 302, forged


# --- who exists, and how often one may try -------------------------------------------------------


def test_a_refused_sign_in_does_not_tell_whether_there_is_such_an_account(
    slow_passwords, app, acme
):
    def refused(email: str) -> tuple[str, float]:
        started = time.perf_counter()
        answer = sign_in_with(app, email, "not the password")
        assert answer.status_code == 422
        body = re.sub(r'(nonce|value|content)="[^"]*"', "", answer.text)
        return body.replace(email, ""), time.perf_counter() - started

    refused("warm@acme.example")
    # By turns, and the quickest of each: a busy machine slows both.
    tries = [(refused(ALICE), refused("nobody@acme.example")) for _ in range(4)]
    known, unknown = zip(*tries, strict=True)
    assert {body for body, _ in known} == {body for body, _ in unknown}
    fast, slow = sorted(min(seconds for _, seconds in each) for each in (known, unknown))
    assert fast > slow / 2


def attempt(app: Any, email: str, address: str, **options: Any) -> int:
    """One try that costs no password hash: a password that is too long."""
    client = app.test_client()
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": email, "password": "a" * 129, "csrf_token": token}
    if options.pop("as_json", False):
        headers = {"X-CSRFToken": token}
        return client.post(
            "/sign-in", json=form, headers=headers, environ_overrides={"REMOTE_ADDR": address}
        ).status_code
    environ = {"REMOTE_ADDR": address, **options.pop("environ", {})}
    return client.post("/sign-in", data=form, environ_overrides=environ).status_code


def test_an_account_can_be_tried_ten_times_a_minute_from_wherever(app, acme):
    spellings = [
        "alice@acme.example", "ALICE@acme.example", " alice@acme.example ", "alice@acme.example\x01",
        "\ralice@acme.example", "al\x00ice@acme.example", "alice@acme.example\n", "Alice@Acme.Example",
        "\x7falice@acme.example", "alice@acme.example\t",
    ]  # fmt: skip
    for number, email in enumerate(spellings):
        assert attempt(app, email, f"192.0.2.{number}") == 422, repr(email)
    for number, email in enumerate(spellings):
        assert attempt(app, email, f"198.51.100.{number}") == 429, repr(email)
    # Others still get in.
    assert attempt(app, "bob@acme.example", "192.0.2.99") == 422


def test_a_body_that_is_no_form_tries_no_account(app, acme):
    statuses = [attempt(app, ALICE, f"192.0.2.{number}", as_json=True) for number in range(12)]
    assert set(statuses) == {422}
    client = app.test_client()
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    right = {"email": ALICE, "password": PASSWORD}
    answer = client.post("/sign-in", json=right, headers={"X-CSRFToken": token})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "addresses",
    [
        ["203.0.113.7"] * 21,
        [f"2001:db8:1:2::{number:x}" for number in range(1, 22)],
        ["203.0.113.7", "::ffff:203.0.113.7"] * 10 + ["203.0.113.7"],
    ],
    ids=["one address", "one network of IPv6", "mapped"],
)
def test_an_address_can_try_twenty_times_a_minute(app, acme, addresses):
    for number, address in enumerate(addresses[:-1]):
        environ = {"HTTP_X_FORWARDED_FOR": f"10.0.0.{number}", "HTTP_X_REAL_IP": f"10.0.0.{number}"}
        assert attempt(app, f"{number}@acme.example", address, environ=environ) == 422
    assert attempt(app, "last@acme.example", addresses[-1]) == 429
    assert attempt(app, "last@acme.example", "198.51.100.1") == 422
    assert attempt(app, "last@acme.example", "2001:db8:1:3::1") == 422


def test_too_many_tries_are_told_when_to_come_back(app, acme, client):
    for number in range(20):
        attempt(app, f"{number}@acme.example", "127.0.0.1")
    page = client.get("/sign-in").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    answer = client.post(
        "/sign-in", data={"email": ALICE, "password": PASSWORD, "csrf_token": token}
    )
    assert answer.status_code == 429 and answer.mimetype == "text/html"
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/sign-in").status_code == 200


def test_without_redis_what_a_guest_writes_is_kept_and_nothing_is_mailed(acme, inside, spare_app):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        ChatSettings.of(site.id).change(site, on=True, week=[[] for _ in range(7)])
        db.session.commit()
    client = spare_app(redis_url=NOWHERE).test_client()
    said = {
        "site": acme.site_key,
        "client_id": str(uuid7()),
        "body": "Hello",
        "email": "ada@example.com",
    }
    begun = client.post("/widget/v1/conversations", json=said)
    assert begun.status_code == 201, begun.text
    refused = client.post(
        f"/widget/v1/conversations/{begun.json['id']}/transcript",
        json={},
        headers={"Authorization": f"Bearer {begun.json['token']}"},
    )
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
    with inside(acme):
        assert db.session.query(Message).filter_by(author="visitor").count() == 1
        assert db.session.query(OutgoingMail).count() == 0


def test_without_redis_nobody_signs_in_and_everything_else_goes_on(app, acme, sign_in, spare_app):
    alice = sign_in(ALICE)
    mine = alice.token("/sign-in")
    cookie = alice.client.get_cookie("candor").value
    ids = furnish(app, acme, "Marmalade")
    lone = spare_app(redis_url=NOWHERE)
    client = lone.test_client()
    started = time.monotonic()
    page = client.get("/sign-in")
    assert page.status_code == 200
    token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": ALICE, "password": PASSWORD, "csrf_token": token}
    refused = client.post("/sign-in", data=form)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
    assert "nowhere" not in refused.text
    for path in ("/sign-up", "/password-reset", "/invitation/account", "/sign-up/confirmation"):
        assert client.post(path, data=form).status_code == 503, path
    assert client.get(f"/o/{acme.slug}/").status_code == 302
    client.set_cookie("candor", cookie)
    for path in ("", "sites", "sources", "campaigns", "activities", "settings/members"):
        assert client.get(f"/o/{acme.slug}/{path}").status_code == 200, path
    site = {"name": "Made", "domains": "a.example", "person_style": "initial", "k": "5"}
    form = {**site, "time_zone": "UTC", "csrf_token": mine}
    assert client.post(f"/o/{acme.slug}/sites", data=form).status_code == 302
    publication = f"/o/{acme.slug}/campaigns/{ids.campaign_id}/publication"
    assert client.post(publication, data={"csrf_token": mine}).status_code == 302
    assert client.get("/api/v1/sites", headers=acme.bearer).status_code == 200
    request = shopify(acme.secret, "orders/paid", shopify_order(99))
    assert client.post(f"/hooks/{acme.source_id}", **request).status_code == 200
    assert client.get(f"/widget/v1/notifications/{acme.site_key}").status_code == 200
    assert client.get(f"/w/{acme.site_key}.js").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert client.post("/sign-out", data={"csrf_token": mine}).status_code == 302
    assert time.monotonic() - started < 15


# --- headers -------------------------------------------------------------------------------------

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# What a page may load and do: nothing from elsewhere, nothing inline without the nonce.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' http://candor.test 'nonce-NONCE'",
    "style-src": "'self'",
    "img-src": "'self' data: http://candor.test",
    "frame-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self' http://candor.test ws://candor.test",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "manifest-src": "'self'",
}
# What a file may that is opened as if it were a page: nothing.
FILE_POLICY = "default-src 'none'; frame-ancestors 'none'"


def check_headers(answer: Any, what: Any) -> str:
    """The security headers of the answer of a page; answers its nonce."""
    # The builder shows this one page in frames of its own.
    framed = str(what).endswith("/frame")
    policy = check_fixed_headers(answer, what, framed)
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    nonce = re.search(r"'nonce-([\w-]{20,})'", policy)
    assert nonce, what
    plain = {name: value.replace(nonce[1], "NONCE") for name, value in directives.items()}
    assert plain == {**POLICY, **({"frame-ancestors": "'self'"} if framed else {})}, what
    assert "unsafe" not in policy and "*" not in policy
    return nonce[1]


def check_fixed_headers(answer: Any, what: Any, framed: bool = False) -> str:
    """What each answer carries, page or file; answers its policy."""
    fixed = {**FIXED, **({"X-Frame-Options": "SAMEORIGIN"} if framed else {})}
    for name, value in fixed.items():
        assert answer.headers.getlist(name) == [value], (what, name)
    assert "geolocation=()" in answer.headers["Permissions-Policy"], what
    [request_id] = answer.headers.getlist("X-Request-Id")
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", request_id), what
    for name in ("Server", "X-Powered-By"):
        assert "werkzeug" not in answer.headers.get(name, "").lower()
    [policy] = answer.headers.getlist("Content-Security-Policy")
    return policy


def _breaking(app: Any) -> None:
    @app.get("/breaks")
    @app.get("/api/v1/breaks")
    def breaks() -> Any:
        raise RuntimeError("hunter2 at db.internal")


def test_each_answer_carries_the_security_headers_also_errors_and_files(
    app, acme, sign_in, client, spare_app
):
    alice = sign_in(ALICE)
    broken = spare_app(_breaking).test_client()
    page = client.get("/sign-in").text
    [asset] = re.findall(r'href="(/static/[^"]+app\.css)"', page)
    large = b"a" * 2 * 1024 * 1024
    answers = {
        200: client.get("/sign-in"),
        "page": alice.get(f"/o/{acme.slug}/"),
        302: client.get("/"),
        400: client.post("/sign-in"),
        401: client.get("/api/v1/sites"),
        404: client.get("/nothing"),
        "404 for programs": client.get("/api/v1/nothing"),
        405: client.put("/sign-in"),
        413: client.post("/api/v1/sites", data=large, headers=acme.bearer),
        422: client.post("/api/v1/sites", json={}, headers=acme.bearer),
        "no socket": client.get("/widget/v1/ws"),
        500: broken.get("/breaks"),
        "500 for programs": broken.get("/api/v1/breaks"),
        "file": client.get("/static/favicon.svg"),
        "no file": client.get("/static/nothing.css"),
        "loader": client.get(f"/w/{acme.site_key}.js"),
        "config": client.get(f"/widget/v1/config/{acme.site_key}"),
        "docs": client.get("/api/v1/docs"),
        "OpenAPI": client.get("/api/v1/openapi.json"),
        "health": client.get("/health/live"),
        "metrics": client.get("/metrics"),
        "options": client.options("/sign-in"),
        "head": client.head("/sign-in"),
    }
    for what, answer in answers.items():
        if isinstance(what, int):
            assert answer.status_code == what
    nonces = [check_headers(answer, what) for what, answer in answers.items()]
    assert len(set(nonces)) == len(nonces)
    files = {
        200: client.get(asset),
        304: client.get(asset, headers={"If-None-Match": client.get(asset).headers["ETag"]}),
        "of another version": client.get(re.sub("/v-[^/]+/", "/v-other/", asset)),
        "widget": client.get("/static/widget/loader.js"),
    }
    for what, answer in files.items():
        assert answer.status_code == (what if isinstance(what, int) else 200)
        assert check_fixed_headers(answer, what) == FILE_POLICY, what
    assert answers[405].headers["Allow"]
    assert "Strict-Transport-Security" not in answers[200].headers
    secure = client.get("/sign-in", base_url="https://candor.test")
    assert "max-age=" in secure.headers["Strict-Transport-Security"]


def test_each_script_of_a_page_carries_the_nonce_of_its_answer(app, acme, sign_in):
    ids = furnish(app, acme, "Marmalade")
    alice = sign_in(ALICE)
    for rule in pages(app, "GET"):
        if (
            "<path" in rule
            or "<version>" in rule
            or rule.startswith(("/health", "/metrics", "/dev"))
        ):
            continue
        answer = alice.get(filled(rule, ids))
        if answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        nonce = check_headers(answer, rule)
        page = Page(answer.text)
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        assert scripts and all(script.get("nonce") == nonce for script in scripts), rule
        assert all(script.get("src", "").startswith("/static/") for script in scripts), rule
        for tag, attributes in page.tags:
            assert "style" not in attributes and tag != "style", (rule, tag)
            assert not [name for name in attributes if name.startswith("on")], (rule, tag)
        assert answer.headers["Cache-Control"] == "no-store" or rule.startswith("/proof/"), rule


def test_a_fault_tells_nothing_but_the_number_it_is_logged_under(spare_app):
    client = spare_app(_breaking).test_client()
    for path in ("/breaks", "/api/v1/breaks"):
        answer = client.get(path, headers={"X-Request-Id": "reference-1234"})
        assert answer.status_code == 500
        assert "reference-1234" in answer.text
        for secret in ("hunter2", "RuntimeError", "Traceback", "db.internal", ".py"):
            assert secret not in answer.text
    assert set(client.get("/api/v1/breaks").json["error"]) == {
        "code", "message", "details", "timestamp",
    }  # fmt: skip


def test_an_error_is_a_page_for_people_and_json_for_programs(app, acme, client, sign_in):
    alice = sign_in(ALICE)
    for path in ("/nothing", f"/o/{acme.slug}/nothing", "/o/nobody-000000/", "/proof/nothing"):
        answer = alice.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert answer.status_code == 404 and answer.mimetype == "text/html", path
    for method, path in (
        ("GET", "/api/v1/nothing"),
        ("PATCH", "/api/v1/sites"),
        ("GET", "/hooks/nothing"),
        ("GET", f"/hooks/{acme.source_id}"),
        ("GET", "/widget/v1/nothing"),
    ):
        answer = client.open(path, method=method)
        assert answer.status_code in (404, 405), path
        error = answer.json["error"]
        assert set(error) == {"code", "message", "details", "timestamp"}, path
        assert error["code"] in ("not_found", "method_not_allowed"), path
    assert client.get("/nothing", headers={"Accept": "application/json"}).json["error"]


def test_production_has_no_route_for_developers(spare_app):
    app = spare_app(env="production")
    assert not app.debug and not app.testing
    assert [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/dev")] == []
    assert app.test_client().get("/dev/mail").status_code == 404
    assert app.test_client().get("/demo").status_code == 404


# --- names that are markup -----------------------------------------------------------------------

# Breaks out of text, of an attribute in either quote, of a script, a comment and a title.
PROBE = "</title></script><!--><probe-x a='\" probe-on=1 ' probe-on=2 >{{7*7}}${7*7}"


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(app, acme, client, work, join):
    """Acme with a probe in everything that somebody can name."""
    site = {"site_id": str(acme.site_id)}

    def post(path: str, body: dict[str, Any]) -> Any:
        answer = client.post(f"/api/v1{path}", json=body, headers=acme.bearer)
        assert answer.status_code == 201, answer.text
        return answer.json

    named = {"name": PROBE}
    made_site = post("/sites", {**named, "domain": "b.example", "client_name": PROBE})
    source = post("/sources", {**site, **named, "kind": "custom", "secret": PROBE})
    notice = {"message": PROBE, "link": {"url": f"https://x/?{PROBE}", "label": PROBE[:60]}}
    campaign = post(
        "/campaigns",
        {**site, **named, "format": "notice", "content": notice, "status": "published"},
    )
    template = "</title></script><probe-x>{{first_name}}'\" probe-on="
    post(
        "/campaigns",
        {**site, **named, "format": "recent_activity", "content": {"template": template}},
    )
    activity = post(
        "/activities",
        {
            **site,
            "type": "purchase",
            "person": {"first_name": PROBE, "last_name": PROBE, "email": "a@b.example"},
            "place": {"city": PROBE, "region": PROBE, "country": "FR"},
            "product": {"name": PROBE, "url": "javascript:alert(1)", "image": "data:text/html,x"},
            "data": {"rating": PROBE},
            "external_id": PROBE,
        },
    )
    key = post("/api-keys", {**named, "scopes": ["sites:read"]})
    order = shopify_order(line_items=[{"title": PROBE, "name": PROBE, "price": "1", "quantity": 1}])
    order["customer"]["first_name"] = order["email"] = PROBE
    for topic, body in (("orders/paid", order), (PROBE, order), ("orders/paid", {"id": PROBE})):
        request = shopify(acme.secret, topic, body)
        request["headers"]["User-Agent"] = PROBE
        assert client.post(f"/hooks/{acme.source_id}", **request).status_code == 200
    refused = shopify(PROBE, PROBE, order)
    assert client.post(f"/hooks/{acme.source_id}", **refused).status_code == 401
    work()
    _visit(client, made_site["site_key"])
    theirs = {"site_id": made_site["id"], "name": PROBE}
    wanted = {"kind": "page", "match": f"/<probe-x>{PROBE}*"}
    goal = post("/goals", {**theirs, **wanted})
    steps = [wanted, {"kind": "property", "match": f"a={PROBE}"}]
    funnel = post("/funnels", {**theirs, "steps": steps})
    join("bob@acme.example", Role.EDITOR)
    with app.app_context(), tenancy.scope(acme.id):
        for user in db.session.scalars(select(User)):
            user.name = PROBE
        db.session.get_one(Organization, acme.id).name = PROBE
        db.session.commit()
        deliveries = db.session.scalars(select(InboundDelivery.id)).all()
        member_id = db.session.scalars(select(Member.id)).first()
        rollups.rebuild(db.session.get_one(Site, UUID(made_site["id"])))
        ids = _more(acme) | archive(db.session.get_one(Site, UUID(made_site["id"])))
        db.session.commit()
    invited = post("/invitations", {"email": "ina@acme.example", "role": "viewer"})
    first = Belongings(
        slug=acme.slug,
        site_id=made_site["id"],
        site_key=made_site["site_key"],
        source_id=source["id"],
        removable_id=source["id"],
        campaign_id=campaign["id"],
        notice_id=campaign["id"],
        activity_id=activity["id"],
        delivery_id=deliveries[0],
        key_id=key["id"],
        member_id=member_id,
        removable_member_id=member_id,
        other_member_id=member_id,
        invitation_id=invited["id"],
        organization_id=acme.id,
        receipt=activity["receipt"],
        goal_id=goal["id"],
        spare_goal_id="",
        funnel_id=funnel["id"],
        spare_funnel_id="",
        **ids,
    )
    return first, deliveries


def _more(acme: Any) -> dict[str, Any]:
    """What only members make: a table with a probe in each cell, and a replay."""
    site = db.session.get_one(Site, acme.site_id)
    table = f'"{PROBE}",date,product\n"{PROBE}",2026-01-05,"{PROBE}"\n"{PROBE}","{PROBE}",x\n'
    imports = [Import.receive(site, PROBE, table.encode(), "purchase") for _ in range(3)]
    imports[1].confirm()
    begun = ReplayRange.begin(Filter())
    Replay.of(db.session.scalars(select(InboundDelivery).filter_by(verdict="failed")).first())
    return {
        "order_id": db.session.scalars(select(Order.id)).first(),
        "refund_id": "",
        "range_id": begun.id,
        "import_id": imports[0].id,
        "done_import_id": imports[1].id,
        "spare_import_id": imports[2].id,
        "opt_out": "",
        "session_id": db.session.scalars(select(Session.id)).one(),
        **keep(site, PROBE[:100]),
        **talk(site, PROBE),
        "suspect_id": db.session.scalars(select(Quarantined.id)).one(),
        **listen(site, PROBE[:100]),
    }


def _visit(client: Any, site_key: str) -> None:
    """A visitor, and a bot, that say a probe in all that they may say."""
    for browser in (FIREFOX, f"bot {PROBE}"):
        said = {
            "id": str(uuid7()),
            "name": "page_view",
            "url": f"https://b.example/<probe-x>{quote(PROBE)}?utm_source={quote(PROBE)}",
            "referrer": f"https://c.example/<probe-x>{quote(PROBE)}",
            "title": PROBE,
            "props": {"a": PROBE, "order_id": PROBE},
            "value": {"amount": 1, "currency": "EUR"},
        }
        body = {"site": site_key, "events": [said]}
        headers = {"Origin": "https://b.example", "User-Agent": browser, "Accept-Language": "<p>"}
        answer = client.post("/widget/v1/events", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert browser != FIREFOX or answer.json["accepted"] == 1


def test_a_name_that_is_markup_stays_text_on_every_page(app, acme, hostile, sign_in):
    ids, deliveries = hostile
    alice = sign_in(ALICE)
    addresses = [
        filled(rule, ids) for rule in pages(app, "GET") if rule.startswith(("/o/", "/proof/"))
    ]
    addresses += [f"/o/{acme.slug}/sources/deliveries/{each}" for each in deliveries]
    addresses += [
        f"/o/{acme.slug}/sources/{acme.source_id}",
        f"/o/{acme.slug}/sites/{acme.site_id}",
    ]
    addresses += [f"/o/{acme.slug}/live?site={ids.site_id}"]
    asked = f"site={ids.site_id}&f=property:contains:probe"
    addresses += [
        f"/o/{acme.slug}/analytics/{page}{asked}"
        for page in (
            "campaigns?",
            "campaigns/window?",
            "goals?",
            "goals/new?",
            "segments?",
            "links?",
            "reports?",
            "alerts?",
            "annotations?",
            "funnels?",
            "funnels/new?",
            f"funnels/{ids.funnel_id}?split=utm_source&",
            "journeys?start=/*&",
            "journeys?direction=backwards&",
            "retention?",
            "attribution?by=utm_source&",
        )
    ]
    searched = ("sites", "search", "sources/new", "campaigns/new", "live")
    addresses += [f"/o/{acme.slug}/{page}?q={PROBE}" for page in searched]
    addresses += [f"/o/{acme.slug}/activities/imports/{ids.done_import_id}"]
    addresses += [f"/o/{acme.slug}/sources/{acme.source_id}/bench?delivery={deliveries[0]}"]
    with app.app_context():
        token = opt_outs.token(acme.site_id, UUID(ids.activity_id))
    addresses += [f"/proof/opt-out/{token}", f"/shared/{ids.shared}"]
    addresses += [f"/nothing/{PROBE}", f"/sign-in?next={PROBE}", f"/o/{acme.slug}/sites?x={PROBE}"]
    seen = 0
    for address in addresses:
        answer = alice.get(address)
        assert answer.status_code in (200, 404), address
        if address.endswith("/body"):
            assert answer.mimetype == "application/octet-stream", address
            assert answer.headers["Content-Disposition"].startswith("attachment"), address
            continue
        if answer.mimetype == "application/json":
            assert answer.headers["X-Content-Type-Options"] == "nosniff", address
            continue
        seen += check_markup(answer.text, address)
    assert seen > 15


def check_markup(text: str, where: str) -> bool:
    """Nothing of the probe became an element or an attribute; whether it is there as text."""
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag != "probe-x", where
        assert "probe-on" not in attributes, (where, tag)
        for name in ("href", "src", "action", "formaction"):
            value = attributes.get(name, "").strip().lower()
            assert not value.startswith(("javascript:", "data:text", "vbscript:")), (where, tag)
    assert "4949" not in page.text and "{{49}}" not in page.text
    whole = text.lstrip().lower().startswith("<!doctype")
    # The columns of a chart have titles of their own.
    drawn = re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert drawn.count("<title>") == drawn.count("</title>") == int(whole), where
    return "{{7*7}}" in page.text or "probe-x" in page.text


def test_a_form_that_comes_back_shows_what_was_typed_as_text(acme, hostile, sign_in):
    ids, _deliveries = hostile
    alice = sign_in(ALICE)
    site = {"site_id": PROBE, "type": PROBE, "kind": PROBE, "first_name": PROBE, "country": PROBE}
    fields = ("name", "client_name", "domains", "k", "mode", "parameters", "own_parameters", "time_zone", "message", "link_url", "accent",
              "payload", "map_type", "map_amount", "column_0", "column_1")  # fmt: skip
    form = {**site, **dict.fromkeys(fields, PROBE), "template": PROBE, "mapping": PROBE}
    form |= {
        "organization": PROBE,
        "password": PROBE,
        "current": PROBE,
        "new": PROBE,
        "role": PROBE,
    }
    form |= {"secret": "x<", "scopes": PROBE, "email": PROBE, "position": PROBE, "delay": PROBE}
    page = f"/o/{ids.slug}"
    for path in (
        f"{page}/sites", f"{page}/sites/{ids.site_id}", f"{page}/sources", f"{page}/activities",
        f"{page}/sources/{ids.source_id}/mapping", f"{page}/sources/{ids.source_id}/secret",
        f"{page}/campaigns/{ids.campaign_id}", f"{page}/campaigns/{ids.campaign_id}/preview",
        f"{page}/campaigns/{ids.campaign_id}/schedule", f"{page}/settings/api-keys",
        "/sign-in", "/sign-up", "/password-reset", "/account/email", "/account/password",
        f"{page}/settings", f"{page}/settings/invitations",
        f"{page}/settings/members/{ids.member_id}/role",
        f"{page}/activities/imports", f"{page}/activities/imports/{ids.import_id}/columns",
        f"{page}/sources/{ids.source_id}/bench", f"{page}/sources/{ids.source_id}/bench/mapping",
        "/sign-in",
    ):  # fmt: skip
        answer = alice.post(path, form)
        # A key's name and a refused mapping may well look like this.
        assert answer.status_code in (200, 422), path
        check_markup(answer.text, path)


def test_the_loader_holds_no_end_of_a_script(client, acme, hostile):
    script = client.get(f"/w/{acme.site_key}.js")
    assert "probe-x" in script.text and "</script" not in script.text and "<!--" not in script.text
    assert script.mimetype == "text/javascript"
    config = client.get(f"/widget/v1/config/{acme.site_key}")
    assert config.mimetype == "application/json"
    assert acme.secret not in script.text + config.text
