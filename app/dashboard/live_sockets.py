"""The live page's socket: a nudge when something happens on the site. What happened is fetched."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g, request
from flask_sock import Sock
from simple_websocket import Server

from app.accounts.access import get_or_404
from app.accounts.permissions import Permission
from app.core.db import db
from app.dashboard import member_sockets
from app.embed.hub import RESTART, Connection, wire
from app.sites.models import Site
from app.tracking.presence import CHANNEL

NUDGE = wire({"type": "live"})

blueprint = Blueprint("live_sockets", __name__)
sock = Sock()


class Watchers:
    """The open live pages of this process, by the number of their site."""

    def __init__(self) -> None:
        self._sites: dict[int, set[Connection]] = defaultdict(set)

    @property
    def number(self) -> int:
        return sum(map(len, self._sites.values()))

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
    """Before the upgrade: a member who may, and a site of his."""
    member_sockets.check(Permission.ANALYTICS_READ, watchers().number)
    assert request.view_args is not None
    g.site_number = get_or_404(Site, request.view_args["site_id"]).number


@sock.route("/o/<organization>/live/<uuid:site_id>/ws", bp=blueprint)
def live_socket(ws: Server, organization: str, site_id: UUID) -> None:
    connection, number = Connection(ws), g.site_number
    db.session.remove()
    watchers().add(number, connection)
    try:
        member_sockets.serve(connection, Permission.ANALYTICS_READ)
    finally:
        watchers().remove(number, connection)
