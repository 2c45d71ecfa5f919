"""Pages of funnels, journeys, retention and attribution: by plain forms, and with nonsense in the
address."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.accounts.permissions import Role
from app.analytics.matches import match_of
from app.analytics.models import Funnel, Goal
from app.core.db import db
from app.sites.models import Site
from tests.tracking.arriving import NOON

DAY = datetime.fromtimestamp(NOON / 1000, UTC).date()
FORM_OF = r'<form class="asked__form" method="get" action="([^"]*)"[^>]*>(.*?)</form>'
STEPS = {"kind": ["page", "event"], "match": ["/pricing", "signup"], "having": ["", ""]}
FORM = {"name": "To signed up", "amount": "1", "unit": "days", **STEPS}


@pytest.fixture
def alice(acme, sign_in):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics"


@pytest.fixture
def form(acme):
    return {"site": str(acme.site_id), **FORM}


def steps_of(text: str) -> list[str]:
    """The values of the match fields of a builder's page."""
    fields = text.split('name="match" value="')[1:]
    return [field.split('"')[0] for field in fields]


def test_a_funnel_is_saved_changed_and_deleted(acme, alice, page, form, inside):
    saved = alice.post(f"{page}/funnels", form)
    assert saved.status_code == 302
    address = saved.headers["Location"]
    assert "To signed up" in alice.get(address).text
    assert "To signed up" in alice.get(f"{page}/funnels").text
    assert steps_of(alice.get(f"{address}/edit").text) == ["/pricing", "signup"]
    changed = {**FORM, "name": "Renamed", "amount": "30", "unit": "minutes"}
    assert alice.post(address, changed).status_code == 302
    with inside(acme):
        funnel = db.session.scalars(select(Funnel)).one()
        assert (funnel.name, funnel.window) == ("Renamed", 1800)
    assert alice.post(f"{address}/deletion").status_code == 302
    assert alice.get(address).status_code == 404


@pytest.mark.parametrize(("days", "amount", "said"), [(0, 5, False), (1, 5, True), (0, 31, True)])
def test_a_funnel_says_who_is_counted_anew_each_day(stocked, alice, page, form, days, amount, said):
    stocked(lambda shelf: [shelf.arrival(0, url="https://shop.acme.example/pricing")])
    made = {**form, "amount": str(amount), "unit": "minutes"}
    address = alice.post(f"{page}/funnels", made).headers["Location"]
    shown = alice.get(f"{address}?from={DAY - timedelta(days=days)}&to={DAY}").text
    assert "from the first step; other things" in shown
    assert ("did not agree to be known again are new each day" in shown) is said


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("", "metric=sessions"),
        ("/visits", ""),
        ("/values/page", "by=sessions"),
        ("/goals", ""),
        ("/journeys", "start=page:/a&direction=backwards&depth=3"),
        ("/retention", "unit=month"),
        ("/attribution", "by=country&model=first"),
        ("/campaigns", ""),
        ("/funnels", ""),
        ("funnel", "split=device"),
    ],
)
def test_each_page_takes_one_more_filter_by_its_form(acme, alice, page, form, inside, path, kept):
    with inside(acme):
        Goal.create(db.session.get_one(Site, acme.site_id), "Signed up", match_of("event:signup"))
        db.session.commit()
    address = f"{page}{path}?site={acme.site_id}"
    if path == "funnel":
        address = alice.post(f"{page}/funnels", form).headers["Location"] + "?"
    body = alice.get(f"{address}&from=2026-01-01&to=2026-01-03&f=device:is:mobile&{kept}").text
    [(action, fields)] = [
        found for found in re.findall(FORM_OF, body, re.S) if 'name="operator"' in found[1]
    ]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', fields)
    query = [*hidden, ("on", "country"), ("operator", "is_not"), ("value", "Germany | FR")]
    answer = alice.client.get(unescape(action), query_string=MultiDict(query))
    assert answer.status_code == 302, answer.text
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert told["f"] == ["device:is:mobile", "country:is_not:DE|FR"]
    assert {"on", "operator", "value"}.isdisjoint(told)
    for each in kept.split("&") if kept else ():
        name, _, value = each.partition("=")
        assert told[name] == [value], name
    shown = alice.get(answer.headers["Location"]).text
    assert "Remove the filter Country" in shown and "Remove the filter Device" in shown


@pytest.mark.parametrize(
    ("what", "steps"),
    [
        ("add", ["/pricing", "signup", ""]),
        ("up:1", ["signup", "/pricing"]),
        ("down:0", ["signup", "/pricing"]),
        ("up:0", ["/pricing", "signup"]),
        ("down:1", ["/pricing", "signup"]),
        ("remove:0", ["/pricing", "signup"]),
        ("pick:page:/thanks", ["/pricing", "signup", "/thanks"]),
        ("up:-1", ["/pricing", "signup"]),
        ("up:٣", ["/pricing", "signup"]),
        ("remove:9999", ["/pricing", "signup"]),
        ("nonsense", ["/pricing", "signup"]),
    ],
)
def test_steps_are_moved_by_a_plain_form_and_nothing_is_kept(
    acme, alice, page, form, inside, what, steps
):
    answer = alice.post(f"{page}/funnels/draft", {**form, "do": what})
    assert answer.status_code == 200
    assert steps_of(answer.text) == steps
    with inside(acme):
        assert db.session.scalars(select(Funnel)).all() == []


