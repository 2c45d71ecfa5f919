"""Values and numbers as people read them."""

from __future__ import annotations

from functools import cache

from app.analytics.dimensions import DIMENSIONS, NONE, OTHER
from app.core.countries import NAMES
from app.tracking.channels import CHANNELS
from app.tracking.words import channel_words

DEVICES = ("desktop", "mobile", "tablet")
MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def value_words(dimension: str, value: str) -> str:
    if value == NONE:
        return DIMENSIONS[dimension].none
    if value == OTHER:
        return "All others"
    if dimension == "channel":
        return channel_words(value)
    if dimension == "country":
        return NAMES.get(value, value)
    if dimension in ("region", "city"):
        place, _, country = value.rpartition(", ")
        return f"{place}, {NAMES.get(country, country)}" if place else value
    return value.capitalize() if dimension == "device" else value


def has_words(dimension: str, value: str, text: str) -> bool:
    """Whether a value, or what people read for it, contains a text, given in small letters."""
    if value in (NONE, OTHER):
        return False
    return text in value.casefold() or text in value_words(dimension, value).casefold()


def value_named(dimension: str, text: str) -> str:
    """The value that somebody means who writes what people read for it: `DE` for `Germany`."""
    return _by_words(dimension).get(text.casefold(), text)


@cache
def _by_words(dimension: str) -> dict[str, str]:
    """Where there are few, and they are no words themselves."""
    few = {"country": tuple(NAMES), "channel": CHANNELS, "device": DEVICES}.get(dimension, ())
    return {text.casefold(): each for each in few for text in (each, value_words(dimension, each))}


def percent(share: float | None) -> str:
    """`0.1234` is 12.3%."""
    return "–" if share is None else f"{share * 100:.1f}%"


def duration(milliseconds: float | None) -> str:
    """In the two largest units: `1 min 20 s`, `3 days 4 h`."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min {seconds % MINUTE} s"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    days = seconds // DAY
    return f"{days} {'day' if days == 1 else 'days'} {seconds % DAY // HOUR} h"
