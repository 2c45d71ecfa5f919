"""One shape for every error: JSON for programs, a page for people, never a stack trace."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any

import structlog
from apiflask import HTTPError
from flask import Response, jsonify, render_template, request
from redis import RedisError
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from app.core import clock
from app.core.db import db, unavailable
from app.core.logs import request_id

# How an error looks in the OpenAPI document.
SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "timestamp"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
                "timestamp": {"type": "string", "format": "date-time"},
            },
        }
    },
}

MOST_TOLD = 20  # fields: who sends a hundred thousand unknown ones gets no answer as long
PROGRAM_PATHS = ("/api/", "/widget/", "/hooks/", "/health/", "/metrics", "/w/")
RETRY_AFTER = "2"  # seconds
SLOW_DOWN = "60"  # seconds: the shortest window of a limit

log = structlog.get_logger()


class ApiError(Exception):
    """Answered as `{"error": {"code", "message", "details", "timestamp"}}` with `status`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.details, self.headers = details or {}, headers or {}


def not_found() -> ApiError:
    """One answer for what is missing and for what belongs to somebody else."""
    return ApiError(404, "not_found", "There is nothing here.")


def bad_query(field: str, message: str) -> ApiError:
    """400 for a parameter of the address."""
    return ApiError(400, "bad_query", message, {"field": field})


def invalid(field: str, message: str) -> ApiError:
    return ApiError(422, "invalid", "A field is not valid.", {field: [message]})


def body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    error = {"code": code, "message": message, "details": details or {}}
    return {"error": {**error, "timestamp": clock.iso(clock.now())}}


def for_program() -> bool:
    return request.path.startswith(PROGRAM_PATHS) or (
        request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def init_app(app: Any) -> None:
    # First: it registers a handler of its own for HTTPException.
    app.error_processor(_validation_error)
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _fault)
    app.before_request(_refuse_nul)


def _refuse_nul() -> None:
    """A path with NUL names nothing, and Postgres cannot even be asked."""
    if "\x00" in request.path:
        raise not_found()


def _api_error(error: ApiError) -> Any:
    return answer(error.status, error.code, error.message, error.details, error.headers)


def _http_error(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    status = error.code or 500
    code = HTTP_STATUS_CODES.get(status, "error").lower().replace(" ", "_")
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(allowed)} if allowed else {}
    if status == 404:
        return _api_error(not_found())
    if status == 429:
        headers["Retry-After"] = SLOW_DOWN
    return answer(status, code, error.description or HTTP_STATUS_CODES.get(status, ""), {}, headers)


def _validation_error(error: HTTPError) -> Any:
    """APIFlask's own: a field of the body is 422, a query parameter 400."""
    detail = error.detail if isinstance(error.detail, dict) else {}
    status = 400 if "query" in detail else error.status_code
    fields: Any = next(iter(detail.values()), {}) if detail else {}
    if isinstance(fields, dict):
        fields = dict(islice(fields.items(), MOST_TOLD))
    code = "invalid" if detail else "error"
    made = body(code, error.message or "The request is not valid.", fields)
    return made, status, {}


def _fault(error: Exception) -> Any:
    with suppress(Exception):  # a lost connection cannot even be rolled back
        db.session.rollback()
    return _api_error(as_api_error(error))


def as_api_error(error: BaseException) -> ApiError:
    """What is answered for whatever was raised. What nobody expected is logged."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, PoolTimeout) or unavailable(error):
        log.error("storage_unavailable", error=repr(error)[:300])
        message = "Storage is not available right now. Nothing was lost; please try again."
        return ApiError(503, "unavailable", message, {}, {"Retry-After": RETRY_AFTER})
    if isinstance(error, RedisError):
        # Only what must hold without exception asks Redis on a request's path: limits of sign-in
        # and of mails.
        log.error("redis_unavailable", error=str(error))
        message = "This is not available right now. Please try again."
        return ApiError(503, "unavailable", message, {}, {"Retry-After": RETRY_AFTER})
    if isinstance(error, IntegrityError):
        log.warning("conflict", error=repr(error.orig)[:300])
        return ApiError(409, "conflict", "That collides with something that is there already.")
    if isinstance(error, DataError):
        return ApiError(400, "invalid_data", "A value cannot be stored.")
    log.error("fault", exc_info=error)
    message = f"Something broke on our side. It is logged under {request_id()}."
    return ApiError(500, "internal_error", message, {"id": request_id()})


def answer(
    status: int,
    code: str,
    message: str,
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[Response | str, int, dict[str, str]]:
    if for_program():
        return jsonify(body(code, message, details)), status, headers or {}
    title = HTTP_STATUS_CODES.get(status, "Error")
    page = render_template(
        "layout/error.html",
        code=status,
        title=title,
        text=message,
        home_href="/",
        home_label="Back to the start",
        reference=request_id() if status >= 500 else None,
    )
    return page, status, headers or {}
