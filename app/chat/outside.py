"""A chat of somebody else in place of ours: where the launcher leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wtforms.fields.choices import SelectChoice

TARGETS = [
    SelectChoice("tab", "A new tab"),
    SelectChoice("same", "The same tab"),
    SelectChoice("window", "A window of its own"),
    SelectChoice("frame", "A frame on the page"),
]
WINDOW = {"width": 420, "height": 680}  # pixels


class OutsideError(ValueError):
    """This cannot be an outside chat; `field` is what is wrong, the message says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_outside(url: str, fallback: str | None, target: str) -> dict[str, Any]:
    """As it is published. UTM parameters, page and time are added by the page. Raises
    OutsideError."""
    _check("url", url)
    outside: dict[str, Any] = {"url": url, "target": target}
    if fallback:
        _check("fallback", fallback)
        outside["fallback"] = fallback
    if target in ("window", "frame"):
        outside |= WINDOW
    return {**outside, "params": {"utm": True, "page": True, "time": True}}


def _check(field: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise OutsideError(field, "An address looks like https://chat.example.com/room.")
