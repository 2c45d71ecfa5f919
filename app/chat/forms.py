from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy import select
from wtforms import BooleanField, HiddenField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from app.accounts.models import Member
from app.chat.files import LARGEST, FileError, Upload, read_upload
from app.chat.models import Label
from app.chat.models.canned_reply import LONGEST_BODY, LONGEST_SHORTCUT
from app.chat.models.label import COLOURS, LONGEST_NAME
from app.chat.models.message import LONGEST, LONGEST_CLIENT_ID
from app.chat.pages import agents
from app.core import clock
from app.core.api import parsed_uuid
from app.core.db import db
from app.core.forms import Form, LineField, printable

TOO_LONG = f"A message has at most {LONGEST:,} characters."
SNOOZES = {
    "hour": ("In an hour", timedelta(hours=1)),
    "evening": ("In four hours", timedelta(hours=4)),
    "tomorrow": ("Tomorrow at this time", timedelta(days=1)),
    "week": ("In a week", timedelta(days=7)),
}

# What the colours of labels are called.
NAMES = {"neutral": "Grey", "accent": "Blue", "good": "Green", "warn": "Amber", "bad": "Red"}
PAINTS = [SelectChoice(each, NAMES[each]) for each in COLOURS]


def as_typed(text: str | None) -> str | None:
    """A browser sends each end of a line as two characters, and counts it as one."""
    return text and text.replace("\r\n", "\n")


class SeenForm(Form):
    """What an agent does about a conversation; `seen` is the last message that he had before
    him."""

    seen = HiddenField()

    @property
    def seen_seq(self) -> int | None:
        text = self.seen.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class MessageForm(SeenForm):
    """What an agent writes. `client_id` is the page's own name for it, so that it counts once."""

    body = TextAreaField(
        "Message", [Length(max=LONGEST, message=TOO_LONG), printable], filters=[as_typed]
    )
    note = BooleanField("Private note")
    client_id = HiddenField(validators=[Length(max=LONGEST_CLIENT_ID), printable])
    upload: Upload | None = None

    def validate_body(self, field: Any) -> None:
        field.data = (field.data or "").strip()
        sent = request.files.get("file")
        if sent is not None and sent.filename:
            self._read(sent)
        elif not field.data:
            raise ValidationError("Write something.")

    def _read(self, sent: Any) -> None:
        try:
            self.upload = read_upload(sent.filename, sent.read(LARGEST + 1))
        except FileError as error:
            raise ValidationError(str(error)) from error


class AssignmentForm(Form):
    """Whose it is from now on; nobody's if empty."""

    member_id = HiddenField()
    chosen: Member | None = None

    def validate_member_id(self, field: Any) -> None:
        if not field.data:
            return
        identifier = parsed_uuid(field.data)
        self.chosen = next((each for each in agents() if each.id == identifier), None)
        if self.chosen is None:
            raise ValidationError("Choose somebody who may answer.")


class SnoozeForm(SeenForm):
    until = SelectField(
        "Until", choices=[SelectChoice(name, label) for name, (label, _) in SNOOZES.items()]
    )

    @property
    def words(self) -> str:
        label = SNOOZES[self.until.data][0]
        return label[0].lower() + label[1:]

    @property
    def moment(self) -> datetime:
        return clock.now() + SNOOZES[self.until.data][1]


class LabelsForm(Form):
    """The labels of a conversation: these and no others."""

    labels = SelectMultipleField("Labels", validate_choice=False)
    chosen: list[Label]

    def validate_labels(self, field: Any) -> None:
        wanted = {parsed_uuid(text) for text in field.data or []}
        found = select(Label).where(Label.id.in_([each for each in wanted if each]))
        self.chosen = list(db.session.scalars(found))
        if len(self.chosen) != len(wanted):
            raise ValidationError("Choose labels that there are.")


class LabelForm(Form):
    """A new label."""

    name = LineField("Name", [InputRequired("Name the label."), Length(max=LONGEST_NAME)])
    colour = SelectField("Colour", choices=PAINTS)


class ColourForm(Form):
    colour = SelectField("Colour", choices=PAINTS)


class CannedReplyForm(Form):
    shortcut = LineField(
        "Shortcut",
        [
            InputRequired("Give it a shortcut."),
            Length(max=LONGEST_SHORTCUT),
            Regexp("[a-z0-9][a-z0-9_-]*$", message="Small letters, digits, - and _ only."),
        ],
    )
    body = TextAreaField(
        "Reply", [InputRequired("Write the reply."), Length(max=LONGEST_BODY), printable]
    )
