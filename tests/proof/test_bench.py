"""The test bench: what a payload would become is told field by field, and nothing is stored."""

from __future__ import annotations

import json
import time

import pytest

from app.core.db import db
from app.proof.models import Activity
from app.sources.models import InboundDelivery, Source
from tests.shops import shopify, shopify_order

COURSE = {"no": 7, "student": {"given": "Ben"}, "course": {"title": "Tea basics"}}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice(acme, sign_in):
    return sign_in("alice@acme.example")


@pytest.fixture
def courses(client, acme):
    body = {"site_id": str(acme.site_id), "kind": "custom", "name": "Courses"}
    return client.post("/api/v1/sources", headers=acme.bearer, json=body).json["id"]


@pytest.fixture
def attempt(alice, acme, courses):
    """Type into the bench, as its script does, and read the answer."""
    token = alice.token("/sign-in")

    def send(payload, source=courses, **mapping):
        form = {f"map_{name}": text for name, text in mapping.items()}
        text = payload if isinstance(payload, str) else json.dumps(payload)
        answer = alice.client.post(
            f"/o/{acme.slug}/sources/{source}/bench",
            data={**form, "payload": text, "csrf_token": token},
            headers=HTMX,
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    return send


@pytest.fixture
def rows(acme, inside):
    """How much Acme has."""

    def count():
        with inside(acme):
            tables = (Activity, InboundDelivery, Source)
            return [db.session.query(table).count() for table in tables]

    return count


def test_each_field_tells_what_it_finds_and_the_sentence_is_made(
    client, acme, attempt, courses, rows
):
    campaign = {
        "site_id": str(acme.site_id),
        "name": "Joined",
        "format": "recent_activity",
        "content": {"template": "{{first_name}} joined {{product}}", "types": ["signup"]},
        "status": "published",
    }
    client.post("/api/v1/campaigns", headers=acme.bearer, json=campaign)
    before = rows()
    text = attempt(
        COURSE,
        type="'signup'",
        external_id="no",
        first_name="student.given",
        product_name="course.title",
    )
    assert "It would be accepted" in text and "Ben joined Tea basics" in text
    for name, value in (
        ("first_name", "Ben"),
        ("product_name", "Tea basics"),
        ("external_id", "7"),
    ):
        cell = text.split(f'id="found-{name}"')[1].split("</output>")[0]
        assert value in cell and "hx-swap-oob" in cell
    assert rows() == before


def test_a_problem_stands_at_its_field_and_does_not_hide_the_others(attempt):
    text = attempt(COURSE, type="'signup'", city="a[", first_name="student.given")
    city = text.split('id="found-city"')[1].split("</output>")[0]
    first = text.split('id="found-first_name"')[1].split("</output>")[0]
    assert "This is not JMESPath" in city and "Ben" in first
    assert "It would not be understood" in text


def test_a_shop_tells_which_facts_a_payload_gives(attempt, acme):
    text = attempt(shopify_order(5001), source=acme.source_id)
    # Its topic stands in a header, which a pasted payload lacks.
    assert "It would" in text and "found-type" not in text


def test_a_past_delivery_is_tried_with_its_headers(client, acme, alice, work):
    client.post(f"/hooks/{acme.source_id}", **shopify(acme.secret, "orders/paid", shopify_order()))
    work()
    delivery = client.get("/api/v1/inbound-deliveries", headers=acme.bearer).json["data"][0]
    page = alice.get(
        f"/o/{acme.slug}/sources/{acme.source_id}/bench?delivery={delivery['id']}"
    ).text
    assert "An order was paid" in page and "14.90 EUR" in page
    assert "Ada" in page and "bought Darjeeling" in page


def test_the_mapping_is_saved_from_the_bench(acme, alice, courses, inside):
    path = f"/o/{acme.slug}/sources/{courses}/bench/mapping"
    bad = alice.post(path, {"map_type": "a["})
    assert (
        bad.status_code == 422 and "This is not JMESPath" in bad.text and 'value="a["' in bad.text
    )
    assert alice.post(path, {"map_type": "'signup'", "map_city": " "}).status_code == 302
    with inside(acme):
        assert db.session.query(Source).filter_by(kind="custom").one().mapping == {
            "type": "'signup'"
        }


@pytest.mark.parametrize(
    "payload",
    [
        "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, '{"a": NaN}', "{{7*7}}", "<script>alert(1)",
        '{"type": "<script>alert(1)</script>", "product_name": "{{7*7}}"}', "\ud7ff", "null", "[]",
        '{"a": "' + "x" * 1_000_000 + '"}', '{"type": "\\u0000"}', '{"hx-get": "/evil"}',
    ],
)  # fmt: skip
def test_a_hostile_payload_is_answered_soon_and_stays_text(attempt, payload):
    started = time.monotonic()
    text = attempt(payload, type="type", data="@")
    assert time.monotonic() - started < 5
    assert "<script>alert" not in text and "49" not in text.replace("49px", "")
    assert text.count("It would") == 1


@pytest.mark.parametrize(
    "expression",
    [
        "[" * 400, "a." * 200 + "b", "a" * 501, "{a: @, b: {a: @, b: {a: @, b: @}}}",
        "map(&map(&map(&map(&@, $), $), $), $)", "rows[].rows[].rows[].rows[]",
        "rows[*].[rows[*].[rows[*].[@]]]", "sort_by(rows, &to_string(@))", "`{\"a\": 1e999}`",
        "join('', rows[*].to_string(@))", "@", "<script>", "nonsense(@)", "rows[::0]",
    ],
)  # fmt: skip
def test_a_costly_expression_is_bounded(attempt, expression):
    row = {"a": "x" * 50}
    document = {"rows": [{**row, "rows": [row] * 40} for _ in range(250)]}
    started = time.monotonic()
    fields = ("type", "first_name", "last_name", "city", "region", "product_name", "data", "email")
    text = attempt(document, **dict.fromkeys(fields, expression))
    # A second where nothing else runs; without a budget it would not end.
    assert time.monotonic() - started < 12
    assert "<script>" not in text


def test_without_script_the_page_comes_back_whole(alice, acme, courses):
    form = {
        "payload": json.dumps(COURSE),
        "map_type": "'signup'",
        "map_first_name": "student.given",
    }
    answer = alice.post(f"/o/{acme.slug}/sources/{courses}/bench", form)
    assert answer.status_code == 200 and "<html" in answer.text
    assert "It would be accepted" in answer.text and "student.given" in answer.text


def test_a_built_in_source_has_no_bench(alice, acme, inside):
    with inside(acme):
        manual = db.session.query(Source).filter_by(kind="manual").one().id
        assert db.session.query(InboundDelivery).count() == 0
    assert alice.get(f"/o/{acme.slug}/sources/{manual}/bench").status_code == 404


def test_in_a_browser_each_keystroke_shows_what_is_found(program, browser, acme, courses):
    page = browser.new_context().new_page()
    page.goto(f"{program.url}/sign-in")
    page.get_by_label("E-mail").fill("alice@acme.example")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{program.url}/o/{acme.slug}/sources/{courses}/bench")
    page.get_by_label("JSON").fill(json.dumps(COURSE))
    page.get_by_label("type", exact=True).fill("'signup'")
    field = page.get_by_label("first_name", exact=True)
    field.press_sequentially("student.given")
    page.locator("#found-first_name", has_text="Ben").wait_for()
    assert field.input_value() == "student.given"
    page.get_by_text("It would be accepted").wait_for()
    field.press("Backspace")
    page.locator("#found-first_name", has_text="nothing").wait_for()
    field.press_sequentially("[")
    page.locator("#found-first_name", has_text="This is not JMESPath").wait_for()
    page.context.close()
