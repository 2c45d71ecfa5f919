"""Many events of many visitors in one transaction: each once, in the session it belongs to."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import count, pairwise
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.event import listen, remove

from app.core.db import db
from app.core.ids import uuid7
from app.sites.models import Site
from app.tracking.arrivals import Who, key_of
from app.tracking.models import BucketMark, Event, Session, Visitor
from app.tracking.models.rollup import BUCKET
from app.tracking.models.session import LONGEST
from tests.conftest import database
from tests.tracking.arriving import MINUTE, NOON, Shelf, who
from tests.tracking.sums import marked, sessions, sums_of_events, touched


@pytest.fixture(params=["in one transaction", "one by one"])
def tell(request, shelf):
    """Store events of these minutes, by one visitor."""

    def run(*minutes, **values):
        arrivals = [shelf.arrival(each, **values) for each in minutes]
        for batch in [arrivals] if request.param == "in one transaction" else zip(arrivals):
            shelf.store(*batch)

    return run


def test_half_an_hour_of_silence_goes_on_with_a_visit_and_a_millisecond_more_ends_it(tell, shelf):
    tell(0, 30, 60)
    assert shelf.visits() == [(0, 60, 3)]
    tell(90 + 1 / MINUTE)
    assert [events for _, _, events in shelf.visits()] == [3, 1]


def test_a_visit_lasts_for_a_day_at_most_and_what_comes_a_millisecond_later_begins_another(
    tell, shelf
):
    tell(*range(0, 1441, 30))
    assert shelf.visits() == [(0, 1440, 49)]
    tell(1440 + 1 / MINUTE, 1450)
    tell(1460)
    assert shelf.visits() == [(0, 1440, 49), (1440 + 1 / MINUTE, 1460, 3)]


def test_a_screen_that_never_rests_makes_a_visit_each_day(tell, shelf):
    tell(*range(0, 3600, 25))
    assert shelf.visits() == [(0, 1425, 58), (1450, 2875, 58), (2900, 3575, 28)]


def test_what_comes_late_makes_no_visit_longer_than_a_day(shelf):
    minutes = range(0, 1420, 20)
    shelf.store(*(shelf.arrival(minute) for minute in minutes[30:]))
    # They end within half an hour of the visit, and began a day before its last event.
    shelf.store(*(shelf.arrival(minute) for minute in (*minutes[:30], 1425, 1445)))
    shelf.store(shelf.arrival(1439), shelf.arrival(1461))
    assert longest_visit() <= LONGEST
    assert sessions() == sums_of_events()


def test_a_visit_that_never_ended_ends(shelf):
    """As they were kept before a visit had a longest length."""
    shelf.store(shelf.arrival(0))
    visit, visitor = shelf.session(), db.session.scalars(select(Visitor)).one()
    visit.started_at -= 60 * 24 * 60 * MINUTE
    visit.id = visitor.session_id = uuid7(visit.started_at)
    db.session.commit()
    shelf.store(shelf.arrival(10))
    shelf.store(shelf.arrival(20))
    assert shelf.visits() == [(-60 * 24 * 60, 0, 1), (10, 20, 2)]


def test_one_batch_may_hold_several_visits_of_a_visitor(tell, shelf):
    tell(0, 10, 50, 60, 65, 100)
    assert shelf.visits() == [(0, 10, 2), (50, 65, 3), (100, 100, 1)]


def test_order_within_a_visit_does_not_matter(tell, shelf):
    tell(20, 0, 10)
    assert shelf.visits() == [(0, 20, 3)]
    assert shelf.session().entry_url.endswith("/0")
    assert shelf.session().exit_url.endswith("/20")


@pytest.mark.parametrize(
    ("batches", "ends"),
    [
        ([["/a"]], ("/a", "/a")),
        ([["/a", "/b", "/a"]], ("/a", "/a")),
        ([["/a", "/b"], ["/b"]], ("/a", "/b")),
        ([["/a", "/b"], ["/a"]], ("/a", "/a")),
        ([["/a"], ["/b"]], ("/a", "/b")),
        ([["/a"], ["/b", "/b"]], ("/a", "/b")),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_visit_ends_where_its_last_event_was(shelf, batches, ends, late):
    minutes = count()
    told = [
        [shelf.arrival(next(minutes), url=f"https://shop.test{path}") for path in paths]
        for paths in batches
    ]
    for batch in reversed(told) if late else told:
        shelf.store(*batch)
    visit = shelf.session()
    read = db.session.execute(select(Session.entry_url, Session.exit_url)).one()
    assert tuple(read) == (visit.entry_url, visit.exit_url)
    assert tuple(url.removeprefix("https://shop.test") for url in read) == ends


def test_visitors_do_not_mix(shelf):
    shelf.store(*(shelf.arrival(minute, name) for minute in (0, 1, 2) for name in ("ada", "ben")))
    assert shelf.visits() == [(0, 2, 3), (0, 2, 3)]
    assert set(db.session.scalars(select(Session.visitor))) == {
        who("ada").visitor,
        who("ben").visitor,
    }


def test_what_comes_very_late_leaves_the_present_visit_alone(shelf):
    shelf.store(shelf.arrival(0))
    shelf.store(shelf.arrival(120))
    shelf.store(shelf.arrival(10))
    assert (120, 120, 1) in shelf.visits()
    shelf.store(shelf.arrival(130))
    assert (120, 130, 2) in shelf.visits()


@pytest.mark.parametrize("minutes", [(-120, -119, -118, -117), (-117, -120, -118, -119)])
def test_what_comes_after_a_later_visit_is_one_visit_however_it_is_told(tell, shelf, minutes):
    shelf.store(shelf.arrival(0))
    tell(*minutes)
    assert shelf.visits() == [(-120, -117, 4), (0, 0, 1)]
    assert sessions() == sums_of_events()
    assert touched() <= marked()


def test_what_comes_late_goes_on_with_a_visit_that_has_ended(tell, shelf):
    tell(-120, -119)
    tell(0)
    tell(-118)
    assert shelf.visits() == [(-120, -118, 3), (0, 0, 1)]
    tell(-130)
    assert shelf.visits() == [(-130, -118, 4), (0, 0, 1)]
    ended = db.session.scalars(select(Session).order_by(Session.started_at)).first()
    assert (ended.entry_url[-4:], ended.exit_url[-4:]) == ("-130", "-118")
    tell(1)
    assert shelf.visits() == [(-130, -118, 4), (0, 1, 2)]
    assert touched() <= marked()


def test_what_comes_late_is_of_the_nearest_visit_within_half_an_hour(tell, shelf):
    for visit in ((-300, -290), (-240, -230), (0,)):
        tell(*visit)
    for late in (-261, -276, -200, -170 + 1 / MINUTE):
        tell(late)
    visits = [(-300, -276, 3), (-261, -200, 4), (-170 + 1 / MINUTE, -170 + 1 / MINUTE, 1)]
    assert shelf.visits() == [*visits, (0, 0, 1)]


def test_what_comes_late_into_the_present_visit_is_of_it(tell, shelf):
    tell(-200)
    tell(*range(0, 91, 10))
    tell(-20, 35)
    assert shelf.visits() == [(-200, -200, 1), (-20, 90, 12)]


def test_what_comes_late_makes_no_ended_visit_longer_than_a_day(tell, shelf):
    tell(*range(0, 1411, 30))
    tell(3000)
    tell(1430)
    tell(-10)
    tell(-10 - 1 / MINUTE)
    assert shelf.visits() == [(-10 - 1 / MINUTE,) * 2 + (1,), (-10, 1430, 50), (3000, 3000, 1)]


@pytest.mark.parametrize(
    ("person", "late", "name", "visits"),
    [
        (False, 50, "ben", [(0, 50, 5)]),
        (True, 50, "ben", [(0, 50, 5)]),
        (False, -20, "ada", [(-20, 45, 5)]),
        # The visit is a person's by then, and what comes under the other name may be anybody's.
        (True, -20, "ada", [(-20, -20, 1), (0, 45, 4)]),
    ],
)
def test_what_comes_late_is_of_the_visit_under_either_name(shelf, person, late, name, visits):
    """`ben` is what `ada` is called after midnight, or after his consent."""
    names = {"ada": who("ada"), "ben": whose("ben", "ada")._replace(person=person)}
    for minute, told in ((0, "ada"), (20, "ada"), (40, "ada"), (45, "ben"), (200, "ben")):
        shelf.store(shelf.arrival(minute, who=names[told]))
    shelf.store(shelf.arrival(late, who=names[name]))
    assert shelf.visits() == [*visits, (200, 200, 1)]


@pytest.mark.parametrize("later", [16, 35, 44])
def test_what_comes_after_a_visitor_agreed_is_not_of_his_visit(shelf, cut, later):
    """He took it back, or somebody else has his address and browser."""
    told = [(0, ADA), (10, ADA), (15, AGREED), (later, ADA), (later + 1, KNOWN), (later + 2, ADA)]
    for batch in cut(told):
        shelf.store(*(shelf.arrival(minute, who=each) for minute, each in batch))
    assert whose_visits() == [
        (True, KNOWN.visitor, 0, later + 1, 4),
        (False, ADA.visitor, later, later + 2, 2),
    ]
    assert sessions() == sums_of_events()
    assert touched() <= marked()


def test_who_agreed_just_after_midnight_leaves_neither_of_his_names_in_his_visit(shelf, cut):
    renamed = whose("ben", "ada")
    agreed = Who(KNOWN.visitor, person=True, before=(renamed.visitor, ADA.visitor))
    told = [(0, ADA), (10, renamed), (15, agreed), (20, renamed), (21, ADA), (22, KNOWN)]
    for batch in cut(told):
        shelf.store(*(shelf.arrival(minute, who=each) for minute, each in batch))
    his, *others = whose_visits()
    assert his == (True, KNOWN.visitor, 0, 22, 4)
    assert [(person, events) for person, *_, events in others] in ([(False, 2)], [(False, 1)] * 2)


def test_each_who_agrees_takes_what_was_nobodys_until_then(shelf):
    second = Who(who("another person").visitor, person=True, before=(ADA.visitor,))
    for minute, each in ((0, ADA), (5, AGREED), (10, ADA), (15, second), (20, ADA)):
        shelf.store(shelf.arrival(minute, who=each))
    assert whose_visits() == [
        (True, KNOWN.visitor, 0, 5, 2),
        (True, second.visitor, 10, 15, 2),
        (False, ADA.visitor, 20, 20, 1),
    ]


def test_a_visit_that_went_on_under_the_name_before_is_not_taken_by_what_comes_late(shelf):
    for minute, each in ((0, ADA), (20, ADA), (15, AGREED)):
        shelf.store(shelf.arrival(minute, who=each))
    assert whose_visits() == [(False, ADA.visitor, 0, 20, 2), (True, KNOWN.visitor, 15, 15, 1)]


def test_what_comes_late_under_a_name_that_a_person_is_not_known_by_is_not_of_his_visit(shelf):
    """He agreed when nobody remembered yesterday's any more."""
    renamed = whose("ben", "ada")
    agreed = KNOWN._replace(before=(renamed.visitor,))
    for minute, each in ((0, ADA), (20, ADA), (30, renamed), (35, agreed), (-15, ADA)):
        shelf.store(shelf.arrival(minute, who=each))
    assert whose_visits() == [(False, ADA.visitor, -15, -15, 1), (True, KNOWN.visitor, 0, 35, 4)]


