"""Numbers of the home page. Each is counted from rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from app.core import clock
from app.core.db import reading
from app.proof.models import Activity
from app.sources.models import InboundDelivery

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Overview:
    """Of the last 7 days unless said otherwise; `by_day` is oldest first, in UTC days."""

    activities: int
    retracted: int
    deliveries: dict[str, int]
    by_day: list[int]


def overview() -> Overview:
    since = clock.now() - WEEK
    with reading() as session:
        moments = session.scalars(
            select(Activity.occurred_at).where(
                Activity.occurred_at > since, Activity.retracted_at.is_(None)
            )
        ).all()
        retracted = session.scalar(
            select(func.count(Activity.id)).where(Activity.retracted_at > since)
        )
        verdicts = session.execute(
            select(InboundDelivery.verdict, func.count(InboundDelivery.id))
            .where(InboundDelivery.received_at > since)
            .group_by(InboundDelivery.verdict)
        ).all()
    days = [0] * WEEK.days
    for moment in moments:
        days[min(WEEK.days - 1, (moment - since) // DAY)] += 1
    return Overview(len(moments), retracted or 0, {row[0]: row[1] for row in verdicts}, days)
