"""The published site as every public request needs it, kept in the process until it changes."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import request

from app.core.cache import Cache
from app.core.errors import ApiError, not_found
from app.embed.loader import config_of, loader_script
from app.sites.domains import host_of
from app.sites.queries import PublishedSite, host_is_known, published_site

SECONDS = 30  # how stale a process may be whose bus is down
KEY_LENGTH = 32
SILENCE = b"/* This site is not active. */\n"


@dataclass(frozen=True)
class Served:
    """What one process serves for one site key, ready to send."""

    site: PublishedSite | None
    config: dict[str, Any]
    script: bytes
    packed: bytes  # the script by gzip
    etag: str


_served: Cache[Served] = Cache("published_sites", size=10_000, seconds=SECONDS)
_hosts: Cache[bool] = Cache("hosts", size=20_000, seconds=SECONDS)


def served(key: str) -> Served:
    if len(key) != KEY_LENGTH:
        return _ready(None, {}, SILENCE)
    return _served.get(key, lambda: _serve(key))


def active_site(key: str) -> PublishedSite:
    """The active site of a key, or 404: inactive and unknown look alike."""
    site = served(key).site
    if site is None or not site.active:
        raise not_found()
    return site


def _serve(key: str) -> Served:
    site = published_site(key)
    if site is None or not site.active:
        return _ready(site, {}, SILENCE)
    config = config_of(site)
    return _ready(site, config, loader_script(config))


def _ready(site: PublishedSite | None, config: dict[str, Any], script: bytes) -> Served:
    """Packed once, not for each of the pages that load it."""
    return Served(site, config, script, gzip.compress(script), sha256(script).hexdigest()[:20])


def forget(channel: str, frame: dict[str, Any] | None) -> None:
    """Bus listener: a new revision, or frames were missed and anything may have changed."""
    if frame is None:
        _served.clear()
        _hosts.clear()
    elif frame.get("type") == "config":
        _served.forget(frame["key"])
        _hosts.clear()


def known_origin() -> str:
    """The host of this request's Origin if any site runs there, else 403: foreign, null, none."""
    host = host_of(request.headers.get("Origin"))
    if host is None or not _hosts.get(host, lambda: host_is_known(host)):
        raise ApiError(403, "foreign_origin", "This origin is not a domain of any site here.")
    return host


def check_origin(site: PublishedSite) -> str | None:
    """The Origin to allow for CORS; 403 if it is there and is not the site's own."""
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    if not site.runs_on(host_of(origin)):
        raise ApiError(403, "foreign_origin", "This origin is not a domain of this site.")
    return origin
