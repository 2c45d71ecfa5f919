from __future__ import annotations

from typing import Any

from wtforms import BooleanField, SelectMultipleField
from wtforms.validators import InputRequired, Length

from app.accounts.permissions import Permission
from app.core.forms import Form, LineField


class ApiKeyForm(Form):
    name = LineField("Name", [InputRequired("Give the key a name."), Length(max=120)])
    everything = BooleanField("May do everything that you may", default=True)
    scopes = SelectMultipleField("Scopes")

    def __init__(self, grantable: list[Permission], **options: Any) -> None:
        """`grantable`: what its maker may. Nobody gives more than he has."""
        super().__init__(**options)
        named = sorted(p.value for p in grantable if p.value.endswith((":read", ":write", ":send")))
        self.scopes.choices = named
