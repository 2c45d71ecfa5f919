from __future__ import annotations

from wtforms import BooleanField, PasswordField, SelectMultipleField
from wtforms.validators import InputRequired, Length

from app.accounts.permissions import Permission
from app.core.forms import Form, LineField

SCOPES = [(p.value, p.value) for p in Permission if p.value.endswith((":read", ":write"))]


class SignInForm(Form):
    email = LineField("E-mail", [InputRequired("Enter your e-mail address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=128)])


class ApiKeyForm(Form):
    name = LineField("Name", [InputRequired("Give the key a name."), Length(max=120)])
    everything = BooleanField("May do everything an administrator may", default=True)
    scopes = SelectMultipleField("Scopes", choices=SCOPES)
