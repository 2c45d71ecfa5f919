"""Who a visitor is without knowing: a hash that lives for a local day, or with consent an id of
his own; and the token by which he proves it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
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
# Characters of a user agent by which a visitor is known, whoever asks.
LONGEST_HASHED = 1000
# How long after midnight a visit of the day before may go on.
OVER_MIDNIGHT = timedelta(minutes=30)
PERSON = "person"
QUARTER = 15 * 60  # seconds
SIGNATURE_BYTES = 18  # 24 characters

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
    visitor = _anonymous(site, address, user_agent[:LONGEST_HASHED], token)
    if not consent:
        return visitor
    # Just after midnight a visit may still go on under both of his names until now.
    before = (visitor.visitor, *visitor.before)
    return Who(os.urandom(HASH_BYTES), person=True, before=before)


def _anonymous(site: PublishedSite, address: str, user_agent: str, token: Token | None) -> Who:
    today = _today(site)
    if token is not None and token.day == today.isoformat():
        return Who(bytes.fromhex(token.visitor))
    visitor = _hash(_salt_of(site, today), address, user_agent)
    return Who(visitor, before=_before(site, address, user_agent, token))


def _before(
    site: PublishedSite, address: str, user_agent: str, token: Token | None
) -> tuple[bytes, ...]:
    """What this visitor was called yesterday, while a visit may still go on."""
    # Not by the site's own clock, which in some zones skips the hour after a midnight in spring.
    yesterday = _day_of(site, clock.now() - OVER_MIDNIGHT)
    if yesterday == _today(site):
        return ()
    if token is not None and token.day == yesterday.isoformat():
        return (bytes.fromhex(token.visitor),)
    salt = _salts.get((site.id, yesterday), lambda: _find_salt(site, yesterday))
    return (_hash(salt, address, user_agent),) if salt else ()


def named_visitor(site: PublishedSite, name: str) -> Who:
    """A visitor whom a server calls by a name of its own: kept as a hash under the site's key."""
    content = f"{site.id}/{name}".encode()
    visitor = hmac.digest(keyring().derive("named visitor"), content, hashlib.sha256)
    return Who(visitor[:HASH_BYTES], person=True)


def addressed_visitor(site: PublishedSite, address: str, user_agent: str, moment: datetime) -> Who:
    """The visitor of an address at some time of the last days: his hash on that local day."""
    salt = _salt_of(site, _day_of(site, moment))
    return Who(_hash(salt, address, user_agent))


def _hash(salt: bytes, address: str, user_agent: str) -> bytes:
    content = f"{address}\n{user_agent}".encode()
    return hashlib.blake2b(content, key=salt, digest_size=HASH_BYTES).digest()


def _day_of(site: PublishedSite, moment: datetime) -> date:
    """The local day of a site."""
    return _day_in(site.time_zone, int(moment.timestamp()) // QUARTER)


@lru_cache(1000)
def _day_in(zone: str, quarter: int) -> date:
    """In no zone does a day begin within a quarter of an hour."""
    return datetime.fromtimestamp(quarter * QUARTER, ZoneInfo(zone)).date()


def _today(site: PublishedSite) -> date:
    return _day_of(site, clock.now())


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
    content = f"{who.visitor.hex()}_{day}.{int(clock.now().timestamp())}"
    return f"{content}.{_signature(site.id, content)}"


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
    if not isinstance(text, str) or len(text) > LONGEST_TOKEN or not text.isascii():
        return None
    content, _, signature = text.rpartition(".")
    if not hmac.compare_digest(_signature(site_id, content), signature):
        return None
    named, _, seconds = content.partition(".")
    visitor, _, day = named.partition("_")
    token = Token(visitor, day, datetime.fromtimestamp(int(seconds), UTC))
    life = PERSON_TOKEN_LIFE if token.person else TOKEN_LIFE
    return token if clock.now() - token.issued_at < life else None


def _signature(site_id: UUID, content: str) -> str:
    key: bytes = current_app.extensions["candor_visitor_key"]
    signed = f"{site_id.hex}/{content}".encode()
    digest = hashlib.blake2b(signed, key=key, digest_size=SIGNATURE_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()
