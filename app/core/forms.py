"""Forms: WTForms with a CSRF token, and the one way a view answers an invalid one."""

from __future__ import annotations

import unicodedata
from typing import Any

from flask_wtf import CSRFProtect, FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

csrf = CSRFProtect()


class Form(FlaskForm):
    """Base of all forms. `values()` is what a verb takes, without buttons and the token."""

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


def printable(_form: Any, field: Any) -> None:
    """Validator for many-line fields: NUL and lone surrogates cannot be stored."""
    text = field.data or ""
    if "\x00" in text or any(unicodedata.category(c) == "Cs" for c in text):
        raise ValidationError("This contains characters that cannot be stored.")
