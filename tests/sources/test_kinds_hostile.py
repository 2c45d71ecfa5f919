"""Whatever a sender puts into a body, reading it ends in facts or in a verdict for a person."""

import json
import time
import tracemalloc
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sources.facts import (
    ActivityReported,
    ActivityWithdrawn,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
)
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Refused, Unmapped, parse_json
from tests.sources import samples
from tests.sources.test_kinds_custom import CRM

FACTS = (OrderPaid, OrderCancelled, OrderRefunded, ActivityReported, ActivityWithdrawn)

DELIVERIES = {
    "shopify order": ("shopify", samples.shopify("orders/paid", samples.shopify_order()), None),
    "shopify refunded": (
        "shopify",
        samples.shopify(
            "orders/updated",
            samples.shopify_order(
                financial_status="refunded", refunds=[samples.shopify_refund("58.70")]
            ),
        ),
        None,
    ),
    "shopify refund": (
        "shopify",
        samples.shopify("refunds/create", samples.shopify_refund("5.00")),
        None,
    ),
    "shopify deletion": ("shopify", samples.shopify("orders/delete", {"id": 1}), None),
    "woocommerce order": (
        "woocommerce",
        samples.woocommerce(
            "order.updated", samples.woocommerce_order(refunds=[{"id": 1, "total": "-1.00"}])
        ),
        None,
    ),
    "woocommerce review": (
        "woocommerce",
        samples.woocommerce("product_review.created", samples.woocommerce_review()),
        None,
    ),
    "stripe checkout": (
        "stripe",
        samples.stripe(
            samples.stripe_event("checkout.session.completed", samples.stripe_checkout())
        ),
        None,
    ),
    "stripe charge": (
        "stripe",
        samples.stripe(
            samples.stripe_event(
                "charge.refunded", samples.stripe_charge(), previous={"amount_refunded": 0}
            )
        ),
        None,
    ),
    "stripe refund": (
        "stripe",
        samples.stripe(samples.stripe_event("refund.created", samples.stripe_refund())),
        None,
    ),
    "custom activity": ("custom", samples.custom(samples.activity()), None),
    "custom mapped": ("custom", samples.custom(samples.crm_lead()), CRM),
}

