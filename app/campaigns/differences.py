"""What is different between two revisions, in words: plain values in, plain values out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.campaigns.content import PARTS, Content
from app.campaigns.formats import FORMATS
from app.core.languages import ENGLISH_NAMES

Kind = Literal["added", "removed", "changed"]


class Named(NamedTuple):
    """How a field is called and its values are said: `quoted` as a text that somebody wrote, else
    with its unit. `none` is said when it is not set."""

    label: str
    unit: str = ""
    none: str = "none"
    quoted: bool = False


# By the path inside a snapshot. What is missing here is called by its path.
LABELS = {
    "name": Named("name", quoted=True),
    "format": Named("format"),
    "renderer": Named("drawn as"),
    "content.template": Named("wording", quoted=True),
    "content.types": Named("activities"),
    "content.period": Named("over"),
    "content.minimum": Named("only when at least"),
    "content.title": Named("title", quoted=True),
    "content.message": Named("message", quoted=True),
    "content.tone": Named("tone"),
    "content.coupon": Named("code", quoted=True),
    "content.link.url": Named("link", quoted=True),
    "content.link.label": Named("link text", quoted=True),
    "content.link.same_tab": Named("open in the same tab"),
    "content.image": Named("picture"),
    "content.image.alt": Named("what the picture shows", quoted=True),
    "content.position": Named("position"),
    "content.theme": Named("theme"),
    "content.accent": Named("accent"),
    "content.background": Named("background", none="as the theme has it"),
    "content.foreground": Named("text colour", none="as the theme has it"),
    "content.size": Named("size"),
    "content.corners": Named("corners"),
    "content.animation": Named("appears by"),
    "content.icon": Named("icon", none="as the format has it"),
    "content.duration": Named("stays for", "s"),
    "content.gap": Named("pause between two", "s"),
    "content.closable": Named("visitors can close it"),
    "triggers.delay": Named("delay", "s"),
    "triggers.scroll": Named("scrolled", "%", "not set"),
    "triggers.exit": Named("about to leave"),
    "triggers.time": Named("time on the page", "s", "not set"),
    "rules.include": Named("pages"),
    "rules.exclude": Named("excluded pages"),
    "rules.devices": Named("devices"),
    "rules.languages": Named("languages"),
    "frequency.page": Named("on one page", "times", "no limit"),
    "frequency.day": Named("for one visitor on a day", "times", "no limit"),
    "tracking.params": Named("parameters"),
    "tracking.custom": Named("own parameter"),
    "tracking.page": Named("address of the page passed on"),
    "tracking.time": Named("time of the click passed on"),
    "settings.language": Named("language"),
    "settings.person_style": Named("people are shown as"),
    "settings.k": Named("a place is named from", "people"),
    "settings.time_zone": Named("time zone"),
    "settings.mode": Named("before a visitor consents"),
    "settings.parameters": Named("kept parameter"),
}

# What a value is called, where its own name does not say it.
VALUES: dict[str, dict[Any, str]] = {
    "format": {each.name: each.label for each in FORMATS.values()},
    "content.period": {
        "hour": "last hour",
        "day": "last 24 hours",
        "week": "last 7 days",
        "month": "last 30 days",
    },
    "content.tone": {
        "info": "information",
        "success": "good news",
        "warning": "warning",
        "error": "problem",
    },
    "content.theme": {"auto": "like the device"},
    "content.duration": {0: "until it is closed"},
    "settings.person_style": {
        "first_name": "First name",
        "initial": "Initial",
        "someone": "“Someone”",
    },
    "settings.language": ENGLISH_NAMES,
    "rules.languages": ENGLISH_NAMES,
}

NOTHING_LINKED = {"url": None, "label": None, "same_tab": False}
NOTHING_PICTURED = {"token": None, "alt": ""}


@dataclass(frozen=True)
class Detail:
    """One field: `label before → after`, or `label after` where there was nothing to compare."""

    label: str
    before: str | None
    after: str

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.label} {self.after}"
        colon = ":" if self.before in ("yes", "no") else ""
        return f"{self.label}{colon} {self.before} → {self.after}"


@dataclass(frozen=True)
class Change:
    """What happened to one campaign, or to the settings: then it has no `campaign` id."""

    kind: Kind
    name: str
    campaign: str | None = None
    format: str = ""
    details: list[Detail] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return [str(detail) for detail in self.details]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """From one revision's content to another's: settings first, then campaigns by name.

    What a revision of long ago did not keep is taken for its default, and settings that only one
    of the two kept are not compared.
    """
    campaigns = sorted(
        _campaigns(before, after), key=lambda change: (change.name.casefold(), change.campaign)
    )
    return [*_settings(before.get("settings"), after.get("settings")), *campaigns]


def campaign_differences(before: dict[str, Any], after: dict[str, Any]) -> list[Detail]:
    """From one snapshot of a campaign to another, field by field."""
    old, new = _complete(before), _complete(after)
    return [
        detail
        for path in [*LABELS, *sorted((old.keys() | new.keys()) - LABELS.keys())]
        if path in old or path in new
        for detail in _details(path, old.get(path), new.get(path))
    ]


def _settings(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterator[Change]:
    if not before or not after:
        return
    details = [
        detail
        for name in sorted(before.keys() & after.keys())
        for detail in _details(f"settings.{name}", before[name], after[name])
    ]
    if details:
        yield Change("changed", "Settings", details=details)


def _campaigns(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    old = {each["id"]: each for each in before.get("campaigns", [])}
    new = {each["id"]: each for each in after.get("campaigns", [])}
    for identifier in old.keys() - new.keys():
        yield _change("removed", old[identifier])
    for identifier in new.keys() - old.keys():
        yield _change("added", new[identifier])
    for identifier in old.keys() & new.keys():
        details = campaign_differences(old[identifier], new[identifier])
        if details:
            yield _change("changed", new[identifier], details)


def _change(kind: Kind, snapshot: dict[str, Any], details: list[Detail] | None = None) -> Change:
    format = FORMATS.get(snapshot["format"])
    label = format.label if format else snapshot["format"]
    return Change(kind, snapshot.get("name") or label, snapshot["id"], label, details or [])


# --- a snapshot as flat fields -------------------------------------------------------------------


def _complete(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Fields by path, with the defaults of what the snapshot does not say."""
    fields = {name: snapshot.get(name) for name in ("name", "format", "renderer")}
    for part, values in _parts(snapshot).items():
        fields |= {f"{part}.{name}": value for name, value in values.items()}
    link = {**NOTHING_LINKED, **(fields.pop("content.link", None) or {})}
    fields |= {f"content.link.{name}": value for name, value in link.items()}
    picture = {**NOTHING_PICTURED, **(fields.pop("content.image", None) or {})}
    fields["content.image.alt"] = picture.pop("alt")
    fields["content.image"] = picture
    for language, texts in (fields.pop("content.translations", None) or {}).items():
        fields |= {f"translations.{language}.{name}": text for name, text in texts.items()}
    return fields


