"""Numbers and periods as a language writes them."""

from __future__ import annotations

from decimal import Decimal

ENGLISH = "en"

# The form that follows "in the last …": "in den letzten 7 Tagen", "w ciągu ostatnich 7 dni". Where
# articles have a gender or a number, sixty minutes let one sentence serve every period.
PERIODS = {
    ENGLISH: ("hour", "24 hours", "7 days", "30 days"),
    "de": ("60 Minuten", "24 Stunden", "7 Tagen", "30 Tagen"),
    "fr": ("60 minutes", "24 heures", "7 jours", "30 jours"),
    "es": ("60 minutos", "24 horas", "7 días", "30 días"),
    "it": ("60 minuti", "24 ore", "7 giorni", "30 giorni"),
    "pt": ("60 minutos", "24 horas", "7 dias", "30 dias"),
    "nl": ("60 minuten", "24 uur", "7 dagen", "30 dagen"),
    "pl": ("60 minut", "24 godzin", "7 dni", "30 dni"),
    "sv": ("60 minuterna", "24 timmarna", "7 dagarna", "30 dagarna"),
    "da": ("60 minutter", "24 timer", "7 dage", "30 dage"),
    "nb": ("60 minuttene", "24 timene", "7 dagene", "30 dagene"),
    "cs": ("60 minut", "24 hodin", "7 dní", "30 dní"),
    "ja": ("60分", "24時間", "7日間", "30日間"),
    "ar": ("60 دقيقة", "24 ساعة", "7 أيام", "30 يومًا"),
    "he": ("60 דקות", "24 שעות", "7 ימים", "30 ימים"),
}
NAMES = ("hour", "day", "week", "month")


def period_words(period: str, language: str) -> str:
    """A period to follow "in the last …"; empty for one that has no beginning."""
    words = PERIODS.get(language.partition("-")[0].lower(), PERIODS[ENGLISH])
    return dict(zip(NAMES, words, strict=True)).get(period, "")


def whole(number: int, language: str) -> str:
    """A whole number: 1204 is "1,204", in German "1.204"."""
    return _written(number, None, language)


def tenths(number: Decimal, language: str) -> str:
    """A number with one decimal: "4.8", in German "4,8"."""
    return _written(number, "0.0", language)


def _written(number: int | Decimal, form: str | None, language: str) -> str:
    # Loaded when a number is first shown: Babel and a language take some ten megabytes.
    from babel import Locale, UnknownLocaleError
    from babel.numbers import format_decimal

    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale(ENGLISH)
    return format_decimal(number, format=form, locale=locale)
