"""`event.recorded`: the events that an endpoint names are told in batches, each once, also those
that come late, and whatever dies meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.core import clock
from app.core.db import db
from app.sites.models import Site
from app.tracking.announcements import EventsRecorded
from app.webhooks import recorded
from app.webhooks.models import Endpoint, ToldEvents
from app.webhooks.recorded import forget_told, tell_late, tell_recorded
from tests.shapes import differences
from tests.visits import ago, event, send

WANTED = {"types": ["event.recorded"], "event_names": ["signup"]}
TOLD = {"url": "https://93.184.215.14/hook", **WANTED}


@pytest.fixture
def told(app, inside, work, monkeypatch):
    """Tell what is to be told, and answer what a receiver got: messages, and events in order."""
    # A quarter that took long to read rests before it is read again; on a busy machine any does.
    monkeypatch.setattr(recorded, "SHARE", 0)

    def look(receiver, *, late=False):
        with app.app_context():
            (tell_late if late else tell_recorded)()
        work()
        return [each for got in receiver.received for each in got.json["data"]["events"]]

    return look


def ids(events):
    return [each["id"] for each in events]


def test_named_events_are_told_with_page_utm_and_visitor(acme, client, receive, endpoint_of, told):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    page = "/welcome?utm_source=newsletter&utm_campaign=spring"
    signup = event(acme, page, "signup", title="Hello", props={"plan": "pro"})
    signup["value"] = {"amount": 2900, "currency": "EUR"}
    send(client, acme, event(acme), signup, event(acme, "/", "search"))
    [got] = told(receiver)
    assert receiver.received[0].json["type"] == "event.recorded"
    data = receiver.received[0].json["data"]
    assert data["site_id"] == str(acme.site_id)
    assert list(differences(EventsRecorded, data, EventsRecorded.example)) == []
    assert (got["id"], got["name"], got["props"]) == (signup["id"], "signup", {"plan": "pro"})
    assert got["value"] == {"amount": 2900, "currency": "EUR"} and got["by_api"] is False
    assert got["page"]["host"] == acme.domain and got["page"]["title"] == "Hello"
    assert got["session_id"] and len(got["visitor"]["id"]) == 32
    assert got["visitor"]["browser"] == "Firefox"
    assert got["visitor"]["ip_masked"] == "198.51.100.0"
    # Nothing new, nothing told.
    assert ids(told(receiver)) == [signup["id"]] and len(receiver.received) == 1


def test_a_visit_is_told_as_it_came(acme, client, receive, endpoint_of, told):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    came = event(acme, "/?utm_source=newsletter&utm_campaign=spring")
    send(client, acme, came, event(acme, "/later", "signup"))
    [got] = told(receiver)
    assert got["utm"] == {"source": "newsletter", "campaign": "spring"}


def test_who_asked_not_to_be_followed_is_told_without_visit(
    acme, client, receive, endpoint_of, told
):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    said = {"site": acme.site_key, "events": [event(acme, name="signup")]}
    headers = {"Origin": f"https://{acme.domain}", "DNT": "1", "User-Agent": "Firefox"}
    assert client.post("/widget/v1/events", json=said, headers=headers).status_code == 202
    [got] = told(receiver)
    assert got["visitor"] is got["session_id"] is None and got["utm"] == {}
    data = receiver.received[0].json["data"]
    assert list(differences(EventsRecorded, data, EventsRecorded.example)) == []


def test_there_are_at_most_100_in_a_batch_and_each_once(
    acme, client, receive, endpoint_of, told, monkeypatch
):
    monkeypatch.setattr(recorded, "AT_ONCE", 200)
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    sent = []
    for number in range(9):
        some = [event(acme, name="signup") for _ in range(50)]
        send(client, acme, *some, address=f"198.51.100.{number}")
        sent += ids(some)
    got = told(receiver)
    assert sorted(ids(got)) == sorted(sent)
    assert sorted(len(each.json["data"]["events"]) for each in receiver.received) == [
        50,
        100,
        100,
        100,
        100,
    ]
    assert len(set(receiver.ids)) == 5


def test_large_events_come_in_batches_of_few_enough_bytes(acme, client, receive, endpoint_of, told):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    sent = []
    for number in range(40):
        props = {f"about_{each}": "\u00e9" * 480 for each in range(7)}
        some = [event(acme, name="signup", props=props) for _ in range(2)]
        send(client, acme, *some, address=f"198.51.100.{number}")
        sent += ids(some)
    assert sorted(ids(told(receiver))) == sorted(sent)
    assert len(receiver.received) > 1
    assert max(len(got.body) for got in receiver.received) <= 256 * 1024


def test_two_workers_at_once_tell_each_event_once(
    app, acme, client, receive, endpoint_of, told, inside
):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    sent = [event(acme, name="signup") for _ in range(40)]
    send(client, acme, *sent)

    def look():
        with app.app_context():
            tell_recorded()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(ids(told(receiver))) == sorted(ids(sent))


def test_what_comes_late_is_told_and_what_was_before_is_not(
    acme, client, receive, endpoint_of, told
):
    receiver = receive()
    with time_machine.travel(clock.now() - timedelta(hours=4)):
        endpoint_of(acme, receiver, **WANTED)
    before = event(acme, name="signup", at=ago(hours=4, minutes=1))
    late = event(acme, name="signup", at=ago(hours=3))
    send(client, acme, before, late)
    assert told(receiver) == []
    assert ids(told(receiver, late=True)) == [late["id"]]
    # To the same quarter of an hour again.
    later = event(acme, name="signup", at=late["at"] + 1)
    send(client, acme, later)
    assert ids(told(receiver, late=True)) == [late["id"], later["id"]]


def test_a_quarter_that_took_long_to_read_rests_first(
    acme, client, receive, endpoint_of, told, monkeypatch
):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    monkeypatch.setattr(recorded, "SHARE", 1000)
    read = recorded._ids
    monkeypatch.setattr(recorded, "_ids", lambda *which: time.sleep(0.05) or read(*which))
    first, later = event(acme, name="signup"), event(acme, name="signup")
    send(client, acme, first)
    assert ids(told(receiver)) == [first["id"]]
    send(client, acme, later)
    assert ids(told(receiver)) == [first["id"]]
    with time_machine.travel(clock.now() + timedelta(minutes=59), tick=True):
        assert ids(told(receiver)) == [first["id"], later["id"]]


def test_another_name_counts_from_now_on_and_a_kept_one_loses_nothing(
    acme, client, receive, endpoint_of, told, inside
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver, **WANTED)
    signup, cart = event(acme, name="signup"), event(acme, name="cart_add")
    send(client, acme, signup, cart)
    body = {"event_names": ["cart_add", "signup"]}
    path = f"/api/v1/endpoints/{endpoint_id}"
    changed = client.patch(path, json=body, headers=acme.bearer)
    assert changed.json["event_names"] == ["cart_add", "signup"]
    later = event(acme, name="cart_add")
    send(client, acme, later)
    assert ids(told(receiver)) == [signup["id"], later["id"]]


def test_an_endpoint_for_everything_gets_no_events_unless_it_names_some(
    acme, client, receive, endpoint_of, told
):
    silent, naming = receive(), receive()
    endpoint_of(acme, silent)
    endpoint_of(acme, naming, types=["*"], event_names=["signup"])
    send(client, acme, event(acme, name="signup"))
    assert len(told(naming)) == 1 and silent.received == []


def test_an_endpoint_of_one_site_hears_of_no_other(
    acme, umbrella, client, receive, endpoint_of, told, inside
):
    receiver, strange = receive(), receive()
    with inside(acme):
        other = Site.create(name="Other", domains=["other.example"])
        db.session.commit()
        key = other.key
        endpoint_of(acme, receiver, site=db.session.get_one(Site, acme.site_id), **WANTED)
    endpoint_of(umbrella, strange, **WANTED)
    said = {"site": key, "events": [{**event(acme, name="signup"), "url": "https://other.example"}]}
    headers = {"Origin": "https://other.example", "User-Agent": "Firefox"}
    assert client.post("/widget/v1/events", json=said, headers=headers).json["accepted"] == 1
    mine = event(acme, name="signup")
    send(client, acme, mine)
    assert ids(told(receiver)) == [mine["id"]] and strange.received == []


def test_what_breaks_holds_up_no_other_and_is_told_later(
    acme, umbrella, client, receive, endpoint_of, told, inside, monkeypatch
):
    receivers = {tenant.id: receive() for tenant in (acme, umbrella)}
    signups = {}
    for tenant in (acme, umbrella):
        endpoint_of(tenant, receivers[tenant.id], **WANTED)
        signups[tenant.id] = event(tenant, name="signup")
        send(client, tenant, signups[tenant.id])
    read, first = recorded._ids, []

    def break_first(number, *rest):
        first.append(number)
        return 1 / 0 if number == first[0] else read(number, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(recorded, "_ids", break_first)
        broken.setattr(recorded, "MOST_DUE", 1)
        for _ in range(2):
            told(receivers[acme.id])
    assert sorted(len(each.received) for each in receivers.values()) == [0, 1]
    with time_machine.travel(clock.now() + timedelta(seconds=61), tick=True):
        for tenant in (acme, umbrella):
            assert ids(told(receivers[tenant.id])) == [signups[tenant.id]["id"]]


def test_while_it_is_disabled_nothing_is_kept_for_it(
    acme, client, receive, endpoint_of, told, inside
):
    receiver = receive()
    endpoint_id = endpoint_of(acme, receiver, **WANTED)
    path = f"/api/v1/endpoints/{endpoint_id}"
    client.patch(path, json={"enabled": False}, headers=acme.bearer)
    send(client, acme, event(acme, name="signup"))
    assert told(receiver) == []
    client.patch(path, json={"enabled": True}, headers=acme.bearer)
    later = event(acme, name="signup")
    send(client, acme, later)
    assert ids(told(receiver)) == [later["id"]]


def test_what_was_told_is_forgotten_when_nothing_more_can_come(
    app, acme, client, receive, endpoint_of, told, inside
):
    receiver = receive()
    endpoint_of(acme, receiver, **WANTED)
    send(client, acme, event(acme, name="signup"))
    told(receiver)

    def kept():
        with app.app_context():
            forget_told()
        with inside(acme):
            return len(db.session.scalars(select(ToldEvents)).all())

    assert kept() == 1
    with time_machine.travel(clock.now() + timedelta(days=8)):
        assert kept() == 0


# --- what an endpoint may name -------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"event_names": []},
        {"event_names": None},
        {"event_names": ["Sign up"]},
        {"event_names": ["signup", "a" * 65]},
        {"event_names": [f"event_{number}" for number in range(51)]},
        {"types": ["order.created"]},
    ],
)
def test_what_cannot_be_named_is_refused_with_the_reason(acme, client, change):
    answer = client.post("/api/v1/endpoints", json={**TOLD, **change}, headers=acme.bearer)
    assert answer.status_code == 422 and set(answer.json["error"]["details"]) == {"event_names"}


def test_names_go_with_their_type(acme, client):
    made = client.post("/api/v1/endpoints", json=TOLD, headers=acme.bearer).json
    assert made["event_names"] == ["signup"]
    path = f"/api/v1/endpoints/{made['id']}"

    def change(**body):
        return client.patch(path, json=body, headers=acme.bearer)

    assert change(event_names=[]).status_code == 422
    assert change(description="Same").json["event_names"] == ["signup"]
    assert change(types=["order.created"]).json["event_names"] == []
    assert change(types=["event.recorded"]).status_code == 422, "it would name none"
    assert change(**WANTED).json["event_names"] == ["signup"]


def test_the_form_takes_names_and_refuses_what_is_none(acme, sign_in, inside):
    alice, page = sign_in("alice@acme.example"), f"/o/{acme.slug}/endpoints"
    form = {"url": TOLD["url"], "types": "event.recorded"}
    assert "Name at least one event" in alice.post(page, form).text
    wrong = alice.post(page, {**form, "event_names": "Sign-up"})
    assert wrong.status_code == 422 and "Sign-up is no name of an event" in wrong.text
    assert alice.post(page, {**form, "event_names": "signup,  cart_add"}).status_code == 200
    with inside(acme):
        endpoint = db.session.scalars(select(Endpoint)).one()
        assert endpoint.events == ["cart_add", "signup"]
        path = f"{page}/{endpoint.id}"
    assert 'value="cart_add, signup"' in alice.get(f"{path}/edit").text
    assert "cart_add, signup" in alice.get(path).text
    # A field that is not shown says nothing.
    hidden = {"url": TOLD["url"], "types": "order.created", "event_names": "signup"}
    assert alice.post(path, hidden).status_code == 302
    with inside(acme):
        assert db.session.scalars(select(Endpoint)).one().event_names is None