def _parts(snapshot: dict[str, Any]) -> dict[str, dict[str, Any]]:
    format = FORMATS.get(snapshot["format"])
    own = {"position": format.places[0]} | format.defaults if format else {}
    parts = {name: _DEFAULTS[name] | (snapshot.get(name) or {}) for name in PARTS}
    return {"content": _DEFAULTS["content"] | own | (snapshot.get("content") or {}), **parts}


_DEFAULTS = {
    "content": Content().model_dump(),
    **{name: schema().model_dump() for name, schema in PARTS.items()},
}


# --- two values in words -------------------------------------------------------------------------


def _details(path: str, old: Any, new: Any) -> Iterator[Detail]:
    if old == new:
        return
    named = _named(path)
    if path == "content.image":
        yield Detail(named.label, None, _picture(old, new))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list(path, named.label, old, new)
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(named.label, old, new)
    elif named.quoted and not (old and new):
        yield Detail(named.label, None, _came_or_went(old, new))
    else:
        yield Detail(named.label, _said(path, named, old), _said(path, named, new))


def _named(path: str) -> Named:
    if path in LABELS:
        return LABELS[path]
    area, _, rest = path.partition(".")
    if area == "translations":
        language, _, name = rest.partition(".")
        text = LABELS["content.link.label" if name == "label" else f"content.{name}"]
        return text._replace(label=f"{ENGLISH_NAMES.get(language, language)} {text.label}")
    return Named(rest.replace("_", " ").replace(".", " ") or area)


def _picture(old: dict[str, Any], new: dict[str, Any]) -> str:
    if not old["token"]:
        return "added"
    return "replaced" if new["token"] else "removed"


def _list(path: str, label: str, old: list[Any], new: list[Any]) -> Iterator[Detail]:
    gone, come = Counter(map(str, old)), Counter(map(str, new))
    for value in gone - come:
        yield Detail(label, None, f"{_value(path, value)} removed")
    for value in come - gone:
        yield Detail(label, None, f"{_value(path, value)} added")
    if gone == come:
        yield Detail(label, None, "in another order")


def _mapping(label: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Detail]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if name not in old:
            yield Detail(label, None, f"{name}={after} added")
        elif name not in new:
            yield Detail(label, None, f"{name}={before} removed")
        elif before != after:
            yield Detail(f"{label} {name}", _quoted(before), _quoted(after))


def _came_or_went(old: Any, new: Any) -> str:
    return f"{_quoted(new)} added" if new else f"{_quoted(old)} removed"


def _said(path: str, named: Named, value: Any) -> str:
    if value is None:
        return named.none
    if named.quoted:
        return _quoted(value)
    return _known(path, value) or f"{_plain(value)} {named.unit}".rstrip()


def _value(path: str, value: Any) -> str:
    return _known(path, value) or _plain(value)


def _known(path: str, value: Any) -> str:
    return VALUES.get(path, {}).get(value, "") if isinstance(value, str | int | float) else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else json.dumps(value)


def _quoted(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else _plain(value)
