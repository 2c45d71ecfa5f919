"""How a conversation stands: what is unread, who waits, how far something was read."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import event, insert

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat.models import Conversation
from app.core import bus, clock
from app.core.db import db
from app.core.ids import uuid7
from app.support.models import STATES, Ticket
from tests.chat.test_automation import NEVER, TEXTS


@pytest.fixture
def agent(join, sign_in):
    join("bob@acme.example", Role.AGENT)
    return sign_in("bob@acme.example")


@pytest.fixture
def path(acme):
    return lambda writer, *more: "/".join([f"/o/{acme.slug}/inbox/{writer.conversation}", *more])


@pytest.fixture
def standing(acme, inside):
    def of(writer, *names):
        with inside(acme):
            found = db.session.get_one(Conversation, UUID(writer.conversation))
            return tuple(getattr(found, name) for name in names)

    return of


def reply(agent, path, body):
    data = {"csrf_token": agent.token("/sign-in"), "body": body, "seen": "99"}
    answer = agent.client.post(path, data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 201, answer.text


def post(agent, path, **data):
    form = {"csrf_token": agent.token("/sign-in"), **data}
    return agent.client.post(path, data=form, headers={"HX-Request": "true"})


def test_what_the_site_says_by_itself_hides_nobody_who_waits(
    writer, agent, acme, chatting, standing
):
    chatting(week=NEVER, texts=TEXTS)
    writer.begin("Is anybody there?", email="ada@example.com")
    assert len(writer.read().json["messages"]) == 2  # and that nobody is
    assert standing(writer, "unread", "last_author", "excerpt") == (
        True,
        "visitor",
        "Is anybody there?",
    )
    page = agent.get(f"/o/{acme.slug}/inbox").text
    assert "inbox-row__dot" in page and 'data-unread="1"' in page


def test_that_a_guest_closed_it_is_nothing_to_read(writer, agent, path, standing):
    writer.begin()
    agent.get(path(writer))
    token = agent.token("/sign-in")
    headers = {"X-CSRFToken": token, "HX-Request": "true"}
    read = agent.client.put(path(writer, "reading"), data={"seq": "1"}, headers=headers)
    assert read.status_code == 204
    assert standing(writer, "unread") == (False,)
    writer.call("PUT", f"conversations/{writer.conversation}/closure")
    assert standing(writer, "unread") == (False,)


def test_a_reply_that_was_read_stays_read_when_the_conversation_is_closed(
    writer, agent, path, standing
):
    writer.begin()
    reply(agent, path(writer, "messages"), "Yes")
    assert standing(writer, "reached") == ("sent",)
    address = f"conversations/{writer.conversation}/reading"
    writer.call("PUT", address, json={"delivered": 2})
    assert standing(writer, "reached") == ("delivered",)
    writer.call("PUT", address, json={"seq": 2})
    post(agent, path(writer, "closure"))
    assert standing(writer, "reached", "state") == ("read", "closed")


def test_what_is_said_to_be_read_is_the_answer_and_not_the_note_after_it(
    writer, agent, path, standing
):
    writer.begin()
    reply(agent, path(writer, "messages"), "Yes")
    writer.call("PUT", f"conversations/{writer.conversation}/reading", json={"seq": 2})
    assert '<p class="talk__read muted" id="talk-read">Read</p>' in agent.get(path(writer)).text
    post(agent, path(writer, "messages"), body="Careful", note="1", seen="99")
    page = agent.get(path(writer)).text
    assert '<p class="talk__read muted" id="talk-read">Last answer read</p>' in page
    writer.write("Thank you")
    assert standing(writer, "reached_words") == ("",)


def test_a_reply_said_while_the_guest_reads_the_one_before_is_still_mailed(
    writer, agent, path, acme, inside, standing
):
    writer.begin("Hello", email="ada@example.com")
    reply(agent, path(writer, "messages"), "Yes")
    with inside(acme):
        before = db.session.get_one(Conversation, UUID(writer.conversation))
        assert before.mail_due_at is not None
        with ThreadPoolExecutor(1) as pool:
            pool.submit(reply, agent, path(writer, "messages"), "And more").result()
        before.read_by_guest(2)
        db.session.commit()
    assert standing(writer, "mail_due_at") != (None,)


def test_of_two_readings_at_once_the_further_one_stays(writer, acme, inside, standing):
    writer.begin()
    writer.write("And more")
    with inside(acme):
        slow = db.session.get_one(Conversation, UUID(writer.conversation))
        assert slow.agent_read_seq == 0
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_read_by_agents, inside, acme, writer.conversation, 2).result()
        slow.read_by_agents(1)
        db.session.commit()
    assert standing(writer, "agent_read_seq") == (2,)


def _read_by_agents(inside, acme, conversation, seq):
    with inside(acme):
        db.session.get_one(Conversation, UUID(conversation)).read_by_agents(seq)
        db.session.commit()


def test_taking_a_closing_back_lets_the_guest_wait_again(writer, agent, path, standing):
    writer.begin()
    (since,) = standing(writer, "waiting_since")
    post(agent, path(writer, "closure"))
    assert standing(writer, "waiting_since") == (None,)
    post(agent, path(writer, "reopening"))
    assert standing(writer, "state", "waiting_since") == ("open", since)
    reply(agent, path(writer, "messages"), "Yes")
    post(agent, path(writer, "closure"))
    post(agent, path(writer, "reopening"))
    assert standing(writer, "waiting_since") == (None,)


def test_the_same_opening_eight_times_at_once_is_one_conversation(writer, app, acme, chatting):
    chatting(week=NEVER, texts=TEXTS)

    def begin(_number):
        page = type(writer)(app.test_client(), acme)
        answer = page.begin("Hello", client_id="a-name-of-its-own", email="ada@example.com")
        assert answer.status_code == 201, answer.text
        writer.token = page.token
        return page.conversation

    with ThreadPoolExecutor(8) as pool:
        (writer.conversation,) = set(pool.map(begin, range(8)))
    # And that nobody is there is said once.
    assert [each["author"] for each in writer.read().json["messages"]] == ["visitor", "system"]


def test_other_stars_leave_the_comment(writer, standing):
    writer.begin()
    address = f"conversations/{writer.conversation}/rating"
    writer.call("PUT", address, json={"rating": 4, "comment": "Quick"})
    writer.call("PUT", address, json={"rating": 5})
    assert standing(writer, "rating", "comment") == (5, "Quick")
    writer.call("PUT", address, json={"rating": 5, "comment": ""})
    assert standing(writer, "comment") == (None,)


def test_a_file_alone_at_night_is_a_ticket_by_its_name(writer, acme, chatting, inside):
    chatting(week=NEVER, texts=TEXTS)
    writer.begin(None, email="ada@example.com")
    form = {"client_id": "a-file-of-its-own", "file": (io.BytesIO(b"a,b\n1,2\n"), "invoice.csv")}
    sent = writer.call("POST", f"conversations/{writer.conversation}/messages", data=form)
    assert sent.status_code == 201, sent.text
    with inside(acme):
        ticket = db.session.query(Ticket).one()
        assert (ticket.subject, ticket.text) == ("invoice.csv", "invoice.csv")


@pytest.mark.parametrize("way", ["suspend", "demote"])
def test_what_was_of_somebody_who_may_not_answer_any_more_is_nobodys(
    writer, agent, path, acme, inside, standing, way
):
    writer.begin()
    reply(agent, path(writer, "messages"), "Yes")
    with inside(acme):
        members = {each.user.name: each for each in db.session.query(Member)}
        bob, alice = members["Bob"], members["Alice"]
        assert standing(writer, "assignee_id") == (bob.id,)
        ticket, _ = Ticket.open(acme.site_id, text="Help", email="ada@example.com")
        ticket.change(state="open", priority="normal", assignee=bob)
        if way == "suspend":
            bob.suspend(by=alice.may_give)
        else:
            bob.change_role(Role.VIEWER, by=alice.may_give)
        db.session.commit()
        assert db.session.query(Ticket).one().assignee_id is None
    assert standing(writer, "assignee_id") == (None,)


@pytest.fixture
def many_of(acme, inside):
    """So many conversations and tickets of a member, in each state."""

    def give(writer, member_id, conversations, tickets):
        with inside(acme):
            guest_id = db.session.get_one(Conversation, UUID(writer.conversation)).guest_id
            alike = {"organization_id": acme.id, "site_id": acme.site_id, "assignee_id": member_id}
            now = clock.now()
            talks = [
                {
                    **alike,
                    "id": uuid7(),
                    "guest_id": guest_id,
                    "state": ("open", "snoozed", "closed")[number % 3],
                    "opened_at": now,
                    "page": {},
                    "utm": {},
                }
                for number in range(conversations)
            ]
            asked = [
                {
                    **alike,
                    "id": uuid7(),
                    "number": number + 1,
                    "email_sealed": b"",
                    "subject_sealed": b"",
                    "state": STATES[2 + number % 2],
                }
                for number in range(tickets)
            ]
            db.session.execute(insert(Conversation), talks)
            if asked:
                db.session.execute(insert(Ticket), [{**each, "text_sealed": b""} for each in asked])
            db.session.commit()

    return give


@pytest.mark.parametrize(
    "way",
    [("removal", {}), ("suspension", {}), ("role", {"role": "viewer"})],
    ids=lambda way: way[0],
)
def test_whoever_had_thousands_of_conversations_is_let_go_with_a_few_statements(
    writer, agent, sign_in, acme, inside, many_of, monkeypatch, way
):
    writer.begin()
    with inside(acme):
        bob = next(each.id for each in db.session.query(Member) if each.user.name == "Bob")
    many_of(writer, bob, 3000, 1000)
    alice, told, asked = sign_in("alice@acme.example"), [], []
    tell = bus.tell
    monkeypatch.setattr(bus, "tell", lambda *what: told.append(what) or tell(*what))
    with inside(acme):
        engine = db.engine

    def remember(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", remember)
    try:
        what, form = way
        answer = alice.post(f"/o/{acme.slug}/settings/members/{bob}/{what}", form)
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    assert answer.status_code == 302, answer.text
    assert len(asked) < 100
    # Open inboxes read their list again, once.
    assert told == [(f"inbox:{acme.id.hex}", {"type": "resync"})]
    with inside(acme):
        for kind in (Conversation, Ticket):
            assert db.session.query(kind).filter_by(assignee_id=bob).count() == 0
        assert db.session.query(Conversation).count() == 3001


def test_who_had_nothing_is_let_go_and_nobody_is_told(agent, sign_in, acme, inside, monkeypatch):
    with inside(acme):
        bob = next(each.id for each in db.session.query(Member) if each.user.name == "Bob")
    alice, told = sign_in("alice@acme.example"), []
    monkeypatch.setattr(bus, "tell", lambda *what: told.append(what))
    assert alice.post(f"/o/{acme.slug}/settings/members/{bob}/removal").status_code == 302
    assert told == []


@pytest.mark.parametrize("noun", ["closure", "snooze"])
def test_what_came_before_the_agent_has_seen_it_is_not_put_away(
    writer, agent, path, standing, noun
):
    writer.begin("Hello", name="Ada")
    writer.write("And one more thing")
    names = ("state", "agent_read_seq", "unread", "waiting_since", "last_seq")
    before = standing(writer, *names)
    refused = post(agent, path(writer, noun), until="hour", seen="1")
    assert refused.status_code == 422
    assert "Ada wrote meanwhile. Read it first." in refused.text
    # Without scripts it is the page, with what was missed.
    form = {"until": "hour", "seen": "1"}
    page = agent.post(path(writer, noun), form)
    assert page.status_code == 422
    assert "wrote meanwhile" in page.text and "And one more thing" in page.text
    assert standing(writer, *names) == before
    # What agents and the site do besides is not in the way.
    post(agent, path(writer, "messages"), body="A regular", note="1")
    assert post(agent, path(writer, noun), until="hour", seen="2").status_code == 200
    state, read, _, _, last = standing(writer, *names)
    assert (state, read == last) in (("closed", True), ("snoozed", False))


@pytest.mark.parametrize("noun", ["closure", "snooze"])
@pytest.mark.parametrize("seen", [None, "", "x", "-1", "9" * 12])
def test_who_does_not_say_what_he_has_seen_puts_it_away_as_it_is(
    writer, agent, path, standing, noun, seen
):
    writer.begin()
    form = {"until": "hour", **({} if seen is None else {"seen": seen})}
    assert post(agent, path(writer, noun), **form).status_code == 200
    assert standing(writer, "state")[0] in ("closed", "snoozed")


def test_a_page_says_what_it_shows_of_a_conversation(writer, agent, path):
    writer.begin()
    writer.write("And one more thing")
    page = agent.get(path(writer)).text
    for noun in ("closure", "snooze"):
        form = page.split(f'action="{path(writer, noun)}')[1].split("</form>")[0]
        assert 'name="seen" value="2"' in form


def test_the_same_stars_again_are_told_to_nobody(writer, agent, monkeypatch, acme, inside):
    writer.begin()
    told = []
    monkeypatch.setattr(bus, "tell", lambda channel, frame: told.append(frame))
    address = f"conversations/{writer.conversation}/rating"
    assert writer.call("PUT", address, json={"rating": 5}).status_code == 200
    assert told
    told.clear()
    assert writer.call("PUT", address, json={"rating": 5}).status_code == 200
    assert told == []


def test_stars_and_closings_come_no_faster_than_a_person_clicks(writer):
    writer.begin()
    address = f"conversations/{writer.conversation}/rating"
    answers = [
        writer.call("PUT", address, json={"rating": 1 + number % 5}).status_code
        for number in range(60)
    ]
    assert 20 < answers.count(200) < 40 and answers.count(429) > 20
