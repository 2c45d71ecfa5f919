from __future__ import annotations

from app.accounts.forms.fields import (
    AddressField,
    NewPasswordField,
    OrganizationField,
    OwnPasswordField,
    PersonField,
)
from app.core.forms import Form


class SignUpForm(Form):
    organization = OrganizationField()
    name = PersonField()
    email = AddressField()
    password = NewPasswordField()


class ConfirmationForm(Form):
    """The password again: it was chosen before anybody had shown whose address this is."""

    password = OwnPasswordField()
