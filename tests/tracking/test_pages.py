"""The pages of a site's events, of one session and of what was dropped."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from uuid import UUID
from weakref import WeakSet

import pytest
from sqlalchemy import select, update
from sqlalchemy.event import listens_for, remove

from app.accounts.models import AuditEntry
from app.accounts.permissions import Role
from app.analytics import rollups
from app.core.db import db
from app.proof.models import Activity
from app.sites.models import Site
from app.tracking import quarantine
from app.tracking.models import Event, Quarantined, Session
from tests.shops import shopify, shopify_order
from tests.visits import BOT, FRANCE, ago, event, send


@pytest.fixture
def page(acme, sign_in):
    """The text of a page of Acme's site as a member reads it."""
    members = {}

    def read(path, email="alice@acme.example", status=200):
        member = members.setdefault(email, None) or sign_in(email)
        members[email] = member
        answer = member.get(f"/o/{acme.slug}/sites/{acme.site_id}{path}")
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    return read


@pytest.fixture
def session_id(inside, acme):
    def find():
        with inside(acme):
            return db.session.scalars(select(Session.id)).one()

    return find


def test_the_list_tells_name_page_value_visitor_and_time_in_the_sites_zone(
    client, acme, inside, page
):
    with inside(acme):
        db.session.get_one(Site, acme.site_id).change(time_zone="Asia/Tokyo")
        db.session.commit()
    value = {"amount": 2935, "currency": "EUR"}
    sent = event(acme, "/tea", "cart_add", value=value, props={"sku": "tea-1"}, title="Our tea")
    send(client, acme, sent, address=FRANCE)
    text = page("/events")
    for words in (
        "Cart add",
        "/tea",
        "Our tea",
        "€29.35",
        "France, desktop",
        "tea-1",
        "Asia/Tokyo",
    ):
        assert words in text, words
    assert "+09:00" in text
    assert f"/sites/{acme.site_id}/sessions/" in text


def test_the_list_goes_on_by_cursor_and_is_filtered_by_name(client, acme, page):
    for first in (0, 40):
        send(client, acme, *(event(acme, f"/p{first + n:02}") for n in range(40)))
    send(client, acme, event(acme, "/rare", "signup"))

    def pages(text):
        return set(re.findall("/(?:p[0-9]{2}|rare)\\b", text))

    newest = page("/events")
    assert "/rare" in newest and len(pages(newest)) == 50
    [cursor] = re.findall(r"/events\?cursor=([\w-]+)", newest)
    older = page(f"/events?cursor={cursor}")
    assert len(pages(older)) == 31 and not pages(older) & pages(newest)
    assert pages(page("/events?name=signup")) == {"/rare"}
    assert "No event is called that" in page("/events?name=No+such%00name")
    page("/events?cursor=x", status=400)


