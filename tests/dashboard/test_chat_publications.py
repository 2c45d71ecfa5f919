"""The chat's settings are published with their site: its history says what changed of them, and
going back takes them back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.chat.models import ChatSettings
from app.core.db import db
from app.sites.models import Revision, Site

WEEK = [[[540, 1020]]] * 5 + [[], []]


@pytest.fixture
def alice(acme, sign_in):
    return sign_in("alice@acme.example")


@pytest.fixture
def pages(acme):
    return f"/o/{acme.slug}/sites/{acme.site_id}/publications"


@pytest.fixture
def change(inside, acme):
    """Change how the site chats; answers the number of the revision."""

    def make(**values):
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            ChatSettings.of(site.id).change(site, **values)
            db.session.commit()
            return site.revision_number

    return make


@pytest.fixture
def settings(inside, acme):
    def read(*names):
        with inside(acme):
            found = db.session.scalars(select(ChatSettings)).one()
            return {name: getattr(found, name) for name in names}

    return read


def words_of(client, acme):
    path = f"/api/v1/sites/{acme.site_id}/revisions"
    [newest, *_] = client.get(path, headers=acme.bearer).json["data"]
    return {change["name"]: change["words"] for change in newest["changes"]}


def test_a_revision_says_what_changed_of_the_chat(change, client, acme):
    change(on=True)
    assert words_of(client, acme) == {"Chat": ["shown on the site: no → yes"]}
    change(accent="#000000", asks="required", waiting_minutes=5, week=WEEK, holidays=["2026-12-25"])
    assert words_of(client, acme)["Chat"] == [
        "colour #2563eb → #000000",
        "asked before the first message Nothing → An e-mail address",
        "says “still waiting” after not set → 5 minutes",
        *(
            f"hours on {day} all day → 09:00–17:00"
            for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
        ),
        "hours on Saturday all day → none",
        "hours on Sunday all day → none",
        "holiday 2026-12-25 added",
    ]
    change(texts={"en": {"greeting": "Hello"}})
    assert words_of(client, acme)["Chat"] == ["English greeting “Hello” added"]
    change(
        texts={"en": {"greeting": "Good day"}},
        outside={"url": "https://c.example/", "target": "tab"},
    )
    assert words_of(client, acme)["Chat"] == [
        "outside chat none → https://c.example/",
        "it opens in nothing → a new tab",
        "English greeting “Hello” → “Good day”",
    ]


def test_going_back_takes_the_chat_back_as_it_says_before(alice, pages, change, settings, client):
    then = change(on=True, texts={"en": {"greeting": "Hello"}}, week=WEEK)
    change(on=False, texts={}, week=None, reply_target=30, accent="#000000")
    question = alice.get(f"{pages}/rollbacks?number={then}").text
    for words in ("Chat", "#000000</del>", "English greeting “Hello” added", "09:00–17:00"):
        assert words in question, words
    assert alice.post(f"{pages}/rollbacks", {"number": then}).status_code == 302
    assert settings("on", "texts", "week", "reply_target", "accent") == {
        "on": True,
        "texts": {"en": {"greeting": "Hello"}},
        "week": WEEK,
        "reply_target": None,
        "accent": "#2563eb",
    }


def test_what_pages_get_goes_back_too_and_the_secret_is_never_kept(
    alice, pages, change, client, acme, inside, settings
):
    then = change(on=True, texts={"en": {"title": "Ask us"}})
    change(on=False)
    loader = f"/widget/v1/config/{acme.site_key}"
    assert "chat" not in client.get(loader).json
    secret = settings("identity_secret")
    alice.post(f"{pages}/rollbacks", {"number": then})
    assert client.get(loader).json["chat"]["titles"] == {"en": "Ask us"}
    assert settings("identity_secret") == secret
    with inside(acme):
        kept = [each.content for each in db.session.scalars(select(Revision))]
        assert secret["identity_secret"] not in str(kept)


def test_before_there_was_a_chat_it_is_off(alice, pages, change, settings, client, acme):
    alice.post(pages)
    change(on=True, texts={"en": {"greeting": "Hello"}})
    assert "<ins>no</ins>" in alice.get(f"{pages}/rollbacks?number=1").text
    alice.post(f"{pages}/rollbacks", {"number": 1})
    # What was written for it is not thrown away.
    assert settings("on", "texts") == {"on": False, "texts": {"en": {"greeting": "Hello"}}}


def test_a_revision_from_before_the_chat_was_kept_leaves_it_as_it_is(
    alice, pages, change, settings, inside, acme
):
    then = change(on=True)
    change(accent="#000000")
    with inside(acme):
        revision = db.session.scalars(select(Revision).filter_by(number=then)).one()
        revision.content = {k: v for k, v in revision.content.items() if k != "chat_settings"}
        db.session.commit()
    assert "#000000" not in alice.get(f"{pages}/rollbacks?number={then}").text
    alice.post(f"{pages}/rollbacks", {"number": then})
    assert settings("on", "accent") == {"on": True, "accent": "#000000"}
