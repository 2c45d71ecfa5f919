"""What a campaign says, how it looks, when and to whom it is shown: the one place that checks it.

The builder, the REST API and imports all end here, so a message is written once, for a person.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator

from app.core.api import Schema
from app.core.forms import clean_line
from app.core.languages import LANGUAGES
from app.sites.parameters import STANDARD

COLOUR = re.compile("#[0-9a-fA-F]{6}")
PARAMETER = re.compile("[A-Za-z0-9_.-]{1,40}")
TYPE = re.compile("[a-z][a-z0-9_]{0,39}")

DEVICES = ("mobile", "tablet", "desktop")
ICONS = ("check", "heart", "star", "bag", "bell", "gift", "tag", "info", "chat", "flame", "none")
PERIODS = ("hour", "day", "week", "month")
MOST_PATTERNS = 30
MOST_CUSTOM = 10


def _colour(text: str) -> str:
    if not COLOUR.fullmatch(text):
        raise ValueError("A colour looks like #2563eb.")
    return text.lower()


def web_address(text: str) -> str:
    """An http or https address with a host. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or not text.isprintable():
        raise ValueError("A link starts with https://")
    return text


def _pattern(text: str) -> str:
    if "://" in text:
        raise ValueError(f"Write it without https://, for example {_without_scheme(text)}.")
    if any(c.isspace() for c in text):
        raise ValueError("One pattern on each line, without blanks.")
    return text


def _without_scheme(text: str) -> str:
    return text.partition("://")[2][:80] or "/pricing*"


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise ValueError(f"The languages are {', '.join(LANGUAGES)}.")
    return text


def _one_of(name: str, allowed: tuple[str, ...]) -> Any:
    def check(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{name} is one of: {', '.join(allowed)}.")
        return text

    return AfterValidator(check)


def _type(text: str) -> str:
    if not TYPE.fullmatch(text):
        raise ValueError("A type is a short name in small letters, such as purchase.")
    return text


Code = Annotated[str, Field(min_length=1, max_length=40), BeforeValidator(clean_line)]
Label = Annotated[str, Field(min_length=1, max_length=60), BeforeValidator(clean_line)]
Title = Annotated[str, Field(min_length=1, max_length=120), BeforeValidator(clean_line)]
Message = Annotated[str, Field(min_length=1, max_length=300), BeforeValidator(clean_line)]
Template = Annotated[str, Field(max_length=300)]
Colour = Annotated[str, AfterValidator(_colour)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Language = Annotated[str, AfterValidator(_language)]
Patterns = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_pattern)]],
    Field(max_length=MOST_PATTERNS),
]


