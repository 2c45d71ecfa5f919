from __future__ import annotations

from typing import Any

from wtforms import BooleanField, PasswordField, SelectMultipleField
from wtforms.validators import InputRequired, Length

from app.accounts.permissions import Permission
from app.core.forms import Form, LineField


class SignInForm(Form):
    email = LineField("E-mail", [InputRequired("Enter your e-mail address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=128)])


class ApiKeyForm(Form):
    name = LineField("Name", [InputRequired("Give the key a name."), Length(max=120)])
    everything = BooleanField("May do everything that you may", default=True)
    scopes = SelectMultipleField("Scopes")

    def __init__(self, grantable: list[Permission], **options: Any) -> None:
        """`grantable`: what its maker may. Nobody gives more than he has."""
        super().__init__(**options)
        named = [p.value for p in grantable if p.value.endswith((":read", ":write"))]
        self.scopes.choices = [(name, name) for name in named]
