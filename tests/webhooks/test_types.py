"""The list of types: what is written there is what is sent."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

import pytest

from app.core import announce
from app.core.announce import Announcement
from app.core.public import PublicAnnouncement, public_types
from docs.webhook_types import DOCUMENT, types_in_words
from tests.shapes import differences
from tests.shops import shopify, shopify_order, shopify_refund


@pytest.fixture
def heard(monkeypatch):
    """What is announced to the public meanwhile: each type with its data."""
    found: dict[str, Any] = {}

    def hear(announcement: PublicAnnouncement) -> None:
        if announcement.is_public():
            found[announcement.name] = announcement.public_data()

    kept = announce._subscribers[PublicAnnouncement]
    monkeypatch.setitem(announce._subscribers, PublicAnnouncement, [*kept, hear])
    return found


def test_each_type_that_is_announced_today_is_as_its_example(app, acme, client, work, heard):
    site = {"site_id": str(acme.site_id)}
    notice = {**site, "name": "Notice", "format": "notice", "content": {"message": "Hello"}}
    for path, body in (
        ("campaigns", {**notice, "status": "published"}),
        ("activities", {**site, "type": "signup", "product": {"name": "Tea"}}),
    ):
        made = client.post(f"/api/v1/{path}", json=body, headers=acme.bearer)
        assert made.status_code == 201, made.text
    for topic, payload in (("orders/paid", shopify_order()), ("refunds/create", shopify_refund())):
        request = shopify(acme.secret, topic, payload)
        assert client.post(f"/hooks/{acme.source_id}", **request).status_code == 200
        work()
    wanted = {"activity.created", "activity.retracted", "campaign.published"}
    assert wanted | {"order.created", "order.refunded"} <= set(heard)
    for name, data in heard.items():
        kind = public_types()[name]
        assert list(differences(kind, data, kind.example)) == []
        assert kind.about and re.fullmatch(r"\d+\.\d+\.\d+", kind.since) and kind.version >= 1


def test_a_key_more_or_another_type_is_found():
    class Kind(PublicAnnouncement):
        nullable: ClassVar[frozenset[str]] = frozenset({"place.city", "empty"})
        free: ClassVar[frozenset[str]] = frozenset({"said"})

    example = {"id": "a", "count": 1, "place": {"city": "Lyon"}, "said": {"a": 1}, "list": [1]}
    example["empty"] = "x"
    good = {**example, "place": {"city": None}, "said": {"b": 2}, "list": [], "empty": None}
    assert list(differences(Kind, good, example)) == []
    for change in (
        {"id": 1},
        {"count": True},
        {"place": {}},
        {"place": None},
        {"list": ["a"]},
        {"more": 1},
        {"id": UUID(int=0)},
    ):
        assert list(differences(Kind, {**good, **change}, example)), change


def test_what_has_no_example_of_its_own_is_not_told():
    class Base(PublicAnnouncement):
        name: ClassVar[str] = "nobody.heard"

    class Told(Base):
        name: ClassVar[str] = "somebody.heard"
        example: ClassVar[dict[str, Any]] = {}

    class Derived(Told):
        pass

    try:
        assert [each.is_public() for each in (Base, Told, Derived)] == [False, True, False]
        assert issubclass(Told, Announcement) and public_types()["somebody.heard"] is Told
    finally:
        from app.core import public

        del public._types["somebody.heard"]


def test_the_document_lists_the_same_types():
    text = DOCUMENT.read_text()
    assert types_in_words() in text, "write docs/webhooks.md anew: python -m docs.webhook_types"
