"""What is seen as a file: a breakdown, a series, or the raw events and visits behind them.

However many rows there are, few of them are in memory: they are read in pages and written as they
come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import current_app

from app.accounts.models import Organization
from app.analytics import raw_rows
from app.analytics.answers import DIMENSIONS, Totals, ask
from app.analytics.dimensions import OTHER
from app.analytics.figures import uncounted
from app.analytics.questions import Question
from app.analytics.words import value_words
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.batches import batched
from app.core.db import db
from app.core.money import units
from app.core.progress import Progress
from app.core.spreadsheets import csv_stream
from app.core.tenancy import current_organization_id, scope
from app.sites.models import Site

SERIES, EVENTS, SESSIONS = "series", "events", "sessions"
RAW = (EVENTS, SESSIONS)  # one row a person, nearly: for whoever may see activities
WHATS = (SERIES, *DIMENSIONS, *RAW)
FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
ROWS_AT_ONCE = 200

EVENT_COLUMNS = (
    "id", "at", "name", "url", "title", "referrer", "session_id", "amount", "currency",
    "campaign_id", "order_id", "properties", "by_server",
)  # fmt: skip
FROM_WHERE = (
    "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "country",
    "region", "city", "device", "browser", "system", "language",
)  # fmt: skip
SESSION_COLUMNS = (
    "id", "started_at", "last_at", "seconds", "page_views", "events", "entry_url", "exit_url",
    "referrer", *FROM_WHERE, "recognised",
)  # fmt: skip
FIGURE_COLUMNS = (
    "visitors", "sessions", "page_views", "bounces", "seconds_per_session", "events", "orders",
    "revenue", "currency",
)  # fmt: skip


@dataclass(frozen=True)
class Export:
    """`what` is one of WHATS, `interval` that of a series, `format` one of FORMATS."""

    question: Question
    what: str
    interval: str
    format: str

    @property
    def raw(self) -> bool:
        return self.what in RAW

    @property
    def filename(self) -> str:
        period = self.question.period
        return f"{self.what}-{period.first}-{period.last}.{self.format}"

    def begin(self, progress: Progress) -> Iterator[bytes]:
        """Say that it is taken out, and answer it in pieces."""
        announce(AnalyticsExported(site=self.question.site, export=self))
        columns, rows = self._rows(progress)
        return written_apart(columns, rows, self.format, progress)

    def _rows(self, progress: Progress) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        question = self.question
        if self.what == EVENTS:
            progress.expect(raw_rows.count_events(question))
            return EVENT_COLUMNS, map(_event, raw_rows.events_in(question, progress.passed))
        if self.what == SESSIONS:
            progress.expect(raw_rows.count_sessions(question))
            return SESSION_COLUMNS, map(_session, raw_rows.sessions_in(question, progress.passed))
        return self._figures()

    def _figures(self) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        question = self.question
        currency = db.session.get_one(Organization, current_organization_id()).currency
        if self.what == SERIES:
            answer = ask(question.site, question.period, question.filters, ())
            points = answer.series(self.interval)
            return (self.interval, *FIGURE_COLUMNS), [
                (point.at, *_figures(point.totals, currency)) for point in points
            ]
        answer = ask(question.site, question.period, question.filters, (self.what,))
        found = answer.breakdown(self.what, limit=None)
        rows = [(row.value, row.totals) for row in found.rows]
        if found.other is not None:
            rows.append((OTHER, found.other))
        return (self.what, "name", *FIGURE_COLUMNS), [
            (value, value_words(self.what, value), *_counted(totals, currency, self.what))
            for value, totals in rows
        ]


def written_apart(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], format: str, progress: Progress
) -> Iterator[bytes]:
    """Rows as a file in pieces."""
    written = _csv(columns, rows) if format == "csv" else _json(columns, rows)
    return _apart(progress.until_end(written), progress)


def _apart(pieces: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    """Each made in surroundings of its own: those of the request end before the last one leaves,
    and nothing stays open while whoever downloads takes his time."""
    app, organization_id = current_app._get_current_object(), current_organization_id()  # type: ignore[attr-defined]

    def made() -> Iterator[bytes]:
        try:
            while True:
                with app.app_context(), scope(organization_id):
                    piece = next(pieces, None)
                if piece is None:
                    return
                yield piece
        except BaseException:  # also that nobody wants the rest
            with app.app_context():
                progress.stop()
            raise

    return made()


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    return csv_stream(_table(columns, rows))


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield columns
    yield from (
        [json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict) else cell for cell in row]
        for row in rows
    )


def _json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A list with an object a row, some rows at a time."""
    before = "["
    for some in batched(rows, ROWS_AT_ONCE):
        objects = (dict(zip(columns, row, strict=True)) for row in some)
        text = ",\n".join(json.dumps(each, ensure_ascii=False, default=str) for each in objects)
        yield f"{before}\n{text}".encode("utf-8", "replace")
        before = ","
    yield b"[]\n" if before == "[" else b"\n]\n"


def _event(row: Any) -> Sequence[Any]:
    return (
        row.id,
        _moment(row.at),
        row.name,
        row.url,
        row.title,
        row.referrer,
        row.session_id,
        major(row.amount, row.currency),
        row.currency,
        row.campaign_id,
        row.order_id,
        row.props or {},
        row.by_api,
    )


def _session(row: Any) -> Sequence[Any]:
    """Neither the network nor the hash that the visitor was told apart by."""
    return (
        row.id,
        _moment(row.started_at),
        _moment(row.last_at),
        (row.last_at - row.started_at) // 1000,
        row.page_views,
        row.events,
        row.entry_url,
        row.exit_url,
        row.referrer,
        *(getattr(row, name) for name in FROM_WHERE),
        row.person,
    )


def _figures(totals: Totals, currency: str) -> Sequence[Any]:
    seconds = totals.seconds
    return (
        totals.visitors,
        totals.sessions,
        totals.page_views,
        totals.bounces,
        None if seconds is None else round(seconds, 1),
        totals.events,
        totals.orders,
        major(totals.revenue, currency),
        currency,
    )


def _counted(totals: Totals, currency: str, dimension: str) -> Sequence[Any]:
    """The same, and nothing where nothing is counted of a value of the dimension."""
    left_out = uncounted(FIGURE_COLUMNS[:-1], dimension)
    cells = zip(FIGURE_COLUMNS, _figures(totals, currency), strict=True)
    return [None if name in left_out else cell for name, cell in cells]


def major(amount: int | None, currency: str | None) -> str | None:
    """In whole units of the currency: `29.35`."""
    if amount is None or currency is None:
        return None
    return units(amount, currency)


def _moment(milliseconds: int) -> str:
    return clock.iso(datetime.fromtimestamp(milliseconds / 1000, UTC))


@dataclass(frozen=True, kw_only=True)
class AnalyticsExported(Announcement):
    name: ClassVar[str] = "analytics.exported"
    site: Site
    export: Export

    def details(self) -> dict[str, Any]:
        period = self.export.question.period
        return {
            "what": self.export.what,
            "format": self.export.format,
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            "filtered_by": [each.dimension for each in self.export.question.filters],
        }