@pytest.mark.parametrize("seed", range(12))
def test_in_whatever_order_it_comes_nothing_later_is_of_the_visit_of_who_agreed(shelf, seed):
    chance = random.Random(seed)
    anybody = ADA, whose("ben", "ada")
    names = tuple(each.visitor for each in anybody)
    people = [Who(bytes([n]) * 16, person=True, before=names) for n in range(4)]
    agreed = {each: chance.randrange(400) for each in people}
    told = []
    for minute in range(0, 600, 3):
        who = chance.choice((*anybody, *people))
        if minute >= agreed.get(who, 0):
            before = who.before if not who.person or who in agreed else ()
            told.append(shelf.arrival(minute, who=who._replace(before=before)))
            agreed.pop(who, None)
    late = chance.choice((0, 3, 40))  # events by which one may come too late
    told = [told[n] for n in sorted(range(len(told)), key=lambda n: n + chance.randrange(late + 1))]
    visits = defaultdict(list)
    for batch in batched_by_chance(told, chance):
        stored = shelf.store(*batch)
        for each in batch:
            visits[stored.sessions[key_of(each)]].append(each)
    assert shelf.count() == len(told)
    assert sessions() == sums_of_events()
    assert touched() <= marked()
    assert any(len({each.who.visitor for each in visit}) > 1 for visit in visits.values())
    for visit in visits.values():
        persons = {each.who.visitor for each in visit if each.who.person}
        assert len(persons) <= 1
        if persons:
            taken_at = max((e.at for e in visit if e.who.person and e.who.before), default=0)
            assert all(each.who.person or each.at <= taken_at for each in visit)


