"""What a source says, in plain words: an order was paid, was refunded, a review was written.

Every kind of source, the API, the forms and the CSV import speak in these. They clean themselves:
text is trimmed, free of control characters and capped; what cannot be is None or a FactError.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from app.core.countries import NAMES

NAME_LIMIT = 200
URL_LIMIT = 2000
EMAIL_LIMIT = 254
IDENTIFIER_LIMIT = 200
PRODUCTS_LIMIT = 50
DATA_LIMIT = 40
DATA_TEXT_LIMIT = 500

# Beyond this a browser, and any JSON reader with doubles, would change the amount.
AMOUNT_LIMIT = 2**53

# ISO 4217: currencies whose minor unit is not a hundredth.
NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = {
    **dict.fromkeys(NO_MINOR_UNIT.split(), 0),
    **dict.fromkeys(THOUSANDTHS.split(), 3),
    "CLF": 4,
    "UYW": 4,
}

CANCELLED_REASONS = frozenset({"cancelled", "voided", "deleted", "refunded"})

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NOT_IN_URL = frozenset(' \\"<>')
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class FactError(ValueError):
    """A value that no fact can be made of; the message is written for a person."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor units: Money(2935, "USD") is 29.35 dollars."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency):
            raise FactError(f"{_shown(self.currency)} is not a currency code")
        if abs(self.amount) > AMOUNT_LIMIT:
            raise FactError("the amount is too large")

    @classmethod
    def parse(cls, value: Any, currency: Any, *, negative: bool = False) -> Money:
        """Read a decimal amount in major units ("29.35") with a currency code in any case.

        Digits below the minor unit are rounded half up: some shops keep more of them than their
        currency has. Raises FactError for anything that is not a sane, finite number, and for a
        negative one unless `negative`.
        """
        code = currency_code(currency)
        return cls.from_decimal(_decimal(value), code, negative=negative)

    @classmethod
    def minor(cls, value: Any, currency: Any, *, negative: bool = False) -> Money:
        """Read a whole amount that is in minor units already (2935)."""
        code = currency_code(currency)
        amount = _decimal(value)
        if amount != amount.to_integral_value():
            raise FactError(f"the amount {_shown(value)} is not a whole number")
        return cls.from_decimal(amount.scaleb(-exponent(code)), code, negative=negative)

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: str, *, negative: bool = False) -> Money:
        if amount < 0 and not negative:
            raise FactError("the amount is negative")
        minor = amount.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return cls(int(minor), currency)

    def decimal(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.amount).scaleb(-exponent(self.currency))


@dataclass(frozen=True, slots=True)
class Person:
    """Who did it, as far as the source tells; nothing of it is shown before anonymity decides."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    customer_id: str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            first_name=clean_text(self.first_name),
            last_name=clean_text(self.last_name),
            email=clean_email(self.email),
            customer_id=optional_identifier(self.customer_id),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where; `country` is an ISO 3166 alpha-2 code."""

    city: str | None = None
    region: str | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            city=clean_text(self.city),
            region=clean_text(self.region),
            country=clean_country(self.country),
        )


@dataclass(frozen=True, slots=True)
class Product:
    """What; `url` and `image` are http or https addresses or None."""

    name: str | None = None
    url: str | None = None
    image: str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            name=clean_text(self.name),
            url=clean_url(self.url),
            image=clean_url(self.image),
        )


