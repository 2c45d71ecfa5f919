"""What agents do in a conversation besides talking: files, notes, canned replies, labels, whose it
is, and not stepping on each other."""

from __future__ import annotations

import io
import re
from uuid import UUID, uuid4

import pytest

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat import presence
from app.chat.assignment import assign_next
from app.chat.models import CannedReply, Conversation, Guest, Label, Surroundings
from app.core.db import db
from tests.chat.test_writing import png
from tests.shops import shopify, shopify_order


@pytest.fixture
def bob(join, sign_in):
    join("bob@acme.example", Role.AGENT)
    return sign_in("bob@acme.example")


@pytest.fixture
def carol(join, sign_in):
    join("carol@acme.example", Role.AGENT)
    return sign_in("carol@acme.example")


@pytest.fixture
def path(acme):
    def of(writer, *more):
        return "/".join([f"/o/{acme.slug}/inbox/{writer.conversation}", *more])

    return of


@pytest.fixture
def member(inside, acme):
    def find(name):
        with inside(acme):
            found = db.session.query(Member).all()
            return next(each.id for each in found if each.user.name == name)

    return find


def send(agent, path, body="", **form):
    token = agent.token("/sign-in")
    data = {"csrf_token": token, "body": body, **form}
    return agent.client.post(path, data=data, headers={"HX-Request": "true"})


# --- not stepping on each other -------------------------------------------------------------------


def test_a_reply_says_so_when_a_colleague_was_faster_and_the_next_try_goes_out(
    writer, bob, carol, path
):
    writer.begin()
    assert send(carol, path(writer, "messages"), "It is ready", seen="1").status_code == 201
    refused = send(bob, path(writer, "messages"), "Not yet", seen="1")
    assert refused.status_code == 422
    assert "Carol replied meanwhile" in refused.text and "Not yet" in refused.text
    seen = re.search(r'name="seen" value="(\d+)"', refused.text)[1]
    assert send(bob, path(writer, "messages"), "Not yet", seen=seen).status_code == 201
    assert [each["body"] for each in writer.read().json["messages"]] == [
        "Hello",
        "It is ready",
        "Not yet",
    ]


def test_a_note_and_an_own_reply_overtake_nobody(writer, bob, carol, path):
    writer.begin()
    send(carol, path(writer, "messages"), "A remark", note="1")
    send(bob, path(writer, "messages"), "First", seen="1")
    assert send(bob, path(writer, "messages"), "Second", seen="1").status_code == 201


def test_a_second_try_of_what_was_sent_is_not_overtaken(writer, bob, carol, path):
    writer.begin()
    name = str(uuid4())
    first = send(bob, path(writer, "messages"), "Once", seen="1", client_id=name)
    send(carol, path(writer, "messages"), "Then I")
    again = send(bob, path(writer, "messages"), "Once", seen="1", client_id=name)
    assert (first.status_code, again.status_code) == (201, 201)
    assert [each["body"] for each in writer.read().json["messages"]][1:] == ["Once", "Then I"]


# --- files ----------------------------------------------------------------------------------------


def test_a_picture_reaches_the_guest_and_one_in_a_note_does_not(writer, bob, path, client):
    writer.begin()
    for note in ("", "1"):
        file = (io.BytesIO(png()), "pot.png")
        answer = send(bob, path(writer, "messages"), "Look", note=note, file=file)
        assert answer.status_code == 201 and "pot.webp" in answer.text
    said = writer.read().json["messages"]
    assert len(said) == 2 and said[1]["file"]["name"] == "pot.webp"
    assert client.get(said[1]["file"]["url"].replace("http://candor.test", "")).data[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty."),
        (b"MZ\x90\x00\xff\xfe", "Send a picture, a PDF"),
        (b"\x89PNG\r\n\x1a\n broken", "Choose a JPEG, PNG"),
        (b"a" * (5 * 1024 * 1024 + 1), "A file has at most 5 MB."),
    ],
)
def test_a_file_that_is_not_taken_leaves_the_text(writer, bob, path, data, reason):
    writer.begin()
    file = (io.BytesIO(data), "a.bin")
    answer = send(bob, path(writer, "messages"), "See here", file=file)
    assert answer.status_code == 422
    assert reason in answer.text and "See here" in answer.text
    assert len(writer.read().json["messages"]) == 1


