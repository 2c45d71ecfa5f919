from __future__ import annotations

from typing import Any

from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.core.forms import Form
from app.support.models import PRIORITIES, STATES, Ticket

WORDS = {
    "open": "Open",
    "in_progress": "In progress",
    "resolved": "Resolved",
    "closed": "Closed",
    "low": "Low",
    "normal": "Normal",
    "high": "High",
    "urgent": "Urgent",
}


class TicketForm(Form):
    state = SelectField("State", choices=[SelectChoice(each, WORDS[each]) for each in STATES])
    priority = SelectField(
        "Priority", choices=[SelectChoice(each, WORDS[each]) for each in PRIORITIES]
    )
    assignee = SelectField("Assigned to", validate_choice=False)
    # What stood there when it was shown.
    seen = HiddenField()
    chosen: Member | None = None

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self._members = Member.who_may(Permission.CHAT_REPLY)
        self.assignee.choices = [
            SelectChoice("", "Nobody"),
            *(SelectChoice(str(each.id), each.user.name or "") for each in self._members),
        ]

    @classmethod
    def of(cls, ticket: Ticket) -> TicketForm:
        """Filled in with how it stands."""
        shown = {"state": ticket.state, "priority": ticket.priority, "seen": ticket.version}
        return cls(formdata=None, data={**shown, "assignee": str(ticket.assignee_id or "")})

    def validate_assignee(self, field: Any) -> None:
        if field.data:
            self.chosen = next((each for each in self._members if str(each.id) == field.data), None)
            if self.chosen is None:
                raise ValidationError("Choose somebody who may answer.")
