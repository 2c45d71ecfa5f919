"""Forms of segments, shared links, reports, alerts and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from wtforms import BooleanField, DateField, PasswordField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from app.accounts.models.user import PasswordError, check_password
from app.analytics.filters import Filter, read_filters
from app.analytics.models import Segment
from app.core import clock
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import ApiError
from app.core.forms import Form, LineField
from app.sites.forms import SiteField
from app.sites.models import Site

LAST_YEAR = 2200


class FiltersField(SelectMultipleField):
    """`f`, several of them, as they stand in an address; `filters` once they were validated."""

    filters: Sequence[Filter] = ()

    def __init__(self, label: str = "Filters", **options: Any) -> None:
        super().__init__(label, choices=[], validate_choice=False, **options)

    def pre_validate(self, form: Any) -> None:
        try:
            self.filters = read_filters(self.data or ())
        except ApiError as error:
            raise ValidationError(error.message) from error


class RenameForm(Form):
    name = LineField("Name", [InputRequired("Give it a name."), Length(max=120)])


class SegmentForm(RenameForm):
    """With the filters of the page that it came from."""

    site = SiteField()
    f = FiltersField()

    @property
    def filters(self) -> Sequence[Filter]:
        return self.f.filters


class SharedLinkForm(RenameForm):
    """`segment` takes the filters of a segment besides those of the page."""

    site = SiteField()
    f = FiltersField()
    segment = SelectField("Shows", validate_choice=False)
    password = PasswordField("Password", [Optional(), Length(max=200)])
    last_day = DateField("Open until", [Optional()])
    shows_revenue = BooleanField("Show revenue")

    def validate_password(self, field: Any) -> None:
        try:
            check_password(field.data)
        except PasswordError as error:
            raise ValidationError(str(error)) from error

    def validate_last_day(self, field: Any) -> None:
        if field.data is None:
            return
        if field.data < clock.now().date():
            raise ValidationError("This day is over.")
        if field.data.year > LAST_YEAR:
            raise ValidationError("A day of our time, please.")

    def validate_segment(self, field: Any) -> None:
        self.chosen = None
        identifier = parsed_uuid(field.data or "")
        if field.data:
            found = select(Segment).filter_by(id=identifier)
            self.chosen = db.session.scalars(found).first() if identifier else None
            if self.chosen is None:
                raise ValidationError("There is no such segment.")

    def wanted(self, site: Site) -> dict[str, Any]:
        """What SharedLink.issue takes besides the site."""
        segment = self.chosen.read if self.chosen else []
        return {
            "name": self.name.data or "",
            "filters": list(dict.fromkeys([*self.f.filters, *segment])),
            "password": self.password.data or None,
            "expires_at": _end_of(self.last_day.data, site),
            "shows_revenue": bool(self.shows_revenue.data),
        }


def _end_of(day: date | None, site: Site) -> datetime | None:
    """When a day is over, by the site's clock."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(site.time_zone))


class PasswordForm(Form):
    password = PasswordField("Password", [InputRequired("Type the password."), Length(max=200)])
