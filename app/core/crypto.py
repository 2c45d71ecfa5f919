"""Personal data at rest: AES-256-GCM bound to tenant, table, column and row; blind indexes;
keys for everything else, derived from SECRET_KEY.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app

from app.config import Settings

V = TypeVar("V")

NONCE_BYTES = 12
INDEX_BYTES = 16
NO_TENANT = UUID(int=0)


class SealError(Exception):
    """A sealed value does not belong where it stands, or its key is gone."""


@dataclass(frozen=True)
class Keyring:
    """Data keys by id, the current one first, and one secret for derived keys."""

    keys: tuple[tuple[str, bytes], ...]
    secret: bytes

    @classmethod
    def from_settings(cls, settings: Settings) -> Keyring:
        return cls(settings.encryption_keys, settings.secret_key.encode())

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (RFC 5869's expand step with one block)."""
        return hmac.digest(self.secret, purpose.encode() + b"\x01", hashlib.sha256)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """key id length, key id, nonce, ciphertext with tag."""
        key_id, key = self.keys[0]
        nonce = os.urandom(NONCE_BYTES)
        name = key_id.encode()
        return bytes([len(name)]) + name + nonce + AESGCM(key).encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        end = 1 + sealed[0]
        key = dict(self.keys).get(sealed[1:end].decode(errors="replace"))
        if key is None:
            raise SealError("sealed under a key that is not in ENCRYPTION_KEYS")
        nonce, ciphertext = sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :]
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, context)
        except InvalidTag as error:
            raise SealError("a sealed value was altered or moved") from error


def keyring() -> Keyring:
    return current_app.extensions["candor_keyring"]


class _Sealed(Generic[V]):
    """A value whose column holds ciphertext bound to its row.

        email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
        email = Sealed("email_sealed")

    The row must know its id (and organization) before the attribute is set.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...
    @overload
    def __get__(self, row: object, owner: type) -> V | None: ...
    def __get__(self, row: Any, owner: type) -> Self | V | None:
        if row is None:
            return self
        return self.open(type(row), row)

    def __set__(self, row: Any, value: V | None) -> None:
        context = self._context(type(row), row)
        sealed = None if value is None else keyring().seal(self._write(value), context)
        setattr(row, self.column, sealed)

    def open(self, model: type, row: Any) -> V | None:
        """The value in a plain result row of `model`, which has the id, the organization and the
        sealed column: for reading very many, where whole objects would take too long."""
        sealed = getattr(row, self.column)
        context = self._context(model, row)
        return None if sealed is None else self._read(keyring().open(sealed, context))

    def _context(self, model: Any, row: Any) -> bytes:
        tenant = getattr(row, "organization_id", None) or NO_TENANT
        return f"{tenant}/{model.__tablename__}/{self.column}/{row.id}".encode()

    def _write(self, value: V) -> bytes:
        raise NotImplementedError

    def _read(self, plain: bytes) -> V:
        raise NotImplementedError


class Sealed(_Sealed[str]):
    """Sealed text."""

    def _write(self, value: str) -> bytes:
        return value.encode()

    def _read(self, plain: bytes) -> str:
        return plain.decode()


class SealedBytes(_Sealed[bytes]):
    """Sealed raw bytes."""

    def _write(self, value: bytes) -> bytes:
        return value

    def _read(self, plain: bytes) -> bytes:
        return plain


class SealedDocument(_Sealed[Any]):
    """A sealed JSON value."""

    def _write(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def _read(self, plain: bytes) -> Any:
        return json.loads(plain)


def blind_index(value: str | None, *, purpose: str, tenant: UUID = NO_TENANT) -> bytes | None:
    """16 bytes that are equal for equal values, within one tenant and purpose, and say nothing
    more. Case and outer white space do not count."""
    if not value or not value.strip():
        return None
    key = keyring().derive(f"index/{purpose}/{tenant}")
    return hmac.digest(key, value.strip().casefold().encode(), hashlib.sha256)[:INDEX_BYTES]


def fingerprint(secret: str) -> bytes:
    """How tokens and API keys are kept: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
