"""For how long a visitor has his name: an anonymous one for a day, a person as long as he comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.core.db import db
from app.tracking.models import Session, Visitor, forget_visitors
from app.tracking.models.session import VISITORS_KEPT
from tests.tracking.posting import post

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def visit(client, acme):
    """Look at a page at a moment; answers the token."""

    def look(moment, token=None, **said):
        with time_machine.travel(moment, tick=True):
            answer = post(client, acme, visitor=token, **said)
            assert answer.json["accepted"] == 1, answer.json
            return answer.json["visitor"]

    return look


@pytest.fixture
def names(inside, acme):
    def read(column=Session.visitor):
        with inside(acme):
            return list(db.session.scalars(select(column)))

    return read


def test_a_token_of_yesterday_names_nobody_any_more(visit, names):
    token = visit(NOON)
    assert visit(NOON + timedelta(hours=1), token) == token
    later = visit(NOON + timedelta(hours=22), token)
    assert later != token
    assert len(set(names())) == 2


def test_the_token_of_a_person_is_a_new_one_each_day_and_names_the_same(visit, names):
    token = visit(NOON, consent=True)
    assert visit(NOON + timedelta(hours=23), token) == token
    later = visit(NOON + timedelta(hours=25), token)
    assert later != token
    # Whoever comes again within a year of his last visit is known, however long ago the first was.
    month = timedelta(days=300)
    much_later = visit(NOON + month, later)
    visit(NOON + 2 * month, much_later)
    assert len(set(names())) == 1


def test_names_of_a_day_are_forgotten_and_persons_are_not(visit, names, app):
    visit(NOON)
    visit(NOON, consent=True)
    assert sorted(names(Visitor.person)) == [False, True]
    with time_machine.travel(NOON + VISITORS_KEPT - timedelta(minutes=1)), app.app_context():
        forget_visitors()
    assert sorted(names(Visitor.person)) == [False, True]
    with time_machine.travel(NOON + VISITORS_KEPT + timedelta(minutes=1)), app.app_context():
        forget_visitors()
    assert names(Visitor.person) == [True]
