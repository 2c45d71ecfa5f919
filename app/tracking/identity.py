"""Who a visitor is without knowing: a hash that lives for a local day, or with consent an id of
his own; and the token by which he proves it."""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from itsdangerous import BadSignature, TimestampSigner
from sqlalchemy import select

from app.core import clock, tenancy
from app.core.cache import Cache
from app.core.crypto import keyring
from app.core.db import db
from app.core.ids import uuid7
from app.core.sql import insert_once
from app.sites.queries import PublishedSite
from app.tracking.arrivals import Who
from app.tracking.models import DailySalt

TOKEN_LIFE = timedelta(hours=24)
PERSON_TOKEN_LIFE = timedelta(days=395)
PERSON_TOKEN_RENEWED = timedelta(days=1)
LONGEST_TOKEN = 500
HASH_BYTES = 16
# How long after midnight a visit of the day before may go on.
OVER_MIDNIGHT = timedelta(minutes=30)
PERSON = "person"

_salts: Cache[bytes | None] = Cache("daily_salts", size=10_000, seconds=3600)


class Token(NamedTuple):
    """What a good token says: whom it names, and on which local day, or that it is a person."""

    visitor: str
    day: str
    issued_at: datetime

    @property
    def person(self) -> bool:
        return self.day == PERSON


def forget_cached_salts() -> None:
    _salts.clear()


def identify(
    site: PublishedSite, address: str, user_agent: str, token: Token | None, *, consent: bool
) -> Who:
    """Whose events these are. A token of today names its visitor wherever he has moved to; one of
    yesterday continues a visit shortly after midnight. `consent` makes him a person, whose visit
    goes on under the new name."""
    if token is not None and token.person:
        return Who(bytes.fromhex(token.visitor), person=True)
    visitor = _anonymous(site, address, user_agent, token)
    return Who(os.urandom(HASH_BYTES), person=True, before=visitor.visitor) if consent else visitor


def _anonymous(site: PublishedSite, address: str, user_agent: str, token: Token | None) -> Who:
    today = _today(site)
    if token is not None and token.day == today.isoformat():
        return Who(bytes.fromhex(token.visitor))
    visitor = _hash(_salt_of(site, today), address, user_agent)
    return Who(bytes.fromhex(visitor), before=_before(site, address, user_agent, token))


def _before(
    site: PublishedSite, address: str, user_agent: str, token: Token | None
) -> bytes | None:
    """What this visitor was called yesterday, while a visit may still go on."""
    # Not by the site's own clock, which in some zones skips the hour after a midnight in spring.
    yesterday = (clock.now() - OVER_MIDNIGHT).astimezone(_zone(site.time_zone)).date()
    if yesterday == _today(site):
        return None
    if token is not None and token.day == yesterday.isoformat():
        return bytes.fromhex(token.visitor)
    salt = _salts.get((site.id, yesterday), lambda: _find_salt(site, yesterday))
    return bytes.fromhex(_hash(salt, address, user_agent)) if salt else None


def named_visitor(site: PublishedSite, name: str) -> Who:
    """A visitor whom a server calls by a name of its own: kept as a hash under the site's key."""
    content = f"{site.id}/{name}".encode()
    visitor = hmac.digest(keyring().derive("named visitor"), content, hashlib.sha256)
    return Who(visitor[:HASH_BYTES], person=True)


def addressed_visitor(site: PublishedSite, address: str, user_agent: str, moment: datetime) -> Who:
    """The visitor of an address at some time of the last days: his hash on that local day."""
    day = moment.astimezone(_zone(site.time_zone)).date()
    return Who(bytes.fromhex(_hash(_salt_of(site, day), address, user_agent)))


def _hash(salt: bytes, address: str, user_agent: str) -> str:
    content = f"{address}\n{user_agent}".encode()
    return hmac.digest(salt, content, hashlib.sha256)[:HASH_BYTES].hex()


def _today(site: PublishedSite) -> date:
    return clock.now().astimezone(_zone(site.time_zone)).date()


@lru_cache(1000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _salt_of(site: PublishedSite, day: date) -> bytes:
    salt = _salts.get((site.id, day), lambda: _make_salt(site, day))
    if salt is None:  # asked for as yesterday's before anybody came on that day
        salt = _make_salt(site, day)
        _salts.put((site.id, day), salt)
    return salt


def _make_salt(site: PublishedSite, day: date) -> bytes:
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
    found = _find_salt(site, day)
    assert found is not None
    return found


def _find_salt(site: PublishedSite, day: date) -> bytes | None:
    with tenancy.scope(site.organization_id):
        found = select(DailySalt.salt).filter_by(site_id=site.id, day=day)
        return db.session.scalars(found).one_or_none()


def issue_token(site: PublishedSite, who: Who) -> str:
    """A signed token for one site: good for this local day, or for a year if it is a person's."""
    day = PERSON if who.person else _today(site).isoformat()
    return _signer(site.id).sign(f"{who.visitor.hex()}_{day}").decode()


def renewed_token(site: PublishedSite, who: Who, text: str | None, token: Token | None) -> str:
    """The token that somebody came with while it is good enough, else a new one."""
    known = token is not None and token.visitor == who.visitor.hex()
    if text and token and known and (not token.person or _is_fresh(token)):
        return text
    return issue_token(site, who)


def _is_fresh(token: Token) -> bool:
    return clock.now() - token.issued_at < PERSON_TOKEN_RENEWED


def read_token(site_id: UUID, text: object) -> Token | None:
    """What a good token of this site says; None for any other value whatever it is."""
    if not isinstance(text, str) or len(text) > LONGEST_TOKEN:
        return None
    try:
        content, issued_at = _signer(site_id).unsign(text, return_timestamp=True)
    except BadSignature:
        return None
    visitor, _, day = content.decode().partition("_")
    token = Token(visitor, day, issued_at)
    life = PERSON_TOKEN_LIFE if token.person else TOKEN_LIFE
    return token if clock.now() - issued_at < life else None


def _signer(site_id: UUID) -> TimestampSigner:
    made = current_app.extensions.setdefault("candor_visitor_signers", {})
    found = made.get(site_id)
    if found is None:
        key = current_app.extensions.setdefault("candor_visitor_key", keyring().derive("visitor"))
        found = made[site_id] = TimestampSigner(key, salt=f"visitor/{site_id}".encode())
    return found
