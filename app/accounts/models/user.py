from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import ClassVar
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from email_validator import EmailNotValidError, validate_email
from flask_login import UserMixin
from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.announce import Announcement, announce
from app.core.crypto import Sealed, blind_index
from app.core.db import Base, db
from app.core.ids import uuid7
from app.core.threads import in_native_thread

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 128
LONGEST_EMAIL = 254
COMMON_PASSWORDS = frozenset(
    [
        "password",
        "passw0rd",
        "password1",
        "password123",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyui",
        "qwerty123",
        "11111111",
        "00000000",
        "iloveyou",
        "letmein1",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "trustno1",
        "welcome1",
        "admin123",
        "administrator",
        "changeme",
        "abc12345",
        "abcd1234",
        "1q2w3e4r",
        "starwars",
        "whatever",
        "computer",
        "michelle",
        "jennifer",
        "88888888",
        "87654321",
        "asdfghjk",
        "zxcvbnm1",
        "monkey12",
        "dragon12",
    ]
)

# argon2id with the library's defaults (RFC 9106's second recommendation).
_hasher = PasswordHasher()


class PasswordError(ValueError):
    """The password may not be used; the message says why, for a person."""


class EmailError(ValueError):
    """This is not an e-mail address."""


class User(UserMixin, Base):
    """A person who can sign in. Users are global, members belong to organizations."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    email_index: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    name = Sealed("name_sealed")
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    # When somebody last showed that mail to the address reaches him.
    email_verified_at: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]

    # Set by the sign-in that this request came with; Flask-Login keeps it in the cookie.
    token = ""

    @classmethod
    def register(cls, *, email: str, name: str, password: str) -> User:
        """Raises EmailError or PasswordError."""
        return cls.create(email=email, name=name, password_hash=hash_password(password))

    @classmethod
    def create(cls, *, email: str, name: str, password_hash: str) -> User:
        """As `register`, when the password was hashed before. Raises EmailError."""
        user = cls(id=uuid7())
        user._set_email(email)
        user.name = name
        user.password_hash = password_hash
        db.session.add(user)
        return user

    @classmethod
    def by_email(cls, email: str) -> User | None:
        return db.session.scalars(
            select(cls).filter_by(email_index=email_index(email))
        ).one_or_none()

    @classmethod
    def authenticate(cls, email: str, password: str) -> User | None:
        """The user whose password this is. Takes as long when there is no such user."""
        user = cls.by_email(email)
        fits = in_native_thread(_fits, user.password_hash if user else _nobody(), password)
        if not (user and fits):
            return None
        if _hasher.check_needs_rehash(user.password_hash):
            user.password_hash = in_native_thread(_hasher.hash, password)
        return user

    def has_password(self, password: str) -> bool:
        return password_fits(self.password_hash, password)

    def change_password(self, password: str) -> None:
        """Raises PasswordError."""
        self.change_password_hash(hash_password(password))

    def change_password_hash(self, password_hash: str) -> None:
        self.password_hash = password_hash
        db.session.flush()
        announce(PasswordChanged(user=self))

    def verify_email(self) -> None:
        """Mail to his address has just reached him."""
        self.email_verified_at = clock.now()

    def change_email(self, email: str) -> None:
        """To an address that was just verified. Raises EmailError."""
        self._set_email(email)
        self.verify_email()
        db.session.flush()
        announce(EmailChanged(user=self))

    def _set_email(self, email: str) -> None:
        self.email = normal_email(email)
        self.email_index = email_index(self.email)

    def get_id(self) -> str:
        return self.token


@dataclass(frozen=True, kw_only=True)
class CredentialsChanged(Announcement):
    """Not audited: a user is of no organization."""

    audited: ClassVar[bool] = False
    user: User


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(CredentialsChanged):
    name: ClassVar[str] = "user.password_changed"


@dataclass(frozen=True, kw_only=True)
class EmailChanged(CredentialsChanged):
    name: ClassVar[str] = "user.email_changed"


def hash_password(password: str) -> str:
    """Raises PasswordError."""
    check_password(password)
    return in_native_thread(_hasher.hash, password)


def prepare() -> None:
    """Make now what the first to sign in with an address that nobody has would wait for."""
    _nobody()


@cache
def _nobody() -> str:
    """A hash that no password fits, for addresses that nobody has."""
    return _hasher.hash(secrets.token_hex())


def password_fits(password_hash: str, password: str) -> bool:
    return in_native_thread(_fits, password_hash, password)


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def check_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PasswordError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    if password.lower() in COMMON_PASSWORDS:
        raise PasswordError("This password is one of the first that anybody would try.")


def normal_email(email: str) -> str:
    """The address as mail is sent to it. Raises EmailError."""
    # Looked at first: to read a megabyte as an address takes seconds.
    if len(email) > LONGEST_EMAIL:
        raise EmailError("This is not an e-mail address.")
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise EmailError("This is not an e-mail address.") from error


def email_index(email: str) -> bytes:
    return blind_index(email, purpose="user.email") or b""
