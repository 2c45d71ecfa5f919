"""What all REST routes share: the schema base, idempotent writes and cursors."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

from flask import g, request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Index, Integer, LargeBinary, Select, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core import clock, sql, tenancy
from app.core.crypto import SealedDocument
from app.core.db import Base, Moment, db, system
from app.core.errors import ApiError
from app.core.ids import uuid7
from app.core.tenancy import Tenant

KEPT = timedelta(hours=24)
LONGEST_KEY = 200
LIST_LIMIT = 100
CONFLICT = "What is there already forbids it, or the Idempotency-Key was used with another body."
# Of a route with a limit, for the OpenAPI document.
LIMITED = {429: "Too many at once; Retry-After says in how many seconds to try again."}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Done once within 24 hours: the same body gets the same answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}

V = TypeVar("V", bound=Callable[..., Any])
S = TypeVar("S", bound=BaseModel)


class Schema(BaseModel):
    """Base of request and answer bodies. Unknown fields are refused, so a typo cannot pass."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @classmethod
    def of(cls, row: Any) -> Self:
        """From a row whose attributes have the fields' names."""
        return cls.model_validate(row, from_attributes=True)


class Page(Schema, Generic[S]):
    """One page of a list, newest first. `next_cursor` is null on the last one."""

    data: list[S]
    next_cursor: str | None

    @classmethod
    def read(
        cls, statement: Select[Any], model: Any, query: ListQuery, present: Callable[[Any], S]
    ) -> Self:
        rows, cursor = page(statement, model, query)
        return cls(data=[present(row) for row in rows], next_cursor=cursor)


class ListQuery(BaseModel):
    """`?limit=` 1 to 100, default 20; `?cursor=` from the previous page's `next_cursor`."""

    limit: int = Field(20, ge=1, le=LIST_LIMIT)
    cursor: str | None = None


class FilterQuery(ListQuery):
    """With filters: one that there is not is refused, or a typo would show everything."""

    model_config = ConfigDict(extra="forbid")


class IdempotentAnswer(Tenant, Base):
    """The answer to a write that carried an Idempotency-Key, kept for 24 hours."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        UniqueConstraint("organization_id", "key", "route"),
        Index("ix_idempotent_answers_created_at", "created_at"),
        {"info": {"system": ("SELECT", "DELETE")}},
    )

    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    route: Mapped[str] = mapped_column(String(200))
    body_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int | None] = mapped_column(Integer)
    answer_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    answer = SealedDocument("answer_sealed")
    created_at: Mapped[Any] = mapped_column(Moment)


def writes(view: V) -> V:
    """Commit what the view did and answer it; with an Idempotency-Key, do it once.

    The view returns a pydantic model or None. The key counts per organization and route for
    24 hours: the same body gets the same answer again, another body 409.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = _signed_key() or request.headers.get("Idempotency-Key")
        if key is None:
            answer = _plain(view(*args, **kwargs))
            db.session.commit()
            return answer
        kept = _reserve(_checked(key))
        if kept.status is not None:
            return kept.answer
        kept.answer, kept.status = _plain(view(*args, **kwargs)), 200
        answer = kept.answer
        db.session.commit()
        return answer

    described: Any = wrapper
    known = getattr(view, "_spec", {})
    described._spec = {**known, "responses": {409: CONFLICT, **known.get("responses", {})}}
    return wrapper  # type: ignore[return-value]


def _signed_key() -> str | None:
    """What the signature of a request covers comes before a header that it does not."""
    signed_id = g.get("signed_id")
    return signed_id and f"signed/{hashlib.sha256(signed_id.encode()).hexdigest()}"


def _checked(key: str) -> str:
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        message = f"Idempotency-Key is 1 to {LONGEST_KEY} printable characters."
        raise ApiError(400, "bad_idempotency_key", message)
    return key


def _reserve(key: str) -> IdempotentAnswer:
    """The kept answer, or a new empty one. A second request with the same key waits here for the
    first one's transaction, since both insert the same unique row."""
    route = f"{request.method} {request.path}"[:200]
    digest = hashlib.sha256(request.get_data()).digest()
    values = {
        "id": uuid7(),
        "organization_id": tenancy.current_organization_id(),
        "key": key,
        "route": route,
        "body_digest": digest,
        "created_at": clock.now(),
    }
    sql.insert_once(db.session(), IdempotentAnswer, values)
    kept = db.session.scalars(select(IdempotentAnswer).filter_by(key=key, route=route)).one()
    if kept.body_digest != digest:
        message = "This Idempotency-Key was used with another body."
        raise ApiError(409, "idempotency_conflict", message)
    return kept


def _plain(answer: BaseModel | None) -> Any:
    return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer


def forget_answers() -> None:
    with system() as connection:
        table = IdempotentAnswer.__table__
        connection.execute(delete(table).where(table.c.created_at < clock.now() - KEPT))  # type: ignore[arg-type]


def page(
    statement: Select[Any], model: Any, query: ListQuery, session: Session | None = None
) -> tuple[list[Any], str | None]:
    """One page, newest first by id (ids are time-ordered), and the cursor of the next one. Read
    through `session` (`reading()`), else the request's own.

    Raises 400 for a cursor that this program did not make.
    """
    if query.cursor:
        statement = statement.where(model.id < _decode(query.cursor))
    statement = statement.order_by(model.id.desc()).limit(query.limit + 1)
    rows = list((session or db.session).scalars(statement))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return rows, _encode(rows[-1].id) if more else None


def _encode(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except ValueError as error:
        raise ApiError(400, "bad_cursor", "This cursor is not one of ours.") from error


def _readable(text: str) -> str:
    if not any(each.isprintable() and not each.isspace() for each in text):
        raise ValueError("Write something.")
    return text


# Text of which something can be seen.
Readable = Annotated[str, AfterValidator(_readable)]


def parsed_uuid(text: str) -> UUID | None:
    """An id that somebody sent, or None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def uuid_or_404(text: str) -> UUID:
    """An id from a path or body; a malformed one is as unknown as a foreign one."""
    identifier = parsed_uuid(text)
    if identifier is None:
        raise ApiError(404, "not_found", "There is nothing here.")
    return identifier
