"""Forms: WTForms with a CSRF token, and the one way a view answers an invalid one."""

from __future__ import annotations

import unicodedata
from typing import Any

from flask import request
from flask_wtf import CSRFProtect, FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import IntegerField, StringField
from wtforms.validators import ValidationError

csrf = CSRFProtect()


class Form(FlaskForm):
    """Base of all forms. `values()` is what a verb takes, without buttons and the token."""

    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Texts of a form only: neither JSON nor files, whose values may be anything."""
            if formdata is None or isinstance(formdata, MultiDict):
                return formdata
            return request.form if form.is_submitted() else None

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.data.items() if name != "csrf_token"}


def clean_line(text: Any) -> Any:
    """Trim and drop control characters: one line stays one line, one header one header."""
    if not isinstance(text, str):
        return text
    kept = (c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()


class LineField(StringField):
    """A single line of text."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = clean_line(valuelist[0])
            # What InputRequired looks at: blanks alone are no input.
            self.raw_data = [self.data]


class CountField(IntegerField):
    """A whole number of at most nine digits: NumberRange breaks on one of hundreds."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata([text if len(text) < 10 else "" for text in valuelist])


def printable(_form: Any, field: Any) -> None:
    """Validator for many-line fields: NUL and lone surrogates cannot be stored."""
    text = field.data or ""
    if "\x00" in text or any(unicodedata.category(c) == "Cs" for c in text):
        raise ValidationError("This contains characters that cannot be stored.")