def test_what_comes_late_is_of_nobody_elses_visit(shelf, umbrella, inside, acme):
    shelf.store(shelf.arrival(-120, "ben"), shelf.arrival(0))
    with inside(umbrella):
        other = Shelf(umbrella.id, db.session.get_one(Site, umbrella.site_id).number)
        other.store(other.arrival(-120))
    with inside(acme):
        shelf.store(shelf.arrival(-119))
        assert shelf.visits() == [(-120, -120, 1), (-119, -119, 1), (0, 0, 1)]


def test_ended_visits_are_looked_for_only_where_something_came_late(shelf):
    asked = []
    connection = db.session.connection()
    told = connection.engine, "before_cursor_execute", lambda *call: asked.append(call[2])
    listen(*told)
    shelf.store(shelf.arrival(0), shelf.arrival(40), shelf.arrival(5, "ben"))
    shelf.store(shelf.arrival(30), shelf.arrival(50, "ben"), shelf.arrival(90))
    assert not [each for each in asked if "FROM sessions" in each]
    shelf.store(shelf.arrival(31), shelf.arrival(6, "ben"), shelf.arrival(6, "cleo"))
    remove(*told)
    assert len([each for each in asked if "FROM sessions" in each]) == 1


def test_an_event_is_stored_once_however_often_it_comes(shelf):
    event, other = shelf.arrival(0), shelf.arrival(1)
    assert len(shelf.store(event, event).new) == 1
    again = shelf.store(event, other, event)
    assert len(again.new) == 1
    assert set(again.sessions.values()) == {shelf.session().id}
    assert shelf.count() == 2
    assert shelf.visits() == [(0, 1, 2)]


