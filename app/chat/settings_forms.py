from __future__ import annotations

from typing import Any

from wtforms import BooleanField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional, Regexp, ValidationError

from app.chat.models import ChatSettings
from app.chat.models.settings import MANUAL, NOTHING, OPTIONAL, REQUIRED, ROUND_ROBIN, TEXTS
from app.chat.outside import TARGETS, OutsideError, read_outside
from app.chat.week import DAYS, HoursError, read_days, read_spans, write_spans
from app.core.forms import CountField, Form, LineField, printable

LONGEST_TEXT = 500
MOST_MINUTES = 60 * 24 * 30
MINUTES = [Optional(), NumberRange(1, MOST_MINUTES, f"1 to {MOST_MINUTES:,} minutes.")]
ASKS = [
    SelectChoice(NOTHING, ("Nothing", "Visitors write at once.")),
    SelectChoice(OPTIONAL, ("Name and e-mail, if they like", "So that an answer can reach them.")),
    SelectChoice(REQUIRED, ("An e-mail address", "Nobody writes without one.")),
]
ASSIGNMENTS = [
    SelectChoice(MANUAL, ("By hand", "Whoever answers takes it.")),
    SelectChoice(ROUND_ROBIN, ("In turn", "To the agent who is there and has the fewest.")),
]
POSITIONS = [
    SelectChoice("bottom-right", "Bottom right"),
    SelectChoice("bottom-left", "Bottom left"),
]


def days_of(week: list[Any] | None) -> dict[str, str]:
    """The fields of the seven days, as they are filled in."""
    spans = week or [[]] * 7
    return {f"day_{number}": write_spans(spans[number]) for number in range(7)}


class ChatSettingsForm(Form):
    """All but the texts, which have a form for each language."""

    on = BooleanField("Show the chat on this site")
    position = SelectField("Position", choices=POSITIONS)
    accent = LineField(
        "Colour", [Regexp("#[0-9a-fA-F]{6}$", message="A colour looks like #2563eb.")]
    )
    asks = RadioField("Ask before the first message", choices=ASKS)
    takes_files = BooleanField("Visitors may send files")
    asks_rating = BooleanField("Ask how it was when a conversation is closed")
    always = BooleanField("Somebody is always there")
    day_0 = LineField(DAYS[0])
    day_1 = LineField(DAYS[1])
    day_2 = LineField(DAYS[2])
    day_3 = LineField(DAYS[3])
    day_4 = LineField(DAYS[4])
    day_5 = LineField(DAYS[5])
    day_6 = LineField(DAYS[6])
    holidays = TextAreaField("Holidays", [Length(max=5000), printable])
    waiting_minutes = CountField("Say “still waiting” after", MINUTES)
    assignment = RadioField("New conversations are assigned", choices=ASSIGNMENTS)
    reply_target = CountField("First reply within", MINUTES)
    resolution_target = CountField("Closed within", MINUTES)
    outside_url = LineField("Address of the outside chat", [Length(max=1000)])
    outside_fallback = LineField("Second address", [Length(max=1000)])
    outside_target = SelectField("Opens in", choices=TARGETS)

    @classmethod
    def of(cls, settings: ChatSettings) -> ChatSettingsForm:
        outside = settings.outside or {}
        return cls(
            obj=settings,
            always=settings.week is None,
            outside_url=outside.get("url"),
            outside_fallback=outside.get("fallback"),
            outside_target=outside.get("target", "tab"),
            **days_of(settings.week),
            data={"holidays": "\n".join(settings.holidays)},
        )

    def validate_holidays(self, field: Any) -> None:
        try:
            self.read_holidays = read_days(field.data or "")
        except HoursError as error:
            raise ValidationError(str(error)) from error

    def validate(self, extra_validators: Any = None) -> bool:
        valid = super().validate(extra_validators)
        return self._read_week() and self._read_outside() and valid

    def _read_week(self) -> bool:
        self.read_week: list[list[tuple[int, int]]] = []
        for number in range(7):
            field = self[f"day_{number}"]
            try:
                self.read_week.append(read_spans(field.data or ""))
            except HoursError as error:
                field.errors = [str(error)]
        if not self.always.data and not any(self.read_week) and not self.errors:
            self.always.errors = ["Say when somebody is there, or that somebody always is."]
            return False
        return len(self.read_week) == 7

    def _read_outside(self) -> bool:
        self.read_outside: dict[str, Any] | None = None
        if not self.outside_url.data:
            return True
        try:
            self.read_outside = read_outside(
                self.outside_url.data, self.outside_fallback.data, self.outside_target.data
            )
        except OutsideError as error:
            self[f"outside_{error.field}"].errors = [str(error)]
            return False
        return True

    def settings(self) -> dict[str, Any]:
        """What ChatSettings.change takes."""
        plain = ("on", "position", "accent", "asks", "takes_files", "asks_rating", "assignment")
        counts = ("waiting_minutes", "reply_target", "resolution_target")
        return {
            **{name: self[name].data for name in (*plain, *counts)},
            "week": None if self.always.data else self.read_week,
            "holidays": self.read_holidays,
            "outside": self.read_outside,
        }


class ChatTextsForm(Form):
    """What the site says in one language."""

    title = LineField("Title of the panel", [Length(max=60)])
    greeting = TextAreaField("Greeting", [Length(max=LONGEST_TEXT), printable])
    away = TextAreaField("When nobody is there", [Length(max=LONGEST_TEXT), printable])
    waiting = TextAreaField("When an answer takes long", [Length(max=LONGEST_TEXT), printable])

    @classmethod
    def of(cls, settings: ChatSettings, language: str) -> ChatTextsForm:
        return cls(data=settings.texts.get(language, {}))

    def texts(self) -> dict[str, str]:
        said = {name: (self[name].data or "").strip() for name in TEXTS}
        return {name: text for name, text in said.items() if text}
