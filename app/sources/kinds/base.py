"""What every kind of source has in common: a delivery, its verdicts, and safe reading of JSON."""

from __future__ import annotations

import hashlib
import json
import re
import secrets as randomness
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from app.core import strict_json
from app.core.signing import SignatureError
from app.sources.facts import Fact, FactError, Money, Person, Place, Product, clean_text

ROWS_LIMIT = 1000

_KEY = re.compile(r"[\w.:@-]{1,200}", re.ASCII)

Event = Literal["paid", "refunded"]


class Verdict(Exception):
    """Why a delivery becomes no fact; `reason` is written for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Verdict):
    """Not from its sender: the signature is missing, wrong or old. Answered 401."""


class Ignored(Verdict):
    """Understood and of no consequence: a test order, an unpaid one, an unused topic."""


class Unmapped(Verdict):
    """Acknowledged and not understood: kept whole, to be replayed."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One delivery as it came: header names in lower case, the body's raw bytes."""

    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, "").strip()


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """An order to compose a sample delivery of."""

    id: str
    person: Person
    place: Place
    product: Product
    price: Money
    at: datetime
    quantity: int = 1


class Kind(ABC):
    """A kind of source: how its deliveries are signed, told apart and read."""

    name: ClassVar[str]
    label: ClassVar[str]
    signature_header: ClassVar[str]

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Return when the signature fits one of the secrets or none is needed, else Refused."""
        try:
            if self.needs_signature(incoming):
                self.check_signature(incoming, secrets, now)
        except SignatureError as error:
            raise Refused(error.reason) from None

    def read(self, incoming: Incoming, mapping: dict[str, str] | None = None) -> list[Fact]:
        """The facts a verified delivery tells, at least one; else raises Ignored or Unmapped."""
        if not self.needs_signature(incoming):
            raise Ignored("a ping that tells nothing")
        try:
            return self.facts(incoming, mapping)
        except FactError as error:
            raise Unmapped(str(error)) from None

    def needs_signature(self, incoming: Incoming) -> bool:
        """Whether to verify it; what is exempt is answered 200 and ignored."""
        return True

    def new_secret(self) -> str:
        """A fresh secret of the shape this kind uses."""
        return randomness.token_hex(32)

    @abstractmethod
    def check_signature(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Raise SignatureError unless the signature fits."""

    @abstractmethod
    def delivery_key(self, incoming: Incoming) -> str:
        """What makes two deliveries the same one, at most 200 characters; never raises."""

    @abstractmethod
    def topic(self, incoming: Incoming) -> str:
        """What the delivery says it is about ("orders/paid"), or ""; never raises."""

    @abstractmethod
    def facts(self, incoming: Incoming, mapping: dict[str, str] | None) -> list[Fact]:
        """`read` without its frame: may raise FactError too."""

    @abstractmethod
    def sample(self, event: Event, order: SampleOrder, secret: str) -> Incoming:
        """A delivery as the provider would send it for this order, signed at `order.at`."""


def parse_json(body: bytes) -> dict[str, Any]:
    """The object in `body` as `strict_json` reads it, else Unmapped."""
    try:
        document = strict_json.loads(body)
    except strict_json.BadJSON as error:
        raise Unmapped(f"the body is {error}") from None
    if not isinstance(document, dict):
        raise Unmapped("the body is not a JSON object")
    return document


def lenient_json(body: bytes) -> dict[str, Any]:
    """Like `parse_json`, but an empty object for what cannot be parsed."""
    try:
        return parse_json(body)
    except Unmapped:
        return {}


def compact_json(document: dict[str, Any]) -> bytes:
    """The body of a sample delivery."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def part(document: Any, *path: str) -> dict[str, Any]:
    """The object at `path`, or an empty one when it is missing or something else."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list called `name`, the first thousand."""
    items = document.get(name)
    found = items[:ROWS_LIMIT] if isinstance(items, list) else []
    return [item for item in found if isinstance(item, dict)]


def first_text(*candidates: Any) -> str | None:
    """The first candidate that is text with something in it."""
    return next((item for item in candidates if isinstance(item, str) and item.strip()), None)


def count(value: Any) -> int:
    """A quantity from 0 to a million; anything else counts as none."""
    return value if type(value) is int and 0 <= value <= 1_000_000 else 0


def text(value: Any) -> str:
    """Printable text in lower case, "" for anything else: for topics and states."""
    return (clean_text(value) or "").lower()


def known_key(candidate: Any, *otherwise: bytes) -> str:
    """A provider's delivery id if it is usable as a key, else the SHA-256 of `otherwise`."""
    if isinstance(candidate, str) and _KEY.fullmatch(candidate):
        return candidate
    return digest(*otherwise)


def digest(*pieces: bytes) -> str:
    """SHA-256 in hex of the pieces, joined by line feeds."""
    return hashlib.sha256(b"\n".join(pieces)).hexdigest()
