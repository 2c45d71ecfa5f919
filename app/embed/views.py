"""The widget's public API over HTTP: loader, configuration, notifications. No cookies."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, request

from app.campaigns.queries import image_data
from app.core.errors import ApiError, not_found
from app.core.ratelimit import Buckets, address
from app.core.render import FOREVER
from app.embed import notifications
from app.embed.published import active_site, check_origin, served
from app.embed.sightings import note, referring_host
from app.embed.summaries import summaries_of
from app.embed.visitor_counts import current_visitors
from app.sites.domains import host_of

CURSOR = re.compile("[0-9]{1,18}")

blueprint = Blueprint("embed", __name__)

# A page polls every 20 seconds; an office behind one address may have many pages.
polls = Buckets(rate=20, burst=200)


@blueprint.after_request
def readable_when_gone(response: Response) -> Response:
    """A widget whose site was switched off or deleted must be able to read that it was, whatever
    its origin: then it takes everything from the page."""
    if response.status_code == 404:
        response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@blueprint.get("/w/<key>.js")
def loader(key: str) -> Response:
    """Never an error: a page whose key is unknown or switched off gets a silent script."""
    found = served(key)
    note(found.site, referring_host())
    packed = request.accept_encodings["gzip"] > 0
    body = found.packed if packed else found.script
    response = Response(body, content_type="text/javascript; charset=utf-8")
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{found.etag}-gzip" if packed else found.etag)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.make_conditional(request)
    return response


@blueprint.get("/media/<token>.webp")
def picture(token: str) -> Response:
    """A picture of a campaign. Its address is its content's: it never changes."""
    data = image_data(token)
    if data is None:
        raise not_found()
    response = Response(data, content_type="image/webp")
    response.headers["Cache-Control"] = FOREVER
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/widget/v1/config/<key>")
def configuration(key: str) -> Any:
    site = active_site(key)
    return _public(check_origin(site), served(key).config)


@blueprint.get("/widget/v1/notifications/<key>")
def list_notifications(key: str) -> Any:
    site = active_site(key)
    origin = check_origin(site)
    polls.demand(address())
    note(site, host_of(origin))
    after = _cursor(request.args.get("after"))
    found = notifications.current(site) if after is None else notifications.since(site, after)
    live = {"visitors": current_visitors(site)}
    return _public(origin, {**found, "summaries": summaries_of(site), "live": live})


def _cursor(text: str | None) -> int | None:
    if text is None:
        return None
    if not CURSOR.fullmatch(text):
        raise ApiError(400, "bad_cursor", "after is a cursor from an earlier answer.")
    return int(text)


def _public(origin: str | None, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {"Cache-Control": "no-cache", "Vary": "Origin"}
    if origin:
        headers["Access-Control-Allow-Origin"] = origin
    return body, headers
