"""POST /widget/v1/events: what happened on a page, acknowledged once it is stored.

In front of Flask, whose way of answering a request costs several times what an event costs: a
page sends many of these and reads little of the answer. What every answer has (headers, the shape
of errors, an id, a count) is the same here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask

from app.core.errors import ApiError, as_api_error, body
from app.core.headers import BARE, HSTS
from app.core.metrics import REQUEST_SECONDS
from app.core.ratelimit import Buckets
from app.core.whole_answers import lines, send_whole, stays_open
from app.embed.calls import Call, said_in, whereabouts
from app.embed.published import active_site
from app.sites.domains import host_of
from app.sites.queries import PublishedSite
from app.tracking.checks import Verdict
from app.tracking.committer import Committer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PATH = "/widget/v1/events"
LARGEST_BODY = 64 * 1024
MOST_AT_ONCE = 200  # requests of this process; more than that would only wait
HELD = 1.0  # seconds
MOST_HELD = 2000
NO_LIMIT = 1_000_000

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


_bare = list(BARE.items())
_bare_lines = lines(_bare)
_lines = {each.value: f"{each.value} {each.phrase}" for each in HTTPStatus}


class Ingest:
    """The WSGI application for this one path; anything else goes on to `others`."""

    def __init__(self, app: Flask, others: WSGIApplication, committer: Committer) -> None:
        settings = app.extensions["candor_settings"]
        self._app, self._others, self._committer = app, others, committer
        self._under_way = self._held = 0
        rate = settings.events_per_address
        self._addresses = Buckets(rate=rate, burst=rate * 10)
        rate = settings.events_per_site
        self._sites = Buckets(rate=rate, burst=rate * 10)
        rate = settings.views_per_visitor or NO_LIMIT
        self._views = Buckets(rate=rate, burst=rate * 10)
        app.extensions["candor_event_rates"] = self._addresses, self._sites, self._views

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return self._others(environ, start_response)
        started = time.perf_counter()
        with self._app.app_context():
            status, answer, headers = self._answer(environ)
        if status in (429, 503):
            self._hold()
        _seconds(_method(environ), status).observe(time.perf_counter() - started)
        headers += _common(environ, answer)
        if stays_open(environ, start_response):
            return send_whole(environ, _lines[status], lines(headers) + _bare_lines, answer)
        start_response(_lines[status], [*headers, *_bare])
        return [answer]

    def _answer(self, environ: Environ) -> tuple[int, bytes, Headers]:
        readable = _readable(environ)
        try:
            method = environ["REQUEST_METHOD"]
            if method == "OPTIONS":
                return 204, b"", [*readable, *PREFLIGHT]
            if method != "POST":
                raise ApiError(405, "method_not_allowed", "Events are posted.", {}, ALLOW)
            # Read first: a slow sender keeps nobody from his turn.
            return 202, _json(self._receive_in_turn(environ, _read(environ))), readable
        except Exception as error:
            told = as_api_error(error)
            answer = _json(body(told.code, told.message, told.details))
            return told.status, answer, [*readable, *told.headers.items()]

    def _hold(self) -> None:
        """Let whoever came at a bad time wait for the answer that says so: if he comes again at
        once, his next request would take the time of those that are served."""
        if self._held < MOST_HELD:
            self._held += 1
            time.sleep(HELD)
            self._held -= 1

    def _receive_in_turn(self, environ: Environ, sent: bytes) -> dict[str, Any]:
        if self._under_way >= MOST_AT_ONCE:
            raise ApiError(503, "busy", "Too much at once; please send it again.", {}, LATER)
        self._under_way += 1
        try:
            return self._receive(environ, sent)
        finally:
            self._under_way -= 1

    def _receive(self, environ: Environ, sent: bytes) -> dict[str, Any]:
        """The answer to one request, after the commit."""
        said = said_in(sent)
        number = len(said["events"])
        counted = whereabouts(environ.get("REMOTE_ADDR") or "").counted
        # First: also what names no site, or a foreign one, takes of what an address may.
        slow_down = not self._addresses.take(counted, max(1, number))
        site = active_site(said["site"])
        self._check_origin(environ, site, number)
        if slow_down or not self._sites.take(site.key, number):
            raise self._too_fast(site, number)
        call = Call(environ, site, said, self._views)
        self._count_drops(site, call.verdicts)
        if len(call.parcel):
            self._committer.submit(call.parcel)
        return call.answer()

    def _check_origin(self, environ: Environ, site: PublishedSite, number: int) -> None:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not site.runs_on(host_of(origin)):
            self._committer.count_drop(site, "origin", number)
            message = "This origin is not a domain of this site."
            raise ApiError(403, "foreign_origin", message)

    def _too_fast(self, site: PublishedSite, number: int) -> ApiError:
        self._committer.count_drop(site, "rate", number)
        message = "Too many events at once; please send them again."
        return ApiError(429, "rate_limited", message, {}, LATER)

    def _count_drops(self, site: PublishedSite, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            if verdict.reason is not None:
                self._committer.count_drop(site, verdict.reason)


ALLOW = {"Allow": "POST, OPTIONS"}
LATER = {"Retry-After": "2"}
PREFLIGHT: Headers = [
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "content-type"),
    ("Access-Control-Max-Age", "86400"),
]


def _readable(environ: Environ) -> Headers:
    """A page may read what became of its events, also why they were refused, wherever it is: what
    it cannot read it would take for a fault and send again."""
    origin = environ.get("HTTP_ORIGIN")
    if not origin:
        return []
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "Retry-After"),
        ("Vary", "Origin"),
    ]


def _common(environ: Environ, answer: bytes) -> Headers:
    secure = environ.get("wsgi.url_scheme") == "https"
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(answer))),
        ("Cache-Control", "no-store"),
        ("X-Request-Id", secrets.token_hex(8)),
        *([("Strict-Transport-Security", HSTS)] if secure else []),
    ]


@lru_cache
def _seconds(method: str, status: int) -> Any:
    return REQUEST_SECONDS.labels(method, PATH, str(status))


def _method(environ: Environ) -> str:
    method = environ["REQUEST_METHOD"]
    return method if method in ("POST", "OPTIONS") else "OTHER"


_encoder = json.JSONEncoder(separators=(",", ":"))


def _json(value: Any) -> bytes:
    return _encoder.encode(value).encode()


def _read(environ: Environ) -> bytes:
    """At most 64 KB, whatever the sender says of its length."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise _too_large()
    # Without a length the server says where the body ends.
    try:
        read = environ["wsgi.input"].read(int(length) if length.isdigit() else LARGEST_BODY + 1)
    except OSError as error:  # also gunicorn's of chunks that are none
        raise ApiError(400, "bad_body", "The body cannot be read.") from error
    if len(read) > LARGEST_BODY:
        raise _too_large()
    return read


def _too_large() -> ApiError:
    return ApiError(413, "too_large", f"The body is larger than {LARGEST_BODY} bytes.")
