"""Wording templates: `{{first_name}} from {{city}} bought {{product|something nice}} {{time_ago}}`.

A template is read once and filled in one pass, so a value can never become a variable. The
literal text of a proof format holds no digits: every number a visitor sees was counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from app.core.countries import country_name
from app.sources.facts import clean_text

TEMPLATE_LIMIT = 300
FALLBACK_LIMIT = 80
VALUE_LIMIT = 120
MESSAGE_LIMIT = 500

VARIABLES = (
    "first_name",
    "city",
    "region",
    "country",
    "place",
    "product",
    "type",
    "rating",
    "time_ago",
)
# What formats that show numbers may say: nothing of one activity, only what was counted.
COUNT_VARIABLES = ("count", "people", "period")
STREAK_VARIABLES = ("product", "count", "period")
RATING_VARIABLES = ("rating", "best", "count", "period")
LIVE_VARIABLES = ("visitors",)
TIME_AGO = "{{time_ago}}"

PLACES = frozenset({"city", "region", "country", "place"})

# What stands for a person and for a thing that are not named, by language.
DEFAULTS = {
    language: {"first_name": someone, "product": something}
    for language, someone, something in (
        ("en", "someone", "something"),
        ("de", "jemand", "etwas"),
        ("fr", "quelqu’un", "quelque chose"),
        ("es", "alguien", "algo"),
        ("it", "qualcuno", "qualcosa"),
        ("pt", "alguém", "algo"),
        ("nl", "iemand", "iets"),
        ("pl", "ktoś", "coś"),
        ("sv", "någon", "något"),
        ("da", "nogen", "noget"),
        ("nb", "noen", "noe"),
        ("cs", "někdo", "něco"),
        ("ja", "どなたか", "何か"),
        ("ar", "شخص ما", "شيئًا ما"),
        ("he", "מישהו", "משהו"),
    )
}

# Words that lead to a place or a thing, and have no sense without one.
JOINING_WORDS = (
    # English
    ("from", "in", "at", "near", "of", "for", "with", "on", "around", "to"),
    # German, Dutch
    ("aus", "bei", "nahe", "von", "mit", "für", "uit", "bij", "van", "met", "te", "voor"),
    # French, Spanish, Portuguese, Italian
    ("de", "du", "des", "à", "a", "en", "près", "avec", "pour", "desde", "con", "para", "cerca"),
    ("do", "da", "em", "no", "na", "com", "di", "dal", "dalla", "per", "vicino"),
    # Swedish, Danish, Norwegian, Polish, Czech
    ("från", "fra", "i", "nära", "med", "z", "ze", "w", "we", "v", "ve", "na"),
)

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*(?:\|([^{}]*))?\}\}")
_ALTERNATIVES = "|".join(sorted({word for words in JOINING_WORDS for word in words}))
_JOINING = re.compile(
    rf"(?<!\w)(?:(?:{_ALTERNATIVES})\s+|(?:d|l|nell|dall)['’]\s*)$", re.IGNORECASE
)
_COMMA = re.compile(r"\s*[,、،]\s*$")
_PARTING = re.compile(r"\s*[,、،]?\s*")
_BRACKETS = {"(": ")", "[": "]", "“": "”", "„": "“", "«": "»", "‘": "’", '"': '"'}
_CLOSING = frozenset(",.;:!?…)]”»")
_LEADING = " .,;:·–—-"
_TRAILING = " ,;:·–—-"
_NUMBER_CATEGORIES = frozenset({"Nd", "Nl", "No"})
# Symbols that show a number and that Unicode files under no number category.
_NUMBER_SYMBOLS = frozenset("🔟💯")
_MARKER_LIKE = re.compile(r"\{(?=\{\s*time_ago)", re.IGNORECASE)
_BREAK = "{\u200b"


class WordingError(Exception):
    """A template that cannot be used; the message is written for the person who typed it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    fallback: str = ""


