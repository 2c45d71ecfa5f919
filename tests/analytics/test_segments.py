"""Segments: filters under a name, for everybody of the organization."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics.models import Goal, Segment, segment
from app.core.db import db


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics/segments"


def saved(inside, acme):
    with inside(acme):
        found = db.session.scalars(select(Segment).order_by(Segment.id))
        return [(each.id, each.name, each.filters) for each in found]


def test_filters_are_saved_under_a_name_and_come_back_as_an_address(alice, page, acme, inside):
    filters = ["country:is:DE|FR", r"page:contains:/a\|b"]
    form = {"site": str(acme.site_id), "name": "Neighbours", "f": filters}
    answer = alice.post(page, form)
    assert answer.status_code == 302
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked == {"site": [str(acme.site_id)], "f": filters}
    [(_id, name, kept)] = saved(inside, acme)
    assert (name, kept) == ("Neighbours", filters)
    shown = alice.get(f"{page}?site={acme.site_id}").text
    assert "Neighbours" in shown and "Germany" in shown and "France" in shown
    assert "f=country:is:DE%7CFR" in shown.replace("%3A", ":")


def test_saving_leads_back_to_the_page_that_was_filtered(alice, page, acme):
    form = {"site": str(acme.site_id), "name": "Phones", "f": ["device:is:mobile"]}
    here = f"/o/{acme.slug}/analytics?site={acme.site_id}&f=device:is:mobile&period=7d"
    assert alice.post(page, {**form, "next": here}).headers["Location"] == here
    elsewhere = alice.post(page, {**form, "name": "More", "next": "//evil.example"})
    assert elsewhere.headers["Location"].startswith(f"/o/{acme.slug}/analytics?")


def test_a_segment_is_renamed_and_deleted_and_all_of_it_is_written_down(alice, page, acme, inside):
    alice.post(page, {"site": str(acme.site_id), "name": "A", "f": ["country:is:DE"]})
    [(segment_id, *_)] = saved(inside, acme)
    assert alice.post(f"{page}/{segment_id}", {"name": "B"}).status_code == 302
    assert saved(inside, acme)[0][1] == "B"
    assert alice.post(f"{page}/{segment_id}/deletion").status_code == 302
    assert saved(inside, acme) == []
    with inside(acme):
        actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)).all()
    assert [each for each in actions if "segment" in each] == [
        "segment.saved",
        "segment.renamed",
        "segment.removed",
    ]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": ""}, "name", "Give it a name."),
        ({"name": "a" * 121}, "name", "120"),
        ({"f": []}, "f", "no filter"),
        ({"f": ["nothing:is:1"]}, "f", "nothing to filter by"),
        ({"f": ["country:is:DE"] * 1 + [f"page:is:/{n}" for n in range(20)]}, "f", "At most 20"),
        ({"site": "00000000-0000-4000-8000-000000000000"}, "site", "Choose a site."),
        ({"name": "Taken"}, "name", "called so already"),
    ],
)
def test_what_cannot_be_saved_says_which_field_and_why(
    alice, page, acme, inside, change, field, words
):
    good = {"site": str(acme.site_id), "name": "Germans", "f": ["country:is:DE"]}
    alice.post(page, {**good, "name": "Taken"})
    token = alice.token("/sign-in")
    answer = alice.client.post(
        page,
        data={**good, **change, "csrf_token": token},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 422
    assert words in answer.json["error"]["details"][field][0]
    assert len(saved(inside, acme)) == 1


def test_a_site_has_a_hundred_segments_at_most(alice, page, acme, inside, monkeypatch):
    monkeypatch.setattr(segment, "MOST_SEGMENTS", 2)
    forms = [{"site": str(acme.site_id), "name": name, "f": ["country:is:DE"]} for name in "ABC"]
    assert [alice.post(page, each).status_code for each in forms] == [302, 302, 422]
    assert len(saved(inside, acme)) == 2


def test_a_filter_that_is_not_known_any_more_is_left_out(alice, page, acme, inside):
    with inside(acme):
        db.session.add(
            Segment(site_id=acme.site_id, name="Old", filters=["shoe:is:42", "country:is:DE"])
        )
        db.session.commit()
    shown = alice.get(f"{page}?site={acme.site_id}")
    assert shown.status_code == 200 and "Germany" in shown.text and "shoe" not in shown.text


def test_a_segment_says_which_goal_is_gone(alice, page, acme, inside, made_goal):
    with inside(acme):
        made_goal("Signed up")
    form = {"site": str(acme.site_id), "name": "Rest", "f": ["goal:is_not:Signed up"]}
    assert alice.post(page, form).status_code == 302
    said = "This site has no goal “Signed up”."
    assert said not in alice.get(page).text
    with inside(acme):
        db.session.scalars(select(Goal)).one().remove()
        db.session.commit()
    text = alice.get(page).text
    assert said in text
    [applied] = re.findall(r'href="([^"]+)">Rest</a>', text)
    answer = alice.get(unescape(applied))
    assert answer.status_code == 400 and said in unescape(answer.text)
    assert alice.post(page, {**form, "name": "Again"}).status_code == 422


def test_a_viewer_uses_segments_and_changes_none(page, acme, sign_in, join, alice, inside):
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    form = {"site": str(acme.site_id), "name": "Germans", "f": ["country:is:DE"]}
    assert vera.post(page, form).status_code == 403
    alice.post(page, form)
    [(segment_id, *_)] = saved(inside, acme)
    shown = vera.get(f"{page}?site={acme.site_id}").text
    assert "Germans" in shown and "Rename" not in shown
    for address in (f"{page}/{segment_id}", f"{page}/{segment_id}/deletion"):
        assert vera.post(address, {"name": "X"}).status_code == 403