def test_the_filter_answers_with_the_list_alone(client, acme, sign_in):
    send(client, acme, event(acme, "/tea"), event(acme, "/rare", "signup"))
    path = f"/o/{acme.slug}/sites/{acme.site_id}/events?name=signup"
    part = sign_in("alice@acme.example").get(path, headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="events">') and "/rare" in part and "/tea" not in part


def test_what_a_server_told_is_marked(client, acme, inside, page):
    send(client, acme, event(acme))
    assert "Server" not in page("/events")
    with inside(acme):
        db.session.execute(update(Event).values(by_api=True))
        db.session.commit()
    assert "Server" in page("/events")


def test_without_events_the_list_says_what_is_to_be_done(page):
    assert "Show the snippet" in page("/events")


def test_a_session_tells_who_where_and_what_in_order(client, acme, page, session_id):
    first = event(
        acme,
        "/?utm_source=letter&utm_medium=email&utm_campaign=spring",
        at=ago(minutes=2),
        referrer="https://search.example/",
    )
    send(
        client,
        acme,
        first,
        event(acme, "/tea", at=ago(minutes=1)),
        event(acme, "/cart"),
        address=FRANCE,
    )
    text = page(f"/sessions/{session_id()}")
    for words in (
        "Anonymous",
        "France",
        "Desktop",
        "Firefox",
        "E-mail",
        "letter",
        "spring",
        "2 min",
    ):
        assert words in text, words
    what_happened = text[text.index("What happened") :]
    assert what_happened.index("/tea") < what_happened.index("/cart")
    assert "An anonymous visitor" in text


def test_a_visit_lasts_as_long_in_the_list_as_on_its_page(client, acme, page, inside, sign_in):
    send(client, acme, event(acme, at=ago(minutes=9)), event(acme, "/tea", at=ago(minutes=1)))
    with inside(acme):
        session = db.session.scalars(select(Session)).one()
        session.last_at = session.started_at + 332_600
        session_id = session.id
        db.session.commit()
        rollups.rebuild(db.session.get_one(Site, acme.site_id))
    visits = f"/o/{acme.slug}/analytics/visits?site={acme.site_id}"
    listed = sign_in("alice@acme.example").get(visits).text
    assert "5 min 33 s" in listed and "5 min 33 s" in page(f"/sessions/{session_id}")


def test_a_person_who_agreed_is_told_as_such(client, acme, page, session_id):
    send(client, acme, event(acme), consent=True)
    assert "agreed to be known again" in page(f"/sessions/{session_id()}")


def test_an_order_of_the_session_leads_to_its_activity(
    client, acme, page, session_id, work, inside, join
):
    join("vera@acme.example", Role.VIEWER)
    request = shopify(acme.secret, "orders/paid", shopify_order())
    assert client.post(f"/hooks/{acme.source_id}", **request).status_code == 200
    work()
    with inside(acme):
        activity = db.session.scalars(select(Activity)).one()
        number, activity_id = activity.external_id, activity.id
    bought = {"props": {"order_id": number}, "value": {"amount": 1490, "currency": "EUR"}}
    send(client, acme, event(acme, "/thanks", "purchase", **bought))
    send(client, acme, event(acme, "/thanks", "purchase", props={"order_id": "unheard of"}))
    path = f"/sessions/{session_id()}"
    text = page(path)
    assert f"/activities/{activity_id}" in text and "€14.90" in text
    bought = text[text.index("€14.90") :].split("</div>")[0]
    assert re.sub("<[^>]*>", "", bought).startswith(f"€14.90 Order {number}")
    assert text.count("/activities/") == 1 + page("/events").count("/activities/")
    assert f"/activities/{activity_id}" not in page(path, "vera@acme.example")


def test_what_was_left_out_is_told_with_what_to_do(client, acme, page, app):
    assert "Nothing was dropped" in page("/drops")
    send(client, acme, event(acme), {**event(acme), "id": "x"})
    send(client, acme, event(acme), browser=BOT)
    foreign = {"Origin": "https://elsewhere.example"}
    body = {"site": acme.site_key, "events": [event(acme)]}
    assert client.post("/widget/v1/events", json=body, headers=foreign).status_code == 403
    # Counted with the next commit.
    send(client, acme, event(acme))
    for path in ("/drops", "/drops?days=7", "/drops?days=30", "/drops?days=9", "/drops?days=x"):
        text = page(path)
        for words in ("Another domain", "Domains of the site", "Bots", "Not an event", "Googlebot"):
            assert words in text, words
        assert "1 kept apart" in text


def test_the_limits_are_told_as_they_are_set(client, acme, page, app, inside):
    committer = app.extensions["candor_committer"]
    from app.embed.published import active_site

    with app.app_context():
        committer.count_drop(active_site(acme.site_key), "rate", 7)
    send(client, acme, event(acme))
    text, settings = page("/drops"), app.extensions["candor_settings"]
    assert f"{settings.events_per_address} events a second" in text
    assert f"{settings.events_per_site:,} of the whole site" in text


def test_a_viewer_reads_all_of_it_and_no_address(client, acme, page, session_id, join):
    join("vera@acme.example", Role.VIEWER)
    send(client, acme, event(acme), {**event(acme), "id": "x"}, address="91.0.0.77")
    for path in ("/events", "/drops", f"/sessions/{session_id()}"):
        text = page(path, "vera@acme.example")
        assert "91.0.0" not in text, path


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_what_a_page_put_into_a_property_is_for_who_may_see_people(
    client, acme, page, session_id, join, role
):
    join("vera@acme.example", role)
    named = event(
        acme, "/form", "form_submit", props={"email": "ina@example.com", "order_id": "4711"}
    )
    send(client, acme, named)
    for path in ("/events", f"/sessions/{session_id()}"):
        assert "ina@example.com" in page(path), path
        text = page(path, "vera@acme.example")
        assert "Form submit" in text
        assert "ina@example.com" not in text and "4711" not in text, path


def test_a_long_quarantine_is_given_back_without_holding_all_of_it(
    client, acme, inside, sign_in, monkeypatch
):
    mine = [event(acme, f"/{n}") for n in range(20)]
    send(client, acme, *mine, browser=BOT)
    monkeypatch.setattr(quarantine, "AT_ONCE", 3)
    held, most = WeakSet(), []

    @listens_for(Quarantined, "load")
    def loaded(suspect, _context):
        held.add(suspect)
        most.append(len(held))

    alice = sign_in("alice@acme.example")
    address = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{mine[7]['id']}/restoration"
    answer = alice.post(address)
    remove(Quarantined, "load", loaded)
    assert answer.status_code == 302
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 20
        assert not db.session.scalars(select(Quarantined)).all()
        assert db.session.scalars(select(Session)).one().page_views == 20
    assert max(most) <= 7, most


def test_who_sends_events_waits_for_one_batch_of_what_is_given_back(
    app, client, acme, inside, sign_in, monkeypatch
):
    mine = [event(acme, f"/{n}") for n in range(7)]
    send(client, acme, *mine, browser=BOT)
    monkeypatch.setattr(quarantine, "AT_ONCE", 3)
    store, meanwhile, stored = quarantine.store, event(acme, "/meanwhile"), []

    def pausing(*of_a_batch):
        stored.append(of_a_batch)
        if len(stored) == 2:
            with ThreadPoolExecutor(1) as pool:
                told = pool.submit(send, app.test_client(), acme, meanwhile)
                assert told.result(timeout=5)["accepted"] == 1
        return store(*of_a_batch)

    monkeypatch.setattr(quarantine, "store", pausing)
    alice = sign_in("alice@acme.example")
    answer = alice.post(
        f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{mine[0]['id']}/restoration"
    )
    assert answer.status_code == 302
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 8
        assert not db.session.scalars(select(Quarantined)).all()


@pytest.mark.parametrize("chosen", [0, 3, 9])
def test_what_is_given_back_can_be_begun_anew_when_it_was_interrupted(
    client, acme, inside, sign_in, monkeypatch, chosen
):
    mine = [event(acme, f"/{n}") for n in range(10)]
    send(client, acme, *mine, browser=BOT)
    monkeypatch.setattr(quarantine, "AT_ONCE", 4)
    store, batches = quarantine.store, []

    def interrupted(*of_a_batch):
        batches.append(of_a_batch)
        stored = store(*of_a_batch)
        if len(batches) == 2:
            raise ConnectionError("the worker is gone")
        return stored

    monkeypatch.setattr(quarantine, "store", interrupted)
    alice = sign_in("alice@acme.example")
    address = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{mine[chosen]['id']}/restoration"
    assert alice.post(address).status_code == 500
    with inside(acme):
        kept = set(db.session.scalars(select(Quarantined.id)))
        stored = set(db.session.scalars(select(Event.id)))
        assert 3 <= len(stored) <= 4 and UUID(mine[chosen]["id"]) in kept
        assert {UUID(each["id"]) for each in mine} == kept | stored
    assert alice.post(address).status_code == 302
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 10
        assert db.session.scalars(select(Session)).one().page_views == 10
        assert not db.session.scalars(select(Quarantined)).all()
        lifted = select(AuditEntry.details).filter_by(action="quarantine.lifted")
        assert sum(each["events"] for each in db.session.scalars(lifted)) == 10
    assert alice.post(address).status_code == 404


def test_a_browser_that_was_no_bot_is_given_back_with_all_it_did(
    client, acme, page, inside, sign_in, join
):
    mine = [{**event(acme, f"/{n}"), "title": f"Page {n}"} for n in range(3)]
    send(client, acme, *mine[:2], browser=BOT, address=FRANCE)
    send(client, acme, mine[2], browser=BOT, address=FRANCE)
    send(client, acme, event(acme, "/other"), browser="curl/8.0")
    assert "No bot" in page("/drops")
    alice = sign_in("alice@acme.example")
    restoration = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{mine[1]['id']}/restoration"
    for status in (302, 404):
        assert alice.post(restoration).status_code == status
    with inside(acme):
        kept = db.session.scalars(select(Event).order_by(Event.url)).all()
        assert [(each.title, each.url[-2:]) for each in kept] == [
            (f"Page {n}", f"/{n}") for n in range(3)
        ]
        session = db.session.scalars(select(Session)).one()
        assert (session.page_views, session.country) == (3, "FR")
        assert [each.user_agent for each in db.session.scalars(select(Quarantined))] == ["curl/8.0"]
    join("vera@acme.example", Role.VIEWER)
    assert "No bot" not in page("/drops", "vera@acme.example")
