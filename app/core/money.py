"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

ENGLISH = "en"


def money_words(amount: int, currency: str) -> str:
    """`amount` in the currency's minor units: 2935 with USD is "$29.35", with JPY "¥2,935"."""
    # Loaded when an amount is first shown: Babel and a language take some ten megabytes.
    from babel.numbers import format_currency, get_currency_precision

    major = Decimal(amount).scaleb(-get_currency_precision(currency))
    return format_currency(major, currency, locale=ENGLISH)