def test_a_repeated_event_marks_nothing(shelf):
    event = shelf.arrival(0)
    shelf.store(event)
    before = db.session.scalars(select(BucketMark.dirty_seq)).one()
    shelf.store(event)
    assert db.session.scalars(select(BucketMark.dirty_seq)).one() == before


@pytest.mark.parametrize("names", [("ada", "ben"), ("ben", "ada"), ("ada", None), (None, "ada")])
def test_one_id_told_by_two_visitors_is_one_event_of_one_session(shelf, names):
    events = [shelf.arrival(0, each, id=UUID(int=7 << 76 | 2 << 62)) for each in names]
    shelf.store(*events)
    for event in events:
        shelf.store(event)
    assert shelf.count() == 1
    assert sessions() == sums_of_events()
    for visit in db.session.scalars(select(Session)):
        visitor = db.session.scalars(select(Visitor).filter_by(session_id=visit.id)).one()
        assert visit.visitor == visitor.visitor


def test_one_id_at_two_times_in_a_batch_is_one_event_of_one_session(shelf):
    event = shelf.arrival(0)
    shelf.store(event, shelf.arrival(60, id=event.id), shelf.arrival(61))
    assert shelf.count() == 2
    assert sessions() == sums_of_events()


def test_the_same_id_on_two_sites_is_two_events(shelf, umbrella, inside, acme):
    event = shelf.arrival(0)
    shelf.store(event)
    with inside(umbrella):
        number = db.session.get_one(Site, umbrella.site_id).number
        other = Shelf(umbrella.id, number)
        assert len(other.store(other.arrival(0, id=event.id)).new) == 1
        assert other.visits() == [(0, 0, 1)]
    with inside(acme):
        assert shelf.visits() == [(0, 0, 1)]


def test_who_does_not_want_to_be_followed_is_counted_without_visitor_and_session(shelf):
    shelf.store(shelf.arrival(0, None), shelf.arrival(1, None))
    assert shelf.count() == 2
    assert shelf.visits() == []
    assert db.session.scalars(select(Visitor)).all() == []
    assert marked() == touched()


def test_a_session_adds_up_its_events(shelf):
    def engaged(minute, active):
        return shelf.arrival(minute, name="engagement", props={"active": active})

    shelf.store(shelf.arrival(0), engaged(1, 20_000), shelf.arrival(2))
    shelf.store(engaged(3, 5_000), shelf.arrival(4, name="cart_add"))
    visit = shelf.session()
    assert (visit.events, visit.page_views, visit.active) == (5, 2, 25_000)
    assert visit.entry_url.endswith("/0") and visit.exit_url.endswith("/4")


def test_a_session_came_from_where_its_first_event_came_from(shelf):
    first = shelf.arrival(0)
    first = first._replace(circumstances=first.circumstances._replace(channel="email"))
    shelf.store(shelf.arrival(1), first)
    shelf.store(shelf.arrival(2))
    assert shelf.session().channel == "email"


