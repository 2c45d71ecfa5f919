from __future__ import annotations

from wtforms import PasswordField
from wtforms.validators import InputRequired, Length

from app.core.forms import Form, LineField


class SignInForm(Form):
    email = LineField("E-mail", [InputRequired("Enter your e-mail address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=128)])
