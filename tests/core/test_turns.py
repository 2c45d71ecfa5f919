"""Turns on threads: who does not answer keeps nobody waiting but his own."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from app.core.turns import Turns


@pytest.fixture
def told():
    """What happened, in its order, and what to wait for."""

    class Told(list):
        def __init__(self):
            super().__init__()
            self.go, self.changed = threading.Event(), threading.Condition()

        def note(self, key):
            with self.changed:
                self.append(key)
                self.changed.notify_all()

        def wait(self, number):
            with self.changed:
                assert self.changed.wait_for(lambda: len(self) >= number, 10), list(self)

    return Told()


def test_those_who_hang_share_a_part_of_the_threads(app, acme, told):
    stuck, good = [uuid4() for _ in range(3)], uuid4()

    def take(key, proven):
        told.note(key)
        if key != good:
            told.go.wait(20)
            return False
        return True

    turns = Turns(take, threads=3, unproven=2, each=2)
    with app.app_context():
        turns.wake(acme.id, good)
        told.wait(1)
        assert turns.finish(10, stop=False)
        for key in stuck:
            turns.wake(acme.id, key)
        told.wait(3)
        # Two hang, the third one waits for them, and a thread is left for who is known to answer.
        for number in range(20):
            turns.wake(acme.id, good)
            told.wait(4 + number)
    assert set(told[1:3]) < set(stuck) and set(told[3:]) == {good}
    told.go.set()
    assert turns.finish(10, stop=False)
    assert set(stuck) < set(told)


def test_one_who_failed_has_one_turn_at_a_time_and_one_who_did_not_several(app, acme, told):
    key, running, most = uuid4(), [0], [0]
    lock, well = threading.Lock(), [False]

    def take(key, proven):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        told.note(proven)
        told.go.wait(0.2)
        with lock:
            running[0] -= 1
        return well[0]

    turns = Turns(take, each=3)

    def many():
        most[0] = 0
        with app.app_context():
            for _ in range(10):
                turns.wake(acme.id, key)
                told.go.wait(0.02)
        assert turns.finish(10, stop=False)
        return most[0]

    assert many() == 1
    well[0] = True
    many()
    assert many() == 3


def test_a_turn_that_breaks_is_one_that_did_not_go_well(app, acme, told):
    def take(key, proven):
        told.note(proven)
        if len(told) > 1:
            raise RuntimeError("broken")
        return True

    turns, key = Turns(take), uuid4()
    for number in range(3):
        with app.app_context():
            turns.wake(acme.id, key)
        told.wait(number + 1)
        assert turns.finish(10, stop=False)
    assert told == [False, True, False]


def test_after_a_stop_nothing_begins(app, acme, told):
    turns = Turns(lambda key, proven: told.note(key))
    assert turns.finish(1, stop=True)
    with app.app_context():
        turns.wake(acme.id, uuid4())
    assert turns.finish(1, stop=True) and told == []