def test_the_quarter_of_an_event_is_marked_and_the_one_in_which_its_session_began(shelf):
    shelf.store(shelf.arrival(14))
    assert marked() == {NOON}
    shelf.store(shelf.arrival(16))
    assert marked() == {NOON, NOON + BUCKET}
    seqs = select(BucketMark.dirty_seq).order_by(BucketMark.bucket)
    assert db.session.scalars(seqs).all() == [2, 1]


def test_a_session_that_turns_out_to_have_begun_earlier_is_marked_where_it_seemed_to(shelf):
    shelf.store(shelf.arrival(31))
    before = dict(db.session.execute(select(BucketMark.bucket, BucketMark.dirty_seq)).all())
    shelf.store(shelf.arrival(10))
    after = dict(db.session.execute(select(BucketMark.bucket, BucketMark.dirty_seq)).all())
    assert after[NOON] == 1
    assert after[NOON + 2 * BUCKET] > before[NOON + 2 * BUCKET]


@pytest.mark.parametrize("repeated", [0, 40])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_in_whatever_order_adds_up(shelf, seed, repeated):
    chance = random.Random(seed)
    told = [
        shelf.arrival(
            chance.randrange(240),
            chance.choice(("ada", "ben", "cleo", None)),
            name=chance.choice(("page_view", "cart_add")),
        )
        for _ in range(120)
    ]
    told += chance.sample(told, repeated)
    chance.shuffle(told)
    while told:
        size = chance.randrange(1, 30)
        shelf.store(*told[:size])
        del told[:size]
    assert shelf.count() == 120
    assert sessions() == sums_of_events()
    assert touched() <= marked()
    # What was repeated lies between the others of its batch but may be of another visit.
    assert repeated or longest_pause() <= 30 * MINUTE


@pytest.mark.parametrize("seed", range(6))
def test_no_visit_is_longer_than_a_day_in_whatever_order_it_comes(shelf, seed):
    chance = random.Random(seed)
    names = {"ada": None, "ben": "ada", "cleo": None}
    told = [
        shelf.arrival(minute + chance.randrange(15), who=whose(name, names[name]))
        for minute in range(0, 4000, 20)
        for name in ("ben" if minute > 1300 and minute % 3000 else "ada", "cleo")
    ]
    late = chance.choice((0, 5, 60, 400))  # events by which one may come too late
    told = [told[n] for n in sorted(range(len(told)), key=lambda n: n + chance.randrange(late + 1))]
    while told:
        size = chance.choice((1, 3, 40, 150))
        shelf.store(*told[:size])
        del told[:size]
    assert longest_visit() <= LONGEST
    assert sessions() == sums_of_events()
    assert touched() <= marked()


ADA = who("ada")
KNOWN = Who(who("a person").visitor, person=True)
AGREED = KNOWN._replace(before=(ADA.visitor,))


@pytest.fixture(params=[1, 2, 100])
def cut(request):
    """Batches of so many."""
    size = request.param
    return lambda told: [told[n : n + size] for n in range(0, len(told), size)]


def batched_by_chance(told, chance):
    while told:
        size = chance.choice((1, 3, 20, 100))
        yield told[:size]
        told = told[size:]


def whose_visits():
    """Of each session whether it is a person's, whose, from when to when, and its events."""
    found = db.session.scalars(select(Session).order_by(Session.started_at))
    return [(each.person, each.visitor, *minutes_of(each), each.events) for each in found]


def minutes_of(visit):
    return (visit.started_at - NOON) / MINUTE, (visit.last_at - NOON) / MINUTE


def whose(name, before):
    return who(name)._replace(before=(who(before).visitor,) if before else ())


def longest_visit():
    return max(each.last_at - each.started_at for each in db.session.scalars(select(Session)))


@pytest.mark.skipif(database() == "postgres", reason="counts rows by itself")
@pytest.mark.parametrize(
    "wanted", ["= x'01'", "IN (x'01', x'02')", "IN (x'01', x'02') AND at >= 7"]
)
def test_the_events_of_a_session_are_found_by_it_and_not_by_their_site(inside, acme, wanted):
    statement = f"SELECT * FROM events WHERE site_number = 1 AND session_id {wanted}"
    with inside(acme):
        plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "ix_events_site_number_session_id" in str(plan)


def longest_pause():
    """Between two events of one session, in milliseconds."""
    found = select(Event.session_id, Event.at).where(Event.session_id.is_not(None))
    rows = db.session.execute(found.order_by(Event.session_id, Event.at)).all()
    return max(b.at - a.at for a, b in pairwise(rows) if a.session_id == b.session_id)
