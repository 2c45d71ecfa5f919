"""CSV for people: what a spreadsheet program would run is made text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from app.core.batches import batched

ROWS_AT_ONCE = 200
# A spreadsheet program takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# And in many countries a semicolon, or a tab, for the end of a cell.
_BEHIND_SEPARATOR = re.compile(r"(?<=[;\t\r\n])(?=[ \"]*[=+\-@])")


def neutral(cell: Any) -> str:
    """A cell that no spreadsheet program calculates: with an apostrophe before what looks so."""
    text = _BEHIND_SEPARATOR.sub("'", "" if cell is None else str(cell))
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA) else text


def csv_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows as CSV in UTF-8 with the mark that Excel looks for, every cell neutralised."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([neutral(cell) for cell in row] for row in rows)
    return written.getvalue().encode("utf-8-sig", "replace")


def csv_stream(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The same bytes, some rows at a time, for more than fits into memory."""
    yield "".encode("utf-8-sig")
    for some in batched(rows, ROWS_AT_ONCE):
        written = io.StringIO(newline="")
        csv.writer(written).writerows([neutral(cell) for cell in row] for row in some)
        yield written.getvalue().encode("utf-8", "replace")