@dataclass(slots=True, eq=False)
class _Piece:
    kind: Literal["text", "value", "marker", "gap"]
    text: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """A template that was read: literal texts and variables in their order."""

    parts: tuple[str | Variable, ...]

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(part.name for part in self.parts if isinstance(part, Variable))

    def render(self, values: Mapping[str, Any], language: str = "en") -> str:
        """The message for these values as one line of plain text, at most 500 characters.

        `{{time_ago}}` stays as it is, for the widget to replace. What is missing takes its
        fallback, else it vanishes together with the word that led to it ("from", "in").
        `place` is the smallest place that may be named; without `city`, it stands in for it.
        """
        words = DEFAULTS[base_language(language)]
        pieces = [self._piece(part, values, words) for part in self.parts]
        _close_gaps(pieces)
        _begin_with_capital(pieces, frozenset(words.values()))
        return _joined(pieces)

    def _piece(
        self, part: str | Variable, values: Mapping[str, Any], words: Mapping[str, str]
    ) -> _Piece:
        if isinstance(part, str):
            return _Piece("text", part)
        if part.name == "time_ago":
            return _Piece("marker", TIME_AGO, part.name)
        value = self._value(part.name, values) or part.fallback or words.get(part.name)
        return _Piece("value" if value else "gap", value or "", part.name)

    def _value(self, name: str, values: Mapping[str, Any]) -> str | None:
        value = _clean(values.get(name))
        if name != "city" or value:
            return value
        place = _clean(values.get("place"))
        # "{{city}}, {{country}}" with only the country known must not say it twice.
        said = {_clean(values.get(other)) for other in self.variables - {"city"}}
        return None if place in said else place


def base_language(language: str) -> str:
    """The language of a tag ("pt-BR" is pt, "no" is nb), or English for one that is not spoken."""
    base = language.replace("_", "-").partition("-")[0].lower()
    base = {"no": "nb", "nn": "nb", "iw": "he"}.get(base, base)
    return base if base in DEFAULTS else "en"


def render(template: str, values: Mapping[str, Any], language: str = "en") -> str:
    """The message of a template in a language. `country_code` among the values becomes the
    country's name in that language, and the place where no finer one may be named."""
    country = country_name(values.get("country_code"), base_language(language))
    country = country or values.get("country") or ""
    place = values.get("city") or values.get("region") or country
    named = {**values, "country": country, "place": place}
    return parse(template).render(named, language)


def parse(template: str, *, proof: bool = True, variables: tuple[str, ...] = VARIABLES) -> Wording:
    """Read a template, or raise WordingError.

    `proof` refuses digits of any script in literal text and fallbacks; formats that are never
    called proof pass False. `variables` are the names that may be used.
    """
    text = template if isinstance(template, str) else ""
    if not text.strip():
        raise WordingError("The wording is empty.")
    if len(text) > TEMPLATE_LIMIT:
        raise WordingError(f"The wording has more than {TEMPLATE_LIMIT} characters.")
    parts = tuple(_parts(text, variables))
    if proof:
        _refuse_numbers(parts)
    return Wording(parts)


def _parts(template: str, variables: tuple[str, ...]) -> Iterator[str | Variable]:
    end = 0
    for match in _VARIABLE.finditer(template):
        yield from _literal(template[end : match.start()])
        yield _variable(match[1], match[2] or "", variables)
        end = match.end()
    yield from _literal(template[end:])


def _literal(text: str) -> Iterator[str]:
    if "{{" in text or "}}" in text:
        raise WordingError("A variable is written {{name}} or {{name|something else}}.")
    # clean_text would trim the spaces that part a word from the variable beside it.
    inner = clean_text(f"|{text}|", TEMPLATE_LIMIT + 2) or "||"
    if inner != "||":
        yield inner[1:-1]


def _variable(name: str, fallback: str, variables: tuple[str, ...]) -> Variable:
    if name not in variables:
        known = ", ".join(f"{{{{{known}}}}}" for known in variables)
        raise WordingError(f"There is no variable {{{{{name[:40]}}}}}. There are: {known}.")
    if len(fallback) > FALLBACK_LIMIT:
        raise WordingError(f"What stands behind | has more than {FALLBACK_LIMIT} characters.")
    return Variable(name, clean_text(fallback) or "")


def _refuse_numbers(parts: tuple[str | Variable, ...]) -> None:
    for part in parts:
        text = part.fallback if isinstance(part, Variable) else part
        # The compatibility form too: one character can show as "1月" or "24日".
        for character in text + unicodedata.normalize("NFKC", text):
            if _is_number(character):
                raise WordingError(
                    f"The wording contains {character}. Numbers in proof are counted, not typed."
                )


