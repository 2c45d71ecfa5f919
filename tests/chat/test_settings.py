"""How a site chats: its page, its hours, and what of it is published."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from app.accounts.permissions import Role
from app.chat.hours import Hours
from app.chat.models import ChatSettings
from app.core.db import db
from app.embed import published

BASE = {
    "on": "1",
    "position": "bottom-left",
    "accent": "#0f766e",
    "asks": "optional",
    "assignment": "manual",
    "always": "1",
    "outside_target": "tab",
}


@pytest.fixture
def page(acme, sign_in):
    browser = sign_in("alice@acme.example")
    path = f"/o/{acme.slug}/sites/{acme.site_id}/chat"

    def post(more="", **fields):
        return browser.post(path + more, {**BASE, **fields} if not more else fields, page=path)

    post.get = lambda query="": browser.get(path + query)
    return post


def test_switching_it_on_publishes_it_to_pages(page, client, acme):
    assert "chat" not in client.get(f"/widget/v1/config/{acme.site_key}").json
    assert page().status_code == 302
    told = client.get(f"/widget/v1/config/{acme.site_key}").json["chat"]
    assert told == {"position": "bottom-left", "accent": "#0f766e", "titles": {"en": "Chat"}}
    page("/texts?language=de", title="Fragen?", greeting="Hallo!")
    told = client.get(f"/widget/v1/config/{acme.site_key}").json["chat"]
    assert told["titles"] == {"en": "Chat", "de": "Fragen?"}
    said = client.get(f"/widget/v1/chat/{acme.site_key}?language=de-AT").json
    assert (said["title"], said["greeting"]) == ("Fragen?", "Hallo!")
    assert client.get(f"/widget/v1/chat/{acme.site_key}?language=fr").json["title"] is None


def test_the_page_shows_what_is_set_as_people_write_it(page):
    assert "[]" not in page.get().text
    page(always="", day_0="9:00-12:30", holidays="2026-12-28 2026-12-25")
    assert "2026-12-25\n2026-12-28" in page.get().text.replace("\r", "")


def test_nothing_secret_is_published(page, client, acme, inside):
    page()
    with inside(acme):
        secret = ChatSettings.of(acme.site_id).identity_secret
    assert secret in page.get().text
    assert secret not in client.get(f"/widget/v1/config/{acme.site_key}").text
    assert secret not in client.get(f"/widget/v1/chat/{acme.site_key}").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accent", "red"),
        ("position", "top"),
        ("asks", "everything"),
        ("holidays", "Christmas"),
        ("waiting_minutes", "-1"),
        ("waiting_minutes", "9" * 20),
        ("outside_url", "javascript:alert(1)"),
        ("outside_fallback", "ftp://x"),
        ("day_0", "9-17"),
        ("day_0", "17:00–09:00"),
        ("day_0", "09:00–12:00, 11:00–13:00"),
        ("day_0", "09:00–25:00"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(page, client, acme, field, value):
    more = {"outside_url": "https://chat.example"} if field == "outside_fallback" else {}
    answer = page(**{**more, field: value})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "chat" not in client.get(f"/widget/v1/config/{acme.site_key}").json


def test_hours_without_any_day_are_refused(page):
    assert page(always="").status_code == 422


def test_hours_are_kept_as_written_and_tell_who_is_back_when(page, client, acme, inside):
    answer = page(always="", day_0="9:00-12:30, 13:30 - 17:00", holidays="2026-12-28")
    assert answer.status_code == 302, answer.text
    assert "09:00–12:30, 13:30–17:00" in page.get().text
    with time_machine.travel(datetime(2026, 12, 21, 13, 0, tzinfo=UTC), tick=False):
        told = client.get(f"/widget/v1/chat/{acme.site_key}").json
        assert (told["open"], told["back_at"]) == (False, "2026-12-21T13:30:00.000Z")
    with time_machine.travel(datetime(2026, 12, 21, 17, 0, tzinfo=UTC), tick=False):
        told = client.get(f"/widget/v1/chat/{acme.site_key}").json
        assert told["back_at"] == "2027-01-04T09:00:00.000Z"


MORNINGS = Hours("Europe/Berlin", tuple(((150, 180),) for _ in range(7)))


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        # 02:30 does not exist on this day: the clock goes from 02:00 to 03:00.
        ("2026-03-29T00:00:00+00:00", "2026-03-29T01:30:00+00:00"),
        # And comes twice on this one: the first time counts.
        ("2026-10-25T00:00:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_days_on_which_clocks_change(moment, opening):
    found = MORNINGS.next_opening(datetime.fromisoformat(moment))
    assert found == datetime.fromisoformat(opening)


def test_a_site_that_is_never_open_says_no_date():
    closed = Hours("UTC", ((),) * 7)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert not closed.open_at(now) and closed.next_opening(now) is None


def test_a_new_identity_secret_is_another_one(page, acme, inside):
    page()
    with inside(acme):
        before = ChatSettings.of(acme.site_id).identity_secret
    page("/identity-secret")
    with inside(acme):
        assert ChatSettings.of(acme.site_id).identity_secret != before
        assert db.session.query(ChatSettings).count() == 1


def test_whoever_may_not_read_conversations_is_not_told_by_what_one_becomes_any_visitor(
    page, acme, sign_in, join, inside
):
    page()
    with inside(acme):
        secret = ChatSettings.of(acme.site_id).identity_secret
    path = f"/o/{acme.slug}/sites/{acme.site_id}/chat"
    for role, allowed in ((Role.EDITOR, False), (Role.ADMIN, True)):
        join(f"{role}@acme.example", role)
        member = sign_in(f"{role}@acme.example")
        shown = member.get(path)
        assert shown.status_code == 200 and (secret in shown.text) is allowed, role
        answer = member.post(f"{path}/identity-secret", {}, page=path)
        assert answer.status_code == (302 if allowed else 403), role
        with inside(acme):
            assert (ChatSettings.of(acme.site_id).identity_secret != secret) is allowed, role


def test_a_page_that_heard_of_a_change_is_told_of_it_by_a_process_that_has_not(
    page, client, acme, monkeypatch
):
    def panel():
        return client.get(f"/widget/v1/chat/{acme.site_key}").status_code

    assert panel() == 404
    # What this process keeps from before is dropped by nobody.
    monkeypatch.setattr(published, "forget", lambda channel, frame: None)
    assert page().status_code == 302
    assert panel() == 200
    assert page(on="").status_code == 302
    assert panel() == 404
