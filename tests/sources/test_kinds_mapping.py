"""Mappings: what can be saved, and that no expression can cost more than its budget."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.mapping import TARGETS, MappingError, apply, validate


def test_a_good_mapping_is_saved_trimmed_and_without_its_empty_fields():
    written = {"type": " 'signup' ", "email": "contact.email || mail", "city": "", "region": "  "}
    assert validate(written) == {"type": "'signup'", "email": "contact.email || mail"}
    assert validate({}) == {}
    assert validate(dict.fromkeys(TARGETS, "a.b[0].c")) == dict.fromkeys(TARGETS, "a.b[0].c")


@pytest.mark.parametrize(
    ("mapping", "field", "message"),
    [
        ({"password": "a"}, "password", "not a field"),
        ({5: "a"}, "5", "not a field"),
        ({"type": "a..b"}, "type", "JMESPath"),
        ({"type": "a ||"}, "type", "JMESPath"),
        ({"type": "a[0"}, "type", "JMESPath"),
        ({"type": "a\x00b"}, "type", "printable"),
        ({"type": "'\udc80'"}, "type", "printable"),
        ({"type": 5}, "type", "text"),
        ({"type": None}, "type", "text"),
        ({"type": "a" * 501}, "type", "500"),
        ({"type": "(" * 249 + "a" + ")" * 249}, "type", "deep"),
        ({"type": "!" * 499 + "a"}, "type", "deep"),
        ({"type": "[" * 60 + "a" + "]" * 60}, "type", "deep"),
        (dict.fromkeys(map(str, range(41)), "a"), "", "40"),
        (["type"], "", "object"),
        (None, "", "object"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_by_field(mapping, field, message):
    with pytest.raises(MappingError, match=message) as caught:
        validate(mapping)
    assert caught.value.field == field


@given(
    st.dictionaries(
        st.sampled_from(TARGETS) | st.text(max_size=9),
        st.text(alphabet="ab.[]*?|&!'\"`(){}:,0123@<>= ", max_size=40) | st.none() | st.integers(),
        max_size=3,
    )
)
def test_no_mapping_raises_anything_but_a_mapping_error(mapping):
    try:
        saved = validate(mapping)
        apply(saved, {"a": [{"b": 1}, {"b": "x"}], "b": {"a": None}})
    except MappingError as error:
        assert error.message


def test_what_is_not_there_is_none():
    assert apply({"city": "a.b[3].c", "type": "'x'"}, {"a": 5}) == {"city": None, "type": "x"}


@pytest.mark.parametrize(
    "expression",
    [
        "|".join(["[@,@][]"] * 30),
        "|".join(["[@,@]"] * 30) + "|to_string(@)",
        "|".join(["[@,@]"] * 30) + "|length([to_string(@)][])",
        "|".join(["join('',[to_string(@),to_string(@)])"] * 12),
        "[" + "|".join(["[@,@]"] * 30) + "," + "|".join(["[@,@]"] * 29) + "]|[0]==[1]",
        "|".join(["[@,@]"] * 25) + "|[*]" + "[*]" * 25,
        "a[*].length(to_string(@)) | ["
        + ",".join(["[@,@][]"] * 3)
        + "] | "
        + "[@,@][]|" * 20
        + "@",
    ],
)
def test_an_expression_that_multiplies_runs_out_of_its_budget_at_once(expression):
    mapping = validate({"first_name": expression})
    began = time.thread_time()
    with pytest.raises(MappingError, match="costs too much"):
        apply(mapping, {"a": ["x" * 100] * 200})
    assert time.thread_time() - began < 2


def test_an_honest_mapping_of_a_large_delivery_stays_within_its_budget():
    document = {"rows": [{"n": n, "name": f"row {n}"} for n in range(20_000)]}
    assert apply({"first_name": "rows[-1].name", "data": "{count: length(rows)}"}, document) == {
        "first_name": "row 19999",
        "data": {"count": 20_000},
    }
