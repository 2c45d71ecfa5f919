"""The builder over HTTP: what is typed is checked and drawn, and kept only when it is saved."""

from __future__ import annotations

import html
import json
import re

import pytest

from app.accounts.permissions import Role
from app.campaigns.formats import FORMATS
from app.chat.models import ChatSettings
from app.core.db import db
from app.embed import published
from app.sites.models import Site

FIELD_ERROR = 'id="{}-error"'


@pytest.fixture
def switch_chat(acme, inside):
    def switch(on, **values):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            ChatSettings.of(site.id).change(site, on=on, **values)
            db.session.commit()
        published.forget("", None)

    return switch


def draft(answer):
    """What the answer hands to the frames; None if nothing can be drawn."""
    found = re.search(r'data-draft="([^"]*)"', answer.text)
    return json.loads(html.unescape(html.unescape(found[1]))) if found else None


def test_each_format_can_be_chosen_and_is_a_draft_that_could_be_published(
    acme, sign_in, client, switch_chat
):
    alice = sign_in("alice@acme.example")
    switch_chat(True)
    chosen = alice.get(f"/o/{acme.slug}/campaigns/new").text
    for name in FORMATS:
        assert f'value="{name}"' in chosen
        form = {"site": str(acme.site_id), "format": name}
        made = alice.post(f"/o/{acme.slug}/campaigns", form)
        assert made.status_code == 302, name
        page = alice.get(made.headers["Location"])
        assert page.status_code == 200 and draft(page), name
        published = alice.post(f"{made.headers['Location']}/publication")
        assert published.status_code == 302, name
    config = client.get(f"/widget/v1/config/{acme.site_key}").json
    assert [each["format"] for each in config["campaigns"]] == list(FORMATS)


def test_what_speaks_in_the_chat_is_offered_and_seen_only_where_there_is_one(
    acme, sign_in, client, switch_chat
):
    alice = sign_in("alice@acme.example")
    assert 'value="chat_message"' not in alice.get(f"/o/{acme.slug}/campaigns/new").text
    switch_chat(True, position="bottom-left")
    assert 'value="chat_message"' in alice.get(f"/o/{acme.slug}/campaigns/new").text
    form = {"site": str(acme.site_id), "format": "chat_message"}
    page = alice.post(f"/o/{acme.slug}/campaigns", form).headers["Location"]
    alice.post(f"{page}/publication")
    assert "Nobody sees this yet" not in alice.get(page).text
    [shown] = client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"]
    assert (shown["renderer"], shown["position"]) == ("bubble", "bottom-left")
    switch_chat(False)
    assert client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"] == []
    assert "Nobody sees this yet" in alice.get(page).text


def test_what_is_typed_is_drawn_with_the_sites_own_rows_and_not_kept(build, report):
    report("purchase", first_name="Ada", product="Gyokuro")
    builder = build("recent_activity")
    answer = builder.send("/preview", template="{{first_name}} chose {{product}}", accent="#B91C1C")
    assert answer.status_code == 200
    drawn = draft(answer)
    assert drawn["items"][0]["message"] == "Ada chose Gyokuro"
    assert drawn["config"]["campaigns"][0]["accent"] == "#b91c1c"
    assert drawn["config"]["mode"] == "preview"
    assert "Reads now" in answer.text and "Ada chose Gyokuro" in answer.text
    assert (
        builder.kept()["content"]["template"] == "{{first_name}} from {{city}} bought {{product}}"
    )


def test_a_viewer_sees_an_example_and_no_person(build, report, join, sign_in):
    report("purchase", first_name="Zebedee", product="Gyokuro")
    builder = build("recent_activity")
    join("vera@acme.example", Role.VIEWER)
    page = sign_in("vera@acme.example").get(builder.page)
    assert draft(page)["items"][0]["message"] == "‹first name› from ‹city› bought ‹product›"
    assert "Zebedee" not in page.text and "Zebedee" in builder.alice.get(builder.page).text


