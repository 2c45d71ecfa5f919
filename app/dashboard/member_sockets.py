"""What sockets of the dashboard share: who may open one, and what becomes of it when he no longer
may. They only tell; whatever is done is done by HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import current_app, g, request
from simple_websocket import ConnectionClosed

from app.accounts.access import current_member, still_may
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.errors import ApiError
from app.embed.hub import POLICY, TRY_AGAIN, Allowance, Connection

LOOK_EVERY = 3.0  # seconds until it is looked again whether the member still may
MOST = 200  # sockets of one kind in a process
OF_ONE, OF_ALL = 20, 100  # of one member, and of all members of an organization, of every kind

# How many are open here, by member and by organization.
_open: Counter[UUID] = Counter()

log = structlog.get_logger()


def check(permission: Permission, number: int) -> None:
    """Before the upgrade: a page of our own, a member who may, and room beside `number` others."""
    origin = urlsplit(request.headers.get("Origin", ""))
    own = urlsplit(current_app.extensions["candor_settings"].url).netloc
    if origin.netloc not in (own, request.host):
        raise ApiError(403, "foreign_origin", "This address is for our own pages.")
    if not current_member.may(permission):
        raise ApiError(403, "forbidden", "Your role does not include this.")
    g.socket_of = current_member.id, current_member.organization_id
    member_id, organization_id = g.socket_of
    if number >= MOST or _open[member_id] >= OF_ONE or _open[organization_id] >= OF_ALL:
        message = "No room for another socket. Ask again from time to time."
        raise ApiError(503, "busy", message, {}, {"Retry-After": "10"})
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)


def serve(
    connection: Connection,
    permission: Permission,
    hear: Callable[[str | bytes], None] | None = None,
) -> None:
    """Send what is queued and pass on what is said, until either side ends it."""
    _open.update(g.socket_of)
    try:
        _serve(connection, permission, hear)
    except (ConnectionClosed, OSError):
        pass
    except Exception:
        log.exception("member_socket_fault")
        connection.close(TRY_AGAIN)
    finally:
        _open.subtract(g.socket_of)


def _serve(
    connection: Connection,
    permission: Permission,
    hear: Callable[[str | bytes], None] | None,
) -> None:
    ws, looked, allowance = connection.ws, time.monotonic(), Allowance()
    while ws.connected and connection.closing is None:
        ws.event.wait(max(0.0, looked + LOOK_EVERY - time.monotonic()))
        ws.event.clear()
        # What one may send at once is done before it is looked again whether he still may.
        while ws.input_buffer and connection.closing is None:
            text = ws.input_buffer.pop(0)
            if not allowance.take():
                connection.close(POLICY)
            elif hear is not None:
                hear(text)
        connection.empty_outbox()
        if time.monotonic() - looked >= LOOK_EVERY:
            looked = time.monotonic()
            _look(connection, permission)
    if ws.connected and connection.closing is not None:
        ws.close(connection.closing)


def _look(connection: Connection, permission: Permission) -> None:
    """A member who was suspended or signed out meanwhile hears nothing more."""
    try:
        if not still_may(permission):
            connection.close(POLICY)
    finally:
        db.session.remove()
    connection.ping()
