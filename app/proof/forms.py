from __future__ import annotations

from typing import Any

from wtforms import SelectField
from wtforms.validators import Length, ValidationError

from app.core.forms import Form, LineField
from app.core.ids import uuid7
from app.sites.forms import SiteField
from app.sources.facts import ActivityReported, Person, Place, Product, clean_country

TYPES = [
    ("purchase", "Purchase"),
    ("signup", "Sign-up"),
    ("review", "Review"),
    ("download", "Download"),
    ("donation", "Donation"),
    ("booking", "Booking"),
]


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
