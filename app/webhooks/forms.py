from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wtforms import BooleanField, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from app.core.forms import CountField, Form, LineField, clean_line, printable
from app.core.outbound import LONGEST_URL
from app.core.public import public_types
from app.sites.forms import SiteField
from app.sites.models import Site
from app.webhooks.checks import (
    HIDDEN,
    check_events_named,
    checked_event_names,
    checked_headers,
    checked_types,
    checked_url,
    kept_at,
    unhidden,
)
from app.webhooks.models import Endpoint, Refused
from app.webhooks.models.endpoint import EVERYTHING, RECORDED, wants


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise ValidationError(str(error)) from error


class AnySiteField(SiteField):
    """Without a site: all of them."""

    site: Site | None = None  # type: ignore[assignment]

    def pre_validate(self, form: Any) -> None:
        if self.data:
            super().pre_validate(form)


class EndpointForm(Form):
    """`checked` is what a verb takes. The values of headers are never shown again: a line that
    still says that its value is hidden keeps it."""

    site = AnySiteField("Site")
    url = LineField("Address", [InputRequired("Where should it be sent?"), Length(max=LONGEST_URL)])
    description = LineField("Name", [Optional(), Length(max=120)])
    everything = BooleanField("All types, also those that come later", default=True)
    types = SelectMultipleField("Types", choices=[], validate_choice=False)
    event_names = LineField("Events", [Length(max=4000)])
    headers = TextAreaField("Headers of your own", [Optional(), Length(max=8000), printable])

    def __init__(
        self, kept: dict[str, str] | None = None, before: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._kept, self._before = kept or {}, before or ""
        self._headers: dict[str, str] = {}
        self.types.choices = list(public_types())

    @classmethod
    def of(cls, endpoint: Endpoint) -> EndpointForm:
        """Filled in with what the endpoint is."""
        lines = "\n".join(f"{name}: {HIDDEN}" for name in endpoint.headers or {})
        data = {
            "url": endpoint.url,
            "description": endpoint.description,
            "headers": lines,
            "everything": EVERYTHING in endpoint.types,
            "types": endpoint.types,
            "event_names": ", ".join(endpoint.events),
        }
        return cls(formdata=None, data=data)

    def validate_url(self, field: Any) -> None:
        with _refused():
            checked_url(field.data)

    def validate_types(self, _field: Any) -> None:
        with _refused():
            checked_types(self._types)

    def validate_event_names(self, _field: Any) -> None:
        with _refused():
            check_events_named(self._types, checked_event_names(self._event_names))

    def validate_headers(self, field: Any) -> None:
        with _refused():
            kept = kept_at(self.url.data or "", self._before, self._kept)
            told = unhidden(dict(self._read_lines(field.data)), kept)
            self._headers = checked_headers(told)

    @property
    def checked(self) -> dict[str, Any]:
        return {
            "url": self.url.data,
            "description": self.description.data or "",
            "types": checked_types(self._types),
            "event_names": checked_event_names(self._event_names),
            "headers": self._headers,
        }

    @property
    def _types(self) -> list[str]:
        return [EVERYTHING] if self.everything.data else self.types.data or []

    @property
    def _event_names(self) -> list[str]:
        """What is in the field counts while it is shown: with the type that it belongs to."""
        shown = wants(self._types, RECORDED)
        text = self.event_names.data or ""
        return list(filter(None, re.split(r"[\s,;]+", text))) if shown else []

    def _read_lines(self, text: str) -> Iterator[tuple[str, str]]:
        for line in filter(None, map(clean_line, text.split("\n"))):
            name, colon, value = line.partition(":")
            if not colon:
                raise ValidationError("Each line is a name, a colon and a value.")
            yield name.strip(), value.strip()


class TestForm(Form):
    """Of which type the example is sent."""

    # pytest would take it for a class of tests.
    __test__ = False

    type = SelectField("Type", choices=[])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.type.choices = list(public_types())


class RedeliveryForm(Form):
    """How many were counted when somebody was asked whether to send them again."""

    total = CountField("How many", [InputRequired("Confirm how many.")])
