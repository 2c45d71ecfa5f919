from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select
from wtforms import HiddenField, RadioField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, ValidationError

from app.core.api import parsed_uuid
from app.core.db import db
from app.core.forms import CountField, Form, LineField, printable
from app.core.languages import LANGUAGES
from app.sites.domains import MOST_DOMAINS, DomainError, normal_domain
from app.sites.models import DEFAULT_K, SMALLEST_K, Site
from app.sites.parameters import (
    STANDARD,
    ParameterError,
    kept_parameters,
    own_parameters,
)

# Each with what it means for visitors.
MODES = [
    SelectChoice(
        "anonymous",
        (
            "Anonymous",
            "Visits are counted from the first page on, nobody is recognised for longer than a "
            "day, and nothing is stored on the device but, once a visitor writes in the chat, the "
            "key to that conversation.",
        ),
    ),
    SelectChoice(
        "strict",
        (
            "Strict",
            "The page loads what you have published and nothing else: no visit is counted, and "
            "campaigns that show activities or counts do not appear.",
        ),
    ),
]


class SiteForm(Form):
    """Name and domains are enough: the rest has defaults."""

    name = LineField("Name", [InputRequired("Give the site a name."), Length(max=120)])
    client_name = LineField("Client", [Length(max=120)])
    domains = TextAreaField(
        "Domains", [InputRequired("Name at least one domain."), Length(max=5000), printable]
    )
    person_style = SelectField(
        "People are shown as",
        choices={"first_name": "First name", "initial": "Initial", "someone": "“Someone”"},
        default="first_name",
    )
    k = CountField(
        "Name a place from",
        [NumberRange(SMALLEST_K, 1000, f"At least {SMALLEST_K}.")],
        default=DEFAULT_K,
    )
    time_zone = SelectField("Time zone", choices=sorted(available_timezones()), default="UTC")
    language = SelectField("Language", choices=LANGUAGES, default="en")

    def validate_domains(self, field: Any) -> None:
        try:
            self.hosts = hosts_of(field.data or "")
        except DomainError as error:
            raise ValidationError(str(error)) from error

    def settings(self) -> dict[str, Any]:
        """What Site.create and Site.change take."""
        values = {k: v for k, v in self.values().items() if k != "domains"}
        return {**values, "client_name": values["client_name"] or None, "domains": self.hosts}


class SiteSettingsForm(SiteForm):
    """All settings of a site that is there. What is not sent stays, but for the ticks."""

    mode = RadioField("Before a visitor consents", choices=MODES)
    parameters = SelectMultipleField("Parameters that are kept", choices=STANDARD)
    own_parameters = LineField("Parameters of your own", [Length(max=1000)])

    @classmethod
    def of(cls, site: Site) -> SiteSettingsForm:
        """As the page shows it first."""
        form = cls(obj=site)
        form.domains.data = "\n".join(site.hosts)
        form.own_parameters.data = " ".join(own_parameters(site.parameters))
        return form

    def validate_own_parameters(self, field: Any) -> None:
        own = (field.data or "").replace(",", " ").split()
        try:
            self.kept = kept_parameters([*(self.parameters.data or []), *own])
        except ParameterError as error:
            raise ValidationError(str(error)) from error

    def settings(self) -> dict[str, Any]:
        values = {k: v for k, v in super().settings().items() if k != "own_parameters"}
        return {**values, "parameters": self.kept}


class DomainForm(Form):
    """One more domain of a site that has some."""

    host = LineField("Domain", [InputRequired("Name the domain."), Length(max=300)])

    def validate_host(self, field: Any) -> None:
        try:
            field.data = normal_domain(field.data)
        except DomainError as error:
            raise ValidationError(str(error)) from error


class SiteField(HiddenField):
    """The id of a site of this organization; `site` is its row once it was validated."""

    site: Site

    def pre_validate(self, form: Any) -> None:
        identifier = parsed_uuid(self.data or "")
        found = identifier and db.session.scalars(select(Site).filter_by(id=identifier)).first()
        if not found:
            raise ValidationError("Choose a site.")
        self.site = found


def hosts_of(text: str) -> list[str]:
    """Domains from lines, commas or blanks. Raises DomainError for the first bad one."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_DOMAINS:
        raise DomainError(f"At most {MOST_DOMAINS} domains.")
    return [normal_domain(word) for word in words]
