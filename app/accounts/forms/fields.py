"""Fields that several forms have: an address, a new password, the password that one has."""

from __future__ import annotations

from typing import Any

from wtforms import Field, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from app.accounts.models.user import (
    EmailError,
    PasswordError,
    check_password,
    normal_email,
)
from app.core.forms import LineField, clean_line, printable


class PersonField(LineField):
    """The name of somebody."""

    def __init__(self, label: str = "Your name", **options: Any) -> None:
        checks = [InputRequired("Enter your name."), Length(max=120)]
        super().__init__(label, checks, **options)


class OrganizationField(LineField):
    def __init__(self, label: str = "Organization", **options: Any) -> None:
        checks = [InputRequired("Give the organization a name."), Length(max=120)]
        super().__init__(label, checks, **options)


class AddressField(StringField):
    """An e-mail address, as mail is sent to it."""

    def __init__(self, label: str = "E-mail", **options: Any) -> None:
        checks = [InputRequired("Enter an e-mail address."), Length(max=254), _address]
        super().__init__(label, checks, **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = clean_line(valuelist[0])
            self.raw_data = [self.data]


class NewPasswordField(PasswordField):
    def __init__(self, label: str = "Password", **options: Any) -> None:
        checks = [InputRequired("Choose a password."), printable, _usable]
        super().__init__(label, checks, **options)


class OwnPasswordField(PasswordField):
    """The password that one has, to show that it is still oneself."""

    def __init__(self, label: str = "Password", **options: Any) -> None:
        checks = [InputRequired("Enter your password."), Length(max=128), printable]
        super().__init__(label, checks, **options)


def _address(_form: Any, field: Field) -> None:
    try:
        field.data = normal_email(field.data or "")
    except EmailError as error:
        raise ValidationError(f"{error} It looks like name@example.com.") from error


def _usable(_form: Any, field: Field) -> None:
    try:
        check_password(field.data or "")
    except PasswordError as error:
        raise ValidationError(str(error)) from error
