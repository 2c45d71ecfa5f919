"""Formats: presets over the renderers. A new format is an entry here, data and no code."""

from __future__ import annotations

from typing import Any, Literal

from app.campaigns.content import PARTS, Content, Invalid, validated
from app.core.api import Schema
from app.proof.wording import (
    COUNT_VARIABLES,
    LIVE_VARIABLES,
    STREAK_VARIABLES,
    VARIABLES,
    WordingError,
    parse,
)

POSITIONS = {
    "bubble": ("bottom-left", "bottom-right", "top-left", "top-right"),
    "card": ("bottom-right", "bottom-left", "top-right", "top-left"),
    "button": ("bottom-right", "bottom-left", "top-right", "top-left"),
    "bar": ("top", "bottom"),
    "modal": ("center",),
}

# What speaks in the chat of the site, beside its launcher: the only format that needs one.
CHAT_MESSAGE = "chat_message"

# What every format has: how it looks and behaves.
DESIGN = frozenset(
    {
        "position",
        "theme",
        "accent",
        "background",
        "foreground",
        "size",
        "corners",
        "animation",
        "icon",
        "closable",
        "duration",
        "gap",
        "translations",
    }
)


class Format(Schema):
    """`shows` is where its words come from: single activities, counts over them, or its own text.

    `fields` are the parts of the content that it knows besides its design, `needed` those it
    cannot do without, `variables` what its wording may name.
    """

    name: str
    label: str
    summary: str
    icon: str
    renderer: str
    shows: Literal["activities", "counts", "words"]
    fields: list[str]
    needed: list[str]
    variables: list[str] = []
    # Where it may be, if not wherever its renderer can; the first is where a new one is.
    positions: list[str] = []
    defaults: dict[str, Any] = {}
    # Of a new campaign only: an example to write over, nothing that an API caller has left out.
    example: dict[str, Any] = {}

    def knows(self, field: str) -> bool:
        return field in DESIGN or field in self.fields

    @property
    def places(self) -> list[str]:
        return self.positions or [*POSITIONS[self.renderer]]


