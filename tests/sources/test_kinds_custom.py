"""Custom deliveries: two ways to sign, the default fields, and mappings."""

from datetime import UTC, datetime, timedelta

import pytest

from app.sources.facts import (
    ActivityReported,
    ActivityWithdrawn,
    Money,
    Person,
    Place,
    Product,
)
from app.sources.kinds import KINDS
from app.sources.kinds.base import Ignored, Incoming, Refused, SampleOrder, Unmapped
from tests.sources.samples import (
    CUSTOM_SECRET,
    NOW,
    SECRET,
    activity,
    crm_lead,
    custom,
    custom_plain,
    hex_hmac,
)

KIND = KINDS["custom"]

CRM = {
    "type": "'purchase'",
    "event": "event",
    "external_id": "deal.uuid",
    "occurred_at": "deal.when",
    "first_name": "buyer.names[0]",
    "last_name": "join(' ', buyer.names[1:])",
    "email": "buyer.mail",
    "city": "where.town",
    "country": "where.country",
    "product_name": "deal.items[0].title",
    "product_url": "deal.items[0].link",
    "amount": "deal.price",
    "currency": "deal.unit",
}


def read(mapping=None, **changes):
    return KIND.read(custom(activity(**changes)), mapping)


def test_the_shape_of_the_api_is_read_without_a_mapping():
    assert read() == [
        ActivityReported(
            type="signup",
            external_id="user-81",
            occurred_at=datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
            person=Person("Noor", "Haddad", "noor@example.com"),
            place=Place("Utrecht", "Utrecht", "NL"),
            product=Product(
                "Newsletter", "https://tea.example/news", "https://tea.example/news.png"
            ),
            value=Money(1250, "EUR"),
            data={"plan": "free", "seats": 3, "rating": 4},
        )
    ]


def test_the_same_names_at_the_top_are_read_too():
    flat = {
        "type": "Donation",
        "external_id": 81,
        "occurred_at": 1777888800,
        "first_name": "Noor",
        "customer_id": 7,
        "city": "Utrecht",
        "country": "NL",
        "product_name": "Wells",
        "amount": "12.50",
        "currency": "eur",
    }
    assert KIND.read(custom(flat)) == [
        ActivityReported(
            type="donation",
            external_id="81",
            occurred_at=datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
            person=Person("Noor", customer_id="7"),
            place=Place("Utrecht", None, "NL"),
            product=Product("Wells"),
            value=Money(1250, "EUR"),
        )
    ]


def test_a_mapping_reads_a_body_of_somebody_s_own_shape():
    assert KIND.read(custom(crm_lead()), CRM) == [
        ActivityReported(
            type="purchase",
            external_id="d-9",
            occurred_at=datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
            person=Person("Ada", "Byron", "ada@example.com"),
            place=Place("Bath", None, "GB"),
            product=Product("Teapot", "https://tea.example/pot"),
            value=Money(12050, "GBP"),
        )
    ]


def test_what_a_mapping_does_not_name_is_looked_for_under_its_own_name():
    [fact] = read({"first_name": "person.last_name"})
    assert fact.person.first_name == "Haddad" and fact.person.email == "noor@example.com"


def test_a_mapped_amount_replaces_the_amounts_found_by_name():
    [fact] = read({"amount": "price"}, price="3.20")
    assert fact.value == Money(320, "EUR")
    [fact] = read({"amount_minor": "cents"}, cents=320, amount="99")
    assert fact.value == Money(320, "EUR")


def test_an_amount_without_a_currency_says_nothing():
    assert read(value=None, amount="12.00")[0].value is None


@pytest.mark.parametrize(
    "status", ["refunded", "Cancelled", "canceled", "deleted", "order.refunded"]
)
def test_a_status_or_event_that_undoes_withdraws_the_activity(status):
    assert read(status=status) == [ActivityWithdrawn("signup", "user-81")]
    assert read(event=status) == [ActivityWithdrawn("signup", "user-81")]


def test_a_partial_refund_withdraws_nothing():
    assert isinstance(read(status="partially_refunded")[0], ActivityReported)


@pytest.mark.parametrize("status", ["pending", "unpaid", "failed", "draft", "on-hold"])
def test_what_has_not_happened_yet_is_ignored(status):
    with pytest.raises(Ignored, match=status):
        read(status=status)


def test_a_withdrawal_must_name_what_it_withdraws():
    with pytest.raises(Unmapped, match="external_id"):
        read(status="refunded", external_id=None)


def test_without_an_id_the_delivery_itself_is_the_fact_s_name():
    assert read(external_id=None)[0].external_id == "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"
    first, same, other = (
        KIND.read(custom_plain(activity(external_id=None, rating=stars)))[0].external_id
        for stars in (1, 1, 2)
    )
    assert first == same != other


def test_without_a_time_the_signed_time_of_sending_holds():
    assert read(occurred_at=None)[0].occurred_at == NOW
    unsigned = custom_plain(activity(occurred_at=None))
    forged = Incoming(unsigned.headers | {"webhook-timestamp": "1000000000"}, unsigned.body)
    assert KIND.read(forged)[0].occurred_at is None


