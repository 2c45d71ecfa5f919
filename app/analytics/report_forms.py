"""Forms of segments, shared links, reports, alerts and annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from wtforms import BooleanField, DateField, PasswordField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from app.accounts.access import current_organization
from app.accounts.models import Member
from app.accounts.models.user import EmailError, PasswordError, check_password, normal_email
from app.analytics.alerting import WATCHED
from app.analytics.figures import LABELS
from app.analytics.filters import Filter, read_filters
from app.analytics.models import Alert, Refused, Segment, Wanted
from app.analytics.models.alert import Watched
from app.analytics.periods import PRESETS
from app.analytics.report_tables import BY, check
from app.analytics.schedules import SCHEDULES
from app.core import clock
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.errors import ApiError
from app.core.forms import CountField, Form, LineField
from app.core.money import read_units, units
from app.sites.forms import SiteField
from app.sites.models import Site

LAST_YEAR = 2200
WHOLE = re.compile(r"[0-9]{1,9}")


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


class ReportForm(RenameForm):
    """`wanted` is what is asked for, once it was validated."""

    f = FiltersField()
    metrics = SelectMultipleField("Figures", choices=LABELS)
    by = SelectField("One row for each", choices={"": "Nothing: one row"} | BY)
    and_by = SelectField("And for each", choices={"": "Nothing more"} | BY)
    period = SelectField(
        "Days", choices={name: label for name, label in PRESETS.items() if name != "custom"}
    )

    wanted: Wanted

    def validate(self, *arguments: Any, **options: Any) -> bool:
        if not super().validate(*arguments, **options):
            return False
        dimensions = [each for each in (self.by.data, self.and_by.data) if each]
        metrics = [each for each in LABELS if each in (self.metrics.data or ())]
        try:
            check(metrics, dimensions)
        except Refused as error:
            field = self.metrics if error.field == "metrics" else self.and_by
            field.errors = [str(error)]
            return False
        self.wanted = Wanted(metrics, dimensions, self.f.filters, self.period.data)
        return True


class NewReportForm(ReportForm):
    site = SiteField()


class ScheduleForm(Form):
    schedule = SelectField("Mail it", choices={"": "Not at all"} | SCHEDULES, default="")
    hour = SelectField("At", choices={hour: f"{hour:02}:00" for hour in range(24)}, coerce=int)

    def validate_schedule(self, field: Any) -> None:
        # What was not sent turns nothing off.
        if not field.raw_data:
            raise ValidationError("Say how often.")


class RecipientForm(Form):
    """A member, or an address outside."""

    member = SelectField("Member", validate_choice=False)
    email = LineField("Somebody outside", [Length(max=254)])

    chosen: Member | None = None

    def validate_member(self, field: Any) -> None:
        identifier = parsed_uuid(field.data or "")
        if field.data:
            found = select(Member).filter_by(id=identifier, suspended_at=None)
            self.chosen = db.session.scalars(found).first() if identifier else None
            if self.chosen is None:
                raise ValidationError("There is no such member.")

    def validate_email(self, field: Any) -> None:
        if self.member.data:
            return
        try:
            field.data = normal_email(field.data or "")
        except EmailError as error:
            raise ValidationError(str(error)) from error


class AnnotationForm(Form):
    day = DateField("Day", [InputRequired("Which day was it?")])
    text = LineField("What happened", [InputRequired("Say what happened."), Length(max=300)])

    def validate_day(self, field: Any) -> None:
        if field.data is not None and not 1971 <= field.data.year <= LAST_YEAR:
            raise ValidationError("A day of our time, please.")


class NewAnnotationForm(AnnotationForm):
    site = SiteField()


class AlertForm(Form):
    metric = SelectField("Watch", choices={each: LABELS[each] for each in WATCHED})
    direction = SelectField(
        "Tell when they are", choices={"spike": "far above the usual", "drop": "far below it"}
    )
    unit = SelectField("Within", choices={"hour": "an hour", "day": "a day"})
    percent = CountField(
        "By at least",
        [InputRequired("By how much?"), NumberRange(10, 10_000, "Between 10 and 10,000.")],
        default=100,
    )
    minimum = LineField(
        "And at least",
        [InputRequired("A number from which on it matters."), Length(max=20)],
        default="50",
    )
    members = SelectMultipleField("Tell", validate_choice=False)

    chosen: Sequence[Member] = ()
    least: int = 0

    @classmethod
    def of(cls, alert: Alert) -> AlertForm:
        told = [str(each.member_id) for each in alert.recipients]
        form = cls(formdata=None, obj=alert, members=told)
        if alert.metric == "revenue":
            form.minimum.data = units(alert.minimum, current_organization.currency)
        return form

    def validate_minimum(self, field: Any) -> None:
        """Money as people write it, all else as a whole number; `least` afterwards."""
        text = field.data or ""
        if self.metric.data == "revenue":
            try:
                self.least = read_units(text, current_organization.currency)
            except ValueError as error:
                raise ValidationError(str(error)) from error
        elif not WHOLE.fullmatch(text):
            raise ValidationError("A whole number, please.")
        else:
            self.least = int(text)
        if not self.least:
            raise ValidationError("Number must be more than nothing.")

    def validate_percent(self, field: Any) -> None:
        if self.direction.data == "drop" and (field.data or 0) > 100:
            raise ValidationError("Nothing falls by more than 100%.")

    def validate_members(self, field: Any) -> None:
        ids = {parsed_uuid(each) for each in field.data or ()}
        found = select(Member).where(Member.id.in_([each for each in ids if each]))
        self.chosen = list(db.session.scalars(found.filter_by(suspended_at=None)))
        if not self.chosen or len(self.chosen) < len(ids):
            raise ValidationError("Choose who is told.")

    @property
    def watched(self) -> Watched:
        return Watched(
            self.metric.data,
            self.direction.data,
            self.unit.data,
            self.percent.data or 0,
            self.least,
        )


class NewAlertForm(AlertForm):
    site = SiteField()
