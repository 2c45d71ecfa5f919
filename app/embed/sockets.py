"""/widget/v1/ws: what happened, told to open pages. Messages in travel by HTTP; this only tells."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, current_app, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from app.core import strict_json
from app.core.db import db
from app.core.errors import ApiError
from app.core.outbound import public
from app.core.ratelimit import Buckets, address
from app.embed import chat_frames
from app.embed.calls import has_agreed, is_unfollowed
from app.embed.hub import POLICY, TRY_AGAIN, Allowance, Connection, Hub, wire
from app.embed.notifications import cursor_of
from app.embed.published import active_site, known_origin
from app.embed.seen import context_of, count_impressions
from app.embed.sightings import note
from app.sites.queries import PublishedSite
from app.tracking.identity import identify, read_token, renewed_token

LARGEST_MESSAGE = 16 * 1024
RETRY_AFTER = "10"

# Of all sockets of one address together: a page says hello and not much more.
frames = Buckets(rate=50, burst=500)

log = structlog.get_logger()
blueprint = Blueprint("sockets", __name__)
sock = Sock()


def hub() -> Hub:
    return current_app.extensions["candor_hub"]


@blueprint.before_request
def guard() -> None:
    """Before the upgrade: an Origin that some site has, and room for one more of this address."""
    if not request.headers.get("Upgrade"):
        raise ApiError(426, "upgrade_required", "This address speaks WebSocket.")
    request.environ["candor.origin_host"] = known_origin()
    if not hub().has_room(_counted_address()):
        message = "No room for another socket. Poll meanwhile."
        raise ApiError(503, "busy", message, {}, {"Retry-After": RETRY_AFTER})
    # Compression would cost a quarter of a megabyte for each socket.
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)


def _counted_address() -> str | None:
    """None for one of a private network: behind it is a proxy, and everybody behind that."""
    counted = address()
    return counted if public(counted.partition("/")[0]) else None


@sock.route("/widget/v1/ws", bp=blueprint)
def visitor_socket(ws: Server) -> None:
    connection = Connection(ws, address=_counted_address())
    hub().add(connection)
    try:
        serve(connection)
    except (ConnectionClosed, OSError):
        pass
    finally:
        hub().remove(connection)


def serve(connection: Connection) -> None:
    ws, allowance = connection.ws, Allowance()
    while ws.connected and connection.closing is None:
        ws.event.wait()
        ws.event.clear()
        while ws.input_buffer and connection.closing is None:
            if allowance.take():
                hear(connection, ws.input_buffer.pop(0))
            else:
                connection.close(POLICY)
        connection.empty_outbox()
    if ws.connected and connection.closing is not None:
        ws.close(connection.closing)


def hear(connection: Connection, text: str | bytes) -> None:
    """One frame of a visitor. Whatever it is, it gets an answer and breaks nothing."""
    try:
        if connection.address is not None and not frames.charge(connection.address):
            raise ApiError(429, "rate_limited", "Too many frames. Please slow down.")
        answer(connection, _frame(text))
    except ApiError as error:
        _say(connection, {"type": "error", "code": error.code})
        code = _ending(connection, error)
        if code is not None:
            connection.empty_outbox()
            connection.close(code)
    except Exception:
        log.exception("socket_fault")
        _say(connection, {"type": "error", "code": "internal_error"})
    finally:
        db.session.remove()


def _ending(connection: Connection, error: ApiError) -> int | None:
    """With which code a socket is closed after an error, if it is: one that has not joined can
    come again later."""
    if error.status == 429:
        return TRY_AGAIN if connection.site_id is None else None
    return POLICY if error.status in (403, 404) else None


def _frame(text: str | bytes) -> dict[str, Any]:
    if not isinstance(text, str):
        raise ApiError(400, "not_json", "Frames are JSON text.")
    try:
        frame = strict_json.loads(text)
    except strict_json.BadJSON as error:
        raise ApiError(400, "not_json", str(error)) from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise ApiError(400, "no_type", "A frame is an object with a type.")
    return frame


def answer(connection: Connection, frame: dict[str, Any]) -> None:
    if frame["type"] == "join_widget":
        join(connection, frame)
    elif frame["type"] == "track_event":
        track_event(connection, frame)
    elif frame["type"] == "typing":
        chat_frames.type_to_agents(connection, frame)
    elif frame["type"] == "read":
        chat_frames.read_up_to(connection, frame)
    elif frame["type"] == "ping":
        _say(connection, {"type": "pong"})
    else:
        raise ApiError(400, "unknown_type", "There is no such frame.")


def join(connection: Connection, frame: dict[str, Any]) -> None:
    key = frame.get("site")
    site = active_site(key if isinstance(key, str) else "")
    if not site.runs_on(request.environ["candor.origin_host"]):
        raise ApiError(403, "foreign_origin", "This origin is not a domain of this site.")
    note(site, request.environ["candor.origin_host"])
    told = _visitor_of(connection, site, frame.get("visitor"))
    hub().follow_guest(connection, chat_frames.guest_named(site, frame.get("chat")))
    # Join first, read then: what happens in between is heard and told twice rather than never.
    hub().join(connection, site.id.hex)
    cursor = cursor_of(site)
    hub().follow(site.id.hex, cursor)
    current_app.extensions["candor_visitor_counts"].follow(site)
    _say(
        connection,
        {
            "type": "joined",
            **told,
            "cursor": cursor,
            "revision": site.revision,
        },
    )


def _visitor_of(connection: Connection, site: PublishedSite, text: Any) -> dict[str, Any]:
    """What a page is told of its visitor: nothing where he asked not to be followed, or has not
    agreed on a strict site."""
    token = read_token(site.id, text)
    if is_unfollowed(request.environ) or not has_agreed(site, token):
        connection.visitor = site.key, ""
        return {"context": {}}
    who = identify(site, address(), request.user_agent.string, token, consent=False)
    connection.visitor = site.key, who.visitor.hex()
    context = context_of(site, who.visitor.hex())
    return {"visitor": renewed_token(site, who, text, token), "context": context}


def track_event(connection: Connection, frame: dict[str, Any]) -> None:
    """An impression of a campaign; other events travel by HTTP."""
    if connection.visitor is None:
        raise ApiError(400, "not_joined", "Join before anything else.")
    data = frame.get("data")
    if frame.get("event_type") != "impression" or not isinstance(data, dict):
        raise ApiError(400, "unknown_event", "Only impressions are told here.")
    key, visitor = connection.visitor
    if visitor:
        count_impressions(active_site(key), visitor, [data.get("campaign")])


def _say(connection: Connection, frame: dict[str, Any]) -> None:
    connection.offer(wire(frame))
