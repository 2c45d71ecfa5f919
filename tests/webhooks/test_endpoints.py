"""What an endpoint learns from what came of requests, and what is kept for it."""

from __future__ import annotations

import pytest

from app.core import clock
from app.core.db import db
from app.webhooks.models import Endpoint, Outcome
from app.webhooks.models.endpoint import LASTING, LONGEST_PAUSE


@pytest.fixture
def endpoint(inside, acme):
    """Acme's only one, in a transaction."""
    with inside(acme):
        made = Endpoint.create("https://example.com/hook", ["*"])
        db.session.flush()
        yield made


def failed(at=None, **values):
    return Outcome(at or clock.now(), 5, **{"status": 500, **values})


def test_nobody_waits_longer_than_a_quarter_of_an_hour_whatever_is_asked_for(endpoint):
    asked = failed(status=429, headers={"retry-after": "86400"})
    endpoint.hear(asked)
    assert endpoint.waits_until == asked.ended_at + LONGEST_PAUSE


def test_one_that_is_enabled_again_begins_anew(endpoint):
    long_ago = clock.now() - LASTING
    endpoint.hear(failed(long_ago))
    endpoint.hear(failed())
    assert endpoint.disabled_reason == "failing"
    endpoint.enable()
    assert (endpoint.failures, endpoint.failing_since, endpoint.waits_until) == (0, None, None)
    endpoint.hear(failed())
    assert endpoint.disabled_at is None


def test_nothing_is_kept_for_one_that_is_disabled(endpoint):
    endpoint.disable()
    another = Endpoint.create("https://example.com/other", ["*"])
    endpoint.enable()
    endpoint.disable()
    wanting = Endpoint.wanting("order.created", None)
    assert [each.id for each in wanting] == [another.id]
