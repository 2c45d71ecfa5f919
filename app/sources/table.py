"""Reading a table that somebody exported: its encoding, its separators, what its columns mean, and
a fact for each row or the reason why there is none."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core import clock
from app.core.countries import NAMES
from app.sources.facts import (
    ActivityReported,
    FactError,
    Money,
    Person,
    Place,
    Product,
    activity_type,
    clean_country,
    clean_email,
    clean_text,
    identifier,
    known_person,
    known_place,
    known_product,
    parse_time,
)

LARGEST = 5 * 1024 * 1024
ROWS_LIMIT = 10_000
COLUMNS_LIMIT = 100
CELL_LIMIT = 2_000
AHEAD = timedelta(minutes=5)

# What a column may mean, what that is called, and how files call it.
TARGETS: dict[str, tuple[str, str]] = {
    "occurred_at": (
        "When it happened",
        "occurred at|date|time|datetime|timestamp|created at|paid at|processed at|order date"
        "|datum|bestelldatum|date de commande|fecha|data",
    ),
    "external_id": (
        "Its id",
        "external id|id|order id|order|order number|order no|number|name|reference|bestellnummer"
        "|auftragsnummer|transaction id|numero|nummer",
    ),
    "type": ("What happened", "type|activity|activity type|event|kind|typ|art"),
    "first_name": (
        "First name",
        "first name|firstname|given name|forename|customer first name|billing first name"
        "|billing firstname|vorname|prénom|prenom|nombre|nome|voornaam|imię|förnamn",
    ),
    "last_name": (
        "Last name",
        "last name|lastname|surname|family name|billing last name|nachname|nom|apellido|cognome",
    ),
    "full_name": (
        "Whole name",
        "full name|customer|customer name|billing name|buyer|kunde|kundenname|client",
    ),
    "email": (
        "E-mail",
        "email|e mail|email address|e mail address|customer email|billing email|mail|e mail adresse"
        "|correo|courriel",
    ),
    "city": (
        "City",
        "city|town|billing city|shipping city|ort|stadt|wohnort|ville|ciudad|città|citta|cidade"
        "|plaats|miasto",
    ),
    "region": (
        "Region",
        "region|state|province|billing state|shipping province|billing province|bundesland|kanton",
    ),
    "country": (
        "Country",
        "country|country code|billing country|shipping country|land|pays|país|pais|paese",
    ),
    "product_name": (
        "Product",
        "product|product name|item|item name|title|lineitem name|produkt|artikel|produit|producto"
        "|prodotto|produto",
    ),
    "product_url": ("Address of the product", "product url|url|link|product link"),
    "product_image": ("Picture of the product", "product image|image|image url|picture"),
    "amount": ("Amount", "amount|total|price|order total|value|betrag|summe|preis|montant|importe"),
    "currency": ("Currency", "currency|currency code|währung|waehrung|devise|moneda|valuta"),
    "rating": ("Rating", "rating|stars|score|bewertung|sterne|note"),
}
_KNOWN = {word: target for target, (_, words) in TARGETS.items() for word in words.split("|")}
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_COMMA_DECIMAL = re.compile(r"-?\d{1,3}(?:[.\u00a0 ]?\d{3})*,\d{1,2}|-?\d+,\d{1,2}", re.ASCII)
_POINT_DECIMAL = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?", re.ASCII)
_COUNTRY_CODES = {name.casefold(): code for code, name in NAMES.items()}


class TableError(ValueError):
    """A file that cannot be read as a table; the message is written for a person."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read: how, its header and its rows, each with its number in the file."""

    encoding: str
    delimiter: str
    header: list[str]
    rows: list[tuple[int, list[str]]]

    def guess(self) -> list[str]:
        """What each column probably means; "" for one that says nothing to us."""
        taken: set[str] = set()
        meant = []
        for name in self.header:
            target = _KNOWN.get(_plain(name), "")
            meant.append("" if target in taken else target)
            taken.add(target)
        return meant


@dataclass(slots=True)
class Reading:
    """The facts of a table, and the rows that are none: (number, reason, cells)."""

    facts: list[ActivityReported] = field(default_factory=list)
    left_out: list[tuple[int, str, list[str]]] = field(default_factory=list)


def read_table(raw: bytes) -> Table:
    """Read a file of at most 5 MB and 10,000 rows, or raise TableError.

    Takes UTF-8, UTF-16 and Windows-1252, and cells parted by comma, semicolon or tab.
    """
    if len(raw) > LARGEST:
        raise TableError("The file is larger than 5 MB. Split it.")
    encoding, text = _decoded(raw)
    delimiter = _delimiter(text)
    header, rows = _parsed(text, delimiter)
    return Table(encoding, delimiter, header, rows)


def read_facts(table: Table, columns: list[str], otherwise: str) -> Reading:
    """A fact for each row, by what its columns mean; `otherwise` is the type of a row without
    one. A row that repeats another's id and type is left out."""
    reading = Reading()
    seen: dict[tuple[str, str], int] = {}
    for number, cells in table.rows:
        try:
            fact = _fact(dict(_named(columns, cells)), cells, otherwise)
            first = seen.setdefault((fact.external_id, fact.type), number)
            if first != number:
                raise FactError(f"the same id is in row {first}, and counts once")
        except FactError as error:
            reading.left_out.append((number, _sentence(str(error)), cells))
        else:
            reading.facts.append(fact)
    return reading


def _decoded(raw: bytes) -> tuple[str, str]:
    if not raw.strip():
        raise TableError("The file is empty.")
    for encoding in _encodings(raw):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return encoding.removesuffix("-sig").upper(), text.lstrip("\ufeff")
    raise TableError("This is not a text file. Save the table as CSV and try again.")