@dataclass(frozen=True, slots=True)
class OrderPaid:
    """An order somebody has paid for; `updated_at` is the provider's own version of it.

    `reference` joins what names the order otherwise (Stripe's payment_intent on a refund);
    `items` counts pieces, where `products` lists each product once.
    """

    external_id: str
    occurred_at: datetime
    updated_at: datetime
    total: Money
    reference: str | None = None
    person: Person | None = None
    place: Place | None = None
    products: tuple[Product, ...] = ()
    items: int | None = None


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """An order that no longer stands; `updated_at` None: the source did not say when."""

    external_id: str | None
    reason: str
    updated_at: datetime | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.reason not in CANCELLED_REASONS:
            raise FactError(f"{_shown(self.reason)} is not a reason to cancel")


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """Money given back for an order, named by `external_id` (the order's) or `reference`.

    `amount` is what this one refund gave back. `amount` None with `full` True is a state, not a
    payment: the order is refunded altogether, by refunds that are told one by one or were missed.
    `full` None: unknown, compare the order's refunds with its total.
    """

    external_id: str | None
    refund_id: str
    occurred_at: datetime
    amount: Money | None = None
    full: bool | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class ActivityReported:
    """A fact that may be shown as proof; `occurred_at` None: the moment it was delivered."""

    type: str
    external_id: str
    occurred_at: datetime | None = None
    person: Person | None = None
    place: Place | None = None
    product: Product | None = None
    value: Money | None = None
    data: dict[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set(self, type=activity_type(self.type), data=clean_data(self.data))


@dataclass(frozen=True, slots=True)
class ActivityWithdrawn:
    """An activity that its source takes back."""

    type: str
    external_id: str

    def __post_init__(self) -> None:
        _set(self, type=activity_type(self.type))


Fact = OrderPaid | OrderCancelled | OrderRefunded | ActivityReported | ActivityWithdrawn


def subject_of(fact: Fact) -> tuple[str, str | None]:
    """What a fact tells of, and the id that its source has for that: ("order", "5001")."""
    if isinstance(fact, (ActivityReported, ActivityWithdrawn)):
        return f"activity:{fact.type}", fact.external_id
    name = "refund" if isinstance(fact, OrderRefunded) else "order"
    return name, fact.external_id or fact.reference


def exponent(currency: str) -> int:
    """How many decimals the currency's minor unit has (ISO 4217): USD 2, JPY 0, KWD 3."""
    return EXPONENTS.get(currency, 2)


def currency_code(value: Any) -> str:
    """A three-letter code in upper case, or FactError."""
    code = value.strip().upper() if isinstance(value, str) else ""
    if not _CURRENCY.fullmatch(code):
        raise FactError(f"{_shown(value)} is not a currency code")
    return code


def clean_text(value: Any, limit: int = NAME_LIMIT) -> str | None:
    """One line of printable text of at most `limit` characters, or None if nothing is left."""
    if not isinstance(value, str):
        return None
    kept = value[: limit * 4]
    if not kept.isprintable():
        kept = "".join(_printable(character) for character in kept)
    text = " ".join(unicodedata.normalize("NFC", kept).split())[:limit].strip()
    return text or None


def clean_url(value: Any) -> str | None:
    """An http or https address with a host, unchanged, or None."""
    url = value.strip() if isinstance(value, str) else ""
    if not url or len(url) > URL_LIMIT or clean_text(url, URL_LIMIT) != url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    # An address with a sign-in in it is a secret or a disguise, never a product page.
    return url if usable and "@" not in parts.netloc and not _NOT_IN_URL & set(url) else None


def clean_email(value: Any) -> str | None:
    """Something of the shape a@b, at most 254 characters, or None."""
    email = clean_text(value, EMAIL_LIMIT + 1)
    if email is None or len(email) > EMAIL_LIMIT or not _EMAIL.fullmatch(email):
        return None
    return email


def clean_country(value: Any) -> str | None:
    """An ISO 3166 alpha-2 code in upper case, or None."""
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if code in NAMES else None


def clean_data(value: Any) -> dict[str, str | int | float | bool]:
    """The plain values of an object, at most 40 of them; nested ones and nulls are left out."""
    if not isinstance(value, dict):
        return {}
    items = list(value.items())[:DATA_LIMIT]
    named = ((clean_text(name, 64), _plain(item)) for name, item in items)
    return {name: item for name, item in named if name is not None and item is not None}


def activity_type(value: Any) -> str:
    """The name of a type of activity ("purchase", "e-book download" → "e_book_download")."""
    name = re.sub(r"[^a-z0-9]+", "_", value[:200].strip().lower()) if isinstance(value, str) else ""
    if not _TYPE.fullmatch(name.strip("_")):
        raise FactError(f"{_shown(value)} is not a type of activity")
    return name.strip("_")


def identifier(value: Any, what: str) -> str:
    """A provider's id as text, from text or an exact integer, or FactError naming `what`.

    A number with a fraction or an exponent has lost digits on its way and is refused.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**IDENTIFIER_LIMIT else ""
    text = clean_text(value, IDENTIFIER_LIMIT + 1)
    if text is None or len(text) > IDENTIFIER_LIMIT:
        raise FactError(f"the {what} is missing or not an id")
    return text


def optional_identifier(value: Any) -> str | None:
    """Like `identifier`, but None for what is missing, empty or zero (shops' "no customer")."""
    if not isinstance(value, (str, int)) or value in ("", 0, "0"):
        return None
    try:
        return identifier(value, "id")
    except FactError:
        return None


def parse_time(value: Any, what: str) -> datetime:
    """A moment in UTC from ISO 8601 (UTC where it names no zone), or FactError naming `what`."""
    if not isinstance(value, str) or len(value) > 64:
        raise FactError(f"the {what} is missing or not a time")
    try:
        moment = datetime.fromisoformat(value.strip())
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _sane(zoned.astimezone(UTC), what)
    except (ValueError, OverflowError):
        raise FactError(f"the {what} {_shown(value)} is not a time") from None


def parse_epoch(value: Any, what: str) -> datetime:
    """A moment in UTC from Unix seconds, or FactError naming `what`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 10**11:
        raise FactError(f"the {what} is missing or not a number of seconds")
    try:
        return _sane(datetime.fromtimestamp(value, UTC), what)
    except (ValueError, OverflowError, OSError):
        raise FactError(f"the {what} {_shown(value)} is not a time") from None


def known_person(person: Person) -> Person | None:
    """The person, or None when nothing at all is known."""
    return None if person == Person() else person


def known_place(place: Place) -> Place | None:
    """The place, or None when nothing at all is known."""
    return None if place == Place() else place


def known_product(product: Product) -> Product | None:
    """The product, or None when it has no name."""
    return product if product.name else None


def split_name(value: Any) -> tuple[str | None, str | None]:
    """A whole name as first word and rest: "Claire Martin" → ("Claire", "Martin")."""
    first, _, rest = (clean_text(value) or "").partition(" ")
    return first or None, rest or None


def _decimal(value: Any) -> Decimal:
    # A float's shortest text is what its sender wrote; its binary value is not.
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, bool) or not isinstance(text, (str, int, Decimal)):
        raise FactError("the amount is missing or not a number")
    if isinstance(text, str) and (len(text) > 64 or "_" in text or not text.isascii()):
        raise FactError(f"the amount {_shown(value)} is not a number")
    if isinstance(text, int) and abs(text) > AMOUNT_LIMIT:
        raise FactError("the amount is too large")
    return _bounded(text, value)


def _bounded(text: str | int | Decimal, value: Any) -> Decimal:
    try:
        amount = Decimal(text.strip() if isinstance(text, str) else text)
    except InvalidOperation:
        raise FactError(f"the amount {_shown(value)} is not a number") from None
    if not amount.is_finite():
        raise FactError(f"the amount {_shown(value)} is not a number")
    # Before any arithmetic: 1E+999999999 is a short text and an endless integer.
    if amount and amount.adjusted() > 16:
        raise FactError("the amount is too large")
    return amount if amount and amount.adjusted() > -16 else Decimal(0)


def _plain(value: Any) -> str | int | float | bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= AMOUNT_LIMIT else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return clean_text(value, DATA_TEXT_LIMIT)


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category == "Cs" or character in _BIDI_CONTROLS else character


def _sane(moment: datetime, what: str) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise FactError(f"the {what} {moment.year:04} is not of our time")
    return moment


def _shown(value: Any) -> str:
    return repr(clean_text(value, 40)) if isinstance(value, str) else f"a {type(value).__name__}"


def _set(instance: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)
