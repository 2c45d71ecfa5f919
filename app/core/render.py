"""Pages and parts of pages from the same templates."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, make_response, render_template, request
from flask_wtf.csrf import generate_csrf

from app.core.headers import never_a_page

VERSIONED = "/static/v-"
STYLE_SHEET = "css/app.css"
IMPORT = re.compile(r'@import url\("([a-z_-]+\.css)"\) layer\(([a-z]+)\);')
FOREVER = "public, max-age=31536000, immutable"


def render(
    template: str, status: int = 200, *, block: str | None = None, **values: Any
) -> Response:
    """A page, or for an HTMX request its `block` alone. Says so to caches: Vary: HX-Request."""
    if (
        block
        and request.headers.get("HX-Request")
        and not request.headers.get("HX-History-Restore-Request")
    ):
        body = render_block(template, block, **values)
    else:
        body = render_template(template, **values)
    response = make_response(body, status)
    response.vary.add("HX-Request")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def render_block(template: str, block: str, **values: Any) -> str:
    """One `{% block %}` of a template alone."""
    current_app.update_template_context(values)
    found = current_app.jinja_env.get_template(template)
    return "".join(found.blocks[block](found.new_context(values)))


def redirect_target(candidate: str | None, fallback: str) -> str:
    """`candidate` if it is a path on this site, else `fallback`."""
    if not candidate or not candidate.startswith("/") or candidate.startswith(("//", "/\\")):
        return fallback
    parts = urlsplit(candidate)
    safe = (
        not parts.scheme and not parts.netloc and candidate.isprintable() and "\\" not in candidate
    )
    return candidate if safe else fallback


def asset(filename: str) -> str:
    """The address of a static file. The version is in its path, so that what the file itself
    refers to (imports, fonts) carries it too, and all of it may be cached for ever."""
    base = current_app.extensions["candor_settings"].asset_url
    version = current_app.extensions["candor_asset_version"]
    return f"{base}{VERSIONED}{version}/{filename}"  # a page has sixty: too many for url_for


def _versioned_static(version: str, filename: str) -> Response:
    if filename == STYLE_SHEET:
        response = Response(_whole_sheet(), content_type="text/css; charset=utf-8")
        response.add_etag()
        response.make_conditional(request)
    else:
        response = current_app.send_static_file(filename)
    # Another version is asked of us while servers are being replaced: not to be kept as ours.
    ours = version == current_app.extensions["candor_asset_version"]
    return never_a_page(_forever(response) if ours else response)


@cache
def _whole_sheet() -> str:
    """The style sheet with what it imports inside: one request instead of forty."""
    folder = Path(current_app.static_folder or "")

    def inside(found: re.Match[str]) -> str:
        return f"@layer {found[2]} {{\n{(folder / 'css' / found[1]).read_text()}}}"

    return IMPORT.sub(inside, (folder / STYLE_SHEET).read_text())


def _widget_static(filename: str) -> Response:
    """The built widget: its names carry a hash of their content. Loaded from other sites."""
    response = never_a_page(_forever(current_app.send_static_file(f"widget/{filename}")))
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _forever(response: Response) -> Response:
    response.headers["Cache-Control"] = FOREVER
    return response


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["csrf_token"] = generate_csrf
    # One module for all templates, so that a block rendered alone has its components too.
    components = app.jinja_env.get_template("components/ui.html")
    app.jinja_env.globals["ui"] = components.module
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.add_url_rule(f"{VERSIONED}<version>/<path:filename>", "versioned_static", _versioned_static)
    app.add_url_rule("/static/widget/<path:filename>", "widget_static", _widget_static)
