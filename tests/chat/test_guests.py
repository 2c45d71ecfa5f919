"""Who a guest is: by himself, and by the word of the site."""

from __future__ import annotations

import json

import pytest

from app.accounts.permissions import Role
from app.chat import tokens
from app.chat.models import Conversation, Guest, Surroundings
from app.core.db import db
from app.embed import published
from app.sites.models import Site
from app.webhooks.models import Delivery, Endpoint
from tests.chat.test_automation import NEVER


def listed(writer, acme):
    return [
        each["id"] for each in writer.call("GET", f"chat/{acme.site_key}").json["conversations"]
    ]


def test_the_next_user_of_a_device_is_not_the_one_before(writer, another, identify, acme):
    identify(writer, "ada", email="ada@example.com")
    writer.begin("I am Ada")
    adas = writer.conversation
    # The same browser, and nobody has told the chat that Ada left.
    identify(writer, "ben", email="ben@example.com")
    assert listed(writer, acme) == [] and writer.read().status_code == 404
    elsewhere = another(address="203.0.113.9")
    identify(elsewhere, "ada")
    assert listed(elsewhere, acme) == [adas]


def test_what_was_written_before_goes_on_under_the_name_and_no_longer_by_the_token_before(
    writer, another, identify, acme
):
    writer.begin("Hello")
    planted = another(token=writer.token, conversation=writer.conversation)
    assert planted.read().status_code == 200
    identify(writer, "ada")
    assert listed(writer, acme) == [writer.conversation] and writer.read().status_code == 200
    # Whoever has the token that was there before, perhaps from a link, sees nothing any more.
    assert planted.read().status_code == 404 and listed(planted, acme) == []


@pytest.mark.parametrize("address", ["203.0.113.9", "198.51.100.1"])
def test_what_was_handed_over_is_not_begun_again_by_whoever_began_it(
    writer, another, identify, acme, address
):
    stranger = another(address=address)
    stranger.begin("Hello", client_id="a-name-of-his-own")
    # Her browser has his token from a link, and then the site says who she is.
    writer.token, writer.conversation = stranger.token, stranger.conversation
    identify(writer, "ada", email="ada@example.com")
    writer.begin("My card number is 4242")
    again = another(address=address).begin("Hello", client_id="a-name-of-his-own")
    assert again.status_code == 409 and "token" not in again.json
    # She has a token of her own, and what she asks for twice is one.
    before, name = writer.token, "a-name-of-her-own"
    begun = [writer.begin("Hello", client_id=name).json["id"] for _ in range(2)]
    assert begun[0] == begun[1] and writer.token.split(".")[1] == before.split(".")[1]


def test_however_much_was_written_before_all_of_it_is_handed_over(writer, identify, acme, inside):
    writer.begin("Hello")
    with inside(acme):
        guest, around = db.session.query(Guest).one(), Surroundings(None, None, {}, {}, *"A" * 5)
        for number in range(55):
            Conversation.begin(guest, around, None).hear(f"No. {number}")
        db.session.commit()
    identify(writer, "ada")
    with inside(acme):
        ada = db.session.query(Guest).filter_by(verified=True).one()
        assert {each.guest_id for each in db.session.query(Conversation)} == {ada.id}


def test_a_link_from_before_opens_nothing_of_whom_the_site_vouches_for(
    writer, another, identify, acme, inside
):
    writer.begin("Hello")
    with inside(acme):
        link = tokens.issue(tokens.RESUME, acme.site_id, db.session.query(Guest).one().id)
    identify(writer, "ada")
    phone = another(conversation=writer.conversation)
    resumed = phone.call("POST", f"chat/{acme.site_key}/resumption", json={"token": link})
    phone.token = resumed.json["token"]
    assert phone.read().status_code == 404


def test_a_user_who_is_named_on_each_page_is_one_guest_and_told_once(
    writer, another, identify, acme, inside
):
    with inside(acme):
        Endpoint.create("https://receiver.example/", ["visitor.identified"])
        db.session.commit()
    for number in range(3):
        identify(another(address=f"203.0.113.{number}"), "ada", name="Ada")
    with inside(acme):
        assert db.session.query(Guest).count() == 1
        assert db.session.query(Delivery).count() == 1
    identify(writer, "ada", name="Ada Lovelace")
    with inside(acme):
        assert db.session.query(Delivery).count() == 2


def test_a_user_without_an_address_is_asked_for_it_where_it_is_needed(
    writer, identify, acme, chatting, inside
):
    chatting(week=NEVER)
    identify(writer, "ada", name="Ada")
    assert writer.call("GET", f"chat/{acme.site_key}").json["known"] is False
    assert writer.begin("Hello").status_code == 422
    assert writer.begin("Hello", email="ada@example.com").status_code == 201
    assert writer.call("GET", f"chat/{acme.site_key}").json["known"] is True
    with inside(acme):
        guest = db.session.query(Guest).one()
        assert (guest.name, guest.email, guest.verified) == ("Ada", "ada@example.com", True)
    # What the site told is not his to change.
    identify(writer, "ada", email="lovelace@example.com")
    writer.begin("Hello", email="another@example.com")
    with inside(acme):
        assert db.session.query(Guest).one().email == "lovelace@example.com"


def test_an_address_that_a_user_claims_is_not_told_as_the_word_of_the_site(
    writer, identify, acme, inside
):
    identify(writer, "ada")
    writer.begin("Hello", email="somebody@example.com")
    with inside(acme):
        Endpoint.create("https://receiver.example/", ["visitor.identified"])
        db.session.commit()
    identify(writer, "ada", name="Ada")
    # That it was he who said so first makes it no less news.
    identify(writer, "ada", email="somebody@example.com")
    with inside(acme):
        told = db.session.query(Delivery).order_by(Delivery.id)
        contacts = [json.loads(each.payload)["data"]["contact"] for each in told]
    assert [each["email"] for each in contacts] == [None, "somebody@example.com"]


def test_a_vouched_user_is_found_by_his_address_also_where_a_contact_has_it(
    writer, another, identify, acme, join, sign_in
):
    join("bob@acme.example", Role.AGENT)
    another(address="203.0.113.9").begin("By myself", email="ada@example.com")
    identify(writer, "ada", email="ada@example.com")
    writer.begin("By the word of the site")
    found = sign_in("bob@acme.example").get(f"/o/{acme.slug}/inbox?q=ada@example.com").text
    assert "By myself" in found and "By the word of the site" in found


def test_of_whom_nobody_follows_neither_address_nor_session_is_kept(writer, acme, inside):
    writer.call(
        "POST",
        "conversations",
        json={"site": acme.site_key, "client_id": "a-name-of-its-own", "body": "Hello"},
        headers={"Sec-GPC": "1"},
    )
    with inside(acme):
        guest = db.session.query(Guest).one()
        assert (guest.masked_address, guest.visitor, guest.session_id) == (None, None, None)


def test_a_parameter_of_the_site_s_own_does_not_hide_how_he_came(writer, inside, acme):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.change(parameters=["utm_source", "source", "ref"])
        db.session.commit()
    published.forget("", None)
    query = "utm_source=newsletter&source=header&ref=friend"
    writer.begin(page={"url": f"https://{acme.domain}/?{query}"})
    with inside(acme):
        came = db.session.query(Conversation).one().utm
    assert came == {"source": "newsletter", "ref": "friend"}
