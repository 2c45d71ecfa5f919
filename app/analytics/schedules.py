"""When a report is mailed, and which days it is then about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.analytics.periods import Period

DAY = timedelta(days=1)
DAILY, WEEKLY, MONTHLY = "daily", "weekly", "monthly"
SCHEDULES = {
    DAILY: "Each day, about the day before",
    WEEKLY: "Each Monday, about the week before",
    MONTHLY: "On the first of each month, about the month before",
}


def when_mailed(schedule: str | None) -> str:
    """For a sentence: "each Monday, about the week before"."""
    if schedule is None:
        return "as soon as it has a schedule"
    words = SCHEDULES[schedule]
    return words[0].lower() + words[1:]


def next_moment(schedule: str | None, hour: int, zone: str, after: datetime) -> datetime | None:
    """The first mailing after this moment; None for no schedule."""
    if schedule is None:
        return None
    clock = ZoneInfo(zone)
    day = after.astimezone(clock).date()
    while True:
        # An hour that the clock skips is the one after it.
        moment = datetime.combine(day, time(hour), clock).astimezone(UTC)
        if moment > after and _is_day(schedule, day):
            return moment
        day += DAY


def period_before(schedule: str, moment: datetime, zone: str) -> Period:
    """The whole day, week or month that was over at a moment."""
    clock = ZoneInfo(zone)
    today = moment.astimezone(clock).date()
    if schedule == DAILY:
        return Period(today - DAY, today - DAY, clock)
    if schedule == WEEKLY:
        monday = today - today.weekday() * DAY
        return Period(monday - 7 * DAY, monday - DAY, clock)
    last = today.replace(day=1) - DAY
    return Period(last.replace(day=1), last, clock)


def _is_day(schedule: str, day: date) -> bool:
    if schedule == WEEKLY:
        return day.weekday() == 0
    return schedule == DAILY or day.day == 1
