"""How a conversation stands: what each thing that happens changes, what it leaves, and who is told."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat.jobs import sweep_conversations
from app.chat.models import ChatSettings, Conversation, Label
from app.core import bus, clock
from app.core.db import db
from app.core.mail import OutgoingMail
from app.sites.models import Site

EMAIL = "ada@example.com"


@pytest.fixture
def bob(join, inside, acme):
    join("bob@acme.example", Role.AGENT)
    with inside(acme):
        return next(each.id for each in db.session.query(Member) if each.user.name == "Bob")


@pytest.fixture
def do(inside, acme):
    """Something that a member, Alice or the one of this id, does to the only conversation."""

    def work(verb, *arguments, by=None, **named):
        with inside(acme):
            member = db.session.get(Member, by) if by else db.session.query(Member).first()
            conversation = db.session.query(Conversation).one()
            if verb in ("reply", "note"):
                getattr(conversation, verb)(member, *arguments, **named)
            else:
                getattr(conversation, verb)(*arguments, by=member, **named)
            db.session.commit()

    return work


@pytest.fixture
def look(inside, acme):
    """Values of the only conversation."""

    def read(*names):
        with inside(acme):
            conversation = db.session.query(Conversation).one()
            found = [getattr(conversation, name) for name in names]
            return found[0] if len(found) == 1 else tuple(found)

    return read


@pytest.fixture
def told(app, environ):
    """What was told since the last look, as the other processes hear it: `inbox/change`."""
    listening = bus.connect(environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
    listening.psubscribe(f"{bus.PREFIX}inbox:*", f"{bus.PREFIX}guest:*")

    def read():
        time.sleep(0.3)
        with app.app_context():
            bus.publish("inbox:end", {"type": "end"})
        found = []
        while not found or found[-1] != "inbox/end":
            message = listening.get_message(timeout=10)
            if message is not None:
                channel = message["channel"].decode().split(":")[1]
                found.append(f"{channel}/{json.loads(message['data'])['type']}")
        return found[:-1]

    read()
    yield read
    listening.close()


def call(writer, noun, **said):
    return writer.call("PUT", f"conversations/{writer.conversation}/{noun}", json=said)


def an_hour():
    return clock.now() + timedelta(hours=1)


# What each side has read


def test_whoever_writes_has_read_what_was_before(writer, do, look):
    writer.begin()
    do("reply", "Yes")
    assert look("agent_read_seq", "guest_read_seq", "guest_delivered_seq") == (2, 1, 1)
    writer.write("Thank you")
    assert look("agent_read_seq", "guest_read_seq", "guest_delivered_seq") == (2, 3, 3)


def test_nobody_reads_beyond_what_there_is_or_back(writer, do, look, inside, acme):
    writer.begin()
    do("reply", "Yes")
    assert call(writer, "reading", delivered=99).status_code == 200
    assert look("guest_delivered_seq", "guest_read_seq") == (2, 1)
    assert call(writer, "reading", delivered=0).status_code == 200
    call(writer, "reading", seq=99)
    assert look("guest_delivered_seq", "guest_read_seq") == (2, 2)
    with inside(acme):
        conversation = db.session.query(Conversation).one()
        conversation.read_by_agents(99)
        assert conversation.agent_read_seq == 2
        conversation.read_by_agents(1)
        assert conversation.agent_read_seq == 2


def test_what_agents_decide_is_read_by_them(writer, do, look):
    writer.begin()
    assert look("unread")
    do("close")
    assert not look("unread") and look("agent_read_seq") == look("last_seq")


# Mail and waiting


def test_a_second_reply_does_not_put_the_mail_off(writer, do, look):
    writer.begin(email=EMAIL)
    do("reply", "Yes")
    due = look("mail_due_at")
    with time_machine.travel(clock.now() + timedelta(minutes=4), tick=True):
        do("reply", "By Friday")
    assert due and look("mail_due_at") == due


def test_the_mail_is_needless_once_all_was_read_or_he_has_answered(writer, do, look):
    writer.begin(email=EMAIL)
    do("reply", "Yes")
    do("reply", "By Friday")
    call(writer, "reading", seq=2)
    assert look("mail_due_at")
    call(writer, "reading", seq=3)
    assert look("mail_due_at") is None
    do("reply", "Anything else?")
    assert look("mail_due_at")
    writer.write("No")
    assert look("mail_due_at") is None


def test_what_was_mailed_is_not_mailed_again(writer, do, app, inside, acme):
    writer.begin(email=EMAIL)
    for body in ("Yes", "By Friday"):
        do("reply", body)
        with time_machine.travel(clock.now() + timedelta(minutes=6), tick=True), app.app_context():
            sweep_conversations()
    with inside(acme):
        mails = db.session.query(OutgoingMail).order_by(OutgoingMail.id)
        first, second = (each.text for each in mails)
    assert "Yes" in first and "By Friday" in second and "Yes" not in second


def test_he_waits_from_the_first_message_that_has_no_answer(writer, do, look, chatting):
    chatting(waiting_minutes=10)
    writer.begin()
    since, due = look("waiting_since", "waiting_due_at")
    assert due == since + timedelta(minutes=10)
    with time_machine.travel(clock.now() + timedelta(minutes=5), tick=True):
        writer.write("Hello?")
        assert look("waiting_since", "waiting_due_at") == (since, due)
        do("reply", "Here")
        assert look("waiting_since", "waiting_due_at") == (None, None)
        first = look("first_reply_at")
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=True):
        do("reply", "Still here")
    assert look("first_reply_at") == first


def test_nobody_waits_in_what_is_closed(writer, do, look, chatting):
    chatting(waiting_minutes=10)
    writer.begin()
    do("snooze", an_hour())
    do("close")
    assert look("waiting_since", "waiting_due_at", "snoozed_until") == (None, None, None)


# Whose it is, and what it shows


def test_a_reply_takes_what_is_nobodys_and_leaves_what_is_somebodys(writer, do, look, bob):
    writer.begin()
    do("reply", "Yes")
    alice = look("assignee_id")
    assert alice and alice != bob
    do("reply", "Me too", by=bob)
    assert look("assignee_id") == alice


def test_a_note_is_no_excerpt_and_no_turn(writer, do, look):
    writer.begin()
    before = look("last_at", "last_public_seq", "waiting_since")
    do("note", "A regular")
    assert look("excerpt", "last_author") == ("Hello", "visitor")
    assert look("last_at", "last_public_seq", "waiting_since") == before


def test_closed_twice_is_closed_once(writer, do, look, inside, acme):
    writer.begin()
    do("close")
    closed = look("closed_at")
    do("close")
    assert look("closed_at") == closed
    with inside(acme):
        messages = db.session.query(Conversation).one().messages(public=True)
        assert [each.details["event"] for each in messages if each.details] == ["closed"]


def test_a_visitor_is_told_no_more_of_whoever_closed_than_that_it_was_closed(writer, do):
    writer.begin()
    do("close")
    read = writer.read()
    assert [each.get("details") for each in read.json["messages"]] == [None, {"event": "closed"}]
    assert "member" not in read.text


def test_writing_opens_what_was_closed_or_snoozed(writer, do, look):
    writer.begin()
    for verb, arguments in (("close", ()), ("snooze", (an_hour(),))):
        do(verb, *arguments)
        writer.write("One more thing")
        assert look("state", "closed_at", "snoozed_until") == ("open", None, None)
        do(verb, *arguments)
        do("reply", "Yes?")
        assert look("state", "closed_at", "snoozed_until") == ("open", None, None)


def test_what_was_closed_is_open_again_before_it_is_snoozed(writer, do, look, inside, acme):
    writer.begin()
    do("close")
    do("snooze", an_hour())
    assert look("state", "closed_at") == ("snoozed", None)
    with inside(acme):
        messages = db.session.query(Conversation).one().messages(public=True)
        happened = [each.details["event"] for each in messages if each.details]
    assert happened == ["closed", "reopened"]


# Who is told


def test_agents_are_told_of_each_change_and_the_guest_of_what_he_sees(
    writer, do, told, bob, inside, acme
):
    writer.begin()
    do("reply", "Yes")
    with inside(acme):
        label = Label.create("Refund", "bad").id
        db.session.commit()
        member = db.session.get_one(Member, bob)
        db.session.expunge(member)
    told()
    labels = lambda: [db.session.get_one(Label, label)]  # noqa: E731
    for verb, arguments in (
        ("snooze", lambda: (an_hour(),)),
        ("wake", lambda: ()),
        ("assign", lambda: (member,)),
        ("label", lambda: (labels(),)),
        ("close", lambda: ()),
        ("reopen", lambda: ()),
    ):
        with inside(acme):
            conversation = db.session.query(Conversation).one()
            getattr(conversation, verb)(*arguments(), by=None)
            db.session.commit()
        frames = told()
        assert "inbox/change" in frames, verb
        assert "inbox/message" in frames, verb
        assert "guest/message" not in frames or verb in ("close", "reopen"), verb


def test_what_the_guest_does_is_told_to_the_agents(writer, do, told):
    writer.begin()
    do("reply", "Yes")
    told()
    for noun, said in (
        ("reading", {"delivered": 2}),
        ("reading", {"seq": 2}),
        ("closure", {}),
        ("rating", {"rating": 4}),
    ):
        call(writer, noun, **said)
        frames = told()
        assert "inbox/change" in frames and "guest/status" in frames, noun
    assert told() == []
    # Nothing new is nothing to tell.
    call(writer, "reading", seq=2)
    assert told() == []


def test_how_far_agents_have_read_is_told_to_the_guest(writer, told, inside, acme):
    writer.begin()
    told()
    with inside(acme):
        db.session.query(Conversation).one().read_by_agents(1)
        db.session.commit()
    assert sorted(told()) == ["guest/status", "inbox/change"]


def test_a_message_is_told_once_to_each_side_and_a_note_to_agents_alone(writer, do, told):
    writer.begin()
    told()
    do("reply", "Yes")
    assert sorted(told()) == ["guest/message", "inbox/message"]
    do("note", "A regular")
    assert told() == ["inbox/message"]
    writer.write("Thank you")
    assert sorted(told()) == ["guest/message", "inbox/message"]


def test_the_same_again_is_told_to_nobody(writer, do, told):
    writer.begin()
    name = str(uuid4())
    writer.write("Once", name)
    do("reply", "Yes", name + "r")
    told()
    writer.write("Once", name)
    do("reply", "Yes", name + "r")
    assert told() == []


def test_another_site_of_the_organization_is_another_place(writer, another, inside, acme):
    writer.begin()
    with inside(acme):
        site = Site.create(name="Second shop", domains=["second.acme.example"])
        ChatSettings.of(site.id).change(site, on=True)
        db.session.commit()
        key = site.key
    headers = {"Origin": "https://second.acme.example"}
    there = another(token=writer.token)
    answer = there.call("GET", f"chat/{key}", headers=headers)
    assert answer.json["conversations"] == [] and answer.json["known"] is False
    assert (
        there.call(
            "GET", f"conversations/{writer.conversation}/messages", headers=headers
        ).status_code
        == 403
    )
