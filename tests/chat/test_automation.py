"""What the site says and does by itself: when nobody is there, when nobody answers, when a reply
is not read."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat import jobs
from app.chat.jobs import sweep_conversations
from app.chat.models import Conversation
from app.chat.tokens import RESUME, read
from app.core import clock
from app.core.db import db
from app.core.mail import OutgoingMail
from app.sites.models import Site
from app.support.models import Ticket
from tests.chat.test_writing import png, upload

NEVER = [[] for _ in range(7)]
OFFICE = [[[9 * 60, 17 * 60]] for _ in range(7)]
MIDNIGHT = datetime(2027, 3, 1, tzinfo=UTC)
TEXTS = {
    "en": {"away": "We are asleep.", "waiting": "Not forgotten."},
    "de": {"away": "Wir schlafen."},
}


@pytest.fixture
def mails(inside, acme):
    def read_all():
        with inside(acme):
            return [
                (each.recipient, each.subject, each.text)
                for each in db.session.query(OutgoingMail).order_by(OutgoingMail.id)
            ]

    return read_all


@pytest.fixture
def reply(inside, acme):
    def send(body="Yes"):
        with inside(acme):
            db.session.query(Conversation).one().reply(db.session.query(Member).first(), body)
            db.session.commit()

    return send


@pytest.fixture
def sweep(app):
    def after(**time):
        with time_machine.travel(clock.now() + timedelta(**time), tick=True), app.app_context():
            sweep_conversations()

    return after


@pytest.fixture
def moment():
    """It is so late from now on, by the clock of the site."""
    with ExitStack() as travels:

        def be(hour, minute=0):
            later = MIDNIGHT + timedelta(hours=hour, minutes=minute)
            travels.enter_context(time_machine.travel(later, tick=True))

        yield be


def bodies(writer):
    return [each["body"] for each in writer.read().json["messages"] if "body" in each]


def test_when_nobody_is_there_a_message_becomes_a_ticket_with_a_mail(
    writer, chatting, mails, inside, acme
):
    chatting(week=NEVER, texts=TEXTS)
    assert writer.begin("Where is my order?").status_code == 422
    opened = writer.begin("Where is my order?\nIt is late.", name="Ada", email="ada@example.com")
    assert [each["body"] for each in opened.json["messages"]][-1] == "We are asleep."
    with inside(acme):
        ticket = db.session.query(Ticket).one()
        assert (ticket.number, ticket.subject, ticket.who) == (1, "Where is my order?", "Ada")
        assert str(ticket.conversation_id) == writer.conversation
    assert bodies(writer) == ["Where is my order?\nIt is late.", "We are asleep."]
    [(to, subject, text)] = mails()
    assert to == "ada@example.com" and "request 1" in subject
    assert f"https://{acme.domain}/#candor-chat=r." in text
    writer.write("Hello?")
    assert len(mails()) == 1


def test_agents_see_in_the_conversation_that_it_is_a_ticket(writer, chatting, sign_in, acme):
    chatting(week=NEVER)
    writer.begin("Where is my order?", email="ada@example.com")
    alice = sign_in("alice@acme.example")
    page = alice.get(f"/o/{acme.slug}/inbox/{writer.conversation}").text
    [link] = re.findall(r'href="([^"]+/tickets/of-conversation/[^"]+)"', page)
    assert "Where is my order?" in alice.get(link).text
    assert alice.get(f"/o/{acme.slug}/tickets/of-conversation/{uuid4()}").status_code == 404


def test_nobody_fills_a_strangers_mailbox(another, chatting, mails, inside, acme):
    chatting(week=NEVER)
    for number in range(5):
        page = another(address=f"203.0.113.{number}")
        assert page.begin("Hello", email="victim@example.com").status_code == 201
    with inside(acme):
        assert db.session.query(Ticket).count() == 5
    assert len(mails()) == 3
    path = f"conversations/{page.conversation}/transcript"
    assert page.call("POST", path, json={"email": "victim@example.com"}).status_code == 429
    # Nor many mailboxes from one address.
    for number in range(12):
        one = another()
        one.begin("Hello", email=f"victim{number}@example.com")
    assert len(mails()) == 13


def test_away_is_said_in_the_language_of_the_visitor(writer, chatting):
    chatting(week=NEVER, texts=TEXTS)
    writer.call = lambda *a, _call=writer.call, **o: _call(
        *a, **{**o, "headers": {**o.get("headers", {}), "Accept-Language": "de-AT,de"}}
    )
    writer.begin("Hallo", email="ada@example.com")
    assert bodies(writer) == ["Hallo", "Wir schlafen."]


def test_within_the_hours_there_is_no_ticket(writer, inside, acme, mails):
    writer.begin(email="ada@example.com")
    with inside(acme):
        assert db.session.query(Ticket).count() == 0
    assert mails() == []


def test_who_waits_too_long_is_told_once_that_he_is_not_forgotten(writer, chatting, sweep, reply):
    chatting(waiting_minutes=10, texts=TEXTS)
    writer.begin()
    sweep(minutes=9)
    assert bodies(writer) == ["Hello"]
    for _ in range(2):
        sweep(minutes=11)
    assert bodies(writer) == ["Hello", "Not forgotten."]


def test_who_waits_is_not_told_so_while_nobody_is_there(writer, chatting, sweep, moment):
    chatting(week=OFFICE, waiting_minutes=10, texts=TEXTS)
    moment(23)
    writer.begin(email="ada@example.com")
    for later in ({"minutes": 11}, {"hours": 10, "minutes": 9}):
        sweep(**later)
        assert bodies(writer) == ["Hello", "We are asleep."]
    for _ in range(2):
        sweep(hours=10, minutes=11)
    assert bodies(writer) == ["Hello", "We are asleep.", "Not forgotten."]


def test_whose_patience_ends_after_the_hours_is_told_so_on_the_next_day(
    writer, chatting, sweep, moment
):
    chatting(week=OFFICE, waiting_minutes=10, texts=TEXTS)
    moment(16, 55)
    writer.begin()
    for later in ({"minutes": 11}, {"hours": 16, "minutes": 14}):
        sweep(**later)
        assert bodies(writer) == ["Hello"]
    sweep(hours=16, minutes=16)
    assert bodies(writer) == ["Hello", "Not forgotten."]


def test_who_waits_for_nobody_is_never_told_so(writer, chatting, sweep, inside, acme):
    chatting(week=NEVER, waiting_minutes=10, texts=TEXTS)
    writer.begin(email="ada@example.com")
    with inside(acme):
        assert db.session.query(Conversation).one().waiting_due_at is None
    sweep(days=3)
    assert bodies(writer) == ["Hello", "We are asleep."]


def test_who_goes_on_at_night_is_told_once_and_has_one_ticket(
    writer, chatting, mails, inside, acme, reply, moment
):
    chatting(week=OFFICE, texts=TEXTS)
    moment(16)
    writer.begin(email="ada@example.com")
    reply("Yes")
    moment(23)
    name = str(uuid4())
    for _ in range(2):
        assert writer.write("And to Norway?", name).status_code == 201
    writer.write("By Friday?")
    said = ["Hello", "Yes", "And to Norway?", "We are asleep.", "By Friday?"]
    assert bodies(writer) == said
    with inside(acme):
        ticket = db.session.query(Ticket).one()
        assert (ticket.subject, str(ticket.conversation_id)) == (
            "And to Norway?",
            writer.conversation,
        )
        ticket.change(state="resolved", priority="high", assignee=None)
        db.session.commit()
    [(to, subject, _)] = mails()
    assert to == "ada@example.com" and "request 1" in subject
    # In the next night it is the same request, which is open again.
    moment(24 + 10)
    reply("By Friday")
    moment(24 + 23)
    writer.write("It is not here")
    assert bodies(writer) == [*said, "By Friday", "It is not here", "We are asleep."]
    with inside(acme):
        ticket = db.session.query(Ticket).one()
        assert (ticket.state, ticket.priority) == ("open", "high")
    assert len(mails()) == 1


def test_who_was_not_answered_by_day_is_told_at_night(writer, chatting, inside, acme, moment):
    chatting(week=OFFICE, texts=TEXTS)
    moment(16, 59)
    writer.begin(email="ada@example.com")
    moment(18)
    for body in ("Hello?", "Hello??"):
        writer.write(body)
    assert bodies(writer) == ["Hello", "Hello?", "We are asleep.", "Hello??"]
    # Nobody was there on the next day either.
    moment(24 + 18)
    writer.write("Hello???")
    assert bodies(writer)[-2:] == ["Hello???", "We are asleep."]
    with inside(acme):
        assert db.session.query(Ticket).count() == 1


def test_who_left_no_address_may_go_on_at_night(writer, chatting, mails, inside, acme, moment):
    chatting(week=OFFICE, texts=TEXTS)
    moment(16)
    writer.begin()
    moment(23)
    assert writer.write("Hello?").status_code == 201
    assert bodies(writer) == ["Hello", "Hello?", "We are asleep."]
    with inside(acme):
        assert db.session.query(Ticket).count() == 0
    assert mails() == []


def test_a_link_back_does_not_come_from_the_campaign_again(
    writer, reply, sweep, mails, acme, inside
):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.parameters = [*site.parameters, "tea"]
        db.session.commit()
    campaign = "utm_source=google&utm_campaign=spring&gclid=abc"
    page = {"url": f"https://{acme.domain}/cart?{campaign}&tea=green"}
    writer.begin(email="ada@example.com", page=page)
    reply("Yes")
    sweep(minutes=11)
    [(_to, _subject, text)] = mails()
    assert f"https://{acme.domain}/cart?tea=green#candor-chat=" in text


def test_who_was_answered_is_not_told_so(writer, chatting, sweep, reply):
    chatting(waiting_minutes=10, texts=TEXTS)
    writer.begin()
    reply()
    sweep(minutes=11)
    assert bodies(writer) == ["Hello", "Yes"]


def test_a_reply_that_is_not_read_is_mailed_once_with_a_link_back(
    writer, another, reply, sweep, mails, acme
):
    page = {"url": f"https://{acme.domain}/cart?secret=1"}
    writer.begin(email="ada@example.com", page=page)
    reply("Yes, we do")
    reply("By Friday")
    sweep(minutes=4)
    assert mails() == []
    for _ in range(2):
        sweep(minutes=6)
    [(to, _subject, text)] = mails()
    assert to == "ada@example.com" and "Yes, we do" in text and "By Friday" in text
    assert f"https://{acme.domain}/cart#candor-chat=" in text and "secret" not in text
    token = text.split("#candor-chat=")[1].split()[0]
    phone = another(address="203.0.113.9", conversation=writer.conversation)
    resumed = phone.call("POST", f"chat/{acme.site_key}/resumption", json={"token": token})
    phone.token = resumed.json["token"]
    assert len(phone.read().json["messages"]) == 3


def test_a_link_never_leads_to_a_page_elsewhere(writer, reply, sweep, mails, acme):
    writer.begin(email="ada@example.com", page={"url": "https://evil.example/"})
    reply()
    sweep(minutes=6)
    assert "evil" not in mails()[0][2] and f"https://{acme.domain}/#" in mails()[0][2]


def test_a_reply_that_was_read_is_not_mailed(writer, reply, sweep, mails):
    writer.begin(email="ada@example.com")
    reply()
    writer.call("PUT", f"conversations/{writer.conversation}/reading", json={"seq": 2})
    sweep(minutes=6)
    assert mails() == []


def test_snoozed_conversations_come_back(writer, inside, acme, sweep):
    writer.begin()
    with inside(acme):
        db.session.query(Conversation).one().snooze(clock.now() + timedelta(hours=1))
        db.session.commit()
    sweep(minutes=59)
    with inside(acme):
        assert db.session.query(Conversation).one().state == "snoozed"
    sweep(minutes=61)
    with inside(acme):
        assert db.session.query(Conversation).one().state == "open"


def test_what_breaks_holds_up_no_other_and_is_tried_again(
    writer, another, inside, acme, sweep, monkeypatch
):
    other = another()
    for each in (writer, other):
        each.begin()
    with inside(acme):
        for hours, each in enumerate((writer, other), 1):
            conversation = db.session.get_one(Conversation, UUID(each.conversation))
            conversation.snooze(clock.now() + timedelta(hours=hours))
        db.session.commit()

    def states():
        with inside(acme):
            return [
                db.session.get_one(Conversation, UUID(each.conversation)).state
                for each in (writer, other)
            ]

    monkeypatch.setattr(jobs, "SWEPT_AT_ONCE", 1)
    with monkeypatch.context() as broken:
        wake = Conversation.wake
        broken.setattr(
            Conversation,
            "wake",
            lambda each: 1 / 0 if str(each.id) == writer.conversation else wake(each),
        )
        sweep(hours=3)
        sweep(hours=3)
    assert states() == ["snoozed", "open"]
    sweep(hours=3, minutes=2)
    assert states() == ["open", "open"]


def test_a_transcript_is_mailed_without_notes_and_not_often(writer, reply, inside, acme, mails):
    writer.begin("<b>Hi</b>", email="ada@example.com")
    with inside(acme):
        member = db.session.query(Member).first()
        db.session.query(Conversation).one().note(member, "A regular")
        db.session.commit()
    reply("Hello Ada")
    path = f"conversations/{writer.conversation}/transcript"
    assert writer.call("POST", path, json={}).status_code == 202
    [(to, _, text)] = mails()
    assert to == "ada@example.com"
    assert "You: <b>Hi</b>" in text and "Alice: Hello Ada" in text and "regular" not in text
    answers = [writer.call("POST", path, json={}).status_code for _ in range(3)]
    assert answers == [202, 202, 429]


def test_a_transcript_needs_an_address(writer):
    writer.begin()
    path = f"conversations/{writer.conversation}/transcript"
    assert writer.call("POST", path, json={}).status_code == 422
    assert writer.call("POST", path, json={"email": "nonsense"}).status_code == 422


def test_a_member_who_goes_leaves_his_conversations_to_nobody(writer, join, inside, acme, chatting):
    join("bob@acme.example", Role.AGENT)
    writer.begin()
    with inside(acme):
        bob = next(each for each in Member.who_may("conversations:write") if each.role == "agent")
        db.session.query(Conversation).one().reply(bob, "Hi")
        db.session.commit()
        bob.remove(by=lambda _role: True)
        db.session.commit()
        conversation = db.session.query(Conversation).one()
        assert conversation.assignee_id is None
        assert len(conversation.messages(public=True)) == 2


def test_the_pages_of_tickets(writer, chatting, join, sign_in, acme):
    chatting(week=NEVER)
    writer.begin("<i>Help</i>", email="ada@example.com")
    join("bob@acme.example", Role.AGENT)
    bob = sign_in("bob@acme.example")
    index = bob.get(f"/o/{acme.slug}/tickets").text
    assert "&lt;i&gt;Help&lt;/i&gt;" in index
    path = index.split("/tickets/")[1].split('"')[0]
    url = f"/o/{acme.slug}/tickets/{path}"
    form = {"state": "resolved", "priority": "urgent", "assignee": ""}
    assert bob.post(url, form, page=url).status_code == 302
    assert "Urgent" in bob.get(f"/o/{acme.slug}/tickets?state=resolved").text
    for field, value in (("state", "gone"), ("priority", "x"), ("assignee", "0" * 36)):
        assert bob.post(url, {**form, field: value}, page=url).status_code == 422


def test_a_resume_token_names_its_guest_for_two_weeks(writer, reply, sweep, mails, acme, app):
    writer.begin(email="ada@example.com")
    reply()
    sweep(minutes=6)
    token = mails()[0][2].split("#candor-chat=")[1].split()[0]
    with app.app_context():
        assert read(RESUME, acme.site_id, token)
        with time_machine.travel(clock.now() + timedelta(days=15)):
            assert read(RESUME, acme.site_id, token) is None


def test_a_file_when_nobody_is_there_is_confirmed_as_well(writer, chatting, mails):
    chatting(week=NEVER)
    writer.begin(None, email="ada@example.com")
    assert mails() == []
    assert upload(writer, png(), "a.png").status_code == 201
    assert [to for to, _, _ in mails()] == ["ada@example.com"]
    writer.write("Hello?")
    assert len(mails()) == 1