# --- canned replies -------------------------------------------------------------------------------


def test_a_canned_reply_comes_filled_and_nothing_in_it_is_evaluated(
    writer, bob, path, inside, acme
):
    with inside(acme):
        CannedReply.create("hello", "Hello {{name}}, {{agent}} of {{site}} {{7*7}} {{ name }}")
        db.session.commit()
    writer.begin(name="{{agent}} Ada")
    answer = bob.get(path(writer, "canned-replies"))
    assert answer.json["data"] == [
        {
            "shortcut": "hello",
            "body": "Hello {{agent}} Ada, Bob of Acme shop {{7*7}} {{ name }}",
        }
    ]


def test_a_canned_reply_to_somebody_without_a_name_has_no_gap(writer, bob, path, inside, acme):
    with inside(acme):
        CannedReply.create("hello", "Hello {{name}}, how are you?")
        db.session.commit()
    writer.begin()
    assert bob.get(path(writer, "canned-replies")).json["data"][0]["body"] == "Hello, how are you?"


def test_a_canned_reply_is_written_changed_and_deleted(bob, acme):
    page = f"/o/{acme.slug}/inbox/canned-replies"
    bob.post(page, {"shortcut": "hi", "body": "Hello"}, f"{page}/new")
    taken = bob.post(page, {"shortcut": "hi", "body": "Good day"}, f"{page}/new")
    assert taken.status_code == 422
    assert "already" in taken.text and "Good day" in taken.text
    edit = re.search(r'href="([^"]+/edit)"', bob.get(page).text)[1]
    bob.post(edit.removesuffix("/edit"), {"shortcut": "hi", "body": "Good evening"}, edit)
    assert "Good evening" in bob.get(page).text
    bob.post(edit.replace("/edit", "/deletion"), {}, page)
    assert "Good evening" not in bob.get(page).text


# --- labels, and what is told of changes ----------------------------------------------------------


def test_a_label_is_made_painted_and_deleted_and_conversations_stay(writer, bob, path, acme):
    writer.begin()
    page = f"/o/{acme.slug}/inbox/labels"
    bob.post(page, {"name": "Refund", "colour": "bad"}, page)
    twice = bob.post(page, {"name": "REFUND", "colour": "good"}, page)
    assert twice.status_code == 422 and "already" in twice.text
    label = re.search(r"labels/([0-9a-f-]{36})/deletion", bob.get(page).text)[1]
    bob.post(path(writer, "labels"), {"labels": label}, path(writer))
    bob.post(f"{page}/{label}", {"colour": "good"}, page)
    assert "badge--good" in bob.get(path(writer)).text
    bob.post(f"{page}/{label}/deletion", {}, page)
    shown = bob.get(path(writer)).text
    assert "badge--good" not in shown and "Hello" in shown and "Bob added Refund" in shown


def test_what_agents_decide_is_told_with_their_names_and_to_no_guest(
    writer, bob, path, member, inside, acme
):
    writer.begin()
    bob.post(path(writer, "assignment"), {"member_id": str(member("Alice"))}, path(writer))
    bob.post(path(writer, "assignment"), {"member_id": str(member("Bob"))}, path(writer))
    bob.post(path(writer, "assignment"), {"member_id": ""}, path(writer))
    bob.post(path(writer, "snooze"), {"until": "week"}, path(writer))
    bob.post(path(writer, "reopening"), {}, path(writer))
    shown = bob.get(path(writer)).text
    for words in (
        "Bob assigned this to Alice",
        "Bob took this",
        "Bob made this nobody’s",
        "Bob snoozed this until",
        "Bob opened this again",
    ):
        assert words in shown
    assert [each["body"] for each in writer.read().json["messages"]] == ["Hello"]


def test_closing_can_be_taken_back(writer, bob, path):
    writer.begin()
    token = bob.token("/sign-in")
    answer = bob.client.post(
        path(writer, "closure"), data={"csrf_token": token}, headers={"HX-Request": "true"}
    )
    assert "Closed." in answer.text and "Undo" in answer.text
    undo = re.search(r'action="([^"]+/reopening[^"]*)"', answer.text)[1]
    bob.post(undo, {}, path(writer))
    assert writer.read().json["state"] == "open"


