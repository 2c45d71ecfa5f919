"""The snippet: one line of HTML, and what else a page may need for it."""

from __future__ import annotations

from flask import current_app

from app.sites.models import Site

# For pages that call `candor` before the script is there: the calls are kept.
STUB = (
    "<script>window.candor=window.candor||function(){"
    "(candor.q=candor.q||[]).push(arguments)}</script>"
)


def script_address(site: Site) -> str:
    return f"{_host()}/w/{site.key}.js"


def snippet(site: Site) -> str:
    """The one line of HTML."""
    return f'<script async src="{script_address(site)}"></script>'


def policy() -> str:
    """What a page with a Content-Security-Policy adds to it."""
    host = _host()
    sockets = "ws" + host.removeprefix("http")
    return f"script-src {host};\nconnect-src {host} {sockets};\nimg-src {host};"


def _host() -> str:
    return current_app.extensions["candor_settings"].url
