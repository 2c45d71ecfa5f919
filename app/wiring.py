"""Wiring only. Floors: core, then accounts to proof, then features, then embed and
dashboard; each imports downwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, jsonify, redirect, render_template
from flask_compress import Compress
from werkzeug.middleware.proxy_fix import ProxyFix

from app import (
    accounts,
    analytics,
    campaigns,
    chat,
    commerce,
    contacts,
    dashboard,
    embed,
    proof,
    sites,
    sources,
    support,
    tracking,
    webhooks,
)
from app.config import Settings, read_settings
from app.core import bus, db, dev_mail, errors, headers, health, logs, metrics, ratelimit, render
from app.core.api import IDEMPOTENCY_KEY
from app.core.crypto import Keyring
from app.core.forms import csrf
from app.core.request import CandorRequest

ROOT = Path(__file__).parents[1]
# In the order of the floors.
PACKAGES = (
    accounts,
    sites,
    tracking,
    contacts,
    sources,
    commerce,
    proof,
    campaigns,
    analytics,
    chat,
    support,
    webhooks,
    embed,
    dashboard,
)
LARGEST_BODY = 1024 * 1024 + 64 * 1024
API_IN_WORDS = """\
Send a key, made under *Settings*, *API keys*, as `Authorization: Bearer cnd_…`. It may do what its
scopes say: the one that an operation needs stands in its `security`, and 403 is the answer without.

Lists are newest first, 20 at a time unless `limit` (1 to 100) says more; `next_cursor` is the
`cursor` of the next page and null on the last. Amounts are in minor units: 4900 with EUR is 49
euros. Errors are `{"error": {"code", "message", "details", "timestamp"}}`.

A write with an `Idempotency-Key` of 1 to 200 characters is done once within 24 hours: the same body
gets the same answer again, another body 409.
"""


def create_app(settings: Settings | None = None) -> APIFlask:
    settings = settings or read_settings()
    settings.data.mkdir(parents=True, exist_ok=True)
    app = APIFlask(
        "app",
        title="Candor",
        version="1",
        spec_path=None,
        docs_path=None,
        json_errors=False,
        static_folder=str(ROOT / "static"),
        template_folder=str(ROOT / "templates"),
    )
    app.request_class = CandorRequest
    _configure(app, settings)
    # First, since what is registered first sees an answer last: when it is whole.
    Compress(app)
    bus.init_app(app, settings.redis_url)
    db.init_app(app, settings)
    for part in (logs, errors, headers, render):
        part.init_app(app)
    ratelimit.init_app(app, settings.redis_url)
    csrf.init_app(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    if not settings.production:
        app.register_blueprint(dev_mail.blueprint)
    for package in PACKAGES:
        package.register(app)
    _serve_specification(app)
    _exempt_programs(app)
    _hide_pages(app)
    _trust_proxies(app, settings)
    return app


def _configure(app: APIFlask, settings: Settings) -> None:
    secure = settings.url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-candor" if secure else "candor",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=60),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        WTF_CSRF_TIME_LIMIT=None,
        VALIDATION_ERROR_STATUS_CODE=422,
        VALIDATION_ERROR_DESCRIPTION="A field is not valid.",
        HTTP_ERROR_SCHEMA=errors.SCHEMA,
        VALIDATION_ERROR_SCHEMA=errors.SCHEMA,
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION=API_IN_WORDS,
        # Else the document would name the Host header of whoever asked for it first.
        SERVERS=[{"url": settings.url}],
    )
    app.security_schemes = {"ApiKey": {"type": "http", "scheme": "bearer"}}
    app.extensions["candor_settings"] = settings
    app.extensions["candor_keyring"] = Keyring.from_settings(settings)
    app.extensions["candor_asset_version"] = _newest_asset()


def _trust_proxies(app: APIFlask, settings: Settings) -> None:
    """Last, so that all the rest sees the address of the visitor."""
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def _newest_asset() -> str:
    files = (path for path in (ROOT / "static").rglob("*") if path.is_file())
    return format(max((int(path.stat().st_mtime) for path in files), default=0), "x")


def _serve_specification(app: APIFlask) -> None:
    """OpenAPI and its page, from our own files: nothing is loaded from elsewhere. Only the REST
    blueprints are in it, several of which share a tag."""

    @app.spec_processor
    def as_it_answers(document: Any) -> Any:
        document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
        for methods in document["paths"].values():
            for operation in methods.values():
                _say_400_of_queries(operation)
                _say_how_to_repeat(operation)
        return document

    pages = Blueprint("specification", __name__)

    @pages.get("/api/v1/openapi.json")
    def specification() -> Any:
        return jsonify(app._get_spec("json"))

    @pages.get("/api/v1/docs")
    def docs() -> Any:
        return render_template("layout/docs.html")

    @pages.get("/favicon.ico")
    def favicon() -> Any:
        return redirect(render.asset("favicon.svg"))

    app.register_blueprint(pages)


def _say_400_of_queries(operation: dict[str, Any]) -> None:
    """What is not valid is 422 in a body, 400 in a query; APIFlask writes 422 for both."""
    answers = operation["responses"]
    if "422" in answers and any(each["in"] == "query" for each in operation["parameters"]):
        answers["400"] = answers["422"]
        if "requestBody" not in operation:
            del answers["422"]


def _say_how_to_repeat(operation: dict[str, Any]) -> None:
    """`writes` says 409 of itself, and nothing else does."""
    if "409" in operation["responses"]:
        operation["parameters"].append(IDEMPOTENCY_KEY)


def _hide_pages(app: APIFlask) -> None:
    """Keep what is not REST out of the OpenAPI document."""
    for blueprint in app.blueprints.values():
        if not hasattr(blueprint, "enable_openapi"):
            blueprint.enable_openapi = False  # type: ignore[attr-defined]
    for endpoint in ("versioned_static", "widget_static"):
        view: Any = app.view_functions[endpoint]
        view._spec = {"hide": True}


def _exempt_programs(app: APIFlask) -> None:
    """Programs send no cookie, so there is nothing to forge for them."""
    for name, blueprint in app.blueprints.items():
        if name.endswith("_api") or name in ("hooks", "embed", "sockets", "conversations"):
            csrf.exempt(blueprint)
