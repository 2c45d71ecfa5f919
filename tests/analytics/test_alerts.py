"""Alerts: what is far from the usual is told once, with the numbers behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.accounts.models import Member, Organization
from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics import alerting, rollups
from app.analytics.models import Alert, AlertFiring, alert
from app.analytics.models.alert import Watched
from app.core import clock, due, tenancy
from app.core.db import db
from app.core.mail import OutgoingMail
from app.sites.models import Site
from tests.tracking.arriving import NOON, Shelf

WEEK = 7 * 24 * 60  # minutes
# The first minute of the hour of NOON.
HOUR = datetime.fromtimestamp(NOON / 1000, UTC).replace(minute=0)
START = (int(HOUR.timestamp() * 1000) - NOON) / 60_000
SPIKE = Watched("visitors", "spike", "hour", 100, 5)
DROP = Watched("visitors", "drop", "hour", 50, 5)


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics/alerts"


@pytest.fixture
def at(monkeypatch):
    """Set the clock so many minutes after the hour began."""

    def at(minutes):
        moment = HOUR + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda: moment)

    at(0)
    return at


@pytest.fixture
def visitors(inside, acme):
    """So many visitors in the hour, so many weeks ago: `visitors(10, 1)`."""

    def visit(number, weeks=0, minute=5):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            shelf = Shelf(site.organization_id, site.number)
            when = START - weeks * WEEK + minute
            shelf.store(*(shelf.arrival(when, f"{weeks} {each}") for each in range(number)))
            rollups.rebuild(site)

    return visit


@pytest.fixture
def watch(inside, acme):
    def watch(watched):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            made = Alert.create(site, watched, db.session.scalars(select(Member)).all())
            db.session.commit()
            return made.id

    return watch


@pytest.fixture
def told(app, inside, acme, monkeypatch):
    """Look at every alert; what was told in all: numbers and mails."""
    monkeypatch.setattr(alerting, "EVERY", timedelta())

    def told():
        with app.app_context():
            alerting.check_alerts()
        with inside(acme):
            firings = db.session.scalars(select(AlertFiring).order_by(AlertFiring.id))
            mails = db.session.scalars(select(OutgoingMail)).all()
            numbers = [(each.value, each.usual) for each in firings]
            assert len(mails) == len(numbers)
            return numbers

    return told


@pytest.mark.parametrize(
    ("now", "came", "judged"),
    [
        # At two the clock goes to three: the hour before is that of one.
        ("2027-03-28T01:05", {"2027-03-28T00:10": 3}, {"01:00+0100": 3, "03:00+0200": 0}),
        # At three it goes back to two: each of the two hours from two on is one of its own.
        (
            "2026-10-25T02:05",
            {"2026-10-25T00:10": 4, "2026-10-25T01:10": 3},
            {"02:00+0100": 3, "03:00+0100": 0},
        ),
        (
            "2026-10-25T01:05",
            {"2026-10-25T00:10": 4, "2026-10-25T01:01": 2},
            {"02:00+0200": 4, "02:00+0100": 2},
        ),
    ],
)
@pytest.mark.parametrize("metric", ["visitors", "sessions"])
def test_in_a_night_in_which_clocks_are_changed_an_hour_is_an_hour(
    inside, acme, monkeypatch, now, came, judged, metric
):
    def moment(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    monkeypatch.setattr(clock, "now", lambda: moment(now))
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.change(time_zone="Europe/Berlin")
        shelf = Shelf(site.organization_id, site.number)
        for at, number in came.items():
            at = int(moment(at).timestamp() * 1000)
            shelf.store(*(shelf.arrival(0, f"{at} {each}", at=at) for each in range(number)))
        rollups.rebuild(site)
        found = alerting.judge(site, replace(SPIKE, metric=metric))
    assert {f"{each.began:%H:%M%z}": each.value for each in found} == judged


def test_what_there_is_no_time_for_is_looked_at_in_the_next_turn(watch, app, inside, acme, at):
    for percent in (100, 200, 300):
        watch(replace(SPIKE, percent=percent))

    def waiting():
        with app.app_context(), tenancy.scope(acme.id):
            found = select(Alert.id).where(Alert.due_at <= clock.now())
            return len(db.session.scalars(found).all())

    left = [waiting()]
    while left[-1]:
        with app.app_context(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(due, "SLICE", 0.0)
            alerting.check_alerts()
        left.append(waiting())
    assert left == [3, 2, 1, 0]


def test_a_rise_is_told_within_the_hour_and_once(visitors, watch, told, at, inside, acme):
    for week in (1, 2, 3, 4):
        visitors(4 + week, week)
    watch(SPIKE)
    at(10)
    visitors(11)
    assert told() == []
    visitors(14)
    assert told() == [(14, 6)]
    visitors(30)
    at(20)
    assert told() == [(14, 6)]
    at(70)
    assert told() == [(14, 6)]
    with inside(acme):
        mail = db.session.scalars(select(OutgoingMail)).one()
        assert mail.recipient == "alice@acme.example"
        assert mail.subject == "Acme shop: more visitors than usual"
        assert "14 visitors. Usual there are 6." in mail.text


@pytest.mark.parametrize("unit", ["hour", "day"])
def test_who_comes_twice_is_one_visitor(visitors, watch, told, at, unit):
    for week in (1, 2):
        for minute in (1, 50):
            visitors(3, week, minute)
    watch(replace(SPIKE, unit=unit, minimum=1))
    at(55)
    for minute in (1, 50):
        visitors(6, 0, minute)
    assert told() == [(6, 3)]


def test_a_day_that_cannot_be_added_up_is_no_fall(
    visitors, watch, told, at, inside, acme, monkeypatch
):
    for week in (1, 2, 3, 4):
        visitors(10, week)
    watch(DROP)
    at(61)
    parts_of = rollups.parts_of

    def breaking(site, day):
        if day == HOUR.date():
            raise OverflowError("cannot be packed")
        return parts_of(site, day)

    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        shelf = Shelf(site.organization_id, site.number)
        shelf.store(*(shelf.arrival(START + 5, f"0 {each}") for each in range(3)))
        # Of the day before, which is added up all the same.
        shelf.store(shelf.arrival(START - WEEK / 7))
        with monkeypatch.context() as patch:
            patch.setattr(rollups, "parts_of", breaking)
            with pytest.raises(OverflowError):
                rollups.roll_up(site, at_once=True)
    assert told() == []
    with inside(acme):
        rollups.roll_up(db.session.get_one(Site, acme.site_id), at_once=True)
    assert told() == [(3, 10)]


def test_a_fall_is_told_once_the_hour_is_over_and_counted(visitors, watch, told, at, inside, acme):
    for week in (1, 2, 3, 4):
        visitors(10, week)
    visitors(3)
    watch(DROP)
    at(50)
    assert told() == []
    at(61)
    with inside(acme):
        # Something that happened in it is still to be counted.
        site = db.session.get_one(Site, acme.site_id)
        Shelf(site.organization_id, site.number).store(
            Shelf(site.organization_id, site.number).arrival(START + 40, "late")
        )
    assert told() == []
    visitors(0)
    assert told() == [(4, 10)]
    at(65)
    assert told() == [(4, 10)]


def test_what_is_too_little_to_matter_or_near_the_usual_is_not_told(visitors, watch, told, at):
    for week in (1, 2, 3, 4):
        visitors(2, week)
    visitors(4)
    for watched in (SPIKE, DROP):
        watch(watched)
    at(70)
    assert told() == []


def test_before_two_weeks_are_known_nothing_is_usual(visitors, watch, told, at):
    visitors(1, 1)
    visitors(50)
    watch(SPIKE)
    at(10)
    assert told() == []
    visitors(1, 2)
    assert told() == [(50, 1)]


def test_a_day_is_compared_with_the_same_weekday(visitors, watch, told, at):
    for week in (1, 2, 3, 4):
        visitors(10, week, minute=-120)
    visitors(25)
    watch(Watched("visitors", "spike", "day", 100, 5))
    at(10)
    assert told() == [(25, 10)]


def test_who_is_suspended_is_not_told(visitors, watch, told, at, inside, acme, join):
    join("bob@acme.example", Role.EDITOR)
    for week in (1, 2):
        visitors(5, week)
    watch(SPIKE)
    visitors(20)
    at(10)
    with inside(acme):
        bob = db.session.scalars(select(Member).filter_by(role="editor")).one()
        bob.suspended_at = clock.now()
        db.session.commit()
    assert told() == [(20, 5)]


def test_an_alert_is_made_changed_and_deleted(alice, page, acme, inside):
    with inside(acme):
        me = str(db.session.scalars(select(Member.id)).one())
    form = {
        "site": str(acme.site_id),
        "metric": "revenue",
        "direction": "spike",
        "unit": "day",
        "percent": "200",
        "minimum": "50.00",
        "members": me,
    }
    assert alice.post(page, form).status_code == 302
    assert "€50.00" in alice.get(f"{page}?site={acme.site_id}").text
    with inside(acme):
        address = f"{page}/{db.session.scalars(select(Alert.id)).one()}"
    assert alice.get(f"{address}/edit").status_code == 200
    assert alice.post(address, {**form, "percent": "50"}).status_code == 302
    with inside(acme):
        kept = db.session.scalars(select(Alert)).one()
        assert (kept.percent, [str(each.member_id) for each in kept.recipients]) == (50, [me])
    assert alice.post(f"{address}/deletion").status_code == 302
    with inside(acme):
        entries = db.session.scalars(select(AuditEntry).filter_by(subject_kind="alerts"))
        assert [each.action for each in entries] == [
            "alert.created",
            "alert.changed",
            "alert.removed",
        ]


@pytest.mark.parametrize(
    ("currency", "typed", "kept", "shown"),
    [
        ("EUR", "12.50", 1250, "12.50"),
        ("EUR", "12,5", 1250, "12.50"),
        ("JPY", "1250", 1250, "1250"),
    ],
)
def test_revenue_is_typed_as_people_write_it(
    alice, page, acme, inside, currency, typed, kept, shown
):
    with inside(acme):
        db.session.get_one(Organization, acme.id).change(currency=currency)
        me = str(db.session.scalars(select(Member.id)).one())
        db.session.commit()
    form = {"site": str(acme.site_id), "metric": "revenue", "direction": "drop", "unit": "day"}
    alice.post(page, {**form, "percent": "50", "minimum": typed, "members": me})
    with inside(acme):
        found = db.session.scalars(select(Alert)).one()
        assert found.minimum == kept
        found.fire(int(HOUR.timestamp() * 1000), 100, kept)
        address = f"{page}/{found.id}/edit"
        db.session.commit()
    assert f'value="{shown}"' in alice.get(address).text
    assert "Less revenue than usual" in alice.get(f"{page}?site={acme.site_id}").text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metric": "shoes"}, "Not a valid choice"),
        ({"percent": "5"}, "Between 10"),
        ({"percent": "9" * 400}, "Not a valid integer"),
        ({"direction": "drop", "percent": "101"}, "Nothing falls by more"),
        ({"minimum": "0"}, "Number must be"),
        ({"minimum": "12.50"}, "A whole number"),
        ({"minimum": "9" * 400}, "longer than 20"),
        ({"minimum": "12.505", "metric": "revenue"}, "An amount in EUR looks like 12.50."),
        ({"minimum": "-1", "metric": "revenue"}, "An amount in EUR"),
        ({"minimum": "0.00", "metric": "revenue"}, "Number must be"),
        ({"members": "x"}, "Choose who is told."),
        ({"members": []}, "Choose who is told."),
    ],
)
def test_what_cannot_be_watched_comes_back_with_the_reason(
    alice, page, acme, inside, change, words
):
    with inside(acme):
        me = str(db.session.scalars(select(Member.id)).one())
    good = {"site": str(acme.site_id), "metric": "visitors", "direction": "spike", "unit": "hour"}
    form = {**good, "percent": "100", "minimum": "5", "members": me, **change}
    answer = alice.post(page, form)
    assert answer.status_code == 422 and words in answer.text, answer.text


def test_a_site_has_fifty_alerts_at_most(watch, alice, page, acme, inside, monkeypatch):
    monkeypatch.setattr(alert, "MOST_ALERTS", 1)
    watch(SPIKE)
    with inside(acme):
        me = str(db.session.scalars(select(Member.id)).one())
    form = {"site": str(acme.site_id), "metric": "visitors", "direction": "spike", "unit": "hour"}
    answer = alice.post(page, {**form, "percent": "100", "minimum": "5", "members": me})
    assert answer.status_code == 422 and "Delete one first." in answer.text
