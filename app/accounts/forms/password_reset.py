from __future__ import annotations

from app.accounts.forms.fields import AddressField, NewPasswordField
from app.core.forms import Form


class PasswordResetForm(Form):
    email = AddressField()


class NewPasswordForm(Form):
    password = NewPasswordField("New password")
