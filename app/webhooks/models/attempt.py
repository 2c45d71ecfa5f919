"""One request that was made for a delivery, and what came back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.crypto import SealedBytes, SealedDocument
from app.core.db import Base
from app.core.tenancy import Tenant, owned_by

ANSWER_KEPT = 8 * 1024
LONGEST_HEADER = 500  # characters of its value
LONGEST_ERROR = 300
SLOW_DOWN = (429, 503)
LONGEST_WISH = timedelta(hours=24)


@dataclass(frozen=True)
class Outcome:
    """What came of a request: an answer, or an `error`. `final`: no other try may be made."""

    at: datetime
    milliseconds: int
    sent: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None
    final: bool = False

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def ended_at(self) -> datetime:
        """A receiver that took its time gets as long a rest as any other."""
        return self.at + timedelta(milliseconds=self.milliseconds)

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more, ever."""
        return self.status == HTTPStatus.GONE

    @property
    def wished_pause(self) -> timedelta:
        """How long a receiver that has too much to do asks to be left alone."""
        text = self.headers.get("retry-after", "")
        if self.status not in SLOW_DOWN or not (text.isascii() and text.isdigit()):
            return timedelta()
        return min(timedelta(seconds=int(text[:9])), LONGEST_WISH)


class DeliveryAttempt(Tenant, Base):
    __tablename__ = "delivery_attempts"
    __table_args__ = (
        owned_by("deliveries", "delivery_id"),
        Index("ix_delivery_attempts_delivery_id_id", "delivery_id", "id"),
    )

    delivery_id: Mapped[UUID]
    at: Mapped[datetime]
    milliseconds: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(LONGEST_ERROR))
    sent_headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sent_headers = SealedDocument("sent_headers_sealed")
    headers_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    headers = SealedDocument("headers_sealed")
    body_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    body = SealedBytes("body_sealed")

    @classmethod
    def of(cls, delivery_id: UUID, outcome: Outcome) -> DeliveryAttempt:
        attempt = cls(delivery_id=delivery_id, at=outcome.at, milliseconds=outcome.milliseconds)
        attempt.status, attempt.error = (
            outcome.status,
            outcome.error and outcome.error[:LONGEST_ERROR],
        )
        attempt.sent_headers = outcome.sent
        if outcome.status is not None:
            attempt.headers, attempt.body = _kept(outcome.headers), outcome.body[:ANSWER_KEPT]
        return attempt

    @property
    def phrase(self) -> str:
        """The status as programmers know it: 404 Not Found."""
        if self.status is None:
            return "No answer"
        names = {each.value: each.phrase for each in HTTPStatus}
        return f"{self.status} {names.get(self.status, '')}".strip()

    @property
    def readable_body(self) -> str:
        return (self.body or b"").decode("utf-8", "replace").replace("\x00", "\ufffd")


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """The first ones, as far as there is room: a receiver may answer with a megabyte of them."""
    kept, room = {}, ANSWER_KEPT
    for name, value in headers.items():
        room -= len(name) + min(len(value), LONGEST_HEADER)
        if room < 0:
            break
        kept[name] = value[:LONGEST_HEADER]
    return kept
