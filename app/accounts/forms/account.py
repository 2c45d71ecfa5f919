from __future__ import annotations

from app.accounts.forms.fields import (
    AddressField,
    NewPasswordField,
    OwnPasswordField,
    PersonField,
)
from app.core.forms import Form


class NameForm(Form):
    name = PersonField("Name")


class EmailForm(Form):
    """Another address, with the password: a browser left open must not give the account away."""

    email = AddressField("New e-mail")
    password = OwnPasswordField("Your password")


class PasswordForm(Form):
    current = OwnPasswordField("Current password")
    new = NewPasswordField("New password")
