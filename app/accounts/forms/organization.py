from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from wtforms import BooleanField, SelectField
from wtforms.validators import ValidationError

from app.accounts.forms.fields import OrganizationField
from app.core import currencies, languages
from app.core.forms import Form, LineField

# For how many days raw events are kept.
KEPT = {
    "0": "For good",
    "730": "Two years",
    "365": "One year",
    "180": "180 days",
    "90": "90 days",
    "30": "30 days",
}


class NewOrganizationForm(Form):
    name = OrganizationField("Name")


class OrganizationForm(Form):
    name = OrganizationField("Name")
    time_zone = SelectField("Time zone", choices=sorted(available_timezones()))
    currency = SelectField(
        "Currency", choices={code: f"{code} – {name}" for code, name in currencies.NAMES.items()}
    )
    language = SelectField(
        "Language",
        choices=dict(sorted(languages.LANGUAGES.items(), key=lambda item: item[1].casefold())),
    )


class RetentionForm(Form):
    """`days` is None for keeping everything."""

    events_kept_days = SelectField("Raw events and visits", choices=KEPT)
    keeps_archives = BooleanField("Keep an archive of what is dropped")

    @property
    def days(self) -> int | None:
        return int(self.events_kept_days.data) or None


class DeletionForm(Form):
    """The name of what is to be deleted, typed: not something that a slip of the hand does."""

    name = LineField("Name of the organization")

    def __init__(self, expected: str, **options: Any) -> None:
        super().__init__(**options)
        self.expected = expected

    def validate_name(self, field: Any) -> None:
        if field.data != self.expected:
            raise ValidationError(f"Type {self.expected} exactly as it is written here.")
