"""Wording: what may be typed, and what comes out for which values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import countries
from app.proof import wording
from app.proof.wording import (
    MESSAGE_LIMIT,
    TIME_AGO,
    VARIABLES,
    WordingError,
    parse,
)

CLASSIC = "{{first_name}} from {{city}} bought {{product}} {{time_ago}}"

# What a widget that forgives spaces and case would take for the marker.
MARKER = re.compile(r"\{\{\s*time_ago\s*(\|[^{}]*)?\}\}", re.IGNORECASE)


def render(template, **values):
    return parse(template).render(values)


def test_a_template_is_filled_with_its_values():
    values = {"first_name": "Mira", "place": "Lyon", "product": "Kettle"}
    assert render(CLASSIC, **values) == "Mira from Lyon bought Kettle {{time_ago}}"
    assert render("{{ first_name }} ★ {{rating}}", first_name="Mira", rating=5) == "Mira ★ 5"
    assert parse(CLASSIC).variables == {"first_name", "city", "product", "time_ago"}


def test_nothing_known_still_makes_a_sentence():
    assert render(CLASSIC) == "Someone bought something {{time_ago}}"
    assert (
        render("{{first_name}} from {{city}} bought {{product}}", product="X") == "Someone bought X"
    )


def test_someone_is_written_small_within_a_sentence():
    assert render("Bought by {{first_name}}") == "Bought by someone"
    assert render("“{{product}}” for {{first_name}}") == "“Something” for someone"


def test_a_fallback_stands_in_for_what_is_missing():
    template = "{{first_name|A neighbour}} from {{city|around here}} bought {{product| a gift }}"
    assert render(template) == "A neighbour from around here bought a gift"
    assert render(template, first_name=" ", city="\x00", product=None).startswith("A neighbour")
    assert (
        render(template, first_name="Mira", city="Lyon", product="Cup")
        == "Mira from Lyon bought Cup"
    )


def test_the_city_is_the_smallest_place_that_may_be_named():
    assert render("In {{city}}", place="Bavaria") == "In Bavaria"
    assert render("In {{city}}", city="Munich", place="Bavaria") == "In Munich"
    assert render("{{first_name}} in {{place}}", city="Munich") == "Someone"


def test_a_place_is_not_said_twice():
    template = "{{first_name}} from {{city}}, {{country}} bought {{product}}"
    assert (
        render(template, place="France", country="France") == "Someone from France bought something"
    )
    assert (
        render(template, city="Lyon", country="France")
        == "Someone from Lyon, France bought something"
    )
    assert render(template, city="Lyon") == "Someone from Lyon bought something"
    assert render(template) == "Someone bought something"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{first_name}} aus {{city}} hat {{product}} gekauft", "Someone hat something gekauft"),
        ("{{first_name}} de {{city}} a acheté {{product}}", "Someone a acheté something"),
        ("{{first_name}} a acheté {{product}} à {{city}} !", "Someone a acheté something !"),
        ("{{first_name}} d'{{city}} a réservé", "Someone a réservé"),
        ("{{first_name}} d’{{city}} a réservé", "Someone a réservé"),
        ("{{first_name}} en {{city}} compró {{product}}", "Someone compró something"),
        ("{{first_name}} från {{city}} köpte {{product}}", "Someone köpte something"),
        ("{{first_name}} z {{city}} kupuje {{product}}", "Someone kupuje something"),
        ("{{first_name}} near {{city}} signed up", "Someone signed up"),
        ("{{first_name}} bought {{product}} in {{city}}.", "Someone bought something."),
        ("{{first_name}} bought {{product}}, {{city}}!", "Someone bought something!"),
        ("{{first_name}} ({{city}}) bought {{product}}", "Someone bought something"),
        ("{{first_name}} (from {{city}}) bought", "Someone bought"),
        ("From {{city}}: {{first_name}} bought {{product}}", "Someone bought something"),
        ("{{city}} – {{first_name}} signed up", "Someone signed up"),
        ("{{first_name}} signed up – {{city}}", "Someone signed up"),
        ("{{first_name}}   from   {{city}}   signed up", "Someone signed up"),
        ("{{first_name}} in {{city}} {{country}} {{time_ago}}", "Someone {{time_ago}}"),
        ("{{first_name}} {{city}} {{time_ago}}", "Someone {{time_ago}}"),
        ("{{first_name}} {{region}}{{product}}", "Someone something"),
        ("{{city}}", ""),
        ("Raising {{product}} sin{{city}}", "Raising something sin"),
        ("{{first_name}} won’t wait in {{city}} any longer", "Someone won’t wait any longer"),
    ],
)
def test_what_is_missing_vanishes_with_the_word_that_led_to_it(template, message):
    assert render(template) == message


def test_only_what_belongs_to_a_gap_vanishes():
    assert render("{{first_name}} is in: {{product}}!") == "Someone is in: something!"
    assert render("- {{first_name}} -", first_name="Mira") == "- Mira -"
    assert render("{{first_name}} bought {{product}} in {{city}}", product="a case in") == (
        "Someone bought a case in"
    )


def test_a_value_is_never_read_as_a_template():
    for hostile in ("{{7*7}}", "{{first_name}}", "{{product|x}}", "%s {0} ${x} <b>"):
        assert render("{{product}}", first_name="Mira", product=hostile) == hostile


def test_only_the_template_s_own_marker_comes_out_as_one():
    for hostile in (
        TIME_AGO,
        "{{ time_ago }}",
        "{{TIME_AGO}}",
        "{{{{time_ago}}}}",
        "{\x00{time_ago}}",
    ):
        message = render("{{first_name}} {{time_ago}}", first_name=hostile)
        assert len(MARKER.findall(message)) == 1 and message.endswith(" {{time_ago}}")
        assert not MARKER.search(render("{{first_name}}", first_name=hostile))


def test_two_values_and_the_text_between_cannot_make_a_marker_together():
    assert not MARKER.search(
        render("{{first_name}}{{product}}", first_name="{{time_", product="ago}}")
    )
    assert not MARKER.search(render("{ {{product}}", product="{time_ago}}"))
    assert not MARKER.search(render("{{{product}}", product="{time_ago}}"))


def test_a_message_is_one_plain_line_and_never_endless():
    assert render("{{product}}", product="a\n\tb\x1b\u202ec\u2028d") == "a b c d"
    long = render("{{product}} " * 20 + TIME_AGO, product="x" * 5000)
    assert len(long) == MESSAGE_LIMIT and long.endswith("…")


def test_a_marker_is_never_cut_in_two():
    for length in range(80, 125):
        message = render(
            "{{product}}" * 4 + "{{type}} {{time_ago}} ok", product="x" * 119, type="y" * length
        )
        assert message.count("{{") == message.count("}}") <= 1
        assert len(message) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    "typed",
    ["7", "٧", "७", "７", "²", "½", "Ⅳ", "①", "〇", "㋀", "㏠", "🄁", "🔟", "💯", "1️⃣", "𝟗"],
)
def test_no_number_of_any_script_can_be_typed_into_proof(typed):
    for template in (f"{typed} people bought {{{{product}}}}", f"{{{{product|{typed} mugs}}}}"):
        with pytest.raises(WordingError, match="counted, not typed"):
            parse(template)
    assert parse(f"{typed} days left", proof=False).render({}).endswith("days left")


def test_a_number_may_come_from_a_value():
    assert render("{{product}} ★ {{rating}}", product="7-Up", rating="4.5") == "7-Up ★ 4.5"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (None, "empty"),
        ("x" * 301, "300"),
        ("{{product|" + "x" * 81 + "}}", "80"),
        ("{{random}}", "no variable {{random}}"),
        ("{{имя}}", "no variable"),
        ("{{FIRST_NAME}}", "no variable"),
        ("{{first_name", "written"),
        ("first_name}}", "written"),
        ("{{}}", "written"),
        ("{{first name}}", "written"),
        ("{{product|{{city}}}}", "written"),
        ("{{7*7}}", "written"),
    ],
)
def test_a_template_that_cannot_be_used_says_why(template, message):
    with pytest.raises(WordingError) as caught:
        parse(template)
    assert message in caught.value.message


def test_an_unknown_variable_s_error_names_all_that_are_known():
    with pytest.raises(WordingError) as caught:
        parse("{{random}}")
    assert all(f"{{{{{name}}}}}" in caught.value.message for name in VARIABLES)


def test_a_format_may_have_variables_of_its_own():
    wording = parse("{{count}} people are here", variables=("count",))
    assert wording.render({"count": 3}) == "3 people are here"


parts = st.sampled_from(["{{%s}}" % name for name in VARIABLES]) | st.sampled_from(  # noqa: UP031
    [
        "{{product|x}}",
        " from ",
        " in ",
        ", ",
        "(",
        ")",
        " ",
        "{",
        "}",
        "d'",
        "bought",
        "!",
        "“",
        "”",
    ]
)


@given(
    st.lists(parts, min_size=1, max_size=9).map("".join),
    st.dictionaries(
        st.sampled_from(VARIABLES),
        st.text(max_size=30)
        | st.integers()
        | st.none()
        | st.lists(st.sampled_from(["{", "}", "{{", "time_ago", " ", "|", "x"])).map("".join),
    ),
)
def test_any_template_and_values_make_one_line_with_the_markers_of_the_template(template, values):
    try:
        wording = parse(template)
    except WordingError:
        return
    message = wording.render(values)
    own = sum(1 for part in wording.parts if getattr(part, "name", "") == "time_ago")
    assert len(MARKER.findall(message)) == own
    assert len(message) <= MESSAGE_LIMIT and message == message.strip()
    assert not re.search(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]", message)


@given(st.text())
def test_any_text_at_all_is_a_template_or_an_error(template):
    try:
        parse(template).render({})
    except WordingError as error:
        assert error.message


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "Someone from Germany bought something"),
        ("de", "Jemand aus Deutschland kaufte etwas"),
        ("fr", "Quelqu’un d’Allemagne"),
        ("pt-BR", "Alguém: Alemanha"),
        ("no", "Noen: Tyskland"),
        ("ja", "どなたか: ドイツ"),
        ("ar", "شخص ما: ألمانيا"),
        ("he", "מישהו: גרמניה"),
        ("xx", "Someone: Germany"),
    ],
)
def test_what_is_not_named_is_said_in_the_language(language, message):
    templates = {
        "en": "{{first_name}} from {{city}} bought {{product}}",
        "de": "{{first_name}} aus {{city}} kaufte {{product}}",
        "fr": "{{first_name}} d’{{city}}",
    }
    template = templates.get(language, "{{first_name}}: {{place}}")
    values = {"first_name": "", "city": "", "country_code": "DE", "product": ""}
    assert wording.render(template, values, language) == message


def test_every_language_has_its_words_and_countries():
    for language in countries.LANGUAGES:
        assert set(wording.DEFAULTS[language]) == {"first_name", "product"}
        names = {countries.country_name(code, language) for code in ("DE", "FR", "JP", "PL")}
        assert len(names) == 4 and all(names), language
    assert set(wording.DEFAULTS) == countries.LANGUAGES