def _is_number(character: str) -> bool:
    return unicodedata.category(character) in _NUMBER_CATEGORIES or character in _NUMBER_SYMBOLS


def _clean(value: Any) -> str | None:
    text = str(value) if isinstance(value, (int, float)) else value
    return clean_text(text, VALUE_LIMIT)


def _close_gaps(pieces: list[_Piece]) -> None:
    """Take out what is missing, with the word, comma or brackets that belonged to it."""
    gaps = [piece for piece in pieces if piece.kind == "gap"]
    for gap in gaps:
        at = pieces.index(gap)
        if _another_place_follows(pieces, at):
            del pieces[at : at + 2]
        else:
            _close_gap(pieces, at)
    if gaps:
        _trim_ends(pieces)


def _another_place_follows(pieces: list[_Piece], at: int) -> bool:
    """Whether the next word is a place as well: "in {{city}}, {{country}}" keeps its "in"."""
    if len(pieces) < at + 3:
        return False
    between, following = pieces[at + 1 : at + 3]
    parted = between.kind == "text" and _PARTING.fullmatch(between.text) is not None
    return parted and following.name in PLACES


def _close_gap(pieces: list[_Piece], at: int) -> None:
    before, after = _text_at(pieces, at - 1), _text_at(pieces, at + 1)
    was_spaced = before.text[-1:].isspace()
    before.text = _without_lead(before.text.rstrip())
    if _BRACKETS.get(before.text[-1:]) == after.text.lstrip()[:1] != "":
        before.text, after.text = before.text[:-1].rstrip(), after.text.lstrip()[1:]
    more = bool(after.text) or len(pieces) > at + 1
    if was_spaced and more and not _starts_apart(after.text):
        before.text += " "
    del pieces[at]


def _starts_apart(text: str) -> bool:
    """Whether the text stands right where it is: it begins with a space or closing punctuation."""
    return text[:1].isspace() or text[:1] in _CLOSING


def _text_at(pieces: list[_Piece], at: int) -> _Piece:
    """The literal text at that index, or an empty stand-in."""
    found = pieces[at] if 0 <= at < len(pieces) else None
    return found if found is not None and found.kind == "text" else _Piece("text")


def _without_lead(text: str) -> str:
    """Without the joining word, or else without the comma, at its end."""
    shorter = _JOINING.sub("", f"{text} ").rstrip()
    return shorter if shorter != text else _COMMA.sub("", text)


def _trim_ends(pieces: list[_Piece]) -> None:
    """Punctuation that has lost what it parted, at the beginning and at the end."""
    while pieces and pieces[0].kind == "text" and not pieces[0].text.strip(_LEADING):
        del pieces[0]
    if pieces and pieces[0].kind == "text":
        pieces[0].text = pieces[0].text.lstrip(_LEADING)
    if pieces and pieces[-1].kind == "text":
        pieces[-1].text = pieces[-1].text.rstrip(_TRAILING)


def _begin_with_capital(pieces: list[_Piece], words: frozenset[str]) -> None:
    """Someone begins a sentence; within one it is someone."""
    for piece in pieces:
        if piece.kind == "value" and piece.text in words:
            piece.text = piece.text[:1].upper() + piece.text[1:]
        if any(character.isalnum() for character in piece.text):
            return


def _joined(pieces: list[_Piece]) -> str:
    message = ""
    for is_marker, run in groupby(pieces, key=lambda piece: piece.kind == "marker"):
        text = "".join(piece.text for piece in run)
        text = text if is_marker else _unmarked(text)
        if len(message) + len(text) > MESSAGE_LIMIT:
            # Half a marker would be shown as it is.
            rest = "" if is_marker else text[: MESSAGE_LIMIT - len(message) - 1] + "…"
            return (message + rest).strip()
        message += text
    return message.strip()


def _unmarked(text: str) -> str:
    """Text in which nothing looks like the widget's marker, as a value may be made to."""
    return _MARKER_LIKE.sub(_BREAK, re.sub(" {2,}", " ", text))