def test_without_rows_the_variables_say_their_names(build):
    answer = build("recent_activity").send("/preview", template="{{first_name}} chose {{product}}")
    assert draft(answer)["items"][0]["message"] == "‹first name› chose ‹product›"
    assert "Reads now" not in answer.text


def test_a_counted_sentence_is_counted_for_the_builder_too(build, report):
    for name in ("Ada", "Ben", "Ada"):
        report("purchase", first_name=name)
    builder = build("period_count", template="{{count}} orders in the last {{period}}", minimum=3)
    drawn = draft(builder.send("/preview"))
    assert drawn["summaries"][0]["message"] == "3 orders in the last 24 hours"
    below = draft(builder.send("/preview", minimum="4"))
    assert below["summaries"][0]["message"] == "‹count› orders in the last ‹period›"


@pytest.mark.parametrize(
    ("format_name", "field", "typed", "said"),
    [
        (
            "recent_activity",
            "template",
            "12 people bought {{product}}",
            "Numbers in proof are counted",
        ),
        ("recent_activity", "template", "a" * 10_000, "At most 300 characters."),
        ("recent_activity", "template", "{{nonsense}}", "There is no variable"),
        ("recent_activity", "template", " ", "This is needed."),
        ("recent_activity", "accent", "blue", "A colour looks like #2563eb."),
        ("recent_activity", "background", "#12", "A colour looks like #2563eb."),
        ("recent_activity", "delay", "soon", "This is not a number."),
        ("recent_activity", "delay", "3601", "At most 3600."),
        ("recent_activity", "scroll", "0", "At least 1."),
        ("recent_activity", "per_day", "1.5", "This is not a number."),
        ("recent_activity", "include", "https://shop.example/a*", "Write it without https://"),
        ("period_count", "minimum", "0", "At least 1."),
        ("notice", "message", "", "This is needed."),
        ("notice", "message", "a" * 301, "At most 300 characters."),
        ("notice", "link_url", "javascript:alert(1)", "A link starts with https://"),
        ("notice", "custom", "a b=c", "A parameter&#39;s name has"),
        ("notice", "name", " ", "Give the campaign a name."),
    ],
)
def test_a_problem_is_told_at_its_field_and_what_was_typed_stays(
    build, format_name, field, typed, said
):
    examples = FORMATS[format_name].example
    builder = build(format_name, **examples)
    before = builder.kept()
    for path in ("/preview", "", "/publication"):
        answer = builder.send(path, **{field: typed})
        assert answer.status_code == 422, path
        shown = answer.text.split(FIELD_ERROR.format(field))[1][:600]
        assert said in shown, (path, shown)
        assert (
            html.escape(typed[:200].strip(), quote=False) in html.unescape(answer.text)
            or not typed.strip()
        )
    assert draft(builder.send("/preview", **{field: typed})) is None
    assert builder.kept() == before


def test_saving_keeps_everything_that_the_form_shows(build):
    builder = build("coupon_card", **FORMATS["coupon_card"].example)
    changes = {
        "name": "Welcome",
        "title": "Hello",
        "link_url": "https://shop.example/tea",
        "link_label": "To the tea",
        "corners": "round",
        "icon": "tag",
        "delay": "1.5",
        "scroll": "40",
        "exit": "y",
        "per_page": "2",
        "per_day": "3",
        "include": "/tea/*\n\n /pots ",
        "devices": ["mobile", "tablet"],
        "languages": "de",
        "params": "gclid",
        "custom": "ref = candor",
        "pass_page": "y",
        "translated": "de",
    }
    assert builder.send(**changes).status_code == 302
    assert builder.send(**{"de-title": "Willkommen"}).status_code == 302
    kept = builder.kept()
    assert kept["name"] == "Welcome"
    assert kept["content"]["link"] == {
        "url": "https://shop.example/tea",
        "label": "To the tea",
        "same_tab": False,
    }
    assert kept["content"]["translations"]["de"]["title"] == "Willkommen"
    assert kept["triggers"] == {"delay": 1.5, "scroll": 40, "exit": True, "time": None}
    assert kept["frequency"] == {"page": 2, "day": 3}
    assert kept["rules"] == {
        "include": ["/tea/*", "/pots"],
        "exclude": [],
        "devices": ["mobile", "tablet"],
        "languages": ["de"],
    }
    assert kept["tracking"] == {
        "params": ["gclid"],
        "custom": {"ref": "candor"},
        "page": True,
        "time": False,
    }
    # And the form shows what is kept: sending it unchanged changes nothing.
    assert builder.send().status_code == 302
    assert builder.kept() == kept


