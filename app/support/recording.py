"""A request for help becomes a ticket, and whoever asked is told its number."""

from __future__ import annotations

from app.contacts.requests import HelpAsked
from app.core.announce import subscribe
from app.core.letters import one_line, write
from app.core.mail import send
from app.support.models import DONE, Ticket


@subscribe(HelpAsked)
def keep(asked: HelpAsked) -> None:
    ticket, new = Ticket.open(
        asked.site_id,
        text=asked.text,
        email=asked.email,
        person=asked.person,
        contact_id=asked.contact_id,
        conversation_id=asked.conversation_id,
    )
    if not new and ticket.state in DONE:
        # Whoever asks again is not done, and what is done nobody looks at.
        ticket.change(state="open", priority=ticket.priority, assignee=ticket.assignee)
    if new and asked.confirmed:
        letter = write(
            "ticket_opened",
            link=asked.resume_url,
            site=one_line(ticket.site.name),
            number=ticket.number,
        )
        send(asked.email, *letter)
