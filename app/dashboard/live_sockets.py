"""The live page's socket: a nudge when something happens on the site. What happened is fetched."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Blueprint, current_app, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from app.accounts.access import current_member, get_or_404, still_may
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.errors import ApiError
from app.embed.hub import POLICY, RESTART, TRY_AGAIN, Connection, wire
from app.sites.models import Site
from app.tracking.presence import CHANNEL

MOST = 200  # sockets of this process
LOOK_EVERY = 3.0  # seconds until it is looked again whether the member still may
NUDGE = wire({"type": "live"})

log = structlog.get_logger()
blueprint = Blueprint("live_sockets", __name__)
sock = Sock()


class Watchers:
    """The open live pages of this process, by the number of their site."""

    def __init__(self) -> None:
        self._sites: dict[int, set[Connection]] = defaultdict(set)

    @property
    def full(self) -> bool:
        return sum(map(len, self._sites.values())) >= MOST

    def add(self, number: int, connection: Connection) -> None:
        self._sites[number].add(connection)

    def remove(self, number: int, connection: Connection) -> None:
        self._sites[number].discard(connection)
        if not self._sites[number]:
            del self._sites[number]

    def hear(self, channel: str, frame: Any) -> None:
        """Bus listener. After a gap everybody looks again."""
        if frame is None:
            self._nudge(self._all())
        elif channel.startswith(CHANNEL):
            number = channel.removeprefix(CHANNEL)
            self._nudge(list(self._sites.get(int(number), ())) if number.isdigit() else [])

    def close_all(self) -> None:
        for connection in self._all():
            connection.close(RESTART)

    def _all(self) -> list[Connection]:
        return [each for members in list(self._sites.values()) for each in members]

    def _nudge(self, connections: list[Connection]) -> None:
        for connection in connections:
            # One that waits to be sent says as much as two.
            if NUDGE not in connection.outbox:
                connection.offer(NUDGE)


def watchers() -> Watchers:
    return current_app.extensions["candor_watchers"]


@blueprint.before_request
def guard() -> None:
    """Before the upgrade: a page of our own, a member who may, a site of his, and room."""
    origin = urlsplit(request.headers.get("Origin", ""))
    own = urlsplit(current_app.extensions["candor_settings"].url).netloc
    if origin.netloc not in (own, request.host):
        raise ApiError(403, "foreign_origin", "This address is for our own pages.")
    if not current_member.may(Permission.ANALYTICS_READ):
        raise ApiError(403, "forbidden", "Your role does not include this.")
    assert request.view_args is not None
    g.site_number = get_or_404(Site, request.view_args["site_id"]).number
    if watchers().full:
        message = "No room for another socket. Ask again from time to time."
        raise ApiError(503, "busy", message, {}, {"Retry-After": "10"})
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)


@sock.route("/o/<organization>/live/<uuid:site_id>/ws", bp=blueprint)
def live_socket(ws: Server, organization: str, site_id: UUID) -> None:
    connection, number = Connection(ws), g.site_number
    db.session.remove()
    watchers().add(number, connection)
    try:
        serve(connection)
    except (ConnectionClosed, OSError):
        pass
    except Exception:
        log.exception("live_socket_fault")
        connection.close(TRY_AGAIN)
    finally:
        watchers().remove(number, connection)


def serve(connection: Connection) -> None:
    ws, looked = connection.ws, time.monotonic()
    while ws.connected and connection.closing is None:
        ws.event.wait(max(0.0, looked + LOOK_EVERY - time.monotonic()))
        ws.event.clear()
        ws.input_buffer.clear()
        connection.empty_outbox()
        if time.monotonic() - looked >= LOOK_EVERY:
            looked = time.monotonic()
            look(connection)
    if ws.connected and connection.closing is not None:
        ws.close(connection.closing)


def look(connection: Connection) -> None:
    """A member who was suspended or signed out meanwhile hears nothing more."""
    try:
        if not still_may(Permission.ANALYTICS_READ):
            connection.close(POLICY)
    finally:
        db.session.remove()
    connection.ping()
