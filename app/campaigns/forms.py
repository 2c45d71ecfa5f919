"""One form a format: its fields are the content that the format knows."""

from __future__ import annotations

import re
from typing import Any

from wtforms import BooleanField, FloatField, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.campaigns.formats import DEFAULT_WORDING, POSITIONS, Notice, RecentActivity, web_address
from app.campaigns.models import Campaign
from app.core.forms import Form, LineField, printable
from app.proof.forms import TYPES
from app.proof.wording import WordingError, parse

ACCENT = Regexp(re.compile("^#[0-9a-fA-F]{6}$"), message="A colour looks like #2563eb.")
SECONDS = NumberRange(0, 3600, "Between 0 and 3600 seconds.")


def _positions(renderer: str) -> list[tuple[str, str]]:
    return [(name, name.replace("-", " ").capitalize()) for name in POSITIONS[renderer]]


class CampaignForm(Form):
    """What all formats have in common."""

    name = LineField("Name", [InputRequired("Give the campaign a name."), Length(max=120)])
    position = SelectField("Position")
    theme = SelectField(
        "Theme",
        choices=[("auto", "Like the visitor's device"), ("light", "Light"), ("dark", "Dark")],
    )
    accent = LineField("Accent colour", [InputRequired(), ACCENT], default="#2563eb")
    delay = FloatField("Appears after", [InputRequired(), SECONDS], default=3)
    closable = BooleanField("Visitors can close it", default=True)

    content_fields: tuple[str, ...] = ("position", "theme", "accent", "closable")

    def content(self) -> dict[str, Any]:
        return {name: self[name].data for name in self.content_fields}

    def triggers(self) -> dict[str, Any]:
        return {"delay": self.delay.data}


class RecentActivityForm(CampaignForm):
    template = TextAreaField(
        "Wording",
        [InputRequired("Write the sentence."), Length(max=300), printable],
        default=DEFAULT_WORDING,
    )
    types = SelectMultipleField("Shows", choices=TYPES, default=["purchase"])
    duration = FloatField("Stays for", [InputRequired(), SECONDS], default=6)
    gap = FloatField("Pause between two", [InputRequired(), SECONDS], default=12)
    content_fields = (*CampaignForm.content_fields, "template", "types", "duration", "gap")

    def validate_template(self, field: Any) -> None:
        try:
            parse(field.data)
        except WordingError as error:
            raise ValidationError(str(error)) from error


class NoticeForm(CampaignForm):
    message = LineField("Message", [InputRequired("Write the message."), Length(max=300)])
    link_url = LineField("Link", [Optional(), Length(max=2000)])
    link_label = LineField("Link text", [Optional(), Length(max=60)])
    tone = SelectField(
        "Tone",
        choices=[
            ("info", "Information"),
            ("success", "Good news"),
            ("warning", "Warning"),
            ("error", "Problem"),
        ],
    )
    content_fields = (*CampaignForm.content_fields, "message", "tone")

    def validate_link_url(self, field: Any) -> None:
        try:
            web_address(field.data)
        except ValueError as error:
            raise ValidationError("A link starts with https://") from error

    def content(self) -> dict[str, Any]:
        link = None
        if self.link_url.data:
            link = {"url": self.link_url.data, "label": self.link_label.data or "Read more"}
        return {**super().content(), "link": link}


FORMS = {"recent_activity": (RecentActivityForm, RecentActivity), "notice": (NoticeForm, Notice)}


def form_for(format_name: str, renderer: str, campaign: Campaign | None = None) -> CampaignForm:
    """The form of a format, filled from the request or from the campaign's draft."""
    form = FORMS[format_name][0](data=_data(campaign) if campaign else None)
    form.position.choices = _positions(renderer)
    return form


def _data(campaign: Campaign) -> dict[str, Any]:
    link = campaign.content.get("link") or {}
    return {
        "name": campaign.name,
        **campaign.content,
        **campaign.triggers,
        "link_url": link.get("url"),
        "link_label": link.get("label"),
    }
