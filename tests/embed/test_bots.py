"""Bots that say nothing of it: what they do, or where they come from, tells them from people. All
of it is kept apart with the reason, and can be given back."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.config import ConfigurationError, Settings
from app.core import clock
from app.core.db import db
from app.tracking import quarantine
from app.tracking.data_centres import is_in_data_centre, use_networks
from app.tracking.models import Event, Quarantined, Session, Visitor
from app.tracking.models.session import forget_visitors
from tests.tracking.posting import AGENT, event, post

HOUR, MINUTE = 3_600_000, 60_000  # milliseconds
CENTRES = """# Two providers.
203.0.113.0/24
198.51.100.128/25   # the upper half
198.51.100.130
192.0.2.0/25
192.0.2.128/25

2001:db8:5::/48
"""


@pytest.fixture
def page(client_with):
    """A page's client of a program with these settings."""
    return client_with


@pytest.fixture
def kept_apart(inside, acme):
    """The reasons, one for each event."""

    def kept_apart():
        with inside(acme):
            return [each.reason for each in db.session.scalars(select(Quarantined))]

    return kept_apart


def views(tenant, number, **values):
    """Of as many pages."""
    urls = [f"https://{tenant.domain}/{place}" for place in range(number)]
    return [event(tenant, url=url, **values) for url in urls]


def reasons(answer):
    return [each["reason"] for each in answer.json["dropped"]]


