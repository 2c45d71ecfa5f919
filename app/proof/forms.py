from __future__ import annotations

from typing import Any

from flask import request
from wtforms import BooleanField, FileField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from app.core.forms import Form, LineField, clean_line, printable
from app.core.ids import uuid7
from app.sites.forms import SiteField
from app.sources.facts import ActivityReported, Person, Place, Product, clean_country
from app.sources.kinds.custom import DEFAULT_MAPPING
from app.sources.mapping import TARGETS as MAPPED
from app.sources.mapping import MappingError, validate
from app.sources.table import LARGEST, TARGETS, Table

TYPES = {
    "purchase": "Purchase",
    "signup": "Sign-up",
    "review": "Review",
    "download": "Download",
    "donation": "Donation",
    "booking": "Booking",
}


class ActivityForm(Form):
    """A fact typed by hand. It is shown, and never marked as verified."""

    site_id = SiteField("Site")
    type = SelectField("What happened", choices=TYPES)
    first_name = LineField("First name", [Length(max=120)])
    email = LineField(
        "E-mail",
        [Length(max=254)],
        description="Never shown. Tells people apart, so that a place can be named.",
    )
    product_name = LineField("What it was", [Length(max=200)])
    city = LineField("City", [Length(max=120)])
    country = LineField("Country", [Length(max=2)], description="Two letters, such as DE.")

    def validate_country(self, field: Any) -> None:
        if field.data and clean_country(field.data) is None:
            raise ValidationError("A country is two letters, such as DE.")

    def fact(self) -> ActivityReported:
        return ActivityReported(
            type=self.type.data,
            external_id=str(uuid7()),
            person=Person(first_name=self.first_name.data, email=self.email.data),
            place=Place(city=self.city.data, country=self.country.data),
            product=Product(name=self.product_name.data) if self.product_name.data else None,
        )


class UploadForm(Form):
    """A table to import. What is in it decides, not what it calls itself."""

    site_id = SiteField("Site")
    type = SelectField("What happened in each row", choices=TYPES)
    file = FileField("File")

    def validate_file(self, field: Any) -> None:
        if not request.files.get("file"):
            raise ValidationError("Choose a CSV file.")

    def file_name(self) -> str:
        return clean_line(request.files["file"].filename or "")[:120] or "table.csv"

    def content(self) -> bytes:
        return request.files["file"].read(LARGEST + 1)


class ColumnsForm(Form):
    """What each column of an upload means: one select for each, by its place."""

    type = SelectField("What happened in each row", choices=TYPES)
    problem: str | None = None

    @classmethod
    def for_table(
        cls, table: Table, columns: list[str] | None = None, otherwise: str | None = None
    ) -> ColumnsForm:
        choices = {"": "Leave out", **{name: label for name, (label, _) in TARGETS.items()}}
        fields = {
            f"column_{place}": SelectField(name, choices=choices)
            for place, name in enumerate(table.header)
        }
        form_class = type("ColumnsForm", (cls,), fields)
        if columns is None:
            return form_class()
        data = {f"column_{place}": meant for place, meant in enumerate(columns)}
        return form_class(formdata=None, data={**data, "type": otherwise})

    def selects(self) -> list[Any]:
        return [field for field in self if field.name.startswith("column_")]

    def columns(self) -> list[str]:
        return [field.data or "" for field in self.selects()]

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        return super().validate(*args, **kwargs) and self._each_means_one_thing()

    def _each_means_one_thing(self) -> bool:
        seen: set[str] = set()
        for field in self.selects():
            if field.data and field.data in seen:
                label = TARGETS[field.data][0]
                field.errors = [f"Another column is “{label}” already. Leave one of them out."]
            seen.add(field.data)
        return not self.errors


class OptOutForm(Form):
    wish = HiddenField(validators=[InputRequired("Say that it is to be hidden.")])
    for_good = BooleanField("Also show nothing else of me here, from now on")


class BenchForm(Form):
    """A payload and an expression for each field of an activity."""

    payload = TextAreaField("JSON", [Length(max=1_048_576), printable])

    @classmethod
    def of(cls, mapping: dict[str, Any] | None, payload: str) -> BenchForm:
        data = {f"map_{name}": expression for name, expression in (mapping or {}).items()}
        return cls(formdata=None, data={**data, "payload": payload})

    def expressions(self) -> dict[str, str]:
        """What was written, whether it can be used or not."""
        written = {name: (self[f"map_{name}"].data or "").strip() for name in MAPPED}
        return {name: expression for name, expression in written.items() if expression}

    def mapping(self) -> dict[str, str]:
        return validate(self.expressions())

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        return super().validate(*args, **kwargs) and self._each_compiles()

    def _each_compiles(self) -> bool:
        for name, expression in self.expressions().items():
            try:
                validate({name: expression})
            except MappingError as error:
                self[f"map_{name}"].errors = [error.message]
        return not self.errors


for _name in MAPPED:
    setattr(
        BenchForm,
        f"map_{_name}",
        StringField(_name, description=DEFAULT_MAPPING[_name]),
    )