_WORDS = {"duration": 0, "gap": 0}

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
            fields=["template", "types"],
            needed=["template"],
            variables=[*VARIABLES],
            defaults={
                "template": "{{first_name}} from {{city}} bought {{product}}",
                "duration": 6,
                "gap": 12,
            },
        ),
        Format(
            name="period_count",
            label="Period count",
            icon="trending-up",
            summary="How many people bought, signed up or booked in the last hours or days.",
            renderer="bubble",
            shows="counts",
            fields=["template", "types", "period", "minimum"],
            needed=["template"],
            variables=[*COUNT_VARIABLES],
            defaults={
                "template": "{{count}} orders in the last {{period}}",
                "duration": 10,
                "icon": "bag",
            },
        ),
        Format(
            name="hot_streak",
            label="Hot streak",
            icon="flame",
            summary="The product that was bought most often lately, and how often.",
            renderer="bubble",
            shows="counts",
            fields=["template", "types", "period", "minimum"],
            needed=["template"],
            variables=[*STREAK_VARIABLES],
            defaults={
                "template": "{{product}} was bought {{count}} times in the last {{period}}",
                "duration": 10,
                "icon": "flame",
            },
        ),
        Format(
            name="rating_summary",
            label="Rating summary",
            icon="star",
            summary="The average of your reviews and how many there are.",
            renderer="card",
            shows="counts",
            fields=["template", "minimum", "title", "link"],
            needed=["template"],
            variables=["rating", "best", "count"],
            defaults={
                "template": "{{rating}} out of {{best}} from {{count}} reviews",
                "minimum": 3,
                "duration": 0,
                "icon": "none",
            },
        ),
        Format(
            name="live_visitors",
            label="Live visitors",
            icon="eye",
            summary="How many visitors are on the site at this moment.",
            renderer="bubble",
            shows="counts",
            fields=["template", "minimum"],
            needed=["template"],
            variables=[*LIVE_VARIABLES],
            defaults={
                "template": "{{visitors}} visitors are on this site now",
                "duration": 10,
                "icon": "none",
            },
        ),
        Format(
            name="notice",
            label="Notice",
            icon="megaphone",
            summary="One sentence of yours across the page, with a link if you like.",
            renderer="bar",
            shows="words",
            fields=["message", "link", "tone"],
            needed=["message"],
            defaults=_WORDS,
            example={"message": "Something your visitors should know."},
        ),
        Format(
            name="coupon_card",
            label="Coupon card",
            icon="ticket-percent",
            summary="An offer in the corner with a code to copy.",
            renderer="card",
            shows="words",
            fields=["title", "message", "coupon", "link", "image"],
            needed=["title", "coupon"],
            defaults={**_WORDS, "icon": "gift"},
            example={
                "title": "A welcome gift",
                "message": "Use this code at the checkout.",
                "coupon": "WELCOME",
            },
        ),
        Format(
            name="coupon_bar",
            label="Coupon bar",
            icon="badge-percent",
            summary="An offer across the page with a code to copy.",
            renderer="bar",
            shows="words",
            fields=["message", "coupon", "link"],
            needed=["message", "coupon"],
            defaults={**_WORDS, "icon": "tag"},
            example={"message": "Use this code at the checkout.", "coupon": "WELCOME"},
        ),
        Format(
            name="button_bar",
            label="Button bar",
            icon="rectangle-ellipsis",
            summary="A sentence and a button across the page.",
            renderer="bar",
            shows="words",
            fields=["message", "link"],
            needed=["message", "link"],
            defaults={**_WORDS, "position": "bottom", "icon": "none"},
            example={
                "message": "See what is new.",
                "link": {"url": "https://example.com/", "label": "Take a look"},
            },
        ),
        Format(
            name="image_card",
            label="Image card",
            icon="image",
            summary="A picture with a title, a sentence and a button.",
            renderer="card",
            shows="words",
            fields=["title", "message", "image", "link"],
            needed=["title"],
            defaults={**_WORDS, "icon": "none"},
            example={"title": "New this week"},
        ),
        Format(
            name="modal",
            label="Modal",
            icon="app-window",
            summary="A window over the page for what must not be missed. Use it rarely.",
            renderer="modal",
            shows="words",
            fields=["title", "message", "image", "coupon", "link"],
            needed=["title"],
            defaults={**_WORDS, "icon": "none"},
            example={"title": "Before you go", "message": "One thing you should know."},
        ),
        Format(
            name="button",
            label="Floating button",
            icon="mouse-pointer-click",
            summary="A button that stays in a corner and leads somewhere.",
            renderer="button",
            shows="words",
            fields=["link"],
            needed=["link"],
            defaults={**_WORDS, "icon": "chat", "closable": False},
            example={"link": {"url": "https://example.com/", "label": "Contact us"}},
        ),
        Format(
            name=CHAT_MESSAGE,
            label="Chat message",
            icon="message-square",
            summary="A question of yours beside the chat. Who clicks it answers you there.",
            renderer="bubble",
            shows="words",
            fields=["message"],
            needed=["message"],
            positions=["bottom-right"],
            defaults={**_WORDS, "icon": "none", "corners": "round"},
            example={"message": "Can we help you choose?"},
        ),
    )
}


def checked_parts(name: str, parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Content, triggers, rules, frequency and tracking of a format, those that are given, with
    their defaults. Raises one Invalid with every problem of all of them, by path."""
    checked: dict[str, dict[str, Any]] = {}
    errors: dict[str, str] = {}
    for part, values in parts.items():
        try:
            checked[part] = (
                checked_content(name, values)
                if part == "content"
                else validated(PARTS[part], values, part)
            )
        except Invalid as error:
            errors.update(error.errors)
    if errors:
        raise Invalid(errors)
    return checked


def checked_content(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content of a format with its defaults. Raises Invalid; paths begin with `content`."""
    format = FORMATS[name]
    foreign = [field for field in content if not format.knows(field)]
    if foreign:
        raise Invalid({f"content.{field}": "This format does not have it." for field in foreign})
    values = validated(Content, {**format.defaults, **content}, "content")
    missing = [field for field in format.needed if not values[field]]
    if missing:
        raise Invalid({f"content.{field}": "This is needed." for field in missing})
    _check_wording(format, values)
    if values["position"] not in format.places:
        values["position"] = format.places[0]
    return {field: value for field, value in values.items() if format.knows(field)}


def _check_wording(format: Format, values: dict[str, Any]) -> None:
    """Templates name only what the format knows, and hold no number that nobody counted."""
    templates = {"content.template": values["template"]}
    for language, texts in values["translations"].items():
        templates[f"content.translations.{language}.template"] = texts["template"]
    errors = {}
    for path, template in templates.items():
        try:
            if template:
                parse(template, variables=tuple(format.variables))
        except WordingError as error:
            errors[path] = error.message
    if errors:
        raise Invalid(errors)
