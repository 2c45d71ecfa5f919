"""The overview of a site: its figures, their course over time, and where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.accounts.models import Organization
from app.analytics.annotations import annotations_of
from app.analytics.answers import Answer, Row, Totals, label_at
from app.analytics.comparing import Before
from app.analytics.conversions import Conversions, ask_with_conversions
from app.analytics.curves import curve, intervals, offered
from app.analytics.dimensions import DIMENSIONS
from app.analytics.figures import LABELS
from app.analytics.periods import midnight
from app.analytics.questions import Question
from app.analytics.words import duration, percent
from app.core import clock
from app.core.db import db
from app.core.errors import bad_query
from app.core.money import units

PANELS = {
    "pages": ("Pages", ("page", "entry_page", "exit_page")),
    "sources": (
        "Sources",
        (
            "channel",
            "referrer",
            "utm_source",
            "utm_medium",
            "utm_campaign",
            "utm_term",
            "utm_content",
        ),
    ),
    "places": ("Places", ("country", "region", "city")),
    "devices": ("Devices", ("device", "browser", "system", "language")),
    "events": ("Events", ("event", "property")),
}
SHOWN = 8  # rows of a panel

Value = Callable[[Totals], float | None]


@dataclass(frozen=True)
class Kind:
    """Of a figure: what it is called and means, how it is read, and whether more of it is good."""

    label: str
    meaning: str
    value: Value
    words: Callable[[Any], str] = "{:,}".format
    good: int = 1
    drawn: float = 1  # what a value is multiplied with in the chart


FIGURES: dict[str, Kind] = {
    "visitors": Kind(
        LABELS["visitors"],
        "Different visitors of each day, added up: who comes on two days counts on both.",
        lambda totals: totals.visitors,
    ),
    "sessions": Kind(
        LABELS["sessions"],
        "A visit ends after half an hour without a sign of life, or after a day. It counts when it "
        "began.",
        lambda totals: totals.sessions,
    ),
    "page_views": Kind(
        LABELS["page_views"],
        "Also those of visitors who asked not to be followed.",
        lambda totals: totals.page_views,
    ),
    "bounce_rate": Kind(
        LABELS["bounce_rate"],
        "Visits of a single page view.",
        lambda totals: totals.bounce_rate,
        percent,
        -1,
        100,
    ),
    "duration": Kind(
        LABELS["seconds"],
        "From the first to the last event of a visit, on average.",
        lambda totals: totals.seconds and totals.seconds * 1000,
        duration,
        1,
        0.001,
    ),
    "revenue": Kind(
        LABELS["revenue"],
        "Orders that a source told of and a visit named, less what was given back, and what your "
        "servers say that events earned. All of it in the organization's currency.",
        lambda totals: totals.revenue,
    ),
}
BY_VISITORS, BY_SESSIONS = "visitors", "sessions"


@dataclass(frozen=True)
class Figure:
    """`change` in words, None if there is nothing to compare with; `tone` good, bad or neutral."""

    name: str
    label: str
    meaning: str
    value: str
    change: str | None
    tone: str


@dataclass(frozen=True)
class Line:
    """Of a panel: `share` is of its longest, 0 to 100."""

    value: str
    number: int
    share: float


@dataclass(frozen=True)
class Panel:
    name: str
    label: str
    dimensions: tuple[str, ...]
    dimension: str
    lines: list[Line]
    more: int

    @property
    def none(self) -> str:
        return DIMENSIONS[self.dimension].none


@dataclass(frozen=True)
class Overview:
    """What one question is answered with. `before` is None where nothing is compared."""

    question: Question
    answer: Answer
    conversions: Conversions
    before: Before | None
    metric: str
    interval: str

    @classmethod
    def of(cls, question: Question, said: Mapping[str, str]) -> Overview:
        """`said`: `metric`, `interval`, `compare=off`, of an address. Raises ApiError 400."""
        metric, interval = said.get("metric"), said.get("interval")
        if metric and metric not in FIGURES:
            raise bad_query("metric", f"One of {', '.join(FIGURES)}.")
        possible = intervals(question.period.length)
        if interval and interval not in possible:
            raise bad_query("interval", f"One of {', '.join(possible)} for so many days.")
        if said.get("compare", "off") != "off":
            raise bad_query("compare", "off, or nothing.")
        return cls(
            question,
            *ask_with_conversions(question.site, question.period, question.filters),
            None
            if said.get("compare")
            else Before.of(question.site, question.period, question.filters),
            metric or (BY_VISITORS if question.own_clock else BY_SESSIONS),
            interval or possible[0],
        )

    @property
    def intervals(self) -> tuple[str, ...]:
        return offered(self.question.period.length, self.interval)

    @property
    def compared(self) -> str:
        """The days that it is compared with."""
        if self.before is None:
            return ""
        period = self.before.answer.period
        first, last = period.first, period.last
        if first == last:
            return f"{last:%-d %b}"
        return (
            f"{first:%-d %b}{'' if first.year == last.year else f' {first:%Y}'} – {last:%-d %b %Y}"
        )

    @property
    def is_under_way(self) -> bool:
        """Whether the last day of the period is not over."""
        period = self.question.period
        return period.begins <= int(clock.now().timestamp() * 1000) < period.ends

    def figures(self, money: Callable[[Any], str]) -> list[Figure]:
        return [self._figure(name, kind, money) for name, kind in FIGURES.items()]

    def _figure(self, name: str, kind: Kind, money: Callable[[Any], str]) -> Figure:
        now = kind.value(self.answer.totals)
        then = kind.value(self.before.totals) if self.before else None
        words = money if name == "revenue" else kind.words
        value = "–" if now is None else words(now)
        change, tone = (
            self.before.change(now, then, kind.good) if self.before else (None, "neutral")
        )
        return Figure(name, kind.label, kind.meaning, value, change, tone)

    def panel(self, name: str, dimension: str | None) -> Panel:
        """Raises ApiError 400 for a dimension that is not of this panel."""
        label, dimensions = PANELS[name]
        chosen = dimension or dimensions[0]
        if chosen not in dimensions:
            raise bad_query(name, f"One of {', '.join(dimensions)}.")
        found = self.answer.breakdown(chosen, limit=SHOWN)
        return Panel(
            name, label, dimensions, chosen, self._lines(found.rows), found.total - len(found.rows)
        )

    @cached_property
    def countries(self) -> list[Line]:
        """All of them, for the map."""
        return self._lines(self.answer.breakdown("country", limit=None).rows)

    def _lines(self, rows: list[Row]) -> list[Line]:
        numbers = [self.number(row.totals) for row in rows]
        most = max(numbers, default=0) or 1
        pairs = zip(rows, numbers, strict=True)
        # What only those did who are not followed has no visitors.
        return [Line(row.value, number, 100 * number / most) for row, number in pairs if number]

    def number(self, totals: Totals) -> int:
        """Visitors, or where these cannot be told, visits."""
        return totals.sessions if totals.visitors is None else totals.visitors

    @cached_property
    def points(self) -> list[dict[str, Any]]:
        """The chosen figure over time: what, when, and the same of the period before. None is
        still to come, or was before the site counted."""
        return curve(self.answer, self.before, self.interval, self._drawn, self._notes())

    def _notes(self) -> dict[str, list[str]]:
        """What was noted, by the interval in which its day begins."""
        zone, notes = self.question.period.zone, defaultdict(list)
        for note in annotations_of(self.question.site, self.question.period):
            notes[label_at(midnight(note.day, zone), zone, self.interval)].append(note.text)
        return notes

    def _drawn(self, totals: Totals) -> float:
        """In percent, seconds or whole units of the currency."""
        kind = FIGURES[self.metric]
        value = kind.value(totals) or 0
        if self.metric == "revenue":
            return float(units(int(value), self._currency))
        return value if kind.drawn == 1 else round(value * kind.drawn, 2)

    @cached_property
    def _currency(self) -> str:
        return db.session.get_one(Organization, self.question.site.organization_id).currency
