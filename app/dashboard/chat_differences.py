"""What is different between the chat settings of two revisions, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.campaigns.differences import Change, Detail
from app.chat.outside import TARGETS
from app.chat.settings_forms import ASKS, ASSIGNMENTS, POSITIONS
from app.chat.week import DAYS, write_spans
from app.core.languages import ENGLISH_NAMES

TEXTS = {"title": "title", "greeting": "greeting", "away": "text when nobody is there"}
TEXTS |= {"waiting": "text when an answer takes long"}
# A site that was never asked about its chat.
NONE = {"on": False}

Fields = dict[str, str]


def chat_changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """From one revision's content to another's; nothing where one of them did not keep them."""
    if "chat_settings" not in before or "chat_settings" not in after:
        return
    details = list(_details(before["chat_settings"] or NONE, after["chat_settings"] or NONE))
    if details:
        yield Change("changed", "Chat", details=details)


def _details(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Detail]:
    both = old.keys() & new.keys()
    old, new = ({name: kept[name] for name in both} for kept in (old, new))
    before, after = _fields(old), _fields(new)
    for label in before:
        if before[label] != after[label]:
            yield Detail(label, before[label], after[label])
    yield from _came_or_went("holiday", old.get("holidays", ()), new.get("holidays", ()))
    yield from _texts(old.get("texts", {}), new.get("texts", {}))


def _fields(kept: dict[str, Any]) -> Fields:
    """By label, in the order of the form."""
    words = {
        "on": ("shown on the site", _yes_or_no),
        "position": ("position", _choice(POSITIONS)),
        "accent": ("colour", str),
        "asks": ("asked before the first message", _choice(ASKS)),
        "takes_files": ("visitors may send files", _yes_or_no),
        "asks_rating": ("asks how it was", _yes_or_no),
        "waiting_minutes": ("says “still waiting” after", _minutes),
        "assignment": ("new conversations are assigned", _choice(ASSIGNMENTS)),
        "reply_target": ("first reply within", _minutes),
        "resolution_target": ("closed within", _minutes),
    }
    fields = {label: said(kept[name]) for name, (label, said) in words.items() if name in kept}
    hours = _hours(kept["week"]) if "week" in kept else {}
    outside = _outside(kept["outside"] or {}) if "outside" in kept else {}
    return fields | hours | outside


def _hours(week: list[Any] | None) -> Fields:
    if week is None:
        return {f"hours on {day}": "all day" for day in DAYS}
    spans = dict(zip(DAYS, week, strict=True))
    return {f"hours on {day}": write_spans(spans[day]) or "none" for day in DAYS}


def _outside(outside: dict[str, Any]) -> Fields:
    target = outside.get("target")
    return {
        "outside chat": outside.get("url") or "none",
        "second address of it": outside.get("fallback") or "none",
        "it opens in": _choice(TARGETS)(target).lower() if target else "nothing",
    }


def _texts(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Detail]:
    for language in sorted(old.keys() | new.keys()):
        for name, words in TEXTS.items():
            label = f"{ENGLISH_NAMES.get(language, language)} {words}"
            before = old.get(language, {}).get(name)
            after = new.get(language, {}).get(name)
            if before and after and before != after:
                yield Detail(label, f"“{before}”", f"“{after}”")
            elif before != after:
                yield Detail(label, None, f"“{after}” added" if after else f"“{before}” removed")


def _came_or_went(label: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Detail]:
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    yield from (Detail(label, None, f"{day} removed") for day in gone)
    yield from (Detail(label, None, f"{day} added") for day in come)


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _minutes(value: int | None) -> str:
    return "not set" if value is None else f"{value:,} minutes"


def _choice(choices: Any) -> Any:
    """How a form calls a value: its words, or the first of them."""
    labels = {each.value: each.label for each in choices}

    def said(value: str) -> str:
        label = labels.get(value, value)
        return label if isinstance(label, str) else label[0]

    return said
