"""The builder's form: one field for everything that a campaign can be told, less what its format
does not know. The rules themselves are in `content.py`; here they only find their field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import (
    BooleanField,
    DateTimeLocalField,
    SelectField,
    SelectMultipleField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, ValidationError

from app.campaigns.content import DEVICES, ICONS, Invalid
from app.campaigns.formats import FORMATS, Format
from app.campaigns.models import Campaign
from app.core import clock
from app.core.forms import Form, LineField, printable
from app.core.languages import LANGUAGES
from app.proof.forms import TYPES
from app.sites.parameters import STANDARD

FARTHEST = datetime(9000, 1, 1, tzinfo=UTC)  # later ones have no date in some zones
LONGEST = Length(max=20_000, message="This is too long.")
TEXTS = ("template", "title", "message", "label")

PERIOD_WORDS = {
    "hour": "Last hour",
    "day": "Last 24 hours",
    "week": "Last 7 days",
    "month": "Last 30 days",
}
TONES = {
    "info": "Information",
    "success": "Good news",
    "warning": "Warning",
    "error": "Problem",
}

# Where a problem of a path is shown, the more exact path first. The rest finds the field that has
# the path's last word as its name.
PLACES = (
    ("content.link.url", "link_url"),
    ("content.link.label", "link_label"),
    ("content.link", "link_url"),
    ("content.image.alt", "image_alt"),
    ("content.image", "image_alt"),
    ("frequency.page", "per_page"),
    ("frequency.day", "per_day"),
    ("triggers.time", "time_on_page"),
    ("tracking.page", "pass_page"),
    ("tracking.time", "pass_time"),
    ("rules.include", "include"),
    ("rules.exclude", "exclude"),
    ("rules.devices", "devices"),
    ("rules.languages", "languages"),
    ("tracking.params", "params"),
    ("tracking.custom", "custom"),
    ("content.types", "types"),
)


class CampaignForm(Form):
    """All fields of all formats. Numbers are lines: what is no number comes back as typed."""

    name = LineField("Name", [InputRequired("Give the campaign a name."), Length(max=120)])

    template = TextAreaField("Wording", [LONGEST, printable])
    types = SelectMultipleField("Counts", choices=TYPES)
    period = SelectField("Over", choices=PERIOD_WORDS)
    minimum = LineField("Only when at least")
    title = LineField("Title")
    message = TextAreaField("Message", [LONGEST, printable])
    tone = SelectField("Tone", choices=TONES)
    coupon = LineField("Code")
    link_url = LineField("Link", [LONGEST])
    link_label = LineField("Link text")
    link_same_tab = BooleanField("Open in the same tab")
    image_alt = LineField("What the picture shows")
    translated = SelectMultipleField("Other languages", choices=LANGUAGES)

    position = SelectField("Position")
    theme = SelectField(
        "Theme", choices={"auto": "Like the device", "light": "Light", "dark": "Dark"}
    )
    accent = LineField("Accent")
    background = LineField("Background")
    foreground = LineField("Text")
    size = SelectField("Size", choices={"small": "Small", "medium": "Medium", "large": "Large"})
    corners = SelectField("Corners", choices={"sharp": "Sharp", "soft": "Soft", "round": "Round"})
    animation = SelectField(
        "Appears by",
        choices={"fade": "Fading in", "slide": "Sliding in", "pop": "Popping", "none": "-"},
    )
    icon = SelectField(
        "Icon", choices={"": "As the format has it", **{n: n.capitalize() for n in ICONS}}
    )

    delay = LineField("Delay")
    scroll = LineField("Scrolled")
    time_on_page = LineField("Time on the page")
    exit = BooleanField("About to leave")
    duration = LineField("Stays for")
    gap = LineField("Pause between two")
    closable = BooleanField("Visitors can close it")
    per_page = LineField("On one page")
    per_day = LineField("For one visitor on a day")

    include = TextAreaField("Only on these pages", [LONGEST, printable])
    exclude = TextAreaField("Never on these pages", [LONGEST, printable])
    devices = SelectMultipleField("Devices", choices={name: name.capitalize() for name in DEVICES})
    languages = SelectMultipleField("Languages", choices=LANGUAGES)

    params = SelectMultipleField("Parameters", choices=STANDARD)
    custom = TextAreaField("Own parameters", [LONGEST, printable])
    pass_page = BooleanField("Address of the page (candor_page)")
    pass_time = BooleanField("Time of the click (candor_time)")

    def __init__(self, format: Format, **options: Any) -> None:
        super().__init__(**options)
        self.format = format
        self.position.choices = {
            name: name.replace("-", " ").capitalize() for name in format.places
        }
        for name in _unknown_to(format):
            del self[name]
        if format.shows == "activities":
            self.types.label.text = "Shows"
        # Texts in other languages, as they were sent or are kept: {"de": {"title": "…"}}.
        self.translations: dict[str, dict[str, str]] = {}
        self.translation_errors: dict[str, dict[str, str]] = {}

    def parts(self, campaign: Campaign) -> dict[str, dict[str, Any]]:
        """Everything of the draft, as the verbs of a campaign take it."""
        return {
            "content": self._content(campaign),
            "triggers": {
                "delay": self.delay.data,
                "scroll": self.scroll.data or None,
                "exit": self.exit.data,
                "time": self.time_on_page.data or None,
            },
            "rules": {
                "include": _lines(self.include.data),
                "exclude": _lines(self.exclude.data),
                "devices": self.devices.data,
                "languages": self.languages.data,
            },
            "frequency": {
                "page": self.per_page.data or None,
                "day": self.per_day.data or None,
            },
            "tracking": self._tracking() if "params" in self else campaign.tracking,
        }

    def show(self, error: Invalid) -> None:
        """Put each message at the field that it is about."""
        for path, message in error.errors.items():
            if path.startswith("content.translations."):
                self._show_translation(path.split(".")[2:], message)
            else:
                place = _place(path)
                field = self[place if place in self else "name"]
                field.errors = [*field.errors, message]

    @property
    def texts(self) -> list[str]:
        """Which texts of this format can be had in other languages."""
        known = [name for name in TEXTS[:3] if name in self]
        return [*known, "label"] if "link_label" in self else known

    def _content(self, campaign: Campaign) -> dict[str, Any]:
        plain = ("template", "types", "period", "minimum", "title", "message", "tone", "coupon")
        design = ("position", "theme", "accent", "background", "foreground", "size", "corners")
        behaviour = ("animation", "icon", "duration", "gap", "closable")
        values = {name: self[name].data for name in (*plain, *design, *behaviour) if name in self}
        for optional in ("title", "message", "coupon", "template", "background", "foreground"):
            if optional in values:
                values[optional] = (values[optional] or "").strip() or None
        values["icon"] = values["icon"] or None
        if "link_url" in self:
            values["link"] = self._link()
        if self.format.knows("image"):
            image = campaign.content.get("image")
            values["image"] = {**image, "alt": self.image_alt.data or ""} if image else None
        values["translations"] = {
            language: {name: text or None for name, text in texts.items() if name in self.texts}
            for language, texts in self.translations.items()
        }
        # The API may have set what this form does not show: it stays.
        return {**campaign.content, **values}

    def _link(self) -> dict[str, Any] | None:
        if not self.link_url.data:
            return None
        label = {"label": self.link_label.data} if self.link_label.data else {}
        return {"url": self.link_url.data, "same_tab": self.link_same_tab.data, **label}

    def _tracking(self) -> dict[str, Any]:
        return {
            "params": self.params.data,
            "custom": _pairs(self.custom.data),
            "page": self.pass_page.data,
            "time": self.pass_time.data,
        }

    def _show_translation(self, path: list[str], message: str) -> None:
        language, name = path[0], path[1] if len(path) > 1 else self.texts[0]
        self.translation_errors.setdefault(language, {})[name] = message


class ScheduleForm(Form):
    """A moment on the site's own clock."""

    at = DateTimeLocalField(
        "Publish at", [InputRequired("Choose a day and a time.")], format="%Y-%m-%dT%H:%M"
    )

    def __init__(self, time_zone: str, **options: Any) -> None:
        super().__init__(**options)
        self.zone = ZoneInfo(time_zone)

    def validate_at(self, field: Any) -> None:
        if not field.data:
            return
        if not clock.now() < self.moment < FARTHEST:
            raise ValidationError("Choose a moment that is still to come.")
        if self.moment.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != field.data:
            raise ValidationError(
                "The clocks go forward then and skip this time. Choose one before or after it."
            )

    @property
    def moment(self) -> datetime:
        return self.at.data.replace(tzinfo=self.zone)


