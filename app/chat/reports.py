"""How a site's conversations go: first replies, ends, ratings, and when and by whom. Counted from
the rows each time; days and hours are the site's own. Reads off the event loop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.chat.models import CLOSED, ChatSettings, Conversation, Message
from app.chat.models.message import AGENT, NOTE
from app.core import clock
from app.core.db import reading
from app.sites.models import Site

PERIODS = {7: "7 days", 30: "30 days", 90: "90 days"}
COMMENTS = 10
CONTENT = 4  # of 5 stars, from which on somebody counts as content


@dataclass(frozen=True)
class Times:
    """How long something took, in seconds: of how many, the middle one, and what nine of ten stay
    below. `late` are those beyond the target, `target` in minutes."""

    count: int
    median: float | None
    ninetieth: float | None
    target: int | None
    late: int

    @property
    def met(self) -> float | None:
        """The share within the target, of 1."""
        return 1 - self.late / self.count if self.target and self.count else None


@dataclass(frozen=True)
class Agent:
    """What one agent did: conversations that are his, replies, and the ratings of his."""

    member_id: UUID | None
    conversations: int
    replies: int
    median: float | None
    ratings: list[int]

    @property
    def content(self) -> float | None:
        return content_share(self.ratings)


@dataclass(frozen=True)
class Report:
    conversations: int
    closed: int
    unanswered: int
    reply: Times
    resolution: Times
    ratings: Counter[int]
    comments: list[Any]
    hours: list[int]
    weekdays: list[int]
    days: list[tuple[datetime, int]]
    agents: list[Agent]

    @property
    def rated(self) -> int:
        return sum(self.ratings.values())

    @property
    def content(self) -> float | None:
        return content_share(list(self.ratings.elements()))


@dataclass
class _Load:
    conversations: int = 0
    replies: int = 0
    waits: list[float] = field(default_factory=list)
    ratings: list[int] = field(default_factory=list)


def content_share(ratings: Sequence[int]) -> float | None:
    """The share of those who gave four or five, of 1."""
    return sum(each >= CONTENT for each in ratings) / len(ratings) if ratings else None


def report_of(site: Site, settings: ChatSettings, days: int) -> Report:
    """Of the conversations that began within so many of the site's days, today included."""
    zone, now = ZoneInfo(site.time_zone), clock.now()
    begin = _beginning(now, zone, days)
    rows, replies, comments = _read(site.id, begin)
    begun = [row.opened_at.astimezone(zone) for row in rows]
    waits = [
        (row.first_reply_at - row.opened_at).total_seconds() for row in rows if row.first_reply_at
    ]
    open_waits = [(now - row.opened_at).total_seconds() for row in rows if _is_waiting(row)]
    ends = [(row.closed_at - row.opened_at).total_seconds() for row in rows if _is_closed(row)]
    running = [(now - row.opened_at).total_seconds() for row in rows if not _is_closed(row)]
    return Report(
        conversations=len(rows),
        closed=len(ends),
        unanswered=len(open_waits),
        reply=_times(waits, open_waits, settings.reply_target),
        resolution=_times(ends, running, settings.resolution_target),
        ratings=Counter(row.rating for row in rows if row.rating),
        comments=comments,
        hours=_counted((each.hour for each in begun), 24),
        weekdays=_counted((each.weekday() for each in begun), 7),
        days=_by_day(begun, zone, now, days),
        agents=_agents(rows, replies),
    )


def _beginning(now: datetime, zone: ZoneInfo, days: int) -> datetime:
    day = now.astimezone(zone).date() - timedelta(days=days - 1)
    return datetime.combine(day, time(), zone)


def _read(site_id: UUID, begin: datetime) -> tuple[list[Any], dict[UUID | None, int], list[Any]]:
    began = (Conversation.site_id == site_id, Conversation.opened_at >= begin)
    columns = ("id", "opened_at", "first_reply_at", "closed_at", "state", "assignee_id", "rating")
    found = select(*(getattr(Conversation, name) for name in columns)).where(*began)
    said = (
        select(Message.member_id, func.count())
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(*began, Message.author == AGENT, Message.kind != NOTE)
        .group_by(Message.member_id)
    )
    rated = (
        select(Conversation)
        .where(*began, Conversation.comment_sealed.is_not(None), Conversation.rating.is_not(None))
        .order_by(Conversation.opened_at.desc())
        .limit(COMMENTS)
    )
    with reading() as session:
        rows: list[Any] = list(session.execute(found))
        replies = {row[0]: row[1] for row in session.execute(said)}
        comments = [
            (each.id, each.rating, each.comment, each.opened_at) for each in session.scalars(rated)
        ]
    return rows, replies, comments


def _seconds(row: Any, until: datetime) -> float:
    return (until - row.opened_at).total_seconds()


def _is_closed(row: Any) -> bool:
    return row.state == CLOSED and row.closed_at is not None


def _is_waiting(row: Any) -> bool:
    return row.first_reply_at is None and row.state != CLOSED


def _times(done: list[float], pending: list[float], target: int | None) -> Times:
    """What still waits is late as soon as it has waited too long; until then it is neither."""
    limit = target * 60 if target else float("inf")
    overdue = sum(each > limit for each in pending)
    late = sum(each > limit for each in done) + overdue
    return Times(len(done) + overdue, _share(done, 0.5), _share(done, 0.9), target, late)


def _share(values: list[float], share: float) -> float | None:
    """The smallest value that so many of them do not exceed: one that was measured."""
    if not values:
        return None
    return sorted(values)[max(0, -(-len(values) * int(share * 100) // 100) - 1)]


def _counted(values: Iterable[int], size: int) -> list[int]:
    counts = Counter(values)
    return [counts[each] for each in range(size)]


def _by_day(
    begun: list[datetime], zone: ZoneInfo, now: datetime, days: int
) -> list[tuple[datetime, int]]:
    counts = Counter(each.date() for each in begun)
    first = _beginning(now, zone, days)
    each_day = [first + timedelta(days=number) for number in range(days)]
    return [(each, counts[each.date()]) for each in each_day]


def _agents(rows: list[Any], replies: dict[UUID | None, int]) -> list[Agent]:
    """Who has the most conversations first. None stands for those that nobody has."""
    loads: dict[UUID | None, _Load] = defaultdict(_Load)
    for row in rows:
        load = loads[row.assignee_id]
        load.conversations += 1
        if row.first_reply_at:
            load.waits.append(_seconds(row, row.first_reply_at))
        if row.rating:
            load.ratings.append(row.rating)
    for member_id, count in replies.items():
        loads[member_id].replies += count
    agents = [
        Agent(member_id, each.conversations, each.replies, _share(each.waits, 0.5), each.ratings)
        for member_id, each in loads.items()
    ]
    return sorted(agents, key=lambda each: (-each.conversations, -each.replies))
