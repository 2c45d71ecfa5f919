"""Hours as people write them: "09:00–12:30, 13:30–17:00" for a day, and days as dates."""

from __future__ import annotations

import re
from datetime import date

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_SPANS = 5  # of a day
MOST_HOLIDAYS = 200
SPAN = re.compile(r"(\d{1,2})[:.](\d{2})\s*(?:-|–|—|to)\s*(\d{1,2})[:.](\d{2})")
MIDNIGHT = 24 * 60

Span = tuple[int, int]


class HoursError(ValueError):
    """This is not read as hours or days; the message says why, for a person."""


def read_spans(text: str) -> list[Span]:
    """Minutes after midnight, in order; none for a day on which nobody is there. Raises
    HoursError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MOST_SPANS:
        raise HoursError(f"At most {MOST_SPANS} spans a day.")
    spans = sorted(_span(part) for part in parts)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        if start < end:
            raise HoursError("These overlap.")
    return spans


def _span(text: str) -> Span:
    found = SPAN.fullmatch(text)
    if found is None:
        raise HoursError("Write hours like 09:00–17:00, or several with commas between them.")
    start, end = (_minute(found[1], found[2]), _minute(found[3], found[4]))
    if start >= end:
        raise HoursError("The end comes before the beginning. Midnight at the end is 24:00.")
    return start, end


def _minute(hours: str, minutes: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > MIDNIGHT:
        raise HoursError(f"{hours}:{minutes} is no time of a day.")
    return minute


def write_spans(spans: list[Span]) -> str:
    return ", ".join(f"{_clock(start)}–{_clock(end)}" for start, end in spans)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def read_days(text: str) -> list[str]:
    """Dates as ISO text, each once, in order. Raises HoursError."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_HOLIDAYS:
        raise HoursError(f"At most {MOST_HOLIDAYS} days.")
    return sorted({_day(word) for word in words})


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise HoursError(f"“{text[:20]}” is no date. Write days like 2026-12-25.") from None
