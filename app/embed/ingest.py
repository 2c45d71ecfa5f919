"""POST /widget/v1/events: what happened on a page, acknowledged once it is stored.

In front of Flask, whose way of answering a request costs several times what an event costs: a
page sends many of these and reads little of the answer. What every answer has (headers, the shape
of errors, an id, a count) is the same here.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from flask import Flask

from app.core import clock, strict_json
from app.core.errors import ApiError, as_api_error, body
from app.core.headers import BARE, HSTS
from app.core.metrics import REQUEST_SECONDS
from app.core.ratelimit import Buckets, counted_address
from app.embed.published import active_site
from app.embed.seen import context_of, count_impression
from app.sites.domains import host_of
from app.sites.queries import PublishedSite
from app.tracking.arrivals import Arrival
from app.tracking.bots import bot_reason
from app.tracking.checks import Sender, Verdict, judge
from app.tracking.committer import Committer, Parcel
from app.tracking.devices import Device, device_of
from app.tracking.identity import Token, identify, read_token, renewed_token
from app.tracking.places import Place, masked, place_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PATH = "/widget/v1/events"
LARGEST_BODY = 64 * 1024
MOST_EVENTS = 50
MOST_AT_ONCE = 200  # requests of this process; more than that would only wait
HELD = 0.5  # seconds
MOST_HELD = 2000
LONGEST_LANGUAGE = 12
DAY = 86_400_000  # milliseconds
IMPRESSION = "impression"

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


_bare = list(BARE.items())
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
        app.extensions["candor_event_rates"] = self._addresses, self._sites

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return self._others(environ, start_response)
        started = time.perf_counter()
        with self._app.app_context():
            status, answer, headers = self._answer(environ)
        if status in (429, 503):
            self._hold()
        observed = REQUEST_SECONDS.labels(_method(environ), PATH, str(status))
        observed.observe(time.perf_counter() - started)
        start_response(_lines[status], [*headers, *_common(environ, answer)])
        return InOnePiece(answer, environ.get("gunicorn.socket"))

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
            headers = [] if told.status == 403 else readable
            return told.status, answer, [*headers, *told.headers.items()]

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
        call = _call_of(sent)
        events = call["events"]
        site = active_site(call["site"])
        self._check_origin(environ, site, len(events))
        self._check_rate(environ, site, len(events))
        token = read_token(site.id, call.get("visitor"))
        sender = _sender(environ, site, call, token)
        verdicts = [judge(sender, raw) for raw in events]
        parcel = _parcel(verdicts, sender, environ)
        self._count_drops(site, verdicts)
        if len(parcel):
            self._committer.submit(parcel)
        return _answer(sender, call.get("visitor"), token, verdicts, parcel)

    def _check_origin(self, environ: Environ, site: PublishedSite, number: int) -> None:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not site.runs_on(host_of(origin)):
            self._committer.count_drop(site, "origin", number)
            message = "This origin is not a domain of this site."
            raise ApiError(403, "foreign_origin", message)

    def _check_rate(self, environ: Environ, site: PublishedSite, number: int) -> None:
        address = _whereabouts(_address(environ)).counted
        if not self._addresses.take(address, number) or not self._sites.take(site.key, number):
            self._committer.count_drop(site, "rate", number)
            message = "Too many events at once; please send them again."
            raise ApiError(429, "rate_limited", message, {}, LATER)

    def _count_drops(self, site: PublishedSite, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            if verdict.reason is not None:
                self._committer.count_drop(site, verdict.reason)


class InOnePiece:
    """An answer whose head and body leave together. gunicorn sends one after the other, and to
    be woken twice costs both sides more than the event does."""

    def __init__(self, body: bytes, connection: Any) -> None:
        self._body, self._connection = body, connection

    def __iter__(self) -> Iterator[bytes]:
        self._hold(True)
        yield self._body

    def close(self) -> None:
        self._hold(False)

    def _hold(self, held: bool) -> None:
        if self._connection is not None:
            with suppress(OSError):  # not TCP
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, held)


ALLOW = {"Allow": "POST, OPTIONS"}
LATER = {"Retry-After": "2"}
PREFLIGHT: Headers = [
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "content-type"),
    ("Access-Control-Max-Age", "86400"),
]


def _readable(environ: Environ) -> Headers:
    """A page may read what became of its events, also that there is no such site, unless it is on
    a foreign one."""
    origin = environ.get("HTTP_ORIGIN")
    return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")] if origin else []


def _common(environ: Environ, answer: bytes) -> Headers:
    secure = environ.get("wsgi.url_scheme") == "https"
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(answer))),
        ("Cache-Control", "no-store"),
        ("X-Request-Id", secrets.token_hex(8)),
        *_bare,
        *([("Strict-Transport-Security", HSTS)] if secure else []),
    ]


def _method(environ: Environ) -> str:
    method = environ["REQUEST_METHOD"]
    return method if method in ("POST", "OPTIONS") else "OTHER"


_encoder = json.JSONEncoder(separators=(",", ":"))


def _json(value: Any) -> bytes:
    return _encoder.encode(value).encode()


def _call_of(sent: bytes) -> dict[str, Any]:
    """The body: an object with the key of a site and a list of at most fifty events."""
    try:
        call = strict_json.loads(sent)
    except strict_json.BadJSON as error:
        raise ApiError(400, "bad_json", f"The body is {error}.") from error
    if not isinstance(call, dict):
        raise ApiError(400, "bad_body", "The body is an object.")
    if not isinstance(call.get("site"), str):
        raise ApiError(422, "invalid", "A field is not valid.", {"site": ["The key of a site."]})
    events = call.get("events")
    if not isinstance(events, list):
        raise ApiError(422, "invalid", "A field is not valid.", {"events": ["A list of events."]})
    if len(events) > MOST_EVENTS:
        raise ApiError(413, "too_large", f"At most {MOST_EVENTS} events at once.")
    return call


def _read(environ: Environ) -> bytes:
    """At most 64 KB, whatever the sender says of its length."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise _too_large()
    # Without a length the server says where the body ends.
    read = environ["wsgi.input"].read(int(length) if length.isdigit() else LARGEST_BODY + 1)
    if len(read) > LARGEST_BODY:
        raise _too_large()
    return read


