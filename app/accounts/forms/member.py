from __future__ import annotations

from typing import Any

from wtforms import SelectField

from app.accounts.forms.fields import AddressField, NewPasswordField, PersonField
from app.accounts.permissions import Role
from app.core.forms import Form


class RoleForm(Form):
    role = SelectField("Role")

    def __init__(self, grantable: list[Role], **options: Any) -> None:
        """`grantable`: what the one who asks may give."""
        super().__init__(**options)
        self.role.choices = {role.value: role.value.capitalize() for role in grantable}


class InvitationForm(RoleForm):
    email = AddressField()

    def __init__(self, grantable: list[Role], **options: Any) -> None:
        super().__init__(grantable, **options)
        if self.role.data is None:
            self.role.data = Role.EDITOR.value


class JoiningForm(Form):
    """An account for somebody who was invited; the address is the invitation's."""

    name = PersonField()
    password = NewPasswordField()
