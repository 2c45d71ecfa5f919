"""Formats: a renderer with defaults and what it needs. A new format is an entry here."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from app.core.api import Schema
from app.core.forms import clean_line
from app.proof.wording import WordingError, parse

POSITIONS = {
    "bubble": ("bottom-left", "bottom-right", "top-left", "top-right"),
    "bar": ("top", "bottom"),
}
DEFAULT_WORDING = "{{first_name}} from {{city}} bought {{product}}"


def _wording(text: str) -> str:
    try:
        parse(text)
    except WordingError as error:
        raise ValueError(str(error)) from error
    return text


def web_address(text: str) -> str:
    """An http or https address with a host. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("a link starts with https://")
    return text


Line = Annotated[str, AfterValidator(clean_line), Field(min_length=1)]
Accent = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Design(Schema):
    """How any campaign looks. `duration` 0 stays until closed; times are seconds."""

    position: str | None = None
    theme: Literal["light", "dark", "auto"] = "auto"
    accent: Accent = "#2563eb"
    duration: Seconds = 6
    gap: Seconds = 12
    closable: bool = True


class Link(Schema):
    url: Annotated[str, AfterValidator(web_address), Field(max_length=2000)]
    label: Annotated[Line, Field(max_length=60)]


class RecentActivity(Design):
    """Each eligible activity as it happens, and the latest of the last 7 days in turn."""

    template: Annotated[str, AfterValidator(_wording)] = DEFAULT_WORDING
    types: list[Annotated[str, Field(max_length=40)]] = Field(["purchase"], max_length=20)


class Notice(Design):
    """Something the site itself says: an announcement, never called proof."""

    message: Annotated[Line, Field(max_length=300)]
    link: Link | None = None
    tone: Literal["info", "success", "warning", "error"] = "info"
    duration: Seconds = 0


class Triggers(Schema):
    """When it appears: `delay` seconds after the page is there."""

    delay: Seconds = 3


class Format(Schema):
    """`shows` is what a format needs: rows of activities, or only its own words."""

    name: str
    label: str
    summary: str
    icon: str
    renderer: str
    shows: Literal["activities", "words"]
    content: type[Design]


FORMATS = {
    each.name: each
    for each in (
        Format(
            name="recent_activity",
            label="Recent activity",
            icon="shopping-bag",
            summary="Purchases, sign-ups and reviews as they happen, and the latest of the week.",
            renderer="bubble",
            shows="activities",
            content=RecentActivity,
        ),
        Format(
            name="notice",
            label="Notice",
            icon="megaphone",
            summary="One sentence of yours, with a link if you like.",
            renderer="bar",
            shows="words",
            content=Notice,
        ),
    )
}


def checked_content(name: str, renderer: str, content: dict[str, Any]) -> dict[str, Any]:
    """Content with its defaults. Raises pydantic.ValidationError."""
    values = FORMATS[name].content.model_validate(content).model_dump()
    allowed = POSITIONS[renderer]
    if values["position"] not in allowed:
        values["position"] = allowed[0]
    return values
