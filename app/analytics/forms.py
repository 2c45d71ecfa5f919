from __future__ import annotations

from typing import Any

from wtforms import BooleanField, RadioField, SelectField
from wtforms.validators import InputRequired, Length, ValidationError

from app.analytics.matches import EVENT, KINDS, ORDER, PAGE, Match, MatchError, read_match
from app.analytics.models import Goal
from app.analytics.steps import UNITS, StepError, read_window, window_parts
from app.core.forms import Form, LineField
from app.sites.forms import SiteField
from app.sites.models import Site

GOAL_KINDS = (PAGE, EVENT, ORDER)


class GoalForm(Form):
    """`wanted` is what is looked for, once it was validated. What a kind does not need is left
    aside, whatever is in its field."""

    name = LineField("Name", [InputRequired("Give the goal a name."), Length(max=80)])
    kind = RadioField(
        "It is reached when", choices={kind: KINDS[kind] for kind in GOAL_KINDS}, default=PAGE
    )
    match = LineField("Page or event", [Length(max=1000)])
    having = LineField("With the property", [Length(max=1000)])

    wanted: Match

    @classmethod
    def of(cls, goal: Goal) -> GoalForm:
        return cls(obj=goal)

    def validate(self, *arguments: Any, **options: Any) -> bool:
        if not super().validate(*arguments, **options):
            return False
        kind = self.kind.data
        try:
            self.wanted = read_match(
                kind,
                self.match.data if kind != ORDER else "",
                self.having.data if kind == EVENT else "",
            )
        except MatchError as error:
            self[error.field].errors = [str(error)]
            return False
        return True


class NewGoalForm(GoalForm):
    site = SiteField()


class RevenueForm(Form):
    """Whether the site's pages are believed."""

    site = SiteField()
    trusts_pages = BooleanField("Count what pages claim to have earned as revenue")


class WindowForm(Form):
    """For how long after it was seen a campaign counts: `seconds`, once it was validated."""

    site = SiteField()
    amount = LineField("Conversions count within")
    unit = SelectField("Unit", choices=list(UNITS))

    seconds: int

    @classmethod
    def of(cls, site: Site) -> WindowForm:
        amount, unit = window_parts(site.conversion_window)
        return cls(site=site.id, amount=amount, unit=unit, formdata=None)

    def validate_amount(self, field: Any) -> None:
        try:
            self.seconds = read_window(field.data, self.unit.data)
        except StepError as error:
            raise ValidationError(str(error)) from error


class FunnelForm(Form):
    """Whose funnel it is; the rest is read by the builder."""

    site = SiteField()
