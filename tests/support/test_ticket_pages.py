"""Tickets as agents see them."""

from __future__ import annotations

import re
import time

import pytest

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.core.db import db
from app.support import views
from app.support.models import Ticket


@pytest.fixture
def bob(join, sign_in):
    join("bob@acme.example", Role.AGENT)
    return sign_in("bob@acme.example")


@pytest.fixture
def asked(acme, inside):
    """Open tickets with these subjects; answers their ids."""

    def ask(*subjects):
        with inside(acme):
            made = []
            for each in subjects:
                made.append(Ticket.open(acme.site_id, text=each, email="ada@example.com")[0].id)
                time.sleep(0.002)  # ids are in order by the millisecond
            db.session.commit()
            return made

    return ask


def test_the_older_ones_are_a_page_further(bob, acme, asked, monkeypatch):
    monkeypatch.setattr(views, "SHOWN", 2)
    asked("First", "Second", "Third", "Fourth", "Fifth")
    page, seen = bob.get(f"/o/{acme.slug}/tickets").text, []
    while True:
        seen += re.findall(r"\d+ · (\w+)</a>", page)
        older = re.search(r'href="([^"]+before=[^"]+)"', page)
        if older is None:
            break
        page = bob.get(older[1].replace("&amp;", "&")).text
    assert seen == ["Fifth", "Fourth", "Third", "Second", "First"]
    assert "Back to the newest" in page
    assert bob.get(f"/o/{acme.slug}/tickets?before=x").status_code == 200


def test_what_a_colleague_has_changed_meanwhile_is_not_undone(bob, acme, asked, inside):
    (ticket_id,) = asked("Help")
    address = f"/o/{acme.slug}/tickets/{ticket_id}"
    seen = re.search(r'name="seen"[^>]*value="([^"]+)"', bob.get(address).text)[1]
    with inside(acme):
        alice = next(each for each in db.session.query(Member) if each.user.name == "Alice")
        ticket = db.session.get_one(Ticket, ticket_id)
        ticket.change(state="in_progress", priority="urgent", assignee=alice)
        db.session.commit()
    form = {"state": "open", "priority": "low", "assignee": "", "seen": seen}
    refused = bob.post(address, form)
    assert refused.status_code == 422 and "changed it meanwhile" in refused.text
    seen = re.search(r'name="seen"[^>]*value="([^"]+)"', refused.text)[1]
    assert bob.post(address, {**form, "seen": seen}).status_code == 302
    with inside(acme):
        ticket = db.session.get_one(Ticket, ticket_id)
        assert (ticket.state, ticket.priority, ticket.assignee_id) == ("open", "low", None)
