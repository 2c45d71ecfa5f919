"""Who a visitor is without knowing: a hash that lives for a day, and a token that proves it."""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from app.core import clock, tenancy
from app.core.cache import Cache
from app.core.crypto import keyring
from app.core.db import db
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.sites.queries import PublishedSite
from app.tracking.models import DailySalt

TOKEN_LIFE = 24 * 3600  # seconds
HASH_BYTES = 16
LONGEST_TOKEN = 500

_salts: Cache[bytes] = Cache("daily_salts", size=10_000, seconds=3600)


def forget_cached_salts() -> None:
    _salts.clear()


def visitor_hash(site: PublishedSite, address: str, user_agent: str) -> str:
    """32 hexadecimal characters: the same visitor on the same site and local day, no longer."""
    day = clock.now().astimezone(ZoneInfo(site.time_zone)).date()
    salt = _salts.get((site.id, day), lambda: _salt(site, day))
    content = f"{address}\n{user_agent}".encode()
    return hmac.digest(salt, content, hashlib.sha256)[:HASH_BYTES].hex()


def _salt(site: PublishedSite, day: date) -> bytes:
    with tenancy.scope(site.organization_id):
        values = {
            "id": uuid7(),
            "organization_id": site.organization_id,
            "site_id": site.id,
            "day": day,
            "salt": os.urandom(32),
            "created_at": clock.now(),
        }
        insert_once(db.session(), DailySalt, values)
        db.session.commit()
        found = select(DailySalt.salt).filter_by(site_id=site.id, day=day)
        return db.session.scalars(found).one()


def issue_token(site_id: UUID, visitor: str) -> str:
    """A signed token for one site, good for 24 hours."""
    return _serializer(site_id).dumps(visitor)


def read_token(site_id: UUID, token: object) -> str | None:
    """The visitor of a good token of this site; None for any other value whatever it is."""
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        return None
    try:
        return _serializer(site_id).loads(token, max_age=TOKEN_LIFE)
    except BadSignature:
        return None


def _serializer(site_id: UUID) -> URLSafeTimedSerializer:
    kept = current_app.extensions.setdefault("candor_visitor_key", keyring().derive("visitor"))
    return URLSafeTimedSerializer(kept, salt=f"visitor/{site_id}")
