"""JSON log lines with a request id. No secrets, no personal data: paths, not query strings."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from typing import Any

import structlog
from flask import Flask, Response, g, has_request_context, request

from app.core.metrics import REQUEST_SECONDS

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUIET = ("/health/", "/metrics", "/w/", "/widget/", "/static/")
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger("request")


def configure() -> None:
    """Send structlog and the standard library's logging to stderr as one JSON object a line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("rq").setLevel(logging.WARNING)


def request_id() -> str:
    """This request's id: the proxy's if it sends a sane one, else our own."""
    if not has_request_context():
        return "-"
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8)
    return g.request_id


def init_app(app: Flask) -> None:
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id())


def _method() -> str:
    """Anybody can make up a method, and each would be a series of its own."""
    return request.method if request.method in METHODS else "OTHER"


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "unmatched"
    REQUEST_SECONDS.labels(_method(), route, str(response.status_code)).observe(seconds)
    if response.status_code >= 500 or not request.path.startswith(QUIET):
        log.info(
            "request",
            method=request.method,
            # A token in a path is as good as a password to whoever reads the log.
            path=route if "<token>" in route else request.path,
            status=response.status_code,
            ms=round(seconds * 1000, 1),
        )
    return response
