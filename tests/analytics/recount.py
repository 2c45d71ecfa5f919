"""What the raw rows add up to, counted one by one in the most naive way: what every quicker way of
counting has to equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.core.db import db
from app.tracking.models import Event, Session
from app.tracking.words import path_of

LEFT_OUT = ("engagement", "web_vitals")
OF_SESSIONS: dict[str, Callable[[Session], Any]] = {
    "country": lambda each: each.country,
    "region": lambda each: f"{each.region}, {each.country}" if each.region else None,
    "channel": lambda each: each.channel,
    "utm_source": lambda each: each.utm_source,
    "device": lambda each: each.device,
    "referrer": lambda each: each.referrer_host,
    "entry_page": lambda each: path_of(each.entry_url),
    "exit_page": lambda each: path_of(each.exit_url),
}
Sums = dict[str, int]


def recount(
    first: str,
    last: str,
    zone: str,
    keep: Callable[[Session | None, list[Event]], bool] = lambda _session, _events: True,
) -> dict[str, Any]:
    """Of the days from `first` to `last`: `total`, by `day`, and by value of each dimension."""
    clock = ZoneInfo(zone)
    found: dict[str, Any] = {"total": _nothing(), "day": defaultdict(_nothing)}
    for name in (*OF_SESSIONS, "page", "event"):
        found[name] = defaultdict(_nothing)
    visitors: dict[Any, set] = defaultdict(set)
    for session, events in _visits():
        began = session.started_at if session else events[0].at
        day = str(datetime.fromtimestamp(began / 1000, clock).date())
        if not first <= day <= last or not keep(session, events):
            continue
        _add_visit(found, visitors, day, session, events)
    for (kind, value), several in visitors.items():
        row = found[kind] if kind == "total" else found[kind][value]
        row["visitors"] = len(several)
    return {
        name: rows
        if name == "total"
        else {value: row for value, row in rows.items() if any(row.values())}
        for name, rows in found.items()
    }


def _add_visit(
    found: dict[str, Any], visitors: dict[Any, set], day: str, session: Session | None, events: list
) -> None:
    sums = _nothing()
    sums["page_views"] = session.page_views if session else _views(events)
    sums["events"] = sum(each.name != "page_view" for each in events)
    rows = [found["total"], found["day"][day]]
    keys = [("total", ""), ("day", day)]
    for name, value in OF_SESSIONS.items():
        said = (value(session) or "") if session else ""
        rows.append(found[name][said])
        keys.append((name, said))
    if session:
        sums["sessions"] = 1
        sums["bounces"] = int(session.page_views <= 1)
        sums["duration"] = session.last_at - session.started_at
        for key in keys:
            visitors[key].add((day, bytes(session.visitor)))
    for row in rows:
        for name, value in sums.items():
            row[name] += value
    for name, kind, read in (
        ("page", "page_views", lambda each: path_of(each.url)),
        ("event", "events", lambda each: each.name),
    ):
        mine = [each for each in events if (each.name == "page_view") == (name == "page")]
        for value in {read(each) for each in mine}:
            row = found[name][value]
            row[kind] += sum(read(each) == value for each in mine)
            if session:
                row["sessions"] += 1
                visitors[name, value].add((day, bytes(session.visitor)))


def _visits() -> list[tuple[Session | None, list[Event]]]:
    """Each visit with its events; an event without a visit is alone."""
    events = [each for each in db.session.scalars(select(Event)) if each.name not in LEFT_OUT]
    visits = []
    for session in db.session.scalars(select(Session)):
        visits.append((session, [each for each in events if each.session_id == session.id]))
    return visits + [(None, [each]) for each in events if each.session_id is None]


def _views(events: list[Event]) -> int:
    return sum(each.name == "page_view" for each in events)


def _nothing() -> Sums:
    names = ("visitors", "sessions", "page_views", "bounces", "duration", "events")
    return dict.fromkeys(names, 0)