hostile_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, -(2**63), 10**100, 10**4000])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "NaN", "1e999999", "-1", "refunded", "paid", "9999-12-31T23:59:59-14:00", "x" * 5000]
    )
    | st.sampled_from(
        ["{{time_ago}}", "<" * 3000, "&#x110000;&#0;", "\x07\u202e", "٣", "' OR 1=1"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def paths(document, here=()):
    """Where every value of a document is."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in items:
        yield (*here, name)
        if isinstance(value, (dict, list)):
            yield from paths(value, (*here, name))


def changed(document, path, value):
    document = deepcopy(document)
    holder = document
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return document


def outcome(kind, incoming, mapping=None):
    """Facts or the verdict; any other exception is the test's failure."""
    kind.delivery_key(incoming)
    kind.topic(incoming)
    try:
        facts = kind.read(incoming, mapping)
    except (Ignored, Unmapped) as verdict:
        assert verdict.reason and len(verdict.reason) < 600
        verdict.reason.encode("utf-8")
        return verdict
    assert facts and all(isinstance(fact, FACTS) for fact in facts)
    # What a database and a JSON answer must take.
    assert "\x00" not in repr(facts) and repr(facts).encode("utf-8")
    return facts


def seconds_to_read(kind, incoming):
    began = time.thread_time()
    with suppress(Ignored, Unmapped):
        kind.read(incoming)
    return time.thread_time() - began


@pytest.mark.parametrize("name", DELIVERIES)
def test_every_sample_reads_as_facts_before_it_is_changed(name):
    kind, incoming, mapping = DELIVERIES[name]
    assert isinstance(outcome(KINDS[kind], incoming, mapping), list)


@pytest.mark.parametrize("name", DELIVERIES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_sample_with_values_replaced_ends_in_facts_or_a_verdict(name, data):
    kind, incoming, mapping = DELIVERIES[name]
    document = json.loads(incoming.body)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(paths(document), key=repr)))
        document = changed(document, path, data.draw(hostile_values))
    outcome(KINDS[kind], Incoming(incoming.headers, json.dumps(document).encode()), mapping)


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_sample_with_any_one_value_replaced_ends_in_facts_or_a_verdict(name):
    kind, incoming, mapping = DELIVERIES[name]
    document = json.loads(incoming.body)
    for path in paths(document):
        for value in (None, True, -1, 10**400, 0.5, "", "x" * 3000, [], [[]], {}, {"id": []}):
            body = json.dumps(changed(document, path, value)).encode()
            outcome(KINDS[kind], Incoming(incoming.headers, body), mapping)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(body=st.binary(max_size=300) | hostile_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_at_all_end_in_a_verdict_or_facts(kind, body):
    topics = {"x-shopify-topic": "orders/paid", "x-wc-webhook-topic": "order.updated"}
    outcome(kind, Incoming(topics, body))
    with pytest.raises(Refused):
        kind.verify(Incoming(topics, body), ["secret"], samples.NOW)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["x-shopify-hmac-sha256", "x-shopify-topic", "x-shopify-webhook-id", "x-shopify-test"]
            + ["x-wc-webhook-signature", "x-wc-webhook-topic", "content-type", "stripe-signature"]
            + ["webhook-id", "webhook-timestamp", "webhook-signature", "x-signature"]
        ),
        st.text(max_size=40),
    )
)
def test_any_headers_at_all_end_in_a_refusal_or_the_ping(kind, headers):
    incoming = Incoming(headers, b'{"id": 1}')
    outcome(kind, incoming)
    assert 0 < len(kind.delivery_key(incoming)) <= 200
    with pytest.raises(Refused) as caught:
        kind.verify(incoming, ["secret"], samples.NOW)
    assert caught.value.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": [Infinity]}', "Infinity"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'{"a": [{"b": "\\ud800"}]}', "surrogate"),
        (b'{"a": "\\udc00\\ud800"}', "surrogate"),
        (b'{"a": "\x00"}', "not JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "100 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "100 levels"),
        (b'{"a": ' + b"[" * 500_000, "not JSON|100 levels"),
        (b"webhook_id=9", "not JSON"),
    ],
    ids=[f"body {n}" for n in range(22)],
)
def test_a_body_that_cannot_be_kept_as_json_is_not_mapped(body, reason):
    with pytest.raises(Unmapped, match=reason):
        parse_json(body)


def test_a_body_at_the_edge_of_what_is_allowed_is_read_exactly():
    assert parse_json(b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}")["a"]
    assert parse_json(b'{"id": 820982911946154508}') == {"id": 820982911946154508}
    assert parse_json(b'{"id": ' + b"9" * 400 + b"}") == {"id": 10**400 - 1}
    assert parse_json('{"a": "\\ud83d\\ude00 ü 😀"}'.encode()) == {"a": "😀 ü 😀"}
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [' + b"[]," * 349_000 + b"[]]}",
        b'{"a": "' + b'\\"' * 524_000 + b'"}',
        b'{"line_items": [' + b'{"title":"x"},' * 74_000 + b"{}]}",
        b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(70_000)) + b"}",
        b'{"a": ' + b"1" * 1_048_000 + b"}",
        b'{"a": "' + b"<" * 1_048_000 + b'"}',
        b"[" * 1_048_576,
    ],
    ids=["lists", "quotes", "items", "keys", "digits", "tags", "brackets"],
)
def test_a_megabyte_of_anything_is_settled_in_under_a_second_and_little_memory(body):
    incoming = Incoming(
        {"x-shopify-topic": "orders/paid", "x-wc-webhook-topic": "order.updated"}, body
    )
    for kind in KINDS.values():
        outcome(kind, incoming)
        # The quickest of three: processor time too grows when its caches are shared with others.
        assert min(seconds_to_read(kind, incoming) for _ in range(3)) < 1
    tracemalloc.start()
    outcome(KINDS["custom"], incoming)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120_000_000
