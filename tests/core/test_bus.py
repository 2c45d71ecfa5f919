"""What a process could not tell the others it owns up to, so that whoever listens reads again."""

from __future__ import annotations

import pytest
from redis import RedisError

from app.core import bus


@pytest.fixture
def heard(app, environ):
    """The channels on which something was told, as another process hears them."""
    channels = []
    subscriber = bus.Subscriber(app, environ["REDIS_URL"])
    subscriber.listen(lambda channel, _frame: channels.append(channel))
    subscriber.start()
    assert subscriber.connected.wait(10)
    return channels


@pytest.fixture
def fail(app):
    """Tell something while Redis is away."""

    def tell():
        kept = app.extensions["candor_redis"]
        app.extensions["candor_redis"] = bus.connect("unix:///nowhere.sock")
        try:
            with app.app_context(), pytest.raises(RedisError):
                bus.publish("lost", {})
        finally:
            app.extensions["candor_redis"] = kept

    return tell


def test_with_the_next_that_is_told(app, environ, fail):
    """Also where nobody listens, as in a worker."""
    listening = bus.connect(environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
    listening.psubscribe(bus.PREFIX + "*")
    listening.get_message(timeout=5)
    fail()
    with app.app_context():
        bus.publish("next", {})
        bus.publish("after", {})
    heard = [listening.get_message(timeout=5)["channel"].decode() for _ in range(3)]
    assert heard == [bus.PREFIX + each for each in ("next", bus.MISSED, "after")]


def test_by_itself_where_nothing_else_is_told(heard, fail, eventually, monkeypatch):
    monkeypatch.setattr(bus, "QUIET", 0.2)
    fail()
    # What it waits for was begun with the longer pause.
    eventually(lambda: heard[-1:], lambda channels: channels == [bus.MISSED], 30)