def test_publishing_from_the_builder_publishes_what_is_on_the_screen(build, client, acme):
    builder = build("notice", message="Open")
    assert builder.send("/publication", message="Closed today").status_code == 302
    config = client.get(f"/widget/v1/config/{acme.site_key}").json
    assert [each["message"] for each in config["campaigns"]] == ["Closed today"]
    assert builder.kept()["status"] == "published"


def test_a_saved_change_is_on_no_page_until_it_is_published(build, client, acme):
    builder = build("notice", message="Open")
    builder.send("/publication")
    builder.send(message="Closed")
    live = client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"][0]
    assert live["message"] == "Open"
    assert "Saved, not published" in builder.alice.get(builder.page).text
    builder.alice.post(f"{builder.page}/reset")
    assert builder.kept()["content"]["message"] == "Open"


def test_a_field_of_another_format_is_refused_by_the_api(client, acme):
    body = {"site_id": str(acme.site_id), "name": "x", "format": "notice"}
    for content, path in (
        ({"message": "Hi", "coupon": "A"}, "content.coupon"),
        ({"message": "Hi", "accent": "red"}, "content.accent"),
        ({"message": "Hi", "link": {"url": "data:text/html,x", "label": "x"}}, "content.link.url"),
        ({}, "content.message"),
    ):
        answer = client.post(
            "/api/v1/campaigns", json={**body, "content": content}, headers=acme.bearer
        )
        assert answer.status_code == 422 and path in answer.json["error"]["details"], answer.text


def test_a_part_is_changed_over_the_api_and_the_rest_stays(build, client, acme):
    builder = build("notice", message="Open")
    path = f"/api/v1/campaigns/{builder.id}"
    changed = client.patch(path, json={"triggers": {"delay": 9}}, headers=acme.bearer)
    assert changed.json["triggers"]["delay"] == 9
    assert changed.json["content"]["message"] == "Open"
    bad = client.patch(path, json={"rules": {"devices": ["fridge"]}}, headers=acme.bearer)
    assert bad.status_code == 422 and builder.kept()["rules"]["devices"] == []
    status = client.put(f"{path}/status", json={"status": "published"}, headers=acme.bearer)
    assert status.json["status"] == "published"
    late = {"status": "scheduled", "publish_at": "2001-01-01T00:00:00Z"}
    assert client.put(f"{path}/status", json=late, headers=acme.bearer).status_code == 422


def test_a_copy_is_a_draft_of_its_own_and_a_deleted_one_leaves_the_page(build, client, acme):
    builder = build("notice", message="Open")
    builder.send("/publication")
    copy = builder.alice.post(f"{builder.page}/copies").headers["Location"]
    assert copy != builder.page and "(copy)" in builder.alice.get(copy).text
    assert len(client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"]) == 1
    builder.alice.post(f"{builder.page}/deletion")
    assert client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"] == []
    assert builder.alice.get(builder.page).status_code == 404


def test_the_frame_may_be_framed_by_candor_alone_and_holds_no_campaign(build):
    builder = build("notice", message="Open")
    frame = builder.alice.get(f"{builder.page}/frame")
    assert "frame-ancestors 'self'" in frame.headers["Content-Security-Policy"]
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Open" not in frame.text
    page = builder.alice.get(builder.page)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
