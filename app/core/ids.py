"""Identifiers: sortable ones for rows, unguessable ones for what the public sees."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from uuid import UUID

from app.core import clock


def uuid7(milliseconds: int | None = None) -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds (of now), then 74 random bits."""
    if milliseconds is None:
        milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (
        milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0x2 << 62 | random & (1 << 62) - 1
    )
    return UUID(int=value)


def milliseconds_of(identifier: UUID) -> int:
    """With which a UUIDv7 was made."""
    return identifier.int >> 80


def first_uuid7(moment: datetime) -> UUID:
    """No UUIDv7 made at this moment or later is smaller."""
    return UUID(int=(clock.milliseconds(moment) << 80) | 0x7 << 76 | 0x2 << 62)


def public_token() -> str:
    """128 random bits as 32 hexadecimal characters: site keys, receipts."""
    return secrets.token_hex(16)


def secret_token() -> str:
    """256 random bits, URL-safe: sign-ins, API keys."""
    return secrets.token_urlsafe(32)