def test_more_pages_than_a_person_can_open_are_those_of_a_bot(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    assert post(client, acme, *views(acme, 10)).json["accepted"] == 10
    too_many = views(acme, 20) + [event(acme, name="signup")]
    assert reasons(post(client, acme, *too_many)) == ["bot"] * 21
    assert kept_apart() == ["impossible_speed"] * 21
    # Who goes on like that stays one.
    time.sleep(1.5)
    assert reasons(post(client, acme, *views(acme, 1))) == ["bot"]


def test_one_page_after_the_other_is_as_fast_as_many_at_once(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    accepted = [post(client, acme).json["accepted"] for _ in range(40)]
    assert accepted[:10] == [1] * 10 and accepted[-10:] == [0] * 10
    assert set(kept_apart()) == {"impossible_speed"}


def test_a_bot_makes_no_bots_of_others(page, acme, umbrella):
    client = page(VIEWS_PER_VISITOR="1")
    post(client, acme, *views(acme, 50))
    assert reasons(post(client, acme)) == ["bot"]
    assert reasons(post(client, acme, address="203.0.113.9")) == []
    assert reasons(post(client, acme, agent=AGENT.replace("140", "141"))) == []
    assert reasons(post(client, umbrella)) == []


def test_what_was_gathered_offline_comes_at_once_and_is_a_persons(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    now = int(time.time() * 1000)
    for minutes in (0, 50, 100):
        gathered = [
            {**each, "at": now - 3 * HOUR + (minutes + place) * 60_000}
            for place, each in enumerate(views(acme, 50))
        ]
        assert post(client, acme, *gathered, sent_at=now).json["accepted"] == 50
    # Also by a clock that is wrong.
    gathered = [{**each, "at": now + HOUR - 60_000} for each in views(acme, 50)]
    assert post(client, acme, *gathered, sent_at=now + HOUR).json["accepted"] == 50
    assert kept_apart() == []


def test_a_page_that_keeps_its_state_in_its_address_is_one_page(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    moved = f"https://{acme.domain}/map?lat="
    for _ in range(5):
        shown = [event(acme, url=f"{moved}{place}") for place in range(50)]
        assert post(client, acme, *shown).json["accepted"] == 50
    assert kept_apart() == []


def test_other_events_than_page_views_have_no_speed(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    for _ in range(3):
        clicks = [event(acme, name="click") for _ in range(50)]
        assert post(client, acme, *clicks).json["accepted"] == 50
    assert kept_apart() == []


def test_the_usual_limit_lets_a_hall_of_people_open_pages_at_once(client, acme, kept_apart):
    for _ in range(2):
        assert post(client, acme, *views(acme, 50)).json["accepted"] == 50
    assert kept_apart() == []
    while "bot" not in reasons(post(client, acme, *views(acme, 50))):
        assert not kept_apart()


def test_without_a_limit_nobody_is_too_fast(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="0")
    for _ in range(6):
        assert post(client, acme, *views(acme, 50)).json["accepted"] == 50
    assert kept_apart() == []


def test_servers_are_as_fast_as_they_are(page, acme, kept_apart):
    client = page(VIEWS_PER_VISITOR="1")
    named = {"visitor": "customer-1", "address": "198.51.100.7", "user_agent": AGENT}
    for _ in range(3):
        told = [{**each, **named} for each in views(acme, 50)]
        body = {"site_id": str(acme.site_id), "events": told}
        answer = client.post("/api/v1/events", json=body, headers=acme.bearer)
        assert answer.json["accepted"] == 50
    assert kept_apart() == []


def test_the_events_of_a_bot_that_was_none_are_given_back(page, acme, sign_in, inside, kept_apart):
    hasty = page(VIEWS_PER_VISITOR="1")
    mistaken = views(acme, 30)
    post(hasty, acme, *mistaken)
    alice = sign_in("alice@acme.example")
    drops = f"/o/{acme.slug}/sites/{acme.site_id}/drops"
    assert "opens pages faster than a person can" in alice.get(drops).text
    chosen = mistaken[7]["id"]
    restoration = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{chosen}/restoration"
    assert alice.post(restoration).status_code == 302
    assert kept_apart() == []
    with inside(acme):
        assert len(db.session.scalars(select(Event.id)).all()) == 30


@pytest.mark.parametrize("days", [0, 3])
def test_what_is_given_back_is_of_the_visit_that_it_was_kept_from(
    app, page, acme, sign_in, inside, kept_apart, monkeypatch, days
):
    """Also in two batches, and after days, when nobody knows the visitor any more."""
    monkeypatch.setattr(quarantine, "AT_ONCE", 40)
    hasty, calm = page(VIEWS_PER_VISITOR="1"), page(VIEWS_PER_VISITOR="0")
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)

    def look(client, minute, number=1):
        with time_machine.travel(noon + timedelta(minutes=minute)):
            return post(client, acme, *views(acme, number)).json

    assert [look(calm, minute)["accepted"] for minute in (0, 2)] == [1, 1]
    mistaken = [each["id"] for minute in (3, 9) for each in look(hasty, minute, 30)["dropped"]]
    assert len(kept_apart()) == len(mistaken) == 60
    assert look(calm, 90)["accepted"] == 1
    alice = sign_in("alice@acme.example")
    restoration = f"/o/{acme.slug}/sites/{acme.site_id}/quarantine/{mistaken[7]}/restoration"
    with app.app_context(), time_machine.travel(noon + timedelta(days=days)):
        forget_visitors()
    with inside(acme):
        assert bool(db.session.scalars(select(Visitor)).all()) is not bool(days)
    assert alice.post(restoration).status_code == 302
    assert kept_apart() == []
    with inside(acme):
        visits = db.session.scalars(select(Session).order_by(Session.started_at)).all()
        lengths = [(round((v.last_at - v.started_at) / MINUTE), v.events) for v in visits]
    assert lengths == [(9, 62), (0, 1)]


@pytest.fixture
def centres(tmp_path):
    """A file of networks, named by DATA_CENTRES_PATH."""
    path = tmp_path / "centres.txt"
    path.write_text(CENTRES)
    yield path
    use_networks(None)


def test_what_comes_from_a_data_centre_is_kept_apart(page, acme, centres, kept_apart, sign_in):
    client = page(DATA_CENTRES_PATH=str(centres))
    assert reasons(post(client, acme, address="203.0.113.77")) == ["bot"]
    assert reasons(post(client, acme, address="2001:db8:5::1")) == ["bot"]
    assert reasons(post(client, acme, address="::ffff:198.51.100.200")) == ["bot"]
    for home in ("203.0.114.1", "198.51.100.7", "2001:db8:6::1", ""):
        assert reasons(post(client, acme, address=home)) == []
    # What it says of itself is the better reason.
    post(client, acme, address="203.0.113.77", agent="curl/8.0")
    assert sorted(kept_apart()) == ["crawler"] + ["data_centre"] * 3
    drops = f"/o/{acme.slug}/sites/{acme.site_id}/drops"
    assert "comes from a data centre" in sign_in("alice@acme.example").get(drops).text


def test_servers_may_tell_of_whoever_is_in_a_data_centre(page, acme, centres, kept_apart):
    client = page(DATA_CENTRES_PATH=str(centres))
    told = {**event(acme), "address": "203.0.113.77", "user_agent": AGENT}
    body = {"site_id": str(acme.site_id), "events": [told]}
    answer = client.post("/api/v1/events", json=body, headers=acme.bearer)
    assert answer.json["accepted"] == 1 and kept_apart() == []


def test_without_a_list_no_address_is_one_of_a_data_centre(client, acme, kept_apart):
    assert reasons(post(client, acme, address="203.0.113.77")) == []
    assert kept_apart() == []


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("203.0.112.255", False),
        ("203.0.113.0", True),
        ("203.0.113.255", True),
        ("203.0.114.0", False),
        ("198.51.100.127", False),
        ("198.51.100.128", True),
        ("198.51.100.255", True),
        ("192.0.2.255", True),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("2001:db8:5:ffff:ffff:ffff:ffff:ffff", True),
        ("2001:db8:4:ffff:ffff:ffff:ffff:ffff", False),
        ("2001:db8:6::", False),
        ("203.0.113.7, 8.8.8.8", False),
        ("nonsense", False),
    ],
)
def test_a_network_ends_where_it_says(centres, address, known):
    use_networks(centres)
    assert is_in_data_centre(address) is known


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"", "names no network"),
        (b"# nothing yet\n\n", "names no network"),
        (b"203.0.113.0/24\n<html>", "line 2 of .*centres.txt is no network such as .*'<html>'"),
        (b"203.0.113.0/33\n", "line 1 of "),
        (b"\xff\xfe2\x000\x003\x00", "centres.txt"),
    ],
)
def test_a_file_that_names_no_networks_is_refused_at_start(environ, tmp_path, content, told):
    path = tmp_path / "centres.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"DATA_CENTRES_PATH: .*{told}"):
        Settings.from_environment({**environ, "DATA_CENTRES_PATH": str(path)})


def test_a_folder_is_no_list_of_networks(environ, tmp_path):
    with pytest.raises(ConfigurationError, match="DATA_CENTRES_PATH: .*directory"):
        Settings.from_environment({**environ, "DATA_CENTRES_PATH": str(tmp_path)})


def test_a_bot_that_does_much_hides_no_other(page, acme, sign_in):
    client = page(VIEWS_PER_VISITOR="1")
    post(client, acme, agent="curl/8.0")
    for _ in range(3):
        post(client, acme, *views(acme, 40))
    shown = sign_in("alice@acme.example").get(f"/o/{acme.slug}/sites/{acme.site_id}/drops").text
    bots = shown[shown.index('id="bots"') :]
    assert bots.count("opens pages faster than a person can") == 1
    assert "120" in bots and "curl/8.0" in bots
