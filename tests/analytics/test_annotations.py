"""Annotations: what members wrote of a day, and what Candor knows itself."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.accounts.models.audit import AuditEntry
from app.accounts.permissions import Role
from app.analytics.annotations import annotations_of
from app.analytics.models import Annotation, annotation
from app.analytics.periods import Period
from app.core import clock
from app.core.db import db
from app.sites.models import Site

FORM = r'<form class="form" method="post" action="([^"]*)"'


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def page(acme):
    return f"/o/{acme.slug}/analytics/annotations"


def test_an_annotation_is_written_changed_and_deleted(alice, page, acme, inside):
    form = {"site": str(acme.site_id), "day": "2026-01-02", "text": "New prices"}
    assert alice.post(page, form).status_code == 302
    shown = alice.get(f"{page}?site={acme.site_id}").text
    assert "New prices" in shown and "2 Jan 2026" in shown
    with inside(acme):
        address = f"{page}/{db.session.scalars(select(Annotation.id)).one()}"
    assert "New prices" in alice.get(f"{address}/edit").text
    assert alice.post(address, {"day": "2026-01-03", "text": "Newer"}).status_code == 302
    with inside(acme):
        [kept] = db.session.scalars(select(Annotation))
        assert (kept.day, kept.text) == (date(2026, 1, 3), "Newer")
    assert alice.post(f"{address}/deletion").status_code == 302
    with inside(acme):
        assert db.session.scalars(select(Annotation)).all() == []
        entries = db.session.scalars(select(AuditEntry).filter_by(subject_kind="annotations"))
        assert [each.action.partition(".")[2] for each in entries] == [
            "written",
            "changed",
            "removed",
        ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"day": ""}, "Which day was it?"),
        ({"day": "soon"}, "Not a valid date"),
        ({"day": "0001-01-01"}, "A day of our time"),
        ({"text": ""}, "Say what happened."),
        ({"text": "a" * 301}, "longer than 300"),
        ({"site": "x"}, ""),
    ],
)
def test_what_cannot_be_written_comes_back_with_the_reason(alice, page, acme, change, words):
    form = {"site": str(acme.site_id), "day": "2026-01-02", "text": "New prices", **change}
    answer = alice.post(page, form)
    assert answer.status_code == 422 and words in answer.text


def test_annotations_keep_what_the_overview_was_asked(alice, page, acme):
    def follow(text, pattern):
        return unescape(re.search(pattern, text)[1])

    asked = f"site={acme.site_id}&f=country:is:DE&period=7d"
    overview = alice.get(f"/o/{acme.slug}/analytics?{asked}").text
    index = follow(overview, r'href="([^"]*annotations[^"]*)"')
    form = {"site": str(acme.site_id), "day": "2026-01-02", "text": "New prices"}
    written = alice.post(follow(alice.get(index).text, FORM), form).location
    assert written == f"{page}?{asked}"
    edit = follow(alice.get(written).text, r'href="([^"]*annotations/[^"]*)"')
    text = alice.get(edit).text
    assert alice.post(follow(text, FORM), form).location == written
    assert alice.post(follow(text, r'action="([^"]*/deletion[^"]*)"'), {}).location == written


def test_a_site_has_a_thousand_at_most(alice, page, acme, monkeypatch):
    monkeypatch.setattr(annotation, "MOST_ANNOTATIONS", 1)
    form = {"site": str(acme.site_id), "day": "2026-01-02", "text": "New prices"}
    assert [alice.post(page, form).status_code for _ in range(2)] == [302, 422]


def test_the_chart_is_given_what_was_written_and_what_was_published(inside, acme):
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        site.change(time_zone="Pacific/Kiritimati")
        zone = ZoneInfo("Pacific/Kiritimati")
        today = clock.now().astimezone(zone).date()
        before = today - timedelta(days=3)
        Annotation.write(site, today, "Sale")
        Annotation.write(site, before, "Outage")
        Annotation.write(site, today - timedelta(days=40), "Long ago")
        for _ in range(2):
            site.publish(dict)
        db.session.commit()
        notes = annotations_of(site, Period(before, today, zone))
        assert [(each.day, each.text) for each in notes] == [
            (before, "Outage"),
            (today, "Sale"),
            (today, "Revisions 1 to 4 published"),
        ]
        assert [each.id is None for each in notes] == [False, False, True]
        assert annotations_of(site, Period(before, before, zone)) == notes[:1]


def test_a_viewer_reads_them_and_writes_none(alice, page, acme, join, sign_in, inside):
    form = {"site": str(acme.site_id), "day": "2026-01-02", "text": "New prices"}
    alice.post(page, form)
    join("vera@acme.example", Role.VIEWER)
    vera = sign_in("vera@acme.example")
    assert "New prices" in vera.get(page).text
    assert vera.post(page, form).status_code == 403
    with inside(acme):
        address = f"{page}/{db.session.scalars(select(Annotation.id)).one()}"
    assert vera.post(f"{address}/deletion").status_code == 403