def _encodings(raw: bytes) -> Iterator[str]:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield "utf-16"
        return
    # Without a mark: text of mostly Latin letters has a zero beside each of them.
    if raw[1:200:2].count(0) > len(raw[1:200:2]) // 2:
        yield "utf-16-le"
    if raw[0:200:2].count(0) > len(raw[0:200:2]) // 2:
        yield "utf-16-be"
    yield "utf-8-sig"
    yield "cp1252"


def _delimiter(text: str) -> str:
    """The separator by which the header has the most cells, and the rows under it as many."""
    start = text[:20_000]
    if start[:5].lower() == "sep=;":
        return ";"

    def fit(delimiter: str) -> tuple[int, int]:
        lines = [row for row in _cells(start, delimiter, 6) if any(row)]
        widths = [len(row) for row in lines]
        return (widths[0] if lines else 0, -len(set(widths)))

    return max(",;\t", key=fit)


def _parsed(text: str, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    for number, cells in enumerate(_cells(text, delimiter), start=1):
        if not any(cells) or (number == 1 and cells[0].lower().startswith("sep=")):
            continue
        if not header:
            header = _header(cells)
        elif len(rows) >= ROWS_LIMIT:
            raise TableError(f"The file has more than {ROWS_LIMIT:,} rows. Split it.")
        else:
            rows.append((number, cells[: len(header)]))
    if not header:
        raise TableError("The file is empty.")
    if not rows:
        raise TableError("The file has a header and no rows under it.")
    return header, rows


def _header(cells: list[str]) -> list[str]:
    if len(cells) > COLUMNS_LIMIT:
        raise TableError(f"The file has more than {COLUMNS_LIMIT} columns.")
    return [cell[:80] or f"Column {place}" for place, cell in enumerate(cells, start=1)]


def _cells(text: str, delimiter: str, most: int | None = None) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, row in enumerate(reader):
            if most is not None and number >= most:
                return
            yield [clean_text(cell, CELL_LIMIT) or "" for cell in row]
    except csv.Error as error:
        raise TableError("A cell is too large: a quotation mark is probably not closed.") from error


def _named(columns: list[str], cells: list[str]) -> Iterator[tuple[str, str]]:
    for target, cell in zip(columns, cells, strict=False):
        if target and cell:
            yield target, cell


def _fact(said: dict[str, str], cells: list[str], otherwise: str) -> ActivityReported:
    person, product = known_person(_person(said)), known_product(_product(said))
    if person is None and product is None:
        raise FactError("it names neither a person nor a product, so there is nothing to show")
    return ActivityReported(
        type=activity_type(said.get("type") or otherwise),
        external_id=_external_id(said, cells),
        occurred_at=_moment(said.get("occurred_at")),
        person=person,
        place=known_place(_place(said)),
        product=product,
        value=_value(said),
        data=_rating(said.get("rating")),
    )


def _external_id(said: dict[str, str], cells: list[str]) -> str:
    """The row's own id, else one of its content: the same file twice then doubles nothing."""
    if "external_id" in said:
        return identifier(said["external_id"], "id")
    return "row:" + hashlib.sha256("\x1f".join(cells).encode()).hexdigest()


def _person(said: dict[str, str]) -> Person:
    first, last = said.get("first_name"), said.get("last_name")
    if not first and "full_name" in said:
        first, _, last = said["full_name"].partition(" ")
    email = said.get("email")
    if email and clean_email(email) is None:
        raise FactError("the e-mail is not an address")
    return Person(first_name=first, last_name=last, email=email)


def _place(said: dict[str, str]) -> Place:
    written = said.get("country")
    country = clean_country(written) or _COUNTRY_CODES.get((written or "").casefold())
    if written and country is None:
        raise FactError(f"“{written[:40]}” is not a country; write two letters, such as DE")
    return Place(city=said.get("city"), region=said.get("region"), country=country)


def _product(said: dict[str, str]) -> Product:
    return Product(said.get("product_name"), said.get("product_url"), said.get("product_image"))


def _moment(written: str | None) -> datetime:
    """When it happened. Nothing is guessed: what has no date would be shown as new."""
    if not written:
        raise FactError("it does not say when it happened")
    day_first = _DAY_FIRST.fullmatch(written)
    try:
        moment = _from_days(day_first) if day_first else parse_time(written, "date")
    except ValueError:
        raise FactError(
            f"“{written[:40]}” is not a date; write 2026-01-31 or 2026-01-31 14:05"
        ) from None
    if moment > clock.now() + AHEAD:
        raise FactError(f"“{written[:40]}” has not come yet")
    return moment


def _from_days(match: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _value(said: dict[str, str]) -> Money | None:
    if "amount" not in said or "currency" not in said:
        return None
    written = said["amount"]
    if _COMMA_DECIMAL.fullmatch(written):
        written = re.sub(r"[.\u00a0 ]", "", written).replace(",", ".")
    elif _POINT_DECIMAL.fullmatch(written):
        written = written.replace(",", "")
    return Money.parse(written, said["currency"])


def _rating(written: str | None) -> dict[str, Any]:
    if not written:
        return {}
    try:
        stars = float(written.replace(",", "."))
    except ValueError:
        stars = -1.0
    if not 0 <= stars <= 100:
        raise FactError("the rating is not a number from 0 to 100")
    return {"rating": int(stars) if stars == int(stars) else stars}


def _plain(name: str) -> str:
    """A column's name as it is compared: "Billing_First-Name" → "billing first name"."""
    return " ".join(re.sub(r"[\W_]+", " ", name.casefold()).split())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
