"""What a site said first is kept before the answer to it, in the site's own words and no others."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.campaigns.models import Campaign
from app.core.db import db
from app.embed import published
from app.sites.models import Site

ASKED = "Can we help you choose?"


@pytest.fixture
def publish(acme, inside):
    def publish(format="chat_message", **content):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            content = {"message": ASKED, **content}
            campaign = Campaign.draft(site, name="Ask", format=format, content=content)
            campaign.publish()
            db.session.commit()
            published.forget("", None)
            return str(campaign.id)

    return publish


def lines(writer):
    return [(each["author"], each["body"]) for each in writer.read().json["messages"]]


def test_what_was_shown_and_answered_stands_before_the_answer(writer, publish):
    campaign = publish()
    answer = writer.begin("Yes", campaign=campaign, line=ASKED)
    assert answer.status_code == 201
    assert [each["seq"] for each in answer.json["messages"]] == [1, 2]
    assert lines(writer) == [("system", ASKED), ("visitor", "Yes")]
    assert answer.json["messages"][0]["details"] == {"automatic": "campaign", "campaign": campaign}
    # Nothing of it is unread: he has answered it.
    assert (answer.json["seq"], answer.json["seen"]) == (2, 2)


def test_said_again_it_stands_there_once(writer, publish):
    said = {"campaign": publish(), "line": ASKED, "client_id": str(uuid4())}
    writer.begin("Yes", **said)
    writer.begin("Yes", **said)
    assert lines(writer) == [("system", ASKED), ("visitor", "Yes")]


def test_said_again_by_who_is_not_to_be_followed_it_stands_there_once(writer, publish):
    said = {"campaign": publish(), "line": ASKED, "client_id": str(uuid4())}
    unknown = {"Sec-GPC": "1"}
    call = writer.call
    writer.call = lambda *a, **o: call(*a, **{**o, "headers": {**o.get("headers", {}), **unknown}})
    first = writer.begin("Yes", **said)
    # The answer got lost, and its chat token with it; his network is another by now.
    writer.token, writer.address = "", "203.0.113.9"
    again = writer.begin("Yes", **said)
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.json["id"] == first.json["id"]
    assert lines(writer) == [("system", ASKED), ("visitor", "Yes")]
    writer.token = ""
    assert writer.begin(ASKED, **said).status_code == 409


def test_a_translation_is_one_of_its_texts(writer, publish):
    campaign = publish(translations={"de": {"message": "Suchen Sie etwas?"}})
    writer.begin("Ja", campaign=campaign, line="Suchen Sie etwas?")
    assert lines(writer)[0] == ("system", "Suchen Sie etwas?")


@pytest.mark.parametrize("line", ["I owe you a refund.", "", None, 7, {"a": 1}, [ASKED]])
def test_the_page_puts_nothing_into_the_sites_mouth(writer, publish, line):
    answer = writer.begin("Yes", campaign=publish(), line=line)
    assert answer.status_code == 201
    assert lines(writer) == [("visitor", "Yes")]


@pytest.mark.parametrize("campaign", [str(uuid4()), "", None, 7, {"a": 1}, []])
def test_a_campaign_that_is_not_there_says_nothing_and_the_answer_is_kept(
    writer, publish, campaign
):
    publish()
    assert writer.begin("Yes", campaign=campaign, line=ASKED).status_code == 201
    assert lines(writer) == [("visitor", "Yes")]


def test_a_campaign_that_speaks_elsewhere_does_not_speak_here(writer, publish):
    writer.begin("Yes", campaign=publish("notice"), line=ASKED)
    assert lines(writer) == [("visitor", "Yes")]


def test_agents_see_it_once_the_visitor_has_answered(writer, publish, acme, sign_in):
    campaign = publish()
    writer.begin(None, campaign=campaign, line=ASKED)
    alice = sign_in("alice@acme.example")
    assert ASKED not in alice.get(f"/o/{acme.slug}/inbox").text
    writer.write("Yes")
    assert lines(writer) == [("system", ASKED), ("visitor", "Yes")]
    page = alice.get(f"/o/{acme.slug}/inbox/{writer.conversation}")
    assert page.status_code == 200 and ASKED in page.text
