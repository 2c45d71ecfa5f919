"""Whoever keeps answers is asked before a person is: a seam that articles will use."""

from __future__ import annotations

import pytest

from app.contacts import suggestions
from app.contacts.suggestions import Suggestion, finds_suggestions

SHIPPING = Suggestion(
    title="Shipping", url="https://shop.acme.example/shipping", excerpt="Where to."
)


@pytest.fixture
def find(monkeypatch):
    """Registers a function as a package would, for one test."""
    monkeypatch.setattr(suggestions, "_finders", [])
    return finds_suggestions


def test_while_nobody_keeps_answers_there_are_none(writer, find):
    assert "suggestions" not in writer.begin("Do you ship to Norway?").json


def test_a_first_message_is_answered_with_what_may_help(writer, find, acme):
    asked = []

    @find
    def shipping(site_id, text):
        asked.append((site_id, text))
        return [SHIPPING] if "ship" in text else []

    answer = writer.begin("Do you ship to Norway?")
    assert answer.json["suggestions"] == [
        {
            "title": "Shipping",
            "url": "https://shop.acme.example/shipping",
            "excerpt": "Where to.",
        }
    ]
    assert asked == [(acme.site_id, "Do you ship to Norway?")]
    # From then on it is a conversation among people.
    assert "suggestions" not in writer.write("And do you ship to Iceland?").json
    assert writer.begin("Something else").json["suggestions"] == []


def test_a_conversation_that_was_begun_empty_is_asked_about_at_its_first_words(writer, find):
    find(lambda site_id, text: [SHIPPING])
    assert "suggestions" not in writer.begin(None).json
    assert len(writer.write("Shipping?").json["suggestions"]) == 1


def test_three_at_most_and_one_that_fails_keeps_nobody_from_writing(writer, find):
    @find
    def broken(site_id, text):
        raise RuntimeError("no index")

    find(lambda site_id, text: [SHIPPING] * 5)
    answer = writer.begin("Hello")
    assert answer.status_code == 201
    assert len(answer.json["suggestions"]) == 3
    assert len(writer.read().json["messages"]) == 1
