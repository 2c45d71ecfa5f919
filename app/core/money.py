"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

ENGLISH = "en"


def precision(currency: str) -> int:
    """How many digits of an amount stand behind the point: 2 for USD, 0 for JPY."""
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def money_words(amount: int, currency: str) -> str:
    """`amount` in the currency's minor units: 2935 with USD is "$29.35", with JPY "¥2,935"."""
    # Loaded when an amount is first shown: Babel and a language take some ten megabytes.
    from babel.numbers import format_currency

    major = Decimal(amount).scaleb(-precision(currency))
    return format_currency(major, currency, locale=ENGLISH)
