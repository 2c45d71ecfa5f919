"""Bodies from strangers: answered with a 4xx, or each event is stored or dropped with a reason. What
is tried is the same on both databases, and so is what is expected."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.core.db import db
from app.core.ids import uuid7
from app.embed.ingest import LARGEST_BODY
from app.tracking.checks import REASONS
from app.tracking.models import Event
from tests.tracking.posting import AGENT, PATH, event, post, post_raw
from tests.tracking.sums import sessions, sums_of_events

DEEP = 100_000
# The same examples on each database and each time.
TRIED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.sampled_from([10**400, -(10**400), 2**53, 2**63, 2**64, 1e308, -0.0, 5e-324]),
    st.floats(),
)
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["\ud800", "a\udfffb", "\x00", "a\x00b", "\u2028", "'); DROP TABLE events;--"]),
    st.sampled_from(["x" * 300, "x" * 2001, "é" * 1000, "https://", "http://[", "javascript:1"]),
    st.sampled_from(["https://shop.acme.example/" + "\U0001f600" * 900, "\N{RIGHT-TO-LEFT MARK}"]),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
FIELDS = [
    "id",
    "name",
    "url",
    "referrer",
    "title",
    "at",
    "props",
    "value",
    "campaign",
    "experiment",
]


@pytest.fixture
def answered(client, acme, inside):
    """Post a body; whatever it is, it is answered as a stranger's mistake or each event counted."""

    addresses = (f"2001:db8:{number:x}::1" for number in range(65536))

    def ask(body):
        with inside(acme):
            before = db.session.scalar(select(func.count(Event.id)))
        # From another address each time, or it would soon be too much from one.
        answer = post_raw(client, acme, body, next(addresses))
        told = answer.json
        if answer.status_code != 202:
            assert answer.status_code in (400, 413, 422), answer.text
            assert told["error"]["code"] and told["error"]["message"]
            return answer
        with inside(acme):
            stored = db.session.scalar(select(func.count(Event.id))) - before
        assert stored == told["accepted"]
        assert {each["reason"] for each in told["dropped"]} <= set(REASONS)
        number = len(json.loads(body)["events"])
        assert told["accepted"] + told["duplicates"] + len(told["dropped"]) == number
        return answer

    return ask


@TRIED
@given(field=st.sampled_from(FIELDS), value=anything)
def test_a_field_of_an_event_may_be_anything(answered, acme, field, value):
    good, bad = event(acme), event(acme, **{field: value})
    answer = answered(json.dumps({"site": acme.site_key, "events": [bad, good]}))
    if answer.status_code == 202:
        assert answer.json["accepted"] >= 1, "the good one is stored in any case"


@TRIED
@given(
    name=st.sampled_from(["page_view", "engagement", "impression", "conversion"]),
    props=st.dictionaries(
        st.one_of(st.sampled_from(["active", "visible", "order_id", "a"]), texts),
        anything,
        max_size=4,
    ),
    amount=anything,
    currency=st.one_of(st.sampled_from(["EUR", "usd", "XXX"]), anything),
)
def test_properties_and_values_may_be_anything(answered, acme, name, props, amount, currency):
    value = {"amount": amount, "currency": currency}
    answered(
        json.dumps(
            {
                "site": acme.site_key,
                "events": [
                    event(acme, name=name, props=props),
                    event(acme, name=name, value=value),
                ],
            }
        )
    )


@TRIED
@given(
    field=st.sampled_from(["site", "events", "sent_at", "visitor", "consent", "webdriver", "x"]),
    value=anything,
)
def test_what_is_around_the_events_may_be_anything(answered, acme, field, value):
    body = {"site": acme.site_key, "events": [event(acme)], field: value}
    answered(json.dumps(body))


@TRIED
@given(body=st.one_of(st.binary(max_size=200), anything.map(json.dumps).map(str.encode)))
def test_a_body_may_be_anything(client, acme, body):
    assert post_raw(client, acme, body).status_code in (400, 413, 422)


@TRIED
@given(events=st.lists(anything, max_size=50))
def test_events_may_be_anything(answered, acme, events):
    answered(json.dumps({"site": acme.site_key, "events": events}))


def test_after_all_that_everything_adds_up(client, acme, inside):
    for text in ("\U0001f600" * 200, "<script>", "%s %(a)s {0} \\", "a" * 2000):
        props = {"text": text[:500]}
        answer = post(client, acme, event(acme, title=text, props=props))
        assert answer.json["accepted"] == 1
    with inside(acme):
        assert sessions() == sums_of_events()
        titles = set(db.session.scalars(select(Event.title)))
        assert "<script>" in titles and "\U0001f600" * 200 in titles


