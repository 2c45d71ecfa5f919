"""Counts are what one gets by going through the rows one by one, on both databases."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.db import db, reading
from app.proof import counts
from app.proof.counts import Counted, Ratings, Streak
from app.proof.figures import period_words, tenths, whole
from app.proof.wording import (
    COUNT_VARIABLES,
    RATING_VARIABLES,
    STREAK_VARIABLES,
    WordingError,
    parse,
)
from app.sites.models import Site

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
PERIODS = [length for length in counts.PERIODS.values() if length]
EDGES = [edge for length in PERIODS for edge in (length - TICK, length, length + TICK)]

activities = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["purchase", "signup", "review"]),
            "age": st.sampled_from([TICK, HOUR / 2, 400 * DAY, *EDGES]),
            "email": st.sampled_from([None, "a@x.example", "A@x.example ", "b@x.example"]),
            "product": st.sampled_from(
                [
                    None,
                    {"name": "Tea", "url": None},
                    {"name": "Tea", "url": "https://x.example/tea"},
                    {"name": "Крýшка %_'\"", "url": None},
                ]
            ),
            "rating": st.sampled_from([None, 0, 1, 4, 4.5, 5, 5.01, 6, -3, "3", "x", "NaN", True]),
            "retracted": st.booleans(),
        }
    ),
    max_size=14,
)


@pytest.fixture
def record(client, acme):
    """Report an activity over the API, and take it back if that is said."""

    def make(site_id, moment, made):
        body = {
            "site_id": str(site_id),
            "type": made["type"],
            "occurred_at": (moment - made["age"]).isoformat(),
            "person": {"email": made["email"]} if made["email"] else None,
            "product": made["product"],
            "data": {} if made["rating"] is None else {"rating": made["rating"]},
        }
        answer = client.post("/api/v1/activities", headers=acme.bearer, json=body)
        assert answer.status_code == 201, answer.text
        if made["retracted"]:
            client.delete(f"/api/v1/activities/{answer.json['id']}", headers=acme.bearer)

    return make


@pytest.fixture
def new_site(acme, inside):
    def make():
        with inside(acme):
            site = Site.create(name="Counted", domains=["counted.example"])
            db.session.commit()
            return site.id

    return make


@settings(
    max_examples=30,
    deadline=None,
    # Each example has a site of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    made=activities,
    types=st.sampled_from([["purchase"], ["purchase", "signup"], ["review"], ["none"], []]),
    period=st.sampled_from([None, *PERIODS]),
    minimum=st.integers(1, 4),
)
def test_counts_are_what_a_recount_says(
    acme, inside, record, new_site, made, types, period, minimum
):
    site_id, moment = new_site(), clock.now()
    for each in made:
        record(site_id, moment, each)
    stands = [
        each for each in made if not each["retracted"] and (period is None or each["age"] < period)
    ]
    of_types = [each for each in stands if each["type"] in types]
    since = None if period is None else moment - period
    with inside(acme), reading() as session:
        assert counts.count(session, site_id, types, since) == recounted(of_types)
        found = counts.hottest(session, site_id, types, since, minimum)
        assert found == hottest_of(of_types, minimum)
        reviews = [each for each in stands if each["type"] == "review"]
        assert counts.ratings(session, site_id, since) == ratings_of(reviews)


def recounted(rows):
    people = {row["email"].strip().lower() for row in rows if row["email"]}
    return Counted(len(rows), len(people))


def hottest_of(rows, minimum):
    groups = defaultdict(list)
    for number, row in enumerate(rows):
        if row["product"]:
            key = (row["product"]["name"], row["product"]["url"])
            groups[key].append((-row["age"], number))
    best = max(groups, key=lambda key: (len(groups[key]), max(groups[key])), default=None)
    if best is None or len(groups[best]) < minimum:
        return None
    return Streak(best[0], len(groups[best]))


def ratings_of(rows):
    numbers = {1: 1, 4: 4, 4.5: Fraction(9, 2), 5: 5, "3": 3}
    said = [row["rating"] for row in rows if row["rating"] is not True]
    stars = [numbers[each] for each in said if each in numbers]
    return Ratings(len(stars), Decimal(float(sum(stars))))


def test_the_hottest_product_is_one_of_name_and_address_and_of_equals_the_latest(
    acme, inside, record
):
    moment = clock.now()
    plain, linked = {"name": "Tea"}, {"name": "Tea", "url": "https://x.example/tea"}
    cup, pot = {"name": "Cup"}, {"name": "Pot"}
    # The cup was bought last, the pot was told last.
    told = [
        (cup, 1),
        (plain, 2),
        (linked, 2),
        (plain, 3),
        (linked, 3),
        (cup, 9),
        (pot, 4),
        (pot, 4),
    ]
    for product, minutes in told:
        made = {"type": "purchase", "email": None, "rating": None, "retracted": False}
        age = timedelta(minutes=minutes)
        record(acme.site_id, moment, {**made, "product": product, "age": age})
    with inside(acme), reading() as session:
        hottest = counts.hottest(session, acme.site_id, ["purchase"], None, 1)
        assert hottest == Streak("Cup", 2)
        assert counts.hottest(session, acme.site_id, ["purchase"], None, 3) is None


def test_another_organization_counts_nothing_of_it(acme, umbrella, inside, record):
    moment = clock.now()
    made = {"type": "review", "age": TICK, "email": "a@x.example", "rating": 5, "retracted": False}
    record(acme.site_id, moment, {**made, "product": {"name": "Tea"}})
    with inside(umbrella), reading() as session:
        assert counts.count(session, acme.site_id, ["review"], None) == Counted(0, 0)
        assert counts.hottest(session, acme.site_id, ["review"], None, 1) is None
        assert counts.ratings(session, acme.site_id, None).count == 0
    with inside(acme), reading() as session:
        assert counts.count(session, acme.site_id, ["review"], None) == Counted(1, 1)


@pytest.mark.parametrize(
    ("stars", "average"),
    [
        ([5, 5, 5], "5.0"),
        ([5] * 99 + [4], "4.9"),
        ([5] * 39 + [3], "4.9"),
        ([4, 5, 4, 5, 4], "4.4"),
        ([4] * 3 + [5], "4.2"),
        ([4] + [5] * 3, "4.8"),
        ([1], "1.0"),
    ],
)
def test_only_all_fives_are_a_five(stars, average):
    assert str(Ratings(len(stars), Decimal(sum(stars))).average) == average


@pytest.mark.parametrize("said", ["4." + "9" * 40, 10**30, "NaN", "sNaN", "Infinity", "", [], None])
def test_what_is_no_plain_number_from_one_to_five_is_no_rating(said):
    assert counts.rating_of({"rating": said}) is None
    assert counts.rating_of(said) is None


def test_numbers_are_written_as_the_language_writes_them():
    assert tenths(Decimal("4.8"), "en") == "4.8" and tenths(Decimal("4.8"), "de-AT") == "4,8"
    assert whole(1204, "en") == "1,204" and whole(1204, "de") == "1.204"
    assert whole(12, "xx-nonsense") == "12" and tenths(Decimal(5), "") == "5.0"
    assert period_words("hour", "en") == "hour" and period_words("day", "EN-gb") == "24 hours"
    assert period_words("week", "de") == "7 Tagen" and period_words("month", "tlh") == "30 days"
    assert period_words("all", "en") == ""


def test_each_kind_of_wording_has_its_own_variables():
    for template in ("{{count}} sold", "{{people}} people", "in {{period}}", "of {{best}}"):
        with pytest.raises(WordingError, match="no variable"):
            parse(template)
    with pytest.raises(WordingError, match="no variable"):
        parse("{{first_name}} and {{count}} more", variables=COUNT_VARIABLES)
    for variables in (COUNT_VARIABLES, STREAK_VARIABLES, RATING_VARIABLES):
        with pytest.raises(WordingError, match="counted, not typed"):
            parse("{{count}} in 24 hours", variables=variables)
    said = parse("{{count}} people in the last {{period}}", variables=COUNT_VARIABLES)
    assert said.render({"count": "7", "period": "24 hours"}) == "7 people in the last 24 hours"
