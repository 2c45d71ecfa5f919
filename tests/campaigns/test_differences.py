"""Two revisions in, what is different in words out."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns.content import DEVICES
from app.campaigns.differences import LABELS, campaign_differences, differences
from app.campaigns.formats import FORMATS, checked_parts
from app.core.languages import LANGUAGES
from app.sites.parameters import STANDARD

PARTS = ("content", "triggers", "rules", "frequency", "tracking")
SETTINGS = {"language": "en", "person_style": "first_name", "k": 5, "time_zone": "UTC"}
PICTURE = {"token": "a" * 32, "width": 80, "height": 60, "alt": "A kettle"}


def snapshot(format: str = "notice", name: str = "Hello", **parts: dict[str, Any]) -> dict:
    sent = {part: parts.get(part, {}) for part in PARTS}
    sent["content"] = {**FORMATS[format].example, **sent["content"]}
    kept = checked_parts(format, sent)
    renderer = FORMATS[format].renderer
    return {"id": format, "name": name, "format": format, "renderer": renderer, **kept}


def words(before: dict, after: dict) -> list[str]:
    return [str(detail) for detail in campaign_differences(before, after)]


CASES = {
    "delay 3 s → 5 s": ("triggers", {"delay": 3}, {"delay": 5}),
    "accent #2563eb → #0f766e": ("content", {}, {"accent": "#0F766E"}),
    "message “One” → “Two”": ("content", {"message": "One"}, {"message": "Two"}),
    "pages /products/* added": ("rules", {}, {"include": ["/products/*"]}),
    "pages /tea/* removed": ("rules", {"include": ["/tea/*", "/x"]}, {"include": ["/x"]}),
    "visitors can close it: yes → no": ("content", {}, {"closable": False}),
    "German message “Hallo” added": (
        "content",
        {},
        {"translations": {"de": {"message": "Hallo"}}},
    ),
    "link “https://a.example” added": ("content", {}, {"link": {"url": "https://a.example"}}),
    "link “https://a.example” → “https://b.example”": (
        "content",
        {"link": {"url": "https://a.example"}},
        {"link": {"url": "https://b.example"}},
    ),
    "stays for until it is closed → 4 s": ("content", {}, {"duration": 4}),
    "for one visitor on a day no limit → 2 times": ("frequency", {}, {"day": 2}),
    "scrolled not set → 40 %": ("triggers", {}, {"scroll": 40}),
    "languages German added": ("rules", {}, {"languages": ["de"]}),
    "own parameter ref=tea added": ("tracking", {}, {"custom": {"ref": "tea"}}),
    "own parameter ref “tea” → “mug”": (
        "tracking",
        {"custom": {"ref": "tea"}},
        {"custom": {"ref": "mug"}},
    ),
    "devices in another order": (
        "rules",
        {"devices": ["mobile", "tablet"]},
        {"devices": ["tablet", "mobile"]},
    ),
    "background as the theme has it → #ffffff": ("content", {}, {"background": "#ffffff"}),
    "tone information → good news": ("content", {}, {"tone": "success"}),
}


@pytest.mark.parametrize("expected", CASES)
def test_a_changed_field_is_said_with_its_unit(expected):
    part, before, after = CASES[expected]
    assert expected in words(snapshot(**{part: before}), snapshot(**{part: after}))


def test_a_name_is_said():
    assert words(snapshot(name="One"), snapshot(name="Two")) == ["name “One” → “Two”"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, PICTURE, ["picture added", "what the picture shows “A kettle” added"]),
        (PICTURE, None, ["picture removed", "what the picture shows “A kettle” removed"]),
        (PICTURE, {**PICTURE, "token": "b" * 32}, ["picture replaced"]),
        (
            PICTURE,
            {**PICTURE, "alt": "A mug"},
            ["what the picture shows “A kettle” → “A mug”"],
        ),
    ],
)
def test_a_picture_is_added_replaced_and_removed(before, after, expected):
    old, new = (snapshot("image_card", content={"image": each}) for each in (before, after))
    assert words(old, new) == expected


def test_campaigns_are_added_removed_and_changed_by_name():
    bar, card = snapshot("coupon_bar", "Coupon bar"), snapshot("coupon_card", "A card")
    later = {**bar, "triggers": {**bar["triggers"], "delay": 9}}
    before = {"campaigns": [bar, snapshot()]}
    after = {"campaigns": [card, later]}
    found = differences(before, after)
    assert [(each.kind, each.name, each.format) for each in found] == [
        ("added", "A card", "Coupon card"),
        ("changed", "Coupon bar", "Coupon bar"),
        ("removed", "Hello", "Notice"),
    ]
    assert found[1].words == ["delay 3 s → 9 s"] and found[1].campaign == "coupon_bar"


def test_settings_are_said_as_their_form_says_them():
    changed = {"language": "de", "person_style": "initial", "k": 8, "time_zone": "Asia/Tokyo"}
    (change,) = differences({"settings": SETTINGS}, {"settings": changed})
    assert (change.name, change.campaign) == ("Settings", None)
    assert change.words == [
        "a place is named from 5 people → 8 people",
        "language English → German",
        "people are shown as First name → Initial",
        "time zone UTC → Asia/Tokyo",
    ]


def test_tracking_is_said_by_what_came_and_went():
    before = {**SETTINGS, "mode": "anonymous", "parameters": ["utm_source", "gclid"]}
    after = {**SETTINGS, "mode": "strict", "parameters": ["utm_source", "ref"]}
    (change,) = differences({"settings": before}, {"settings": after})
    assert change.words == [
        "before a visitor consents anonymous → strict",
        "kept parameter gclid removed",
        "kept parameter ref added",
    ]


def test_a_revision_of_long_ago_differs_only_in_what_it_said():
    """It had no settings, fewer parts and fewer fields; what was not there had its default."""
    now = snapshot(content={"message": "Two"})
    then = {name: now[name] for name in ("id", "name", "format", "renderer")}
    then |= {"content": {"message": "One", "accent": "#2563eb"}}
    found = differences({"campaigns": [then]}, {"settings": SETTINGS, "campaigns": [now]})
    assert [change.words for change in found] == [["message “One” → “Two”"]]
    assert differences({}, {"campaigns": []}) == []


def test_what_it_has_never_heard_of_is_said_by_its_path():
    before, after = snapshot(), snapshot()
    after["content"]["ribbon_width"] = 3
    after["format"] = after["renderer"] = "hologram"
    before["format"] = before["renderer"] = "hologram"
    assert words(before, after) == ["ribbon width none → 3"]
    assert differences({"campaigns": [before]}, {"campaigns": [after]})[0].format == "hologram"


# --- whatever the values are ---------------------------------------------------------------------

line = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)
colour = st.from_regex("#[0-9a-f]{6}", fullmatch=True)
seconds = st.floats(0.5, 3600).map(lambda each: round(each, 2)) | st.integers(1, 3600)
LEAVES = {
    "name": line,
    "content.title": line,
    "content.message": line | st.none(),
    "content.coupon": line | st.none(),
    "content.link.url": line.map(lambda each: f"https://{each}"),
    "content.link.label": line,
    "content.link.same_tab": st.booleans(),
    "content.theme": st.sampled_from(["light", "dark", "auto"]),
    "content.accent": colour,
    "content.background": colour | st.none(),
    "content.foreground": colour | st.none(),
    "content.size": st.sampled_from(["small", "medium", "large"]),
    "content.corners": st.sampled_from(["sharp", "soft", "round"]),
    "content.animation": st.sampled_from(["fade", "slide", "pop", "none"]),
    "content.duration": seconds,
    "content.closable": st.booleans(),
    "triggers.delay": seconds,
    "triggers.scroll": st.integers(1, 100) | st.none(),
    "triggers.exit": st.booleans(),
    "triggers.time": seconds | st.none(),
    "rules.include": st.lists(line, max_size=4),
    "rules.exclude": st.lists(line, max_size=4),
    "rules.devices": st.lists(st.sampled_from(DEVICES), max_size=3),
    "rules.languages": st.lists(st.sampled_from(sorted(LANGUAGES)), max_size=3),
    "frequency.page": st.integers(1, 1000) | st.none(),
    "frequency.day": st.integers(1, 1000) | st.none(),
    "tracking.params": st.lists(st.sampled_from(STANDARD), max_size=3),
    "tracking.custom": st.dictionaries(line, line, max_size=3),
    "tracking.page": st.booleans(),
    "tracking.time": st.booleans(),
}
leaves = st.fixed_dictionaries(LEAVES)


def kept(values: dict[str, Any]) -> dict[str, Any]:
    """A snapshot with these leaves, by their paths."""
    made: dict[str, Any] = copy.deepcopy(snapshot("modal"))
    made["content"]["link"] = {}
    for path, value in values.items():
        place = made
        *outer, last = path.split(".")
        for name in outer:
            place = place[name]
        place[last] = value
    return made


@given(leaves)
def test_nothing_is_different_between_equal_revisions(values):
    content = {"settings": SETTINGS, "campaigns": [kept(values)]}
    assert differences(content, json.loads(json.dumps(content))) == []


@given(leaves, leaves)
def test_each_changed_leaf_is_said_and_no_other(before, after):
    changed = {LABELS[path].label for path in LEAVES if before[path] != after[path]}
    details = campaign_differences(kept(before), kept(after))
    # A parameter of one's own is said by its name.
    custom = LABELS["tracking.custom"].label
    said = {custom if each.label.startswith(custom) else each.label for each in details}
    assert said == changed
    assert len({str(detail) for detail in details}) == len(details)


@given(leaves, leaves)
def test_the_way_back_says_the_same_fields(before, after):
    there = campaign_differences(kept(before), kept(after))
    back = campaign_differences(kept(after), kept(before))
    assert sorted(each.label for each in there) == sorted(each.label for each in back)