def _too_large() -> ApiError:
    return ApiError(413, "too_large", f"The body is larger than {LARGEST_BODY} bytes.")


def _address(environ: Environ) -> str:
    return environ.get("REMOTE_ADDR") or ""


class Browser(NamedTuple):
    device: Device
    bot: str | None


@lru_cache(4096)
def _browser(user_agent: str) -> Browser:
    return Browser(device_of(user_agent), bot_reason(user_agent))


class Whereabouts(NamedTuple):
    place: Place
    masked: str
    counted: str


@lru_cache(4096)
def _whereabouts(address: str) -> Whereabouts:
    return Whereabouts(place_of(address), masked(address), counted_address(address))


def _sender(
    environ: Environ, site: PublishedSite, call: dict[str, Any], token: Token | None
) -> Sender:
    address, user_agent = _whereabouts(_address(environ)), environ.get("HTTP_USER_AGENT", "")[:1000]
    browser = _browser(user_agent)
    now = int(clock.now().timestamp() * 1000)
    consent = call.get("consent") is True
    consented = consent or (token is not None and token.person)
    unfollowed = environ.get("HTTP_SEC_GPC") == "1" or environ.get("HTTP_DNT") == "1"
    return Sender(
        site=site,
        now=now,
        who=None
        if unfollowed
        else identify(site, address.counted, user_agent, token, consent=consent),
        device=browser.device,
        place=address.place,
        language=environ.get("HTTP_ACCEPT_LANGUAGE", "").split(",")[0][:LONGEST_LANGUAGE] or None,
        masked_address=address.masked,
        consented=consented or site.mode != "strict",
        bot=browser.bot or ("webdriver" if call.get("webdriver") is True else None),
        skew=_skew(call.get("sent_at"), now),
    )


def _skew(sent_at: Any, now: int) -> int:
    if isinstance(sent_at, bool) or not isinstance(sent_at, (int, float)):
        return 0
    return now - int(sent_at) if abs(sent_at) < 2**53 else 0


def _parcel(verdicts: list[Verdict], sender: Sender, environ: Environ) -> Parcel:
    parcel = Parcel([])
    for verdict in verdicts:
        _count_seen(verdict.arrival, sender)
        parcel.put(verdict, sender.bot, environ.get("HTTP_USER_AGENT", ""))
    return parcel


def _count_seen(arrival: Arrival | None, sender: Sender) -> None:
    """For campaigns that are shown only so often a day."""
    if arrival and arrival.name == IMPRESSION and arrival.campaign_id and arrival.who:
        visitor = arrival.who.visitor.hex()
        count_impression(sender.site, visitor, str(arrival.campaign_id))


def _answer(
    sender: Sender, text: Any, token: Token | None, verdicts: list[Verdict], parcel: Parcel
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "accepted": len(parcel.new),
        "duplicates": len(parcel.arrivals) - len(parcel.new),
        "dropped": [{"id": each.id, "reason": each.reason} for each in verdicts if each.reason],
    }
    if sender.who is None:
        return {**answer, "context": {"place": _place(sender)}}
    context = {
        **_unit(sender, parcel),
        "place": _place(sender),
        **context_of(sender.site, sender.who.visitor.hex()),
    }
    return {
        **answer,
        "visitor": renewed_token(sender.site, sender.who, text, token),
        "context": context,
    }


def _unit(sender: Sender, parcel: Parcel) -> dict[str, str]:
    """What an experiment assigns a variant to: the person, else this visit."""
    assert sender.who is not None
    if sender.who.person:
        return {"unit": sender.who.visitor.hex(), "unit_kind": "person"}
    sessions: list[UUID] = list(parcel.sessions.values())
    return {"unit": sessions[-1].hex, "unit_kind": "visit"} if sessions else {}


def _place(sender: Sender) -> dict[str, str]:
    return {name: value for name, value in sender.place._asdict().items() if value}