def sent_form(format: Format, sent: Any) -> CampaignForm:
    """The form as it was sent. `sent` is the request's form."""
    form = CampaignForm(format)
    for language in form.translated.data or []:
        if language in LANGUAGES:
            form.translations[language] = {
                name: sent.get(f"{language}-{name}", "") for name in form.texts
            }
    return form


def form_of(campaign: Campaign) -> CampaignForm:
    """The form of what is kept."""
    form = CampaignForm(FORMATS[campaign.format], formdata=None, data=_data(campaign))
    form.translations = {
        language: {name: text or "" for name, text in texts.items()}
        for language, texts in (campaign.content.get("translations") or {}).items()
    }
    return form


def _data(campaign: Campaign) -> dict[str, Any]:
    content, triggers, rules = campaign.content, campaign.triggers, campaign.rules
    link, image = content.get("link") or {}, content.get("image") or {}
    tracking, frequency = campaign.tracking, campaign.frequency
    values = {
        **content,
        "name": campaign.name,
        "icon": content.get("icon") or "",
        "link_url": link.get("url"),
        "link_label": link.get("label"),
        "link_same_tab": link.get("same_tab"),
        "image_alt": image.get("alt"),
        "translated": list(content.get("translations") or {}),
        "delay": triggers.get("delay", 0),
        "scroll": triggers.get("scroll"),
        "exit": triggers.get("exit"),
        "time_on_page": triggers.get("time"),
        "include": "\n".join(rules.get("include", [])),
        "exclude": "\n".join(rules.get("exclude", [])),
        "devices": rules.get("devices"),
        "languages": rules.get("languages"),
        "per_page": frequency.get("page"),
        "per_day": frequency.get("day"),
        "params": tracking.get("params", list(STANDARD)),
        "custom": "\n".join(f"{k}={v}" for k, v in tracking.get("custom", {}).items()),
        "pass_page": tracking.get("page"),
        "pass_time": tracking.get("time"),
    }
    return {name: _plain_number(value) for name, value in values.items()}


def _plain_number(value: Any) -> Any:
    """3.0 is typed 3."""
    return f"{value:g}" if isinstance(value, float) else value


def _unknown_to(format: Format) -> list[str]:
    texts = ("template", "types", "period", "minimum", "title", "message", "tone", "coupon")
    names = [name for name in texts if not format.knows(name)]
    if format.shows != "activities":
        names.append("gap")
    if not format.knows("link"):
        names += ["link_url", "link_label", "link_same_tab", "params", "custom"]
        names += ["pass_page", "pass_time"]
    return names if format.knows("image") else [*names, "image_alt"]


def _place(path: str) -> str:
    for prefix, name in PLACES:
        if path == prefix or path.startswith(f"{prefix}."):
            return name
    return path.split(".")[1] if "." in path else path


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _pairs(text: str | None) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(text))
    return {name.strip(): value.strip() for name, _, value in pairs}
