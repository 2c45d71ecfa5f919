"""Money as people read it."""

from __future__ import annotations

import re
from decimal import Decimal

ENGLISH = "en"
TYPED = re.compile(r"(?P<whole>[0-9]{1,9})(?:[.,](?P<part>[0-9]+))?")


def precision(currency: str) -> int:
    """How many digits of an amount stand behind the point: 2 for USD, 0 for JPY."""
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def money_words(amount: int, currency: str) -> str:
    """`amount` in the currency's minor units: 2935 with USD is "$29.35", with JPY "¥2,935"."""
    # Loaded when an amount is first shown: Babel and a language take some ten megabytes.
    from babel.numbers import format_currency

    return format_currency(Decimal(units(amount, currency)), currency, locale=ENGLISH)


def units(amount: int, currency: str) -> str:
    """`amount` in whole units: 2935 with USD is "29.35", with JPY "2935"."""
    return str(Decimal(amount).scaleb(-precision(currency)))


def read_units(text: str, currency: str) -> int:
    """What a person types, in minor units: "29.35" with USD is 2935. Raises ValueError."""
    places = precision(currency)
    found = TYPED.fullmatch(text.strip())
    if found is None or len(found["part"] or "") > places:
        raise ValueError(f"An amount in {currency} looks like {units(1250, currency)}.")
    return int(found["whole"] + (found["part"] or "").ljust(places, "0"))