class Link(Schema):
    """Where a button leads."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(web_address)]
    label: Label = "Read more"
    same_tab: bool = False


class Image(Schema):
    """An uploaded picture by its token; sizes in pixels."""

    token: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{22,43}$")]
    width: Annotated[int, Field(ge=1, le=4000)]
    height: Annotated[int, Field(ge=1, le=4000)]
    alt: Annotated[str, Field(max_length=200), BeforeValidator(clean_line)] = ""


class Translation(Schema):
    """The texts of a campaign in another language; what is missing stays as it is."""

    template: Template | None = None
    title: Title | None = None
    message: Message | None = None
    label: Label | None = None


class Content(Schema):
    """Everything that any format may say and how it may look. A format knows some of it.

    `duration` and `gap` are seconds; a `duration` of 0 stays until it is closed.
    """

    template: Template | None = None
    types: Annotated[
        list[Annotated[str, AfterValidator(_type)]], Field(min_length=1, max_length=20)
    ] = ["purchase"]
    period: Annotated[str, _one_of("The period", PERIODS)] = "day"
    minimum: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    title: Title | None = None
    message: Message | None = None
    tone: Literal["info", "success", "warning", "error"] = "info"
    coupon: Code | None = None
    link: Link | None = None
    image: Image | None = None
    translations: Annotated[dict[Language, Translation], Field(max_length=len(LANGUAGES))] = {}

    position: str | None = None
    theme: Literal["light", "dark", "auto"] = "auto"
    accent: Colour = "#2563eb"
    background: Colour | None = None
    foreground: Colour | None = None
    size: Literal["small", "medium", "large"] = "medium"
    corners: Literal["sharp", "soft", "round"] = "soft"
    animation: Literal["fade", "slide", "pop", "none"] = "fade"
    icon: Annotated[str, _one_of("The icon", ICONS)] | None = None
    duration: Seconds = 6
    gap: Seconds = 12
    closable: bool = True


class Triggers(Schema):
    """When it appears: after `delay` seconds and then, if any of the others is set, at the first
    of them. `scroll` is percent of the page, `time` seconds that the page was really looked at."""

    delay: Seconds = 3
    scroll: Annotated[int, Field(ge=1, le=100)] | None = None
    exit: bool = False
    time: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] | None = None


class Rules(Schema):
    """Where and to whom: URL patterns with *, kinds of device, languages. Empty means any."""

    include: Patterns = []
    exclude: Patterns = []
    devices: list[Annotated[str, _one_of("A device", DEVICES)]] = []
    languages: list[Language] = []


class Frequency(Schema):
    """How often: at most so many times on a page, and for a visitor on a day. None: no limit."""

    page: Annotated[int, Field(ge=1, le=1000)] | None = None
    day: Annotated[int, Field(ge=1, le=1000)] | None = None


class Tracking(Schema):
    """What is added to the campaign's link when it is followed: the page's own values of
    `params`, the `custom` ones, the address of the page, and the time."""

    params: list[Annotated[str, _one_of("A parameter", STANDARD)]] = list(STANDARD)
    custom: Annotated[
        dict[str, Annotated[str, Field(max_length=200), BeforeValidator(clean_line)]],
        Field(max_length=MOST_CUSTOM),
    ] = {}
    page: bool = False
    time: bool = False

    @field_validator("custom")
    @classmethod
    def named(cls, custom: dict[str, str]) -> dict[str, str]:
        for name in custom:
            if not PARAMETER.fullmatch(name):
                raise ValueError("A parameter's name has letters, digits, _ . and - only.")
        return custom


PARTS: dict[str, type[Schema]] = {
    "triggers": Triggers,
    "rules": Rules,
    "frequency": Frequency,
    "tracking": Tracking,
}


class Invalid(Exception):
    """Some fields cannot be used: `errors` has a message for a person by the field's path."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {text}" for path, text in errors.items()))
        self.errors = errors


def validated(schema: type[Schema], values: Any, prefix: str) -> dict[str, Any]:
    try:
        return schema.model_validate(values).model_dump()
    except ValidationError as error:
        problems = error.errors()
        errors = {".".join(map(str, (prefix, *each["loc"]))): message_of(each) for each in problems}
        raise Invalid(errors) from error


def message_of(problem: Any) -> str:
    """What pydantic found, for a person."""
    bounds = problem.get("ctx", {})
    match problem["type"]:
        case "value_error":
            return str(bounds["error"])
        case "string_too_long":
            return f"At most {bounds['max_length']} characters."
        case "too_long":
            return f"At most {bounds['max_length']}."
        case "string_too_short" | "too_short" | "missing":
            return "This is needed."
        case "greater_than_equal":
            return f"At least {bounds['ge']:g}."
        case "greater_than":
            return f"More than {bounds['gt']:g}."
        case "less_than_equal":
            return f"At most {bounds['le']:g}."
        case "literal_error":
            return f"One of: {bounds['expected']}."
        case "extra_forbidden":
            return "There is no such field."
        case (
            "finite_number"
            | "float_parsing"
            | "int_parsing"
            | "float_type"
            | "int_type"
            | "int_from_float"
        ):
            return "This is not a number."
        case _:
            return f"{problem['msg']}."
