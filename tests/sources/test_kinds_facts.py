"""Facts clean themselves: money, texts, addresses, ids and times."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.facts import (
    AMOUNT_LIMIT,
    ActivityReported,
    FactError,
    Money,
    OrderCancelled,
    Person,
    Place,
    Product,
    activity_type,
    clean_data,
    clean_text,
    clean_url,
    exponent,
    identifier,
    optional_identifier,
    parse_epoch,
    parse_time,
    split_name,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("29.35", "USD", 2935),
        ("29.35", "usd", 2935),
        (" 29.3 ", "EUR", 2930),
        ("0", "EUR", 0),
        ("-0.00", "EUR", 0),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.235", "KWD", 1235),
        ("1.2345", "CLF", 12345),
        ("29.355", "USD", 2936),
        ("2.9E+1", "USD", 2900),
        (29, "USD", 2900),
        (29.35, "USD", 2935),
        (0.07, "USD", 7),
        (Decimal("29.35"), "USD", 2935),
        ("90071992547409.92", "USD", 2**53),
        ("1e-999999999", "USD", 0),
    ],
)
def test_a_decimal_amount_becomes_minor_units_of_its_currency(value, currency, amount):
    assert Money.parse(value, currency) == Money(amount, currency.upper())


@pytest.mark.parametrize(
    "value",
    ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "90071992547409.93", "9" * 70, "1_000"]
    + ["1,50", "€5", "", " ", "٣", "0x10", "-1", "-0.01", None, True, [], {}, b"1", 10**4000]
    + [float("nan"), float("inf"), Decimal("Infinity"), Decimal("1e400")],
)
def test_what_is_no_sane_amount_is_refused(value):
    with pytest.raises(FactError):
        Money.parse(value, "USD")


@pytest.mark.parametrize("currency", [None, "", "US", "USDT", "U$D", "ÜSD", 840, ["USD"]])
def test_what_is_no_currency_is_refused(currency):
    with pytest.raises(FactError, match="currency"):
        Money.parse("1", currency)


def test_a_negative_amount_is_read_only_where_it_has_a_meaning():
    assert Money.parse("-10.00", "EUR", negative=True) == Money(-1000, "EUR")
    with pytest.raises(FactError, match="negative"):
        Money.parse("-10.00", "EUR")


def test_an_amount_in_minor_units_must_be_whole():
    assert Money.minor(2935, "usd") == Money.minor("2935", "usd") == Money(2935, "USD")
    for value in (29.35, "29.35", -1, "many", 10**400):
        with pytest.raises(FactError):
            Money.minor(value, "USD")


@given(st.integers(-AMOUNT_LIMIT, AMOUNT_LIMIT), st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_money_written_as_decimal_text_reads_back_exactly(amount, currency):
    money = Money(amount, currency)
    assert Money.parse(str(money.decimal()), currency, negative=True) == money
    assert Money.minor(amount, currency, negative=True) == money
    assert -money.decimal().as_tuple().exponent <= exponent(currency)


def test_texts_are_trimmed_joined_to_one_line_and_freed_of_what_cannot_be_shown():
    assert clean_text("  Ana\n\tMaria\x00\x1b ") == "Ana Maria"
    assert clean_text("\u202eanA\u2066") == "anA"
    assert clean_text("half \ud83d a face") == "half a face"
    assert clean_text("e\u0301") == "é"
    assert clean_text("👩‍👧 می‌خواهم") == "👩‍👧 می‌خواهم"
    assert clean_text("x" * 500) == "x" * 200
    assert clean_text("\x00 \n") is None
    assert clean_text(5) is None


@given(anything)
def test_people_places_and_products_are_made_of_anything(value):
    person = Person(value, value, value, value)
    place = Place(value, value, value)
    product = Product(value, value, value)
    for text in (person.first_name, place.city, product.name, product.url, person.customer_id):
        assert text is None or (text and text == text.strip() and "\x00" not in text)
        assert text is None or text.encode("utf-8")
    assert place.country is None or (place.country.isascii() and len(place.country) == 2)


@given(anything)
def test_readers_of_anything_raise_nothing_but_a_fact_error(value):
    for read in (
        lambda: Money.parse(value, "USD"),
        lambda: Money.minor(value, value),
        lambda: identifier(value, "id"),
        lambda: activity_type(value),
        lambda: parse_time(value, "time"),
        lambda: parse_epoch(value, "time"),
        lambda: split_name(value),
        lambda: clean_data(value),
        lambda: clean_data({"a": value}),
    ):
        try:
            read()
        except FactError as error:
            assert str(error).isprintable() and len(str(error)) < 500


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://tea.example/p?a=1#b", True),
        ("http://tea.example:8080", True),
        ("HTTPS://TEA.example/ü", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//tea.example", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://tea.example:99999/", False),
        ("https://tea.example/\nx", False),
        ("https://tea.example/ x", False),
        ('https://tea.example/"onload=', False),
        ("https://bank.example@evil.example/", False),
        ("https://tea.example/" + "x" * 2000, False),
        ("ftp://tea.example", False),
        (None, False),
    ],
)
def test_only_plain_http_addresses_are_kept(url, kept):
    assert clean_url(url) == (url if kept else None)


def test_an_e_mail_address_has_the_shape_of_one_or_is_left_out():
    assert Person(email=" ana@example.com ").email == "ana@example.com"
    for email in ("ana", "a@b@c", "a b@example.com", "@", "x" * 250 + "@a.example", 5):
        assert Person(email=email).email is None


def test_an_id_is_exact_text_and_never_cut():
    assert identifier(820982911946154508, "id") == "820982911946154508"
    assert identifier(" A-1 ", "id") == "A-1"
    for value in (8.2e17, True, None, "", [], "x" * 201, 10**200):
        with pytest.raises(FactError, match="the order's id"):
            identifier(value, "order's id")


NO_CUSTOMER = (0, "0", "", None, [], 1.5, Decimal("sNaN"))


def test_no_customer_is_no_id():
    assert [optional_identifier(value) for value in NO_CUSTOMER] == [None] * 7
    assert optional_identifier(7) == "7"


def test_times_become_utc_and_those_of_no_time_are_refused():
    noon = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    for value in (
        "2026-05-04T12:00:00",
        "2026-05-04T14:00:00+02:00",
        "2026-05-04T12:00:00.000000000Z",
    ):
        assert parse_time(value, "time") == noon
        assert parse_time(value, "time").utcoffset() == timedelta(0)
    assert parse_epoch(1777896000, "time") == noon
    for value in ("1969-12-31", "2101-01-01", "24:00", "", "x" * 99, None, 5):
        with pytest.raises(FactError, match="the time"):
            parse_time(value, "time")
    for value in (0, -1, 10**12, float("nan"), True, "1777896000", None):
        with pytest.raises(FactError, match="the time"):
            parse_epoch(value, "time")


def test_data_keeps_plain_values_only_and_at_most_forty():
    assert clean_data(
        {"a": 1, "b": " x ", "c": True, "d": 0.5, "e": None, "f": [], "g": 2**60}
    ) == {
        "a": 1,
        "b": "x",
        "c": True,
        "d": 0.5,
    }
    assert len(clean_data({str(n): n for n in range(100)})) == 40
    assert clean_data(["a"]) == {}


def test_a_type_is_a_short_name_in_lower_case():
    assert ActivityReported("E-Book Download", "1").type == "e_book_download"
    for value in ("", "5 stars", "x" * 41, "日本", None):
        with pytest.raises(FactError, match="type of activity"):
            ActivityReported(value, "1")


def test_an_order_is_cancelled_for_a_known_reason():
    with pytest.raises(FactError, match="reason"):
        OrderCancelled("1", "bored")


def test_a_name_is_split_after_its_first_word():
    assert split_name(" Claire  Martin du Bois ") == ("Claire", "Martin du Bois")
    assert split_name("Claire") == ("Claire", None)
    assert split_name(None) == (None, None)
