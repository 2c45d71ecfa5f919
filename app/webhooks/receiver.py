"""/dev/receiver: takes webhooks, well or badly, and shows whether their signatures fit. For
developers; never registered in production, and answers only to the same machine."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request
from sqlalchemy import select

from app.core import bus, clock, tenancy
from app.core.api import parsed_uuid
from app.core.db import db, system
from app.core.dev_mail import refuse_strangers
from app.core.signing import SignatureError, standard_webhooks_verify
from app.webhooks.models import Delivery

KEPT = 50
KEY = "candor:dev:received"
SLOW = 10  # seconds


def _slow() -> Response:
    time.sleep(SLOW)
    return Response(status=HTTPStatus.OK)


def _reset() -> Response:
    """Gone in the middle of it: the closing socket sends a reset instead of an end."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _answer(status: int, **headers: str) -> Callable[[], Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Response(status=status, headers=named)


BEHAVIOURS: dict[str, tuple[str, Callable[[], Response]]] = {
    "ok": ("Takes it: 204", _answer(204)),
    "slow": (f"Takes it after {SLOW} seconds", _slow),
    "500": ("Breaks: 500", _answer(500)),
    "429": ("Has too much to do: 429, and asks for a minute", _answer(429, Retry_After="60")),
    "410": ("Wants nothing more, ever: 410", _answer(410)),
    "redirect": ("Points elsewhere: 302", _answer(302, Location="/dev/receiver/ok")),
    "reset": ("Breaks the connection off", _reset),
}

blueprint = Blueprint("receiver_api", __name__, url_prefix="/dev/receiver")
blueprint.before_request(refuse_strangers)


@blueprint.get("")
def show() -> Response:
    rows: Any = bus.redis().lrange(KEY, 0, KEPT - 1)
    settings = current_app.extensions["candor_settings"]
    host = urlsplit(request.host_url).netloc
    page = render_template(
        "webhooks/receiver/show.html",
        behaviours=BEHAVIOURS,
        received=[json.loads(row) for row in rows],
        host=host,
        reachable=host in settings.outbound_allow,
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/<behaviour>")
def receive(behaviour: str) -> Response:
    if behaviour not in BEHAVIOURS:
        abort(404)
    body = request.get_data()
    told = {
        "id": request.headers.get("webhook-id", ""),
        "type": _type_of(body),
        "signature": _judged(body),
        "behaviour": behaviour,
        "body": body.decode("utf-8", "replace")[:10_000],
    }
    pipeline = bus.redis().pipeline()
    pipeline.lpush(KEY, json.dumps(told)).ltrim(KEY, 0, KEPT - 1).execute()
    return BEHAVIOURS[behaviour][1]()


def _type_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["type"])
    except (ValueError, TypeError, KeyError):
        return "not a webhook"


def _judged(body: bytes) -> str:
    try:
        standard_webhooks_verify(dict(request.headers), body, _secrets(), clock.now())
    except SignatureError as error:
        return error.reason
    return "fits"


def _secrets() -> list[str]:
    """Of the endpoint that sent it: it is one of our own."""
    delivery_id = parsed_uuid(request.headers.get("webhook-id", "").removeprefix("msg_"))
    if delivery_id is None:
        return []
    owner = select(Delivery.organization_id).where(Delivery.id == delivery_id)
    with system() as connection:
        organization_id: UUID | None = connection.scalar(owner)
    if organization_id is None:
        return []
    with tenancy.scope(organization_id):
        return db.session.get_one(Delivery, delivery_id).endpoint.secrets
