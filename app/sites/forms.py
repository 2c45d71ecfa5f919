from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from wtforms import BooleanField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, ValidationError

from app.core.forms import CountField, Form, LineField, printable
from app.sites.domains import DomainError, normal_host
from app.sites.models import DEFAULT_K, SMALLEST_K

MOST_DOMAINS = 50


class SiteForm(Form):
    name = LineField("Name", [InputRequired("Give the site a name."), Length(max=120)])
    client_name = LineField("Client", [Length(max=120)])
    domains = TextAreaField(
        "Domains", [InputRequired("Name at least one domain."), Length(max=5000), printable]
    )
    person_style = SelectField(
        "People are shown as",
        choices=[("first_name", "First name"), ("initial", "Initial"), ("someone", "“Someone”")],
    )
    k = CountField(
        "Name a place from",
        [NumberRange(SMALLEST_K, 1000, f"At least {SMALLEST_K}.")],
        default=DEFAULT_K,
    )
    time_zone = SelectField("Time zone", choices=sorted(available_timezones()), default="UTC")
    active = BooleanField("Snippet is on", default=True)

    def validate_domains(self, field: Any) -> None:
        try:
            self.hosts = hosts_of(field.data or "")
        except DomainError as error:
            raise ValidationError(str(error)) from error

    def settings(self) -> dict[str, Any]:
        """What Site.create and Site.change take."""
        values = {k: v for k, v in self.values().items() if k != "domains"}
        return {**values, "client_name": values["client_name"] or None, "domains": self.hosts}


def hosts_of(text: str) -> list[str]:
    """Host names from lines, commas or blanks. Raises DomainError for the first bad one."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_DOMAINS:
        raise DomainError(f"At most {MOST_DOMAINS} domains.")
    return [normal_host(word) for word in words]