def inside_events(text):
    return b'{"site": "%s", "events": [' + text + b"]}"


HOSTILE = {
    "a megabyte and a byte": (b" " * (1024 * 1024 + 1), 413),
    "a byte too many": (b" " * (LARGEST_BODY + 1), 413),
    "lists within lists": (b"[" * 60_000, 400),
    "lists within lists, closed": (b"[" * 30_000 + b"]" * 30_000, 400),
    "objects within objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "deep below a good beginning": (inside_events(b"[" * 15_000 + b"]" * 15_000), 400),
    "deeper than that": (b"[" * DEEP + b"]" * DEEP, 413),
    "NaN": (inside_events(b'{"at": NaN}'), 400),
    "Infinity": (inside_events(b'{"at": -Infinity}'), 400),
    "a number beyond floats": (inside_events(b'{"at": 1e999}'), 400),
    "more digits than anybody counts": (inside_events(b'{"at": ' + b"9" * 5000 + b"}"), 400),
    "a lone surrogate": (inside_events(b'{"title": "\\ud800"}'), 400),
    "a lone surrogate as a name": (inside_events(b'{"\\udc00": 1}'), 400),
    "NUL": (inside_events(b'{"title": "a\\u0000b"}'), 400),
    "not UTF-8": (b'{"site": "\xff\xfe"}', 400),
    "UTF-16": ('{"site": "x", "events": []}'.encode("utf-16"), 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 400),
    "a text": (b'"events"', 400),
    "no events": (b'{"site": "%s"}', 422),
    "events that are an object": (b'{"site": "%s", "events": {}}', 422),
    "no site": (b'{"events": []}', 422),
    "too many events": (inside_events(b",".join([b"{}"] * 51)), 413),
}


def test_hostile_bodies_are_refused(client, acme):
    got = {}
    for name, (body, _) in HOSTILE.items():
        answer = post_raw(client, acme, body.replace(b"%s", acme.site_key.encode()))
        got[name] = answer.status_code
        assert answer.json["error"]["code"], name
    assert got == {name: status for name, (_, status) in HOSTILE.items()}


def test_a_gzip_bomb_is_not_unpacked(client, acme):
    """Events come as they are: what is packed is not JSON."""
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < LARGEST_BODY
    answer = client.post(
        PATH,
        data=bomb,
        headers={
            "Origin": f"https://{acme.domain}",
            "User-Agent": AGENT,
            "Content-Encoding": "gzip",
        },
    )
    assert answer.status_code == 400


def test_an_id_of_another_time_or_kind_is_dropped_with_the_reason(client, acme):
    ids = {
        "00000000-0000-7000-8000-000000000000": "time",
        "ffffffff-ffff-7fff-bfff-ffffffffffff": "time",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8": "invalid",
        str(uuid7()).replace("-", "")[:31]: "invalid",
        "": "invalid",
    }
    answer = post(client, acme, *(event(acme, id=each) for each in ids))
    assert [each["reason"] for each in answer.json["dropped"]] == list(ids.values())
    assert answer.json["accepted"] == 0


def test_each_wrong_field_has_its_reason(client, acme):
    wrong = [
        ({"name": "Page View"}, "invalid"),
        ({"name": "a" * 65}, "invalid"),
        ({"url": "javascript:alert(1)"}, "invalid"),
        ({"url": "https://x/" + "a" * 2000}, "invalid"),
        ({"title": 7}, "invalid"),
        ({"at": 2**60}, "time"),
        ({"at": True}, "time"),
        ({"at": "now"}, "time"),
        ({"props": {"number": 10**40}}, "properties"),
        ({"props": {"inner": {"a": 1}}}, "properties"),
        ({"props": {"<script>": 1}}, "properties"),
        ({"props": {f"p{number}": 1 for number in range(31)}}, "properties"),
        ({"name": "engagement", "props": {"active": -1}}, "properties"),
        ({"name": "engagement", "props": {"active": 1e9}}, "properties"),
        ({"value": {"amount": 2**60, "currency": "EUR"}}, "properties"),
        ({"value": {"amount": 1.5, "currency": "EUR"}}, "properties"),
        ({"value": {"amount": 1, "currency": "TEA"}}, "properties"),
        ({"campaign": "x"}, "properties"),
        ({"experiment": ["x"]}, "properties"),
    ]
    answer = post(client, acme, *(event(acme, **values) for values, _ in wrong))
    assert answer.json["accepted"] == 0
    assert [each["reason"] for each in answer.json["dropped"]] == [reason for _, reason in wrong]