@pytest.mark.parametrize(
    "when",
    ["2026-05-04T12:00:00+02:00", "2026-05-04T10:00Z", 1777888800, 1777888800.0, 1777888800000],
)
def test_times_are_iso_or_unix_seconds_or_milliseconds(when):
    assert read(occurred_at=when)[0].occurred_at == datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def test_without_a_type_it_says_how_to_map_one():
    with pytest.raises(Unmapped, match="'purchase'"):
        read(type=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ["signup"]},
        {"type": "!!!"},
        {"type": "x" * 41},
        {"type": 5},
        {"external_id": {"a": 1}},
        {"external_id": 1.5},
        {"external_id": "x" * 201},
        {"occurred_at": "tomorrow"},
        {"occurred_at": True},
        {"occurred_at": [1]},
        {"occurred_at": 10**300},
        {"occurred_at": "1970-01-01T00:00:00Z"},
        {"value": {"amount": 12.5, "currency": "EUR"}},
        {"value": {"amount": "many", "currency": "EUR"}},
        {"value": {"amount": -1, "currency": "EUR"}},
        {"value": {"amount": 1, "currency": "E"}},
        {"rating": "many"},
        {"rating": -1},
        {"rating": [5]},
    ],
)
def test_malformed_essentials_are_not_mapped(changes):
    with pytest.raises(Unmapped):
        read(**changes)


@pytest.mark.parametrize(
    "expression",
    [
        "floor(to_number('inf'))",
        "type < `5` && sum(data)",
        "person[::0]",
        "abs(type)",
        "data[?a < 'b']",
    ],
)
def test_an_expression_that_fails_is_not_mapped_or_finds_nothing(expression):
    try:
        read({"first_name": expression})
    except Unmapped as error:
        assert "first_name" in error.reason


def test_standard_webhooks_signatures_are_checked_with_their_time():
    incoming = custom(activity())
    KIND.verify(incoming, [CUSTOM_SECRET], NOW)
    KIND.verify(incoming, [KIND.new_secret(), CUSTOM_SECRET], NOW)
    for later in (timedelta(seconds=301), timedelta(seconds=-301)):
        with pytest.raises(Refused, match="five minutes"):
            KIND.verify(incoming, [CUSTOM_SECRET], NOW + later)
    with pytest.raises(Refused, match="does not fit"):
        KIND.verify(Incoming(incoming.headers, incoming.body + b" "), [CUSTOM_SECRET], NOW)
    with pytest.raises(Refused, match="base64"):
        KIND.verify(incoming, ["a plain secret!"], NOW)


def test_a_plain_signature_is_checked_with_the_secret_as_text():
    incoming = custom_plain(activity())
    KIND.verify(incoming, [SECRET], NOW)
    assert KIND.read(incoming) == KIND.read(custom(activity()))
    upper = Incoming({"x-signature": "SHA256=" + hex_hmac(incoming.body).upper()}, incoming.body)
    KIND.verify(upper, [SECRET], NOW)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "neither"),
        ({"x-signature": ""}, "neither"),
        ({"x-signature": "sha1=00"}, "sha256="),
        ({"x-signature": "00"}, "sha256="),
        ({"x-signature": "sha256="}, "missing"),
        ({"x-signature": "sha256=00"}, "does not fit"),
        ({"webhook-id": "msg_1"}, "webhook-timestamp is missing"),
        ({"webhook-id": "msg_1", "x-signature": "sha256=" + hex_hmac(b"{}")}, "missing"),
    ],
)
def test_other_signatures_are_refused(headers, reason):
    with pytest.raises(Refused, match=reason):
        KIND.verify(Incoming(headers, b"{}"), [SECRET], NOW)


def test_a_delivery_is_known_by_its_webhook_id_or_its_body():
    assert KIND.delivery_key(custom(activity())) == "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"
    plain = custom_plain(activity())
    assert KIND.delivery_key(plain) == KIND.delivery_key(custom_plain(activity()))
    assert len(KIND.delivery_key(plain)) == 64
    assert KIND.topic(custom(crm_lead())) == "deal.won" and KIND.topic(plain) == "signup"


def test_a_sample_is_signed_and_reads_as_what_it_was_made_of():
    order = SampleOrder(
        id="1042",
        person=Person("Noor", "Haddad", "noor@example.com"),
        place=Place("Utrecht", None, "NL"),
        product=Product("Teapot", "https://tea.example/pot"),
        price=Money(3990, "EUR"),
        at=NOW,
    )
    secret = KIND.new_secret()
    paid, refunded = (KIND.sample(event, order, secret) for event in ("paid", "refunded"))
    KIND.verify(paid, [secret], NOW)
    assert KIND.read(paid) == [
        ActivityReported(
            "purchase", "1042", NOW, order.person, order.place, order.product, order.price
        )
    ]
    assert KIND.read(refunded) == [ActivityWithdrawn("purchase", "1042")]