def test_a_builder_has_two_to_eight_steps(alice, page, form):
    eight = {**form, "kind": ["page"] * 8, "match": ["/a"] * 8, "having": [""] * 8, "do": "add"}
    full = alice.post(f"{page}/funnels/draft", eight)
    assert len(steps_of(full.text)) == 8 and "at most 8 steps" in full.text
    three = {**form, "kind": ["page"] * 3, "match": ["/a", "/b", "/c"], "having": [""] * 3}
    fewer = alice.post(f"{page}/funnels/draft", {**three, "do": "remove:1"})
    assert steps_of(fewer.text) == ["/a", "/c"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Give the funnel a name."),
        ({"name": "a" * 81}, "At most 80 characters."),
        ({"amount": "soon"}, "How long is a whole number."),
        ({"amount": "91"}, "From one minute to 90 days."),
        ({"unit": "weeks"}, "The unit is one of"),
        ({"match": ["pricing", "signup"]}, "A page begins with /"),
        ({"kind": ["page", "click"]}, "One of page, event"),
        ({"kind": ["page", "goal:x"]}, "Choose a goal of this site."),
        ({"kind": ["page"], "match": ["/"], "having": [""]}, "A funnel has 2 to 8 steps."),
        ({"having": ["", "plan"]}, "plan=pro"),
    ],
)
def test_what_is_no_funnel_comes_back_with_what_is_wrong(alice, page, form, changes, message):
    answer = alice.post(f"{page}/funnels", {**form, **changes})
    assert answer.status_code == 422 and message in answer.text


@pytest.mark.parametrize(
    ("changes", "focused"),
    [
        ({"name": ""}, "name"),
        ({"name": "", "amount": "91"}, "name"),
        ({"amount": "91"}, "amount"),
        ({"match": ["/pricing", "Sign up"]}, "match-2"),
        ({"having": ["", "plan"]}, "having-2"),
        ({"kind": ["click", "event"]}, "kind-1"),
    ],
)
def test_what_is_wrong_with_a_funnel_is_said_once_and_its_field_is_in_focus(
    alice, page, form, changes, focused
):
    text = alice.post(f"{page}/funnels", {**form, **changes}).text
    fields = re.search('<form id="builder".*?</form>', text, re.S)[0]
    assert re.findall(r'id="([\w-]+)"[^>]* autofocus', fields) == [focused]
    said = re.findall(r'class="field__error[^>]*>.*?<span>([^<]*)</span>', fields, re.S)
    assert said and [fields.count(each) for each in said] == [1] * len(said)


def test_a_funnel_without_a_name_keeps_its_numbers(alice, page, form):
    drafted = alice.post(f"{page}/funnels/draft", {**form, "name": ""}).text
    refused = alice.post(f"{page}/funnels", {**form, "name": ""}).text
    assert "Give the funnel a name." in refused and "Give the funnel a name." not in drafted
    for text in (drafted, refused):
        assert "Step 1: " in text.split('id="preview"')[1]


def test_a_goal_of_the_site_is_a_step(acme, alice, page, form, inside):
    goal = {"site": str(acme.site_id), "name": "Signed up", "kind": "event", "match": "signup"}
    alice.post(f"{page}/goals", goal)
    with inside(acme):
        identifier = db.session.scalars(select(Goal.id)).one()
    wanted = {**form, "kind": ["page", f"goal:{identifier}"]}
    saved = alice.post(f"{page}/funnels", wanted)
    assert saved.status_code == 302
    assert "Signed up" in alice.get(f"{page}/funnels").text
    assert f"goal:{identifier}" in alice.get(saved.headers["Location"] + "/edit").text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("goals?f=weather:is:x", "f"),
        ("goals?zone=Nowhere", "zone"),
        ("goals?period=ever", "period"),
        ("funnels?from=2026-02-30", "from"),
        ("journeys?start=page:x", "start"),
        ("journeys?depth=9", "depth"),
        ("journeys?direction=up", "direction"),
        ("retention?unit=year", "unit"),
        ("attribution?by=weather", "by"),
        ("attribution?model=best", "model"),
        ("attribution?f=country:is:%00", "f"),
    ],
)
def test_nonsense_in_an_address_is_a_bad_request(alice, page, path, field):
    answer = alice.get(f"{page}/{path}", headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json["error"]["details"] == {"field": field}


def test_a_viewer_looks_at_all_of_it_and_is_offered_no_change(
    acme, alice, page, form, join, sign_in
):
    address = alice.post(f"{page}/funnels", form).headers["Location"]
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    for path in (
        address,
        *(f"{page}/{each}" for each in ("goals", "funnels", "journeys", "retention")),
    ):
        answer = vera.get(path)
        assert answer.status_code == 200, path
        for offer in ("New goal", "New funnel", "Change steps", "trusts_pages"):
            assert offer not in answer.text, (path, offer)


def test_a_filter_that_came_along_can_be_taken_off_where_there_is_nothing_to_count_yet(
    acme, alice, page, form
):
    for path in ("goals", "funnels"):
        bare = f"{page}/{path}?site={acme.site_id}"
        assert "asked__form" not in alice.get(bare).text
        assert "Remove the filter Country" in alice.get(f"{bare}&f=country:is:DE").text
    alice.post(f"{page}/funnels", form)
    listed = alice.get(f"{page}/funnels?site={acme.site_id}&f=country:is:DE").text
    assert 'id="filter-on"' in listed and "Remove the filter Country" in listed
    assert 'id="filter-on"' in alice.get(f"{page}/funnels?site={acme.site_id}").text
