"""Reports of the inbox: figures that anybody can add up again from the rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine

from app.accounts.models import Member
from app.accounts.permissions import Role
from app.chat.models import ChatSettings, Conversation, Guest, Surroundings
from app.chat.reports import report_of
from app.core.db import db
from app.sites.models import Site

NOW = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)  # a Thursday
AROUND = Surroundings(None, None, {}, {}, "", None, None, None, "en")


@pytest.fixture
def bob(join, sign_in):
    join("bob@acme.example", Role.AGENT)
    return sign_in("bob@acme.example")


@pytest.fixture
def tell(inside, acme, chatting):
    """A conversation that began at a moment: minutes until the reply and the end, and a rating."""

    def tell(at, reply=None, end=None, rating=None, comment=None, name="Alice"):
        with inside(acme):
            members = {each.user.name: each for each in db.session.query(Member).all()}
            with time_machine.travel(at, tick=False):
                guest = Guest.arrive(acme.site_id, AROUND)
                conversation = Conversation.begin(guest, AROUND, None)
                conversation.hear("Hello")
            if reply is not None:
                with time_machine.travel(at + timedelta(minutes=reply), tick=False):
                    conversation.reply(members[name], "Yes")
            if end is not None:
                with time_machine.travel(at + timedelta(minutes=end), tick=False):
                    conversation.close(by=members[name])
            if rating is not None:
                conversation.rate(rating, comment)
            db.session.commit()

    return tell


@pytest.fixture
def report(inside, acme):
    def read(days=30, zone="UTC", **settings):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            site.time_zone = zone
            ChatSettings.of(site.id).change(site, **settings)
            db.session.commit()
            with time_machine.travel(NOW, tick=False):
                return report_of(site, ChatSettings.of(site.id), days)

    return read


def test_times_are_the_middle_one_and_what_nine_of_ten_stay_below(tell, report):
    for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 60):
        tell(NOW - timedelta(days=1), reply=minutes, end=10 * minutes)
    told = report()
    assert (told.reply.count, told.reply.median, told.reply.ninetieth) == (10, 5 * 60, 9 * 60)
    assert (told.resolution.median, told.resolution.ninetieth) == (50 * 60, 90 * 60)
    assert (told.conversations, told.closed, told.unanswered) == (10, 10, 0)
    assert told.reply.met is None, "no target, no breach"


def test_what_took_longer_than_its_target_is_late_also_what_still_waits(tell, report):
    tell(NOW - timedelta(hours=5), reply=10)
    tell(NOW - timedelta(hours=5), reply=11)
    tell(NOW - timedelta(hours=5))  # waits for five hours
    tell(NOW - timedelta(minutes=5))  # may still be in time
    told = report(reply_target=10, resolution_target=60)
    assert (told.reply.late, told.reply.count) == (2, 3)
    assert told.reply.met == pytest.approx(1 / 3)
    assert (told.resolution.late, told.resolution.count) == (3, 3)
    assert told.unanswered == 2


def test_hours_and_weekdays_are_those_of_the_site(tell, report):
    tell(datetime(2026, 3, 9, 23, 30, tzinfo=UTC))  # Tuesday in Berlin
    told = report(zone="Europe/Berlin")
    assert told.hours[0] == 1 and sum(told.hours) == 1
    assert told.weekdays == [0, 1, 0, 0, 0, 0, 0]
    assert [count for day, count in told.days if day.date().isoformat() == "2026-03-10"] == [1]
    told = report(zone="America/New_York")
    assert told.hours[19] == 1 and told.weekdays[0] == 1


def test_a_period_begins_at_midnight_of_the_site(tell, report):
    tell(datetime(2026, 3, 5, 22, 59, tzinfo=UTC))
    tell(datetime(2026, 3, 5, 23, 1, tzinfo=UTC))
    assert report(days=7, zone="Europe/Berlin").conversations == 1
    assert report(days=7, zone="UTC").conversations == 0


def test_ratings_and_agents_add_up(tell, report, bob):
    at = NOW - timedelta(days=2)
    tell(at, reply=1, rating=5, comment="Great", name="Alice")
    tell(at, reply=3, rating=3, name="Bob")
    tell(at, reply=5, rating=4, name="Bob")
    tell(at)
    told = report()
    assert told.rated == 3 and told.content == pytest.approx(2 / 3)
    assert [(each[1], each[2]) for each in told.comments] == [(5, "Great")]
    loads = [(each.conversations, each.replies, each.median) for each in told.agents]
    assert loads == [(2, 2, 3 * 60), (1, 1, 60), (1, 0, None)]
    assert told.agents[0].content == 0.5 and told.agents[2].member_id is None


def test_of_another_site_and_another_organization_nothing_counts(
    tell, report, inside, acme, umbrella
):
    tell(NOW - timedelta(days=1), reply=1)
    with inside(umbrella):
        guest = Guest.arrive(umbrella.site_id, AROUND)
        Conversation.begin(guest, AROUND, None).hear("Elsewhere")
        db.session.commit()
    with inside(acme):
        other = Site.create(name="Other", domains=["other.example"])
        guest = Guest.arrive(other.id, AROUND)
        Conversation.begin(guest, AROUND, None).hear("There")
        db.session.commit()
    assert report().conversations == 1


def test_the_page_says_how_to_set_targets_and_shows_what_is_late(
    tell, bob, sign_in, acme, chatting
):
    page = f"/o/{acme.slug}/inbox/reports"
    assert "Nobody wrote in these days" in bob.get(page).text
    tell(datetime.now(UTC) - timedelta(hours=3), reply=30, rating=2, comment="<b>slow</b>")
    shown = bob.get(page).text
    assert "No target is set" in shown and "Whoever may change" in shown
    assert "&lt;b&gt;slow&lt;/b&gt;" in shown
    assert "Chat settings" in sign_in("alice@acme.example").get(page).text
    chatting(reply_target=15)
    shown = bob.get(page).text
    assert "0% within 15 min" in shown and "1 late" in shown


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("days=7", 200),
        ("days=x", 200),
        ("days=-1", 200),
        ("days=" + "9" * 400, 200),
        ("site=x", 404),
        (f"site={uuid4()}", 404),
    ],
)
def test_any_period_is_answered_and_another_site_is_not_there(bob, acme, query, status):
    assert bob.get(f"/o/{acme.slug}/inbox/reports?{query}").status_code == status