@pytest.mark.parametrize(
    ("noun", "form"),
    [
        ("assignment", {"member_id": str(uuid4())}),
        ("snooze", {"until": "doomsday"}),
        ("labels", {"labels": str(uuid4())}),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_what_cannot_be_done_so_is_refused_with_a_reason(writer, bob, path, noun, form, htmx):
    writer.begin()
    headers = {"HX-Request": "true"} if htmx else {}
    data = {**form, "csrf_token": bob.token("/sign-in")}
    answer = bob.client.post(path(writer, noun), data=data, headers=headers)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert len(writer.read().json["messages"]) == 1


def test_of_another_organization_nothing_is_there(writer, bob, path, sign_in, umbrella, inside):
    writer.begin()
    with inside(umbrella):
        label = Label.create("Theirs").id
        db.session.commit()
    charlie = sign_in("charlie@umbrella.example")
    theirs = path(writer).replace(path(writer).split("/")[2], umbrella.slug)
    assert charlie.get(theirs).status_code == 404
    assert charlie.get(f"{theirs}/canned-replies").status_code == 404
    answer = bob.post(path(writer, "labels"), {"labels": str(label)}, path(writer))
    assert answer.status_code == 422


# --- whose turn it is -----------------------------------------------------------------------------


@pytest.fixture
def there(app, acme):
    def say(*members):
        with app.app_context():
            presence.note({acme.id: [presence.desk_name(each, uuid4().hex) for each in members]})

    return say


def test_in_turn_goes_to_who_is_there_and_has_the_fewest(
    another, chatting, bob, carol, member, there, inside, acme, work
):
    chatting(assignment="round_robin")
    there(member("Bob"), member("Carol"))
    assigned = []
    for number in range(4):
        page = another(address=f"203.0.113.{number}")
        page.begin()
        work()
        with inside(acme):
            found = db.session.get_one(Conversation, UUID(page.conversation))
            assigned.append(found.assignee.user.name)
    assert sorted(assigned[:2]) == ["Bob", "Carol"] and sorted(assigned[2:]) == ["Bob", "Carol"]


def test_in_turn_gives_nothing_to_who_is_away_or_may_not(
    writer, chatting, bob, join, member, there, inside, acme, work
):
    chatting(assignment="round_robin")
    join("vera@acme.example", Role.VIEWER)
    there(member("Vera"))
    writer.begin()
    work()
    with inside(acme):
        assert db.session.query(Conversation).one().assignee_id is None


def test_by_hand_nobody_is_given_anything(writer, bob, member, there, inside, acme, work):
    there(member("Bob"))
    writer.begin()
    work()
    with inside(acme):
        assert db.session.query(Conversation).one().assignee_id is None


def test_what_somebody_took_meanwhile_stays_his(writer, bob, carol, member, there, inside, acme):
    there(member("Carol"))
    writer.begin()
    with inside(acme):
        conversation = db.session.query(Conversation).one()
        conversation.assign(db.session.get_one(Member, member("Bob")))
        db.session.commit()
        assign_next.function(str(conversation.id))
        db.session.commit()
        assert conversation.assignee_id == member("Bob")


# --- the list -------------------------------------------------------------------------------------


def test_filters_by_site_and_label_are_addresses_and_count(writer, bob, path, inside, acme):
    writer.begin()
    with inside(acme):
        label = Label.create("Refund").id
        db.session.commit()
    inbox = f"/o/{acme.slug}/inbox"
    assert "Hello" in bob.get(f"{inbox}?site={acme.site_id}").text
    assert "Hello" not in bob.get(f"{inbox}?site={uuid4()}").text
    assert "Hello" not in bob.get(f"{inbox}?label={label}").text
    bob.post(path(writer, "labels"), {"labels": str(label)}, path(writer))
    page = bob.get(f"{inbox}?label={label}&view=unassigned").text
    assert "Hello" in page and re.search(r'Unassigned <span class="inbox__count">1<', page)


def test_older_pages_hold_each_conversation_once(app, bob, inside, acme, chatting):
    around = Surroundings(None, None, {}, {}, "", None, None, None, "en")
    with inside(acme):
        for number in range(85):
            guest = Guest.arrive(acme.site_id, around)
            Conversation.begin(guest, around, None).hear(f"number {number:03}")
        db.session.commit()
    seen, address = [], f"/o/{acme.slug}/inbox"
    while address:
        page = bob.get(address).text
        seen += re.findall(r"number (\d{3})", page)
        older = re.search(r'href="([^"]+before=[^"]+)">Older conversations', page)
        address = older and older[1].replace("&amp;", "&")
    assert seen == [f"{number:03}" for number in reversed(range(85))]


def test_a_found_word_is_shown_where_it_was_said_also_in_what_is_closed(writer, bob, path, acme):
    writer.begin("It all began with a broken zebra, which nobody had seen before")
    for number in range(70):
        bob.post(path(writer, "messages"), {"body": f"Line {number}"}, path(writer))
    bob.post(path(writer, "closure"), {}, path(writer))
    page = bob.get(f"/o/{acme.slug}/inbox?q=ZEBRA").text
    assert "<mark>zebra</mark>, which nobody" in page and "Closed" in page
    href = re.search(r'href="([^"]+seq=1[^"]*)"', page)[1].replace("&amp;", "&")
    assert "broken zebra" in bob.get(href).text
    assert "broken zebra" not in bob.get(path(writer)).text


def test_a_visitor_is_found_by_name(writer, bob, acme):
    writer.begin(name="Ada Lovelace")
    assert "Hello" in bob.get(f"/o/{acme.slug}/inbox?q=lovelace").text
    assert "Hello" not in bob.get(f"/o/{acme.slug}/inbox?q=babbage").text


@pytest.mark.parametrize("text", ["%00", "a" * 5000, "%F0%9F%98%80", "&q=x", "İ", "<b>", "' OR 1"])
def test_any_search_is_answered(writer, bob, acme, text):
    writer.begin("İstanbul 😀 <b>")
    assert bob.get(f"/o/{acme.slug}/inbox?q={text}").status_code == 200


@pytest.mark.parametrize("query", ["view=x", "site=x", "label=1", "before=x", f"before={uuid4()}"])
def test_an_address_that_asks_for_nothing_that_there_is_shows_what_there_is(
    writer, bob, acme, query
):
    writer.begin()
    assert bob.get(f"/o/{acme.slug}/inbox?{query}").status_code == 200


# --- who it is ------------------------------------------------------------------------------------


@pytest.fixture
def buyer(acme, client, work):
    """The address of somebody who has paid an order."""
    order = shopify_order()
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", order))
    work()
    return order["customer"]["email"]


def test_orders_are_shown_of_whom_the_site_vouches_for_alone(
    writer, bob, path, inside, acme, buyer
):
    writer.begin(email=buyer)
    shown = bob.get(path(writer)).text
    assert "Says so; nobody has checked" in shown and "Only shown of people" in shown
    with inside(acme):
        around = Surroundings(None, None, {}, {}, "Firefox", None, None, None, None)
        known, _ = Guest.vouched(acme.site_id, "user-1", around, name="Ada", email=buyer)
        Conversation.hand_over(db.session.query(Guest).filter_by(verified=False).one(), known)
        db.session.commit()
    shown = bob.get(path(writer)).text
    assert "Vouched for by the site" in shown and "paid" in shown
    assert "ask before you tell" in shown
    assert "Only shown of people" not in shown


def test_by_an_address_that_a_user_of_the_site_claims_no_orders_are_shown(
    writer, bob, path, identify, buyer
):
    identify(writer, "mallory")
    writer.begin("Hello")
    shown = bob.get(path(writer)).text
    assert "Vouched for by the site" in shown
    # The site knows him without an address, so this one is what he says.
    writer.begin("Where is my parcel?", email=buyer)
    shown = bob.get(path(writer)).text
    assert "nobody has checked the address" in shown and "Vouched for by the site" not in shown
    assert "Only shown by an address that the site told" in shown
    assert "paid" not in shown and "ask before you tell" not in shown
    identify(writer, "mallory", email=buyer)
    shown = bob.get(path(writer)).text
    assert "Vouched for by the site" in shown and "paid" in shown
